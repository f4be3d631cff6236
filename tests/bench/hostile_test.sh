#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
exec tests/bench/hostile "$@"

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# tools/help-to-man with what --help of the real programs prints.
exec python3 tests/tools/help_to_man_test.py

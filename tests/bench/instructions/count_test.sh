#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
export PYTHONDONTWRITEBYTECODE=1  # It would be beside the sources.
export PINION_PROGRAMS=tests/bench/instructions
exec /usr/bin/python3 tests/bench/instructions/count_test.py "$@"

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# By Debian's own Python, which has gRPC.
export PYTHONDONTWRITEBYTECODE=1  # It would be beside the sources.
exec /usr/bin/python3 tests/bench/memory_at_rest.py "$@"

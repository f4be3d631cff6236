#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# By Debian's own Python, which reads YAML.
export PYTHONDONTWRITEBYTECODE=1  # It would be beside the sources.
exec /usr/bin/python3 tests/server/metrics/pages_test.py "$@"

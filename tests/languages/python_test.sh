#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs the tests of the Python client, by Debian's own Python: another one that
# stands earlier in the path has none of its packages.
export PYTHONPATH=tests/languages/python_protos
export PYTHONDONTWRITEBYTECODE=1  # It would be beside the sources.
exec /usr/bin/python3 tests/languages/python/client_test.py

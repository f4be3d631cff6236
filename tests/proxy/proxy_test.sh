#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# By Debian's own Python, which has gRPC and hpack.
export PYTHONPATH=tests/languages/python_protos:tests/languages/python:tests/hostile
export PYTHONDONTWRITEBYTECODE=1  # It would be beside the sources.
exec /usr/bin/python3 tests/proxy/proxy_test.py "$@"

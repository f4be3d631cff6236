#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs the tests in a file of the folder python, by Debian's own Python: another
# one that stands earlier in the path has none of its packages.
export PYTHONPATH=tests/languages/python_protos
export PYTHONDONTWRITEBYTECODE=1  # It would be beside the sources.
unset http_proxy https_proxy grpc_proxy  # They would be asked for this machine, too.
exec /usr/bin/python3 "tests/languages/python/$1"

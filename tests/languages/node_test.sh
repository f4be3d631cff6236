#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs the tests of the Node client. Its packages come by npm, so it is for who
# asks for it:
#
#   ./bazelw test --test_env=NODE_PATH="$(tools/npm-packages tests/languages/node)" \
#     //tests/languages:node_test
: "${NODE_PATH:?is not set; run this as its comment says}"
exec node tests/languages/node/client_test.js

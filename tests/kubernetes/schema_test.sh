#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Kubernetes' schema comes by npm, so this is for who asks for it:
#
#   ./bazelw test --test_env=NODE_PATH="$(tools/npm-packages tests/kubernetes)" \
#     //tests/kubernetes:schema_test
: "${NODE_PATH:?is not set; run this as its comment says}"
exec node tests/kubernetes/schema_test.js

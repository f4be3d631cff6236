#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Prometheus' own tool finds nothing wrong with the metrics, the alerts are
# rules, and each of them fires when it should (alerts_test.yaml).
#
#   PROMTOOL=$(tools/bring-promtool) ./bazelw test --test_env=PROMTOOL ...
set -euo pipefail
: "${PROMTOOL:?is not set; tools/bring-promtool says where promtool is}"

metrics=$TEST_TMPDIR/metrics
tests/server/metrics/print_metrics >"$metrics"
# It also prints what it would name otherwise, and then fails.
"$PROMTOOL" check metrics <"$metrics"

# It finds the files of a test beside that.
cp docs/alerts/pinion.yaml tests/server/metrics/alerts_test.yaml "$TEST_TMPDIR"
cd "$TEST_TMPDIR"
"$PROMTOOL" check rules pinion.yaml
"$PROMTOOL" test rules alerts_test.yaml

# The check does find something.
if printf 'pinion_calls{service="a"} 1\n# TYPE b_total gauge\nb_total 1\n' |
  "$PROMTOOL" check metrics 2>/dev/null; then
  echo 'promtool finds nothing wrong with metrics that are'
  exit 1
fi

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# weather prints what it should, and loads neither gRPC nor Protobuf.
#
#   weather_test.sh PROGRAM
#
# Exit code: 0 passed, 1 not.
set -euo pipefail

"$1" | sort >"$TEST_TMPDIR/printed"
diff - "$TEST_TMPDIR/printed" <<<$'7: 14\n8: 9\n9: 1'

loaded=$(ldd "$1")
if grep -E 'libgrpc|libgpr|libproto' <<<"$loaded"; then
  echo 'FAILED: it loads the above'
  exit 1
fi

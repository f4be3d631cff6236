#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The example of a client works, and the README prints the middle of it.
set -uo pipefail

# shellcheck source=tests/support/programs.sh
. tests/support/programs.sh

start_server --workers=1
trap 'kill "$server_pid" 2>/dev/null' EXIT
example=$PWD/client/examples/visits/visits

expect 0 'visits: 6' "$example" "$target"
expect 0 'visits: 12' "$example" "$target"
expect 2 'usage: visits HOST:PORT' "$example"

printed=$(awk '/^## A client in C\+\+/ { here = 1 } here && /^```$/ { exit }
  block { print } here && /^```cpp$/ { block = 1 }' README.md)
if [ -z "$printed" ] || [[ "$(cat client/examples/visits/visits.cc)" != *"$printed"* ]]; then
  complain 'the client that README.md prints is not that of visits.cc'
fi

finish

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The commands that ask an admin socket, with a real server of which one worker is
# stuck: what they print, and their exit codes.
set -uo pipefail

# shellcheck source=tests/support/programs.sh
. tests/support/programs.sh

# The test's folder may have too long a path for a socket.
folder=$(mktemp -d)
trap 'kill -KILL "$server_pid" "$stuck_pid" 2>/dev/null; rm -rf "$folder"' EXIT
stuck_pid=
start_server --workers=2 --echo --stall_after=100ms --admin_socket="$folder/s"

ask() { "$pinion" "$@" --admin="$folder/s"; }

# Nothing has happened yet.
expect 0 'process |health       SERVING|2 workers|refused      none|/pinion.kv.v1.KvService/Get' ask info
expect 0 'no session is open' ask sessions
expect 0 'no handler has held a worker for too long' ask stalls

# A key, which is hidden until the server is told to show keys.
expect 0 '"version":"1"' call $kv/Put '{"key":"ann","value":"1"}'
expect 0 ' slot ' ask slow
expect 0 'The key with the hash |pinion.kv.v1.KvService is in slot |would be admitted now' \
  ask why ann --service=pinion.kv.v1.KvService
expect 0 'show_keys: false -> true' ask set show_keys true
expect 0 'The key "ann" of pinion.kv.v1.KvService is in slot ' ask why ann --service=pinion.kv.v1.KvService
ask config >"$out" 2>"$err"
grep -qE '^show_keys +true +run time +pinion set$' "$out" || complain 'config does not show what was set'
expect 0 '/pinion.kv.v1.KvService/Put|the slowest of all calls, each kept for 10m 00s at most' ask slow
expect 0 'recorded' ask hot
expect 0 'recorded' ask hot pinion.kv.v1.KvService --limit=1

# A worker that is stuck; nobody waits for the answer.
call $echo/Echo '{"block_us":60000000}' --worker 1 --timeout=60s >/dev/null 2>&1 &
stuck_pid=$!
until ask info | grep -q 'SERVING; worker 1 is STALLED'; do :; done
until ask stalls | grep -q 'it STILL RUNS'; do :; done
expect 0 'worker 1, |/pinion.echo.v1.EchoService/Echo|had run for |no call waited behind it' ask stalls --limit=1
expect 0 'SERVING; worker 1 is STALLED|STALLED |EchoService/Echo|WAITED p99' \
  env COLUMNS=60 "$pinion" top --admin="$folder/s" --interval=100ms
[ "$(wc -L <"$out")" -le 60 ] || complain 'a line of top is wider than COLUMNS'

COLUMNS=2000000000 "$pinion" top --admin="$folder/s" --interval=100ms --once >"$out" 2>"$err"
[ "$(wc -L <"$out")" -le 1000 ] || complain 'a line of top has no bound'

# Nothing that the tool opens takes the place of its output.
ask info 1>&- 2>"$err"
[ $? = 1 ] || complain 'an answer that nobody gets is a success'
grep -q 'cannot be written: Bad file descriptor' "$err" || complain 'it does not say why'

# For scripts: one JSON object.
for command in info slow hot stalls sessions config 'why ann --service=pinion.kv.v1.KvService' 'set stall_after 200ms'; do
  # shellcheck disable=SC2086  # words
  ask $command --json >"$out" 2>"$err"
  python3 -c 'import json, sys; assert isinstance(json.load(sys.stdin), dict)' <"$out" 2>>"$err" ||
    complain "$command --json prints no JSON object"
done

# What the server refuses.
expect 1 'NOT_FOUND' ask set show_key true
expect 1 'FAILED_PRECONDITION' ask set workers 3
expect 1 'NOT_FOUND' ask why ann --service=none.Service
expect_mistake 'show_keys' ask set show_keys perhaps
expect_mistake 'service' ask why ann

# A server that is gone.
kill -KILL "$server_pid"
wait "$server_pid" 2>/dev/null
expect 1 "UNAVAILABLE: no server listens on $folder/s any more" ask info
expect 1 "UNAVAILABLE: no server listens on $folder/s any more" ask top

finish

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A program that logs in JSON: Python reads each line that it writes, from a
# start that fails to a stop that leaves a handler behind; and a key, whatever
# its client has put into it, is in no line unless log_keys is set.
set -uo pipefail
# shellcheck source=tests/support/programs.sh
. tests/support/programs.sh

# Whose EchoKeyed blocks for as long as it was asked to.
server=$PWD/tests/server/hosting/stubborn-server
log=$TEST_TMPDIR/log
lines=$TEST_TMPDIR/lines
server_pid=
trap 'kill -KILL $server_pid 2>/dev/null' EXIT

# Reads the log into $lines, up to the first line of that event.
#   await_event EVENT
await_event() {
  local line
  while read -r -t 60 line <&"$from_log"; do
    printf '%s\n' "$line" >>"$lines"
    [[ $line != *"\"event\":\"$1\""* ]] || return 0
  done
  complain "the server did not log $1"
}

# Has a handler stall its worker, and a stop leave it behind; then looks at what
# was logged.
#   check_log PYTHON FLAGS...
check_log() {
  local python=$1
  shift
  rm -f "$log" "$lines"
  mkfifo "$log"
  exec {from_log}<>"$log"
  server_err=$log start_server --workers=1 --stall_after=10ms --grace=200ms \
    --log_format=json "$@"
  call $echo/EchoKeyed '{"key":"ann\n\u001b[2J","block_us":60000000}' --timeout=5m >"$out" 2>"$err" &
  await_event worker_stalled
  kill -TERM "$server_pid"
  await_event stopped
  expect_server_ends 3 "with a log in JSON"
  python3 - "$lines" "$python" >"$out" 2>&1 <<'END' || complain "its lines are not as expected"
import json
import sys

with open(sys.argv[1], encoding="utf-8", newline="\n") as file:
    text = file.read()
records = [json.loads(line) for line in text.splitlines()]
of = {record["event"]: record for record in records}
stalled, gave_up, stopped = of["worker_stalled"], of["stop_gave_up"], of["stopped"]
for record in records:
    assert set(record) >= {"time", "level", "area", "event", "message"}, record
assert (stalled["level"], stalled["area"], stalled["worker"]) == ("warning", "health", 0), stalled
assert stalled["method"] == "/pinion.echo.v1.EchoService/EchoKeyed", stalled
assert (gave_up["level"], gave_up["area"]) == ("error", "stop"), gave_up
assert stopped["message"].startswith("stopped: accepted 1 "), stopped
assert "\033" not in text
exec(sys.argv[2])
END
}

check_log '
assert "ann" not in text, text
assert 0 <= stalled["key_slot"] < 4096, stalled
assert "key in slot %d (set log_keys" % stalled["key_slot"] in gave_up["message"], gave_up
'

check_log '
assert stalled["key"] == "ann\n\033[2J", stalled
assert "key \"ann\\n\\x1b[2J\"," in gave_up["message"], gave_up
' --log_keys

# The reason why it does not start is a line of its own.
"$server" --listen=nowhere --log_format=json >"$out" 2>"$lines"
code=$?
[ "$code" = 2 ] || complain "a failed start: exit code $code, not 2"
python3 -c '
import json, sys
record = json.loads(sys.stdin.read())
assert record["event"] == "cannot_start" and record["level"] == "error", record
assert record["message"].startswith("cannot start: "), record
' <"$lines" || complain "the reason is told otherwise: $(cat "$lines")"

finish

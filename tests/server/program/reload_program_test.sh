#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# SIGHUP: a server reads its file again, and takes all of it, or nothing and
# says why. No call fails of it.
set -uo pipefail
# shellcheck source=tests/support/programs.sh
. tests/support/programs.sh

limited=$PWD/tests/server/program/limited-counter
methods=$PWD/server/examples/counter/counter_proto-descriptor-set.proto.bin
file=$TEST_TMPDIR/server.yaml
log=$TEST_TMPDIR/log
server_pid=
folder=$(mktemp -d)  # Its name is short enough for a socket's.
trap 'kill -KILL $server_pid 2>/dev/null; rm -rf "$folder"' EXIT

# Starts a server with one worker that tells at once when a handler keeps it.
start_telling_server() {
  rm -f "$log"
  mkfifo "$log"
  exec {from_log}<>"$log"
  server_err=$log start_server --workers=1 "$@"
}

# Waits for a line with that word in the server's log, and puts it into $line.
await_log() {
  while read -r -t 60 line <&"$from_log"; do
    [[ $line != *"$1"* ]] || return 0
  done
  complain "the server did not log \"$1\""
}

# Has the server reload, and checks the line that it writes.
#   expect_reload "WORD|WORD"
expect_reload() {
  kill -HUP "$server_pid"
  await_log reloaded
  expect 0 "$1" printf '%s' "$line"
}

# ---- Taken, and refused as a whole ------------------------------------------

cat >"$file" <<'END'
stop:
  grace: 1h
health:
  stall_after: 10ms
END
start_telling_server --config "$file" --echo --lame_duck=0 --admin_socket="$folder/s"
expect_reload "reloaded: $file: nothing has changed"

# What an operator has changed is gone.
expect 0 'lane_calls' "$pinion" set lane_calls 9 --admin="$folder/s"
await_log 'changed at run time'
expect 0 'lane_calls 16384 -> 9, changed at run time by uid ' printf '%s' "$line"
expect 0 'lane_calls|9|run time' "$pinion" config --admin="$folder/s"
expect_reload "reloaded: $file: nothing has changed; run-time changes are gone: lane_calls 9 -> 16384"

cat >"$file" <<'END'
stop:
  grace: 100ms
lanes:
  lane_streams: 7
keys:
  key_seed: 5
END
expect_reload 'not reloaded: |keys.key_seed, lanes.lane_streams differ and need a restart'

printf 'stop:\n  grace: soon\nlanes:\n  lane_cals: 7\n' >"$file"
expect_reload "not reloaded: |$file:2:10: stop.grace: |and 1 mistake more"
printf 'memory:\n  server_bytes: 5MiB\n' >"$file"
expect_reload "not reloaded: |$file:2:17: memory.server_bytes: "
rm "$file"
expect_reload "not reloaded: |$file: the file cannot be read"
mkfifo "$file"
expect_reload "not reloaded: |$file is a pipe"
rm "$file"

# Nothing of that was taken: the handler below would else be given up at once.
# A flag goes before the file, also then.
cat >"$file" <<'END'
stop:
  grace: 200ms
  lame_duck: 1h
health:
  stall_after: 10ms
output:
  account: false
END
expect_reload "reloaded: $file: output.account true -> false, stop.grace 1h -> 200ms"
! [[ $line = *lame_duck* ]] || complain "the file goes before the flag"
call $echo/Echo '{"block_us":60000000}' --timeout=5m >"$TEST_TMPDIR/reply" 2>&1 &
call_pid=$!
await_log "$echo/Echo"
kill -TERM "$server_pid"
wait "$call_pid"
cp "$TEST_TMPDIR/reply" "$out"
grep -q 'reason: STOPPING' "$out" || complain "a stop waited for a call longer than the new grace"
expect_server_ends 0 "after a reload of the grace"
# It has written all that it writes.
while read -r -t 0 <&"$from_log" && read -r line <&"$from_log"; do
  [[ $line != *stopped:* ]] || complain "it gave account though a reload has ended that"
done

# ---- No file, and a stop ----------------------------------------------------

start_telling_server --lame_duck=1h --grace=1h
expect_reload 'not reloaded: |without --config'
kill -TERM "$server_pid"
await_log "the stop still accepts calls"
kill -HUP "$server_pid"  # Neither hurries the stop nor ends the program.
expect 0 '"version"' call $kv/Put '{"key":"a","value":"1"}'
while call $kv/Get '{"key":"a"}' >/dev/null 2>&1; do
  kill -TERM "$server_pid" 2>/dev/null
done
expect_server_ends 0 "as a lame duck that got a SIGHUP"

# ---- A policy ---------------------------------------------------------------

policy=$TEST_TMPDIR/policy.yaml
# Has the policy allow reflection, by which `call` learns of methods, and a path.
allow() {
  printf 'name: p\nallow_rules:\n  - name: r\n    request: {paths: ["/grpc.reflection.*", "%s"]}\n' \
    "$1" >"$policy"
}
allow "$kv/*"
start_telling_server --policy_file "$policy"
expect 0 '"version"' call "$kv/Put" '{"key":"a","value":"1"}'
allow /a.B/C
expect_reload "the policy $policy was read"
expect 1 'PERMISSION_DENIED|executed: NO' call "$kv/Put" '{"key":"a","value":"2"}' --unary
printf 'name: p\n' >"$policy"
expect_reload "not reloaded: |$policy:1:1: the policy has no allow_rules"
allow "$kv/*"
expect_reload "the policy $policy was read"
expect 0 '"value":' call "$kv/Get" '{"key":"a"}'
kill -TERM "$server_pid"
expect_server_ends 0 "with a policy"

# ---- Under load -------------------------------------------------------------

write_limits() {
  printf 'limits:\n  default_timeout: %s\nlistener:\n  max_connections: %s\n' "$1" "$2" >"$file.new"
  printf 'health:\n  stall_after: %s\n  healthy_share: %s\n' "$3" "$4" >>"$file.new"
  mv "$file.new" "$file"
}

# Has the server reload while all of its calls are measured, none of which is
# sent a second time. (What an age of sessions does, reload_load_test shows: they
# move, and the client sends again what was on its way.)
#   check_reloads_under_load ARGUMENTS-OF-BENCH...
check_reloads_under_load() {
  local first_line bench_pid from_bench
  write_limits inf 1000 1s 0
  start_telling_server --config "$file"
  exec {from_bench}< <(exec "$pinion" bench "$@" --target="$target" \
    --duration=1h --warm_up=0 --in_flight=64 --json 2>>"$TEST_TMPDIR/bench_errors")
  bench_pid=$!
  read -r first_line <&"$from_bench"  # It has begun.
  # The log writes ten lines of a kind in a second.
  for _ in 1 2 3 4; do
    write_limits 1h 2000 30ms 0.5
    expect_reload 'reloaded: |limits.default_timeout inf -> 1h'
    write_limits inf 1000 1s 0
    expect_reload 'reloaded: |limits.default_timeout 1h -> inf'
  done
  kill -INT "$bench_pid"
  { echo "$first_line" && cat <&"$from_bench"; } >"$out"
  exec {from_bench}<&-
  python3 - "$out" >"$err" <<'END' || complain "calls failed while $server reloaded"
import json
import sys

with open(sys.argv[1], encoding="utf-8") as lines:
    results = [json.loads(line) for line in lines]
result = next(result for result in results if result["kind"] == "result")
print(result)
assert result["succeeded"] > 0 and result["errors"] == 0
END
  kill -TERM "$server_pid"
  expect_server_ends 0 "after reloads under load"
}

check_reloads_under_load /pinion.kv.v1.KvService/Put --keys=100 \
  --request='{"key":"{key}","value":"1"}'
server=$PWD/server/examples/counter/counter_server
check_reloads_under_load /shop.v1.CounterService/Add --keys=100 \
  --request='{"name":"{key}","by":1}'

# ---- A section of the program's own -----------------------------------------

server=$limited
add() { call /shop.v1.CounterService/Add "{\"name\":\"a\",\"by\":$1}" --descriptor_set="$methods"; }
write_counters() { printf 'services:\n  counters:\n    most_value: %s\n    most_step: %s\n' "$1" "$2" >"$file"; }
write_counters 10 5
start_telling_server --config "$file"
expect 0 '"value":"5"' add 5
expect 1 'at most 10, by 5' add 6
write_counters 20 5
expect_reload "reloaded: $file: services.counters.most_value"
expect 0 '"value":"10"' add 5
expect 0 '"value":"15"' add 5
# What the program itself finds wrong, and what needs a restart.
write_counters 3 5
expect_reload 'not reloaded: |most_step is 5, more than most_value, 3'
write_counters 100 6
expect_reload 'not reloaded: |services.counters.most_step differs and needs a restart'
expect 0 '"value":"20"' add 5
expect 1 'at most 20, by 5' add 5
kill -TERM "$server_pid"
expect_server_ends 0 "after reloads of a section of its own"

finish

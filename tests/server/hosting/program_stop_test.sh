#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# How a server ends as a program: its exit codes, and what it says.
set -uo pipefail
# shellcheck source=tests/support/programs.sh
. tests/support/programs.sh

# Whose Echo blocks for as long as it was asked to, whatever becomes of the call.
stubborn=$PWD/tests/server/hosting/stubborn-server

log=$TEST_TMPDIR/log
reply=$TEST_TMPDIR/reply
server_pid=
trap 'kill -KILL $server_pid 2>/dev/null' EXIT

# Starts a server with one worker that tells at once when a handler keeps it.
#   start_telling_server PROGRAM FLAGS...
start_telling_server() {
  local server=$1
  shift
  rm -f "$log"
  mkfifo "$log"
  exec {from_log}<>"$log"
  server_err=$log start_server --workers=1 --stall_after=10ms "$@"
}

# Begins a call that blocks the worker for so many microseconds, and waits until
# its handler runs.
begin_call() {
  call $echo/Echo "{\"block_us\":$1,\"payload\":\"YWJj\"}" --timeout=5m >"$reply" 2>&1 &
  call_pid=$!
  await_log "/pinion.echo.v1.EchoService/Echo"
}

# Waits for a line with that word in the server's log, and puts it into $line.
await_log() {
  while read -r -t 60 line <&"$from_log"; do
    [[ $line != *"$1"* ]] || return 0
  done
  complain "the server did not log \"$1\""
}

# Waits until the server, whose worker is held, refuses calls: the stop has
# begun. Until then this call is refused for its key.
await_refusals() {
  until [[ $(call $kv/Get '{}' 2>&1) == *UNAVAILABLE* ]]; do :; done
}

# Checks how the call that was begun was answered.
#   expect_reply CODE "WORD|WORD"
expect_reply() {
  local got
  wait "$call_pid"
  got=$?
  [ "$got" = "$1" ] || complain "the call's exit code is $got, not $1"
  expect 0 "$2" cat "$reply"
}

# A call that is done within the grace gets its answer.
start_telling_server "$server" --echo --grace=1m
begin_call 300000
kill -TERM "$server_pid"
expect_server_ends 0 "after a stop that waited for a call"
expect_reply 0 '"payload":"YWJj"'

# A handler whose caller has gone has the grace as well.
start_telling_server "$stubborn" --grace=1m
"$pinion" call $echo/Echo '{"block_us":5000000}' --target="$target" --timeout=5m >"$reply" 2>&1 &
call_pid=$!
await_log "/pinion.echo.v1.EchoService/Echo"
kill -KILL "$call_pid"
wait "$call_pid" 2>/dev/null
call $kv/Get '{}' >/dev/null 2>&1  # By its answer the server knows of it.
kill -TERM "$server_pid"
expect_server_ends 0 "after a stop that waited for a handler whose caller had gone"

# One that is not is answered without its handler, which is named; and the
# process ends while that handler still runs, for how else is it left behind.
start_telling_server "$stubborn" --grace=200ms
begin_call 60000000
kill -TERM "$server_pid"
expect_server_ends 3 "after a stop that left a handler behind"
expect_reply 1 'UNAVAILABLE|reason: STOPPING|executed: MAYBE|worker: 0'
await_log "the stop did not wait"
expect 0 'worker 0 runs |/pinion.echo.v1.EchoService/Echo|no key|, for ' printf '%s' "$line"

# A second signal ends the grace, whichever the two are.
for signals in "TERM TERM" "TERM INT" "INT TERM"; do
  start_telling_server "$stubborn" --grace=1h
  begin_call 60000000
  kill -"${signals% *}" "$server_pid"
  await_refusals
  kill -"${signals#* }" "$server_pid"
  expect_server_ends 3 "hurried by $signals"
  expect_reply 1 'UNAVAILABLE|reason: STOPPING|executed: MAYBE'
done

# It ends the lame duck, too. (What came of the first cannot be seen meanwhile:
# calls are still taken.)
start_server --workers=1 --lame_duck=1h --grace=1h
# Without --echo no client can keep a worker busy.
expect 1 'UNIMPLEMENTED|hosts no method|executed: NO' call $echo/Echo '{}'
kill -TERM "$server_pid"
expect 0 '"version"' call $kv/Put '{"key":"a","value":"1"}'
while call $kv/Get '{"key":"a"}' >/dev/null 2>&1; do
  kill -TERM "$server_pid" 2>/dev/null
done
expect_server_ends 0 "as a lame duck that is hurried"

# Once it serves, it says what, and at its end what became of the calls.
log=$TEST_TMPDIR/account
server_err=$log start_server --workers=1 --echo
read -r -t 60 says <&"$from_server"
while [[ $says != "serving pinion.kv.v1.KvService: "* ]]; do
  read -r -t 60 says <&"$from_server" || {
    complain "it did not say what it serves"
    break
  }
done
expect 0 'Get (key key)|Watch (key key, stream)' printf '%s' "$says"
read -r -t 60 says <&"$from_server"
expect 0 'serving pinion.echo.v1.EchoService: Echo (any worker)' printf '%s' "$says"
call $kv/Put '{"key":"a","value":"1"}' >/dev/null
call $kv/Get '{"key":""}' >/dev/null 2>&1
kill -TERM "$server_pid"
expect_server_ends 0 "after calls of which it gives account"
expect 0 'stopped: accepted 1 (ok 1, error 0|refused 1 (BAD_REQUEST 1)|at most 1 calls' \
  cat "$log"

# As a table, if it is asked to.
rm -f "$log"
server_err=$log start_server --workers=1 --summary
call $kv/Put '{"key":"a","value":"1"}' >/dev/null
kill -TERM "$server_pid"
expect_server_ends 0 "after calls of which it gives account in a table"
cat <&"$from_server" >"$reply"
expect 0 'all methods|/pinion.kv.v1.KvService/Put|cancelled' cat "$reply"
! grep -q stopped: "$log" || complain "it gave account twice"

# Or not at all.
rm -f "$log"
server_err=$log start_server --workers=1 --noaccount
kill -TERM "$server_pid"
expect_server_ends 0 "without an account"
[ ! -s "$log" ] || complain "it logged something: $(cat "$log")"

finish

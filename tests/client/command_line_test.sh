#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The programs as a person uses them: what they print, and their exit codes.
set -uo pipefail

server=$PWD/server/pinion-server
pinion=$PWD/client/pinion
out=$TEST_TMPDIR/out
err=$TEST_TMPDIR/err
failures=0

# Runs a command; checks its exit code, and that what it printed on standard
# output and standard error together has each of the given words.
#   expect CODE "WORD|WORD" COMMAND...
expect() {
  local code=$1 words=$2 got word
  shift 2
  "$@" >"$out" 2>"$err"
  got=$?
  if [ "$got" != "$code" ]; then
    complain "$*: exit code $got, not $code"
  fi
  while IFS= read -r word; do
    if ! cat "$out" "$err" | grep -qF -- "$word"; then
      complain "$*: did not print \"$word\""
    fi
  done < <(tr '|' '\n' <<<"$words")
}

# The same, for mistakes: code 2, and a single line on standard error.
expect_mistake() {
  local words=$1
  shift
  expect 2 "$words" "$@"
  if [ "$(wc -l <"$err")" != 1 ] || [ -s "$out" ]; then
    complain "$*: a mistake is told in one line on standard error"
  fi
}

complain() {
  echo "FAILED: $1"
  echo "--- printed:"
  cat "$out" "$err"
  failures=$((failures + 1))
}

start_server() {
  exec {from_server}< <(exec "$server" --listen=127.0.0.1:0 "$@")
  server_pid=$!
  read -r started <&"$from_server" || {
    echo "FAILED: the server did not start"
    exit 1
  }
  target=${started#listening on }
  target=${target%%;*}
}

start_server --workers=1
folder=
trap 'kill "$server_pid" 2>/dev/null; rm -rf "$folder"' EXIT

call() { "$pinion" call "$1" "$2" --target="$target" "${@:3}"; }
kv=/pinion.kv.v1.KvService
echo=/pinion.echo.v1.EchoService

# What succeeds.
expect 0 '"version":"1"' call $kv/Put '{"key":"a","value":"1"}'
expect 0 '"value":"1"' call $kv/Get '{"key":"a"}'
expect 0 '"value":"43"' call $kv/Increment '{"key":"a","by":42}'
expect 0 '"deleted":false' call $kv/Delete '{"key":"none"}'
expect 0 '"payload":"YWJj"|"worker":0' call $echo/Echo '{"payload":"YWJj"}' --worker 0
expect 0 'worker 0, waited|ran|batch of 1' call $kv/Get '{"key":"a"}' --timing
expect 0 'usage: pinion call|--timeout (default: 10s)|Exit codes' "$pinion" --help
expect 0 'usage: pinion-server|--allow_unencrypted_public_traffic' "$server" --help

# What the server refuses: code 1, the status, and its detail in words.
expect 1 'NOT_FOUND: the key "b" has no value|reason: HANDLER|executed: YES' \
  call $kv/Get '{"key":"b"}'
expect 1 'INVALID_ARGUMENT|1 to 1024 bytes|reason: BAD_REQUEST|executed: NO' \
  call $kv/Get '{}'
expect 1 'INVALID_ARGUMENT|workers 0 to 0' call $echo/Echo '{}' --worker 3
expect 1 'DEADLINE_EXCEEDED' call $echo/Echo '{"block_us":300000}' --timeout 20ms
expect 1 'INVALID_ARGUMENT|block_us is 60000001' \
  call $echo/Echo '{"block_us":60000001}'

# Mistakes in the arguments.
expect_mistake 'no flag --taget|--help' "$pinion" call $kv/Get '{}' --taget=x
expect_mistake '--timeout|"soon"|as in 10s' "$pinion" call $kv/Get '{}' --timeout=soon
expect_mistake '--timeout needs a value' "$pinion" call $kv/Get '{}' --timeout
expect_mistake '"pinion call"' "$pinion"
expect_mistake 'call takes a method' "$pinion" call $kv/Get
expect_mistake '/package.Service/Method' "$pinion" call Get '{}'
expect_mistake 'no service pinion.kv.v1.Kv|--descriptor_set' "$pinion" call /pinion.kv.v1.Kv/Get '{}'
expect_mistake 'no method Got; it has Get, Put' "$pinion" call $kv/Got '{}'
expect_mistake 'not a pinion.kv.v1.GetRequest|kye' "$pinion" call $kv/Get '{"kye":"a"}'
expect_mistake 'cannot be read' "$pinion" call $kv/Get '{}' --descriptor_set=/none

expect_mistake '--worker is -7' "$pinion" call $echo/Echo '{}' --worker=-7
expect_mistake '"-timing" is not a flag; write --timing' "$pinion" call $kv/Get '{}' -timing
expect_mistake '--timeout is below 0' "$pinion" call $kv/Get '{}' --timeout=-1s

# Output that is lost is not a success.
call $kv/Get '{"key":"a"}' >/dev/full 2>"$err"
code=$?
if [ "$code" != 1 ] || ! grep -q 'cannot be written' "$err"; then
  complain "with a full disk the exit code is $code, not 1"
fi

# What keeps the server from starting.
expect_mistake "$target|in use" "$server" --listen="$target"
expect_mistake 'listen|0.0.0.0:0|not encrypted|allow_unencrypted_public_traffic' \
  "$server" --listen=0.0.0.0:0
expect_mistake 'listen|"nowhere"|host:port' "$server" --listen=nowhere
expect_mistake '9999' "$server" --listen=127.0.0.1:0 --workers=9999
expect_mistake 'lane_capacity is 0|1 to 524287' "$server" --lane_capacity=0
expect_mistake '--workers|"two"' "$server" --workers=two
expect_mistake '--cpu_policy|loose' "$server" --cpu_policy=loose
expect_mistake '3-1' "$server" --worker_cpus=3-1
expect_mistake '"loud"' "$server" loud

# Not below TEST_TMPDIR: the path of a socket may have 107 bytes only.
folder=$(mktemp -d)
socket=unix:$folder/s
expect_mistake "unix:" "$server" --listen=unix:

# A stop is clean, and told to who calls afterwards.
kill -TERM "$server_pid"
wait "$server_pid"
code=$?
[ "$code" = 0 ] || complain "after SIGTERM the server's exit code is $code, not 0"
expect 1 'UNAVAILABLE' call $kv/Get '{"key":"a"}'

# SIGINT does the same. On a Unix socket, which is not taken from a server.
start_server --listen="$socket"
expect_mistake "$socket|another server" "$server" --listen="$socket"
expect 0 'YWJj' "$pinion" call $echo/Echo '{"payload":"YWJj"}' --target="$socket"
kill -INT "$server_pid"
wait "$server_pid"
code=$?
[ "$code" = 0 ] || complain "after SIGINT the server's exit code is $code, not 0"

if [ "$failures" != 0 ]; then
  echo "$failures failed"
  exit 1
fi
echo "all passed"

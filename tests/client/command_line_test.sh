#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The programs as a person uses them: what they print, and their exit codes.
set -uo pipefail

# shellcheck source=tests/support/programs.sh
. tests/support/programs.sh

start_server --workers=1
folder=
trap 'kill "$server_pid" 2>/dev/null; rm -rf "$folder"' EXIT

# What succeeds.
expect 0 '"version":"1"' call $kv/Put '{"key":"a","value":"1"}'
expect 0 '"value":"1"' call $kv/Get '{"key":"a"}'
expect 0 '"value":"43"' call $kv/Increment '{"key":"a","by":42}'
expect 0 '"deleted":false' call $kv/Delete '{"key":"none"}'
expect 0 '"payload":"YWJj"|"worker":0' call $echo/Echo '{"payload":"YWJj"}' --worker 0
expect 0 'worker 0, waited|ran|batch of 1' call $kv/Get '{"key":"a"}' --timing
expect 0 'usage: pinion call|--timeout (default: 10s)|Exit codes' "$pinion" --help
expect 0 'usage: pinion-server|--allow_unencrypted_public_traffic' "$server" --help
expect 0 '--lane_bytes|--max_calls|--max_bytes|--grpc_memory_bytes' "$server" --help
expect 0 '--default_timeout|--stall_after|--lame_duck|--grace|or SIGINT; a second one' "$server" --help

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
expect_mistake 'session_calls is 0|1 to 1000000' "$server" --session_calls=0
expect_mistake 'session_bytes is 5' "$server" --session_bytes=5
expect_mistake 'session_write_timeout is 1ms|10ms to 1h' "$server" --session_write_timeout=1ms
expect_mistake 'max_session_age is 0' "$server" --max_session_age=0
expect_mistake 'lane_bytes is 5|4194304 to 549755813887' "$server" --lane_bytes=5
expect_mistake 'max_calls is 16777216|1 to 16777215' "$server" --max_calls=16777216
expect_mistake 'max_bytes is -1|4194304 to 549755813887' "$server" --max_bytes=-1
expect_mistake 'grpc_memory_bytes is 1|16777216 to 1099511627776' "$server" --grpc_memory_bytes=1
expect_mistake 'default_timeout is 0|above 0' "$server" --default_timeout=0
expect_mistake 'stall_after is 1ms|10ms to 1h' "$server" --stall_after=1ms
expect_mistake 'lame_duck is -1s|0 to 1h' "$server" --lame_duck=-1s
expect_mistake 'grace is 2h|0 to 1h' "$server" --grace=2h
expect_mistake '--grace|"soon"|0 to 1h' "$server" --grace=soon
expect_mistake '--default_timeout|"10"|as in 10s' "$server" --default_timeout=10
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
expect_server_ends 0 "after SIGTERM"
expect 1 'UNAVAILABLE' call $kv/Get '{"key":"a"}'

# SIGINT does the same. On a Unix socket, which is not taken from a server.
start_server --listen="$socket"
expect_mistake "$socket|another server" "$server" --listen="$socket"
expect 0 'YWJj' "$pinion" call $echo/Echo '{"payload":"YWJj"}' --target="$socket"
kill -INT "$server_pid"
expect_server_ends 0 "after SIGINT"

finish

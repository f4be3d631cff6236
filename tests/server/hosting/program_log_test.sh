#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Whoever takes the output of pinion-server, or does not: it serves, and stops
# when it is told to.
set -uo pipefail
# shellcheck source=tests/support/programs.sh
. tests/support/programs.sh

folder=$(mktemp -d)  # Not below TEST_TMPDIR: a socket's path may have 107 bytes.
server_pid=
trap 'kill -KILL $server_pid 2>/dev/null; rm -rf "$folder"' EXIT
socket=unix:$folder/socket
pipe=$folder/pipe

# Has the worker kept for long enough that the server logs it.
stall() {
  expect 0 '"worker":0' call $echo/Echo '{"block_us":300000}'
}

# Waits until the server at $target answers.
await_server() {
  until call $kv/Put '{"key":"a","value":"1"}' >"$out" 2>"$err"; do
    kill -0 "$server_pid" || exit 1
  done
}

flags=(--workers=1 --echo --stall_after=10ms --grace=1h)

# Standard error is a pipe that is full, and nobody reads.
mkfifo "$pipe"
exec {unread}<>"$pipe"
head -c 65536 /dev/zero >&"$unread"
server_err=$pipe start_server "${flags[@]}"
for _ in 1 2 3; do stall; done
kill -TERM "$server_pid"
expect_server_ends 0 "with a log that nobody reads"

# Standard output is one, too.
"$server" --listen="$socket" "${flags[@]}" >"$pipe" 2>"$pipe" &
server_pid=$!
target=$socket
await_server
stall
kill -TERM "$server_pid"
expect_server_ends 0 "with outputs that nobody reads"
exec {unread}>&-

# Their reader is gone, as after: pinion-server 2>&1 | head -1
exec {from_server}< <(exec "$server" --listen="$socket" "${flags[@]}" 2>&1)
server_pid=$!
read -r <&"$from_server"
exec {from_server}<&-
await_server
for _ in 1 2 3; do stall; done
expect 0 '"value":"1"' call $kv/Get '{"key":"a"}'
kill -TERM "$server_pid"
expect_server_ends 0 "with outputs whose reader is gone"

# A start that fails ends, too.
exec {unread}<>"$pipe"
head -c 65536 /dev/zero >&"$unread"
"$server" --listen=nowhere 2>"$pipe"
code=$?
[ "$code" = 2 ] || complain "a failed start that nobody hears of: exit code $code, not 2"
exec {unread}>&-

# They are closed: none of their numbers becomes a connection's.
"$server" --listen="$socket" "${flags[@]}" <&- >&- 2>&- &
server_pid=$!
await_server
for number in 0 1 2; do
  expect 0 /dev/null readlink "/proc/$server_pid/fd/$number"
done
stall
kill -TERM "$server_pid"
expect_server_ends 0 "with closed standard descriptors"

finish

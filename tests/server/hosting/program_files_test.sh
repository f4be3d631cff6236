#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A server that has no file left for a connection says so, once, and serves
# again when there are some: 200 connections and 96 files.
set -uo pipefail
# shellcheck source=tests/support/programs.sh
. tests/support/programs.sh

log=$TEST_TMPDIR/log
server_pid=
trap 'kill -KILL $server_pid 2>/dev/null' EXIT

mkfifo "$log"
exec {from_log}<>"$log"
server=$TEST_TMPDIR/server
cat >"$server" <<END
#!/bin/sh
ulimit -n 96
exec $PWD/server/pinion-server "\$@"
END
chmod +x "$server"
server_err=$log start_server --workers=1

held=()
for ((i = 0; i < 200; ++i)); do
  exec {connection}<>"/dev/tcp/${target%:*}/${target##*:}"
  held+=("$connection")
done
read -r -t 60 line <&"$from_log"
expect 0 ' error listener: open files run out: the process may have 96| new ones wait' printf '%s' "$line"

for connection in "${held[@]}"; do exec {connection}>&-; done
expect 0 '"version"' call $kv/Put '{"key":"a","value":"1"}' --timeout=1m

kill -TERM "$server_pid"
expect_server_ends 0 "after files had run out"
while read -r -t 0 <&"$from_log" && read -r line <&"$from_log"; do
  [[ $line == *"accepted again"* || $line == *" info stop: stopped: accepted 1 "* ]] ||
    complain "the server said more: $line"
done

finish

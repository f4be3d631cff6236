# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What tests of the programs share; they source it from their runfiles' root.
#
#   . tests/support/programs.sh
#   start_server --workers=1
#   expect 0 '"value":"1"' call $kv/Get '{"key":"a"}'
#   finish

server=$PWD/server/pinion-server
pinion=$PWD/client/pinion
# For the tests.
# shellcheck disable=SC2034
kv=/pinion.kv.v1.KvService
# shellcheck disable=SC2034
echo=/pinion.echo.v1.EchoService
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
    if ! grep -qF -- "$word" "$out" "$err"; then
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

# Starts a server on a free port; its standard error goes to where the test's
# does, or to the file $server_err.
start_server() {
  exec {from_server}< <(exec "$server" --listen=127.0.0.1:0 "$@" 2>>"${server_err:-/dev/stderr}")
  server_pid=$!
  read -r started <&"$from_server" || {
    echo "FAILED: the server did not start"
    exit 1
  }
  target=${started#listening on }
  target=${target%%;*}
}

# Checks with which code the server ends.
expect_server_ends() {
  local code=$1 when=$2 got
  wait "$server_pid"
  got=$?
  [ "$got" = "$code" ] || complain "$when the server's exit code is $got, not $code"
}

call() { "$pinion" call "$1" "$2" --target="$target" "${@:3}"; }

# The end of a test.
finish() {
  if [ "$failures" != 0 ]; then
    echo "$failures failed"
    exit 1
  fi
  echo "all passed"
}

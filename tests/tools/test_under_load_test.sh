#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# tools/test-under-load: what it says of runs, its exit codes, and that its
# busy loops end with it, however it ends.
set -uo pipefail

tool=$PWD/tools/test-under-load
export TMPDIR=$TEST_TMPDIR
out=$TEST_TMPDIR/out
loops=$TEST_TMPDIR/loops
failures=0

# Runs the tool; checks its exit code, and that it printed each of the words.
#   expect CODE "WORD|WORD" ARGUMENT...
expect() {
  local code=$1 words=$2 got word
  shift 2
  "$tool" "$@" >"$out" 2>&1
  got=$?
  if [ "$got" != "$code" ]; then complain "$*: exit code $got, not $code"; fi
  while IFS= read -r word; do
    [ -z "$word" ] ||
      grep -qF -- "$word" "$out" ||
      complain "$*: did not print \"$word\""
  done < <(tr '|' '\n' <<<"$words")
}

complain() {
  echo "FAILED: $1"
  sed 's/^/  printed: /' "$out"
  failures=$((failures + 1))
}

# Waits until the processes that are listed in $loops have gone.
expect_loops_gone() {
  local pid
  [ -s "$loops" ] || complain "$1: there were no loops"
  while read -r pid; do
    while kill -0 "$pid" 2>/dev/null; do :; done
  done <"$loops"
}

# Writes the process ids of the tool's children, without the asking shell's.
# shellcheck disable=SC2016
list_loops='read -ra all </proc/$PPID/task/$PPID/children
for pid in "${all[@]}"; do
  [ "$pid" = $$ ] || echo "$pid"
done >"$0"'

expect 0 'usage: tools/test-under-load|--runs N|--loops N|Exit code' --help
expect 0 'run 1 of 2: passed|run 2 of 2: passed|0 of 2 runs failed' --runs 2 --loops 0 true
expect 1 'exit code 3|1 of 1 runs failed beside 3 busy loops' --runs=1 --loops=3 sh -c 'exit 3'
expect 1 'signal 9' --runs 1 --loops 0 -- bash -c 'kill -KILL $$'
expect 2 'no command' --runs 2
expect 2 '--runs: 0 is not within 1 to 1000' --runs 0 true
expect 2 '--loops: -1 is not within 0 to 1024' --loops=-1 true
expect 2 'unrecognized' --frequently true
expect 2 '/nowhere/command' --loops 0 /nowhere/command

# It names what GoogleTest, Bazel and our scripts name; else the last lines.
# shellcheck disable=SC2016
named='printf "%s\n" "[  FAILED  ] A/B.C/D, where GetParam() = true (5 ms)" \
  "//tests/x:y   TIMEOUT in 60.0s" "FAILED: it did not"; exit 1'
expect 1 '2 times: A/B.C/D|2 times: //tests/x:y|2 times: FAILED: it did not' --runs 2 --loops 0 sh -c "$named"
expect 1 'the last words|no test was named' --runs 1 --loops 0 sh -c 'echo the last words; exit 1'

# The loops go when the runs are over, when it is asked to end, and when it is
# killed.
expect 0 'passed' --runs 1 --loops 2 bash -c "$list_loops" "$loops"
expect_loops_gone "after its runs"
for end in TERM INT KILL; do
  rm -f "$loops"
  case $end in TERM) code=143 ;; INT) code=130 ;; KILL) code=137 ;; esac
  expect "$code" '' --runs 1 --loops 2 bash -c "$list_loops
    kill -$end \$PPID
    while :; do :; done" "$loops"
  expect_loops_gone "after SIG$end"
done

if [ "$failures" != 0 ]; then exit 1; fi
echo "all passed"

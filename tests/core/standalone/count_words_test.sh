#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# count_words counts every word of several texts, on many CPUs and on one.
#
#   count_words_test.sh PROGRAM
#
# Exit code: 0 passed, 1 not.
set -euo pipefail

program=$PWD/$1
cd "$TEST_TMPDIR"

hamlet='to be or not to be'
# More words than a list holds, so that a producer also waits for a worker.
song=$(printf 'let it be %.0s' {1..2000})
printf 'be: 2002\nit: 2000\nlet: 2000\nnot: 1\nor: 1\nto: 2\n' >expected

# expect_counts NAME COMMAND...: the command prints the counts, all, and no more.
expect_counts() {
  local name=$1
  shift
  if "$@" "$hamlet" "$song" >printed && diff expected printed; then
    echo "ok: $name"
  else
    echo "FAILED: $name"
    exit 1
  fi
}

expect_counts 'on the CPUs there are' "$program"

# The first of the CPUs that the test may use: "0-3,8" begins with 0.
cpus=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status)
expect_counts 'on one CPU' taskset --cpu-list "${cpus%%[-,]*}" "$program"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Has the compiler refuse each misuse of a shard with one error.
#
#   misuse_does_not_compile_test.sh FILE.cc...
#
# A misuse has the line "// error: WORDS" above the wrong one. It passes if the
# compiler has one error alone, which has these words and was come to from that
# line. correct_use.cc passes if it compiles without a warning.
#
# Exit code: 0 all passed, 1 not.
set -euo pipefail

readonly control=correct_use.cc

# Bazel starts a test in a folder named as the workspace: pinion.
complaints() {
  "${CXX:-c++}" -std=c++20 -Wall -Wextra -Werror -I.. -fsyntax-only \
    -fdiagnostics-color=never "$1" 2>&1 || true
}

# check FILE: prints what is wrong, if anything.
check() {
  local file=$1 found errors mark line words
  found=$(complaints "$file")
  if [ "${file##*/}" = $control ]; then
    [ -z "$found" ] || echo "should compile, but: $found"
    return
  fi
  mark=$(grep -n '// error: ' "$file") || true
  if [ -z "$mark" ] || [ "$(wc -l <<<"$mark")" != 1 ]; then
    echo 'should have one line "// error: WORDS"'
    return
  fi
  line=$((${mark%%:*} + 1)) words=${mark#*// error: }
  errors=$(grep -E ': (fatal )?error: ' <<<"$found") || true
  if [ -z "$errors" ]; then
    echo "should not compile, but does: line $line"
  elif [ "$(wc -l <<<"$errors")" != 1 ] || [[ "$errors" != *"$words"* ]] ||
    [[ "$found" != *"$file:$line:"* ]]; then
    echo "should fail at line $line alone, with \"$words\", but: $found"
  fi
}

misuses=0 failures=0 controlled=no
for file in "$@"; do
  wrong=$(check "$file")
  if [ "${file##*/}" = $control ]; then
    controlled=yes
  else
    misuses=$((misuses + 1))
  fi
  if [ -z "$wrong" ]; then
    echo "ok: ${file##*/}"
  else
    failures=$((failures + 1))
    echo "FAILED: $file $wrong"
  fi
done
[ $controlled = yes ] || { echo "FAILED: $control was not given"; exit 1; }
[ $misuses -gt 0 ] || { echo 'FAILED: no misuse was given'; exit 1; }
echo "$misuses misuses, $failures failed"
[ $failures = 0 ]

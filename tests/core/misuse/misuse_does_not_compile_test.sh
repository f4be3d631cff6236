#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Has Clang refuse each misuse of a thread's role or of a mutex.
#
#   misuse_does_not_compile_test.sh FILE.cc...
#
# A misuse has the line "// error: WORDS" above the wrong one. It passes if that
# line is the only one Clang has an error for, and the error has these words.
# correct_use.cc passes if it compiles without a warning, which shows that what
# the others use could be used rightly.
#
# Exit code: 0 all passed, 1 not, or clang++ is missing.
set -euo pipefail

readonly control=correct_use.cc
# What --config=clang in .bazelrc has for our own folders.
readonly flags=(-std=c++20 -Wall -Wextra -Wthread-safety -Werror)

command -v clang++ >/dev/null || {
  echo 'FAILED: clang++ is missing; apt-get install clang, or use ./bazelw'
  exit 1
}

# Bazel starts a test in a folder named as the workspace: pinion.
complaints() {
  clang++ "${flags[@]}" -I.. -fsyntax-only -fno-color-diagnostics \
    -fno-caret-diagnostics "$1" 2>&1 || true
}

# check FILE: prints what is wrong, if anything.
check() {
  local file=$1 found errors marks line words
  found=$(complaints "$file")
  if [ "${file##*/}" = $control ]; then
    [ -z "$found" ] || echo "should compile, but: $found"
    return
  fi
  marks=$(grep -n '// error: ' "$file") || true
  if [ -z "$marks" ] || [ "$(wc -l <<<"$marks")" != 1 ]; then
    echo 'should have one line "// error: WORDS"'
    return
  fi
  line=$((${marks%%:*} + 1)) words=${marks#*// error: }
  errors=$(grep -E ': (fatal )?error: ' <<<"$found") || true
  if [ -z "$errors" ]; then
    echo "should not compile, but does: line $line"
  elif [ "$(wc -l <<<"$errors")" != 1 ] ||
    [[ "$errors" != "$file:$line:"*" error: "*"$words"* ]]; then
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

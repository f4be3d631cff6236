#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A compiler that is not told to compile C++20 says so first, and what to add,
# whichever header a program begins with.
#
#   cpp20_test.sh HEADER...
set -euo pipefail

# Bazel starts a test in a folder named as the workspace: pinion.
compile() { "${CXX:-g++}" -I.. -fsyntax-only -Wfatal-errors -x c++ "$@" 2>&1 || true; }
readonly words='Pinion needs C++20: add -std=c++20'

failures=0
for header in "$@"; do
  said=$(compile -std=c++17 "$header")
  [[ "$(grep -m1 'error' <<<"$said")" = *"$words"* ]] || {
    printf 'FAILED: %s in C++17 should say "%s", but says:\n%s\n' "$header" "$words" "$said"
    failures=$((failures + 1))
  }
done
said=$(compile -std=c++20 third_party/cpp20.h)
[ -z "$said" ] || {
  printf 'FAILED: third_party/cpp20.h in C++20 says:\n%s\n' "$said"
  failures=$((failures + 1))
}
[ $# -gt 0 ] && [ "$failures" = 0 ] && echo PASSED

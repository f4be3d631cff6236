# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# For tests of bazelw and tools/install-packages: a PATH on which Debian's and
# Bazel's programs are stubs, so that nothing is installed or built.
#
#   . tests/tools/stub_programs.sh
#   installed g++ pkg-config           # what dpkg-query says
#   apt_prints 'dlstatus:1:50.0:Retrieving file 1 of 2'
#   ...
#   asked                              # each call of apt-get and bazel, a line
set -euo pipefail

stubs=$(mktemp -d)
trap 'rm -rf "$stubs"' EXIT
export STUBS=$stubs HOME=$stubs PATH=$stubs:$PATH
: >"$stubs/installed"
: >"$stubs/apt_output"
: >"$stubs/asked"

# stub NAME: a program of which standard input is the body.
stub() {
  { echo '#!/bin/sh' && cat; } >"$stubs/$1"
  chmod +x "$stubs/$1"
}
stub dpkg-query <<<'cat "$STUBS/installed"'
stub sudo <<<'"$@"'
stub apt-get <<'END'
echo "apt-get $*" >>"$STUBS/asked"
case "$*" in *" install "*) cat "$STUBS/apt_output" ;; esac
[ ! -e "$STUBS/apt_fails" ]
END
for name in bazel bazel-4; do stub "$name" <<<'echo "bazel $*" >>"$STUBS/asked"'; done

installed() { printf 'installed|%s, \n' "$@" >"$stubs/installed"; }
apt_prints() { printf '%s\n' "$@" >"$stubs/apt_output"; }
asked() { cat "$stubs/asked"; }

failures=0
# expect WHAT FOUND WANTED
expect() {
  [ "$2" = "$3" ] || {
    printf 'FAILED: %s\n--- is:\n%s\n--- should be:\n%s\n' "$1" "$2" "$3"
    failures=$((failures + 1))
  }
}
# expect_words WHAT FOUND PATTERN
expect_words() {
  grep -qE -- "$3" <<<"$2" || {
    printf 'FAILED: %s\n--- is:\n%s\n--- should have:\n%s\n' "$1" "$2" "$3"
    failures=$((failures + 1))
  }
}
# done_testing: the end of a test.
done_testing() {
  [ "$failures" = 0 ] || exit 1
  echo PASSED
}

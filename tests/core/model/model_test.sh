#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Has spin look at every interleaving of a model.
#
#   model_test.sh MODEL holds [-DNAME[=VALUE]...]
#   model_test.sh MODEL FLAW  [-DNAME[=VALUE]...]
#
# holds  passes if no interleaving breaks anything and all were looked at.
# FLAW   passes only if spin finds this very flaw: "sleeps forever" for what it
#        calls an invalid end state, otherwise words of the assertion that
#        fails. Flaws of the other kind are left out of sight.
#
# Exit code: 0 passed, 1 not, or spin or gcc is missing.
set -euo pipefail

readonly memory_megabytes=1900  # The largest model here takes a third of it.
readonly depth=20000            # The longest way here has fewer than 500 steps.

model=$PWD/$1 expected=$2
shift 2

fail() {
  echo "FAILED: $1"
  [ ! -s pan.out ] || cat pan.out
  # The way to the flaw, if one was found.
  if compgen -G '*.trail' >/dev/null; then
    spin -t -p "${@:2}" -k ./*.trail "$model" 2>&1 | tail -n 150
  fi
  exit 1
}

cd "$TEST_TMPDIR"
for tool in spin gcc; do
  command -v "$tool" >/dev/null ||
    fail "$tool is missing; apt-get install $tool, or use ./bazelw"
done

spin -a "$@" "$model" >spin.out 2>&1 ||
  { cat spin.out; fail "spin does not understand the model"; }
# The checker's source, which spin writes, is not free of warnings.
gcc -w -O2 -DSAFETY -DMEMLIM=$memory_megabytes -o pan pan.c ||
  fail "the checker does not compile"

case "$expected" in
holds) only=() ;;
"sleeps forever") only=(-A) flaw='^pan:1: invalid end state' ;;
*) only=(-E) flaw='^pan:1: assertion violated .*'$expected ;;
esac
./pan -m$depth ${only[@]+"${only[@]}"} >pan.out 2>&1 ||
  fail "the checker ended with $?"

if grep -E 'max search depth too small|reached -DMEMLIM|out of memory' pan.out
then
  fail "not all was looked at"
fi
if [ "$expected" = holds ]; then
  if grep -q 'Search not completed' pan.out || ! grep -q 'errors: 0$' pan.out
  then
    fail "it does not hold" "$@"
  fi
else
  grep -Eq "$flaw" pan.out ||
    fail "the flaw \"$expected\" was not found" "$@"
fi
grep -E '^pan:1|errors:|states, stored|total actual|elapsed' pan.out

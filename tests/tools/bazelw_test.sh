#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# bazelw asks for the packages that a command needs, and for no others.
. tests/tools/stub_programs.sh

lists=third_party/debian-packages
# of LIST...: their packages, each once, on one line.
of() {
  (cd "$lists" && awk '!/^#/ && NF && !seen[$1]++ { print $1 }' "$@") | paste -sd ' '
}
build=$(of build.txt)

# installs WANTED COMMAND...: what is installed for ./bazelw COMMAND, when nothing
# is there.
installs() {
  local wanted=$1 found
  shift
  : >"$stubs/asked"
  ./bazelw "$@" >"$stubs/output" 2>&1 || { cat "$stubs/output" && exit 1; }
  found=$(asked | sed -n 's/.*--no-install-recommends //p' | paste -sd ' ')
  expect "packages for bazelw $*" "$found" "$wanted"
  expect_words "bazelw $* runs Bazel" "$(asked)" "^bazel $1( |\$)"
}

# The demo, and all that is neither a test nor a benchmark.
installs "$build" run //:demo
installs "$build" run //:demo -- --text tests/bench
installs "$build" build --test_output=errors //server:pinion-server
installs "$build" shutdown

tested="$(of build.txt tests.txt)"
installs "$tested" test //...
installs "$tested" test //core:all
installs "$tested" build //tests/server/rpc:unary_test
installs "$tested" build //core/...
installs "$tested" query 'deps(//core/... + //server/...)'

installs "$(of build.txt benches.txt)" run //tests/bench:unary
installs "$(of build.txt tests.txt benches.txt)" build //...
installs "$(of build.txt tests.txt benches.txt)" build //tests/...
installs "$(of build.txt tests.txt benches.txt)" test //tests/bench:hostile_test

# Another workspace's tests need GoogleTest, and none of Pinion's own peers.
mkdir "$stubs/workspace"
export PINION_WORKSPACE=$stubs/workspace
installs "$build" build //:purse_server
installs "$build libgmock-dev" test //...
installs "$build libgmock-dev" build //...
unset PINION_WORKSPACE

# shellcheck disable=SC2046  # one word for each package
installed $(of build.txt)
: >"$stubs/asked"
printed=$(./bazelw run //:demo 2>&1)
expect 'what bazelw prints when nothing is missing' "$printed" ''
expect 'whether bazelw asks apt-get when nothing is missing' "$(asked | grep -c apt-get)" 0

done_testing

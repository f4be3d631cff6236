#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The commands of docs/tutorial.md do what the page says, word by word, in a
# folder that looks like a checkout in which ./bazelw has built. Different from a
# reader's: the server's port is a free one, the stream is left after its first
# message, and what is measured is measured for a moment.
set -uo pipefail

# shellcheck source=tests/support/programs.sh
. tests/support/programs.sh

tutorial=server/examples/tutorial/after
checkout=$TEST_TMPDIR/checkout
blocks=$TEST_TMPDIR/blocks
mkdir -p "$checkout/bazel-bin/client" "$checkout/bazel-bin/$tutorial" "$blocks"

exec {from_server}< <(exec "$tutorial/purse_server" 127.0.0.1:0)
server_pid=$!
trap 'kill "$server_pid" 2>/dev/null' EXIT
while read -r line && echo "$line" && [[ $line != serving* ]]; do :; done \
  <&"$from_server" >"$TEST_TMPDIR/announced"
target=$(sed -n 's/^listening on \(.*\); workers.*/\1/p' "$TEST_TMPDIR/announced")

# put FILE: makes standard input a program of the checkout.
put() {
  { echo '#!/usr/bin/env bash'; cat; } >"$checkout/$1"
  chmod +x "$checkout/$1"
}

put bazelw <<<'exit 0'
# It runs already.
put "bazel-bin/$tutorial/purse_server" <<<"cat '$TEST_TMPDIR/announced'"
put bazel-bin/client/pinion <<END_OF_PINION
case "\$1 \$2" in
'bench '*)
  exec '$pinion' "\$@" --target='$target' --warm_up=0 --duration=300ms
  ;;
*/Watch)
  exec {from_watch}< <(exec '$pinion' "\$@" --target='$target')
  watch_pid=\$!
  read -r first <&"\$from_watch"
  echo "\$first"
  kill -INT "\$watch_pid"
  wait "\$watch_pid"
  [ \$? = 130 ]
  ;;
*) exec '$pinion' "\$@" --target='$target' ;;
esac
END_OF_PINION
ln -s "$PWD/$tutorial"/*-descriptor-set.proto.bin "$checkout/bazel-bin/$tutorial"
ln -s "$PWD/proto" "$PWD/server" "$checkout"

# All commands as one script. What block N prints goes to N.out; what the page
# says that it prints is N.text.
awk -v blocks="$blocks" '
  /^```/ && fence {
    if (fence == "sh") print "} >" blocks "/" n ".out\nwait"
    fence = ""
    next
  }
  /^```/ {
    fence = substr($0, 4)
    if (fence == "sh") { ++n; print "{" }
    next
  }
  fence == "sh" { print }
  fence == "text" { print >(blocks "/" n ".text") }
' docs/tutorial.md | sed "s|/tmp/purses|$TEST_TMPDIR/purses|g; s|127\.0\.0\.1:50051|$target|g" \
  >"$TEST_TMPDIR/commands"

# Debian's Python has gRPC; another one may stand earlier in the path. A proxy
# would be asked for this machine, too.
unset http_proxy https_proxy
(cd "$checkout" && PATH=/usr/bin:$PATH PYTHONDONTWRITEBYTECODE=1 bash -eu "$TEST_TMPDIR/commands") 2>"$err"
code=$?
: >"$out"
[ "$code" = 0 ] || complain "the commands end with code $code, not 0"

# What the machine decides may differ: the port, and the number of threads.
common() { sed -E 's/^(listening on 127\.0\.0\.1:).*/\1/' "$1"; }
# shown_lines TEXT: those of the page; it leaves some out where "..." is.
shown_lines() { common "$1" | grep -vxF ...; }
# printed_lines TEXT: what was printed; where the page leaves some out, only those
# that it has.
printed_lines() {
  if grep -qxF ... "$1"; then
    common "${1%.text}.out" | grep -xF -f <(shown_lines "$1")
  else
    common "${1%.text}.out"
  fi
}

said=0
for text in "$blocks"/*.text; do
  said=$((said + 1))
  diff <(shown_lines "$text") <(printed_lines "$text") >"$out" ||
    complain "the page says that a command prints the lines with <, and it prints those with >"
done
: >"$out"
[ "$said" -ge 4 ] || complain "the page shows what $said commands print, not 4 or more"

finish

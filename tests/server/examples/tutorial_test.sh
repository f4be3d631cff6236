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
ln -s "$PWD/proto" "$PWD/server" "$checkout"

tools/page-commands docs/tutorial.md "$blocks" || exit 1
sed -i "s|/tmp/purses|$TEST_TMPDIR/purses|g; s|127\.0\.0\.1:50051|$target|g" "$blocks/commands"

# Debian's Python has gRPC; another one may stand earlier in the path. A proxy
# would be asked for this machine, too.
unset http_proxy https_proxy
(cd "$checkout" && PATH=/usr/bin:$PATH PYTHONDONTWRITEBYTECODE=1 bash -eu "$blocks/commands") 2>"$err"
code=$?
: >"$out"
[ "$code" = 0 ] || complain "the commands end with code $code, not 0"

# What the machine decides may differ: the port, and the number of threads.
sed -i -E 's/^(listening on 127\.0\.0\.1:).*/\1/' "$blocks"/*.text "$blocks"/*.out
tools/page-commands --compare "$blocks" >"$out" || complain 'the page says something else'
said=$(tail -n 1 "$out")
[ "$said" -ge 4 ] || complain "the page shows what $said commands print, not 4 or more"

# For a server that does not tell of its messages.
set=$(echo "$tutorial"/*-descriptor-set.proto.bin)
expect 1 'UNAVAILABLE' "$pinion" call /game.v1.PurseService/Earn '{"player":"ann"}' \
  --target=127.0.0.1:1 --descriptor_set="$set"
if grep -q 'asked for its services' "$err"; then
  complain 'a server is asked for what a descriptor set has'
fi

finish

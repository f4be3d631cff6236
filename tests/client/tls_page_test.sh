#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The commands of "mTLS in ten minutes" and "A rotation" in docs/security.md do
# what the page says, in a folder that looks like a checkout in which ./bazelw
# has built. Different from a reader's: the port is a free one, and the server
# stays when its block ends.
set -uo pipefail

# shellcheck source=tests/support/programs.sh
. tests/support/programs.sh

checkout=$TEST_TMPDIR/checkout
blocks=$TEST_TMPDIR/blocks
certificates=$TEST_TMPDIR/mtls
mkdir -p "$checkout/bazel-bin/client" "$checkout/bazel-bin/server" "$blocks"
trap 'kill "$(cat "$TEST_TMPDIR/pid")" 2>/dev/null' EXIT

# put FILE: makes standard input a program of the checkout.
put() {
  { echo '#!/usr/bin/env bash'; cat; } >"$checkout/$1"
  chmod +x "$checkout/$1"
}

put bazelw <<'END_OF_BAZELW'
[ "$1" = build ]  # It has.
END_OF_BAZELW
# Returns once the server serves.
put bazel-bin/server/pinion-server <<END_OF_SERVER
if [ "\$1" = --check ]; then exec '$server' "\$@"; fi
setsid '$server' "\$@" --listen=127.0.0.1:0 >'$TEST_TMPDIR/announced' 2>'$TEST_TMPDIR/log' &
echo \$! >'$TEST_TMPDIR/pid'
grep -qm 1 '^listening on' < <(exec tail -n +1 --pid=\$! -f '$TEST_TMPDIR/announced')
END_OF_SERVER
# Where it listens, the page's client and openssl are told.
cat >"$TEST_TMPDIR/target" <<END_OF_TARGET
sed -n 's/^listening on \(.*\); workers.*/\1/p' '$TEST_TMPDIR/announced'
END_OF_TARGET
put bazel-bin/client/pinion <<END_OF_PINION
exec '$pinion' "\$@" --target="\$(bash '$TEST_TMPDIR/target')"
END_OF_PINION

tools/page-commands docs/security.md "$blocks" --section Encryption || exit 1
sed -i "s|/tmp/mtls|$certificates|g
  s|-connect 127\.0\.0\.1:50051|-connect \"\$(bash '$TEST_TMPDIR/target')\"|" "$blocks/commands"
sed -i "s|/tmp/mtls|$certificates|g" "$blocks"/*.text

unset http_proxy https_proxy
(cd "$checkout" && PATH=/usr/bin:$PATH bash -eu "$blocks/commands") 2>"$err"
code=$?
: >"$out"
[ "$code" = 0 ] || complain "the commands end with code $code, not 0"
tools/page-commands --compare "$blocks" >"$out" || complain 'the page says something else'
said=$(tail -n 1 "$out")
[ "$said" = 2 ] || complain "the page shows what $said commands print, not 2"

# What the log says of it all.
cp "$TEST_TMPDIR/log" "$out"
for words in 'tls: new connections get the certificate CN = server' \
  'it shows no certificate, and client_auth is required' \
  'what it sends is not TLS'; do
  grep -qF "$words" "$out" || complain "the log does not have: $words"
done

# What --tls and its companions say when they are wrong.
target=$(bash "$TEST_TMPDIR/target")
client=(--ca="$certificates/ca.pem" --cert="$certificates/client.pem" --key="$certificates/client.key")
put_a() { "$pinion" call $kv/Put '{"key":"a"}' --target="$target" "$@"; }
expect 0 '"version":' put_a --tls "${client[@]}"
expect 0 'succeeded a second' "$pinion" bench $kv/Get --request='{"key":"a"}' --target="$target" \
  --warm_up=0 --duration=100ms --tls "${client[@]}"
expect 0 "$kv/Put" "$pinion" list --target="$target" --tls "${client[@]}"
expect 1 'UNAVAILABLE' put_a --tls "${client[@]}" --server_name=example.org --timeout=2s
expect_mistake '--ca is for connections with --tls' put_a --ca=x
expect_mistake '--server_name is for connections with --tls' put_a --server_name=x
expect_mistake '--cert needs --key' put_a --tls --cert=x
expect_mistake '--key needs --cert' put_a --tls --key=x
expect 1 'INVALID_ARGUMENT|tls.ca "/none" cannot be read: No such file' put_a --tls --ca=/none
expect 1 'INVALID_ARGUMENT|tls.key|does not belong to the certificate CN = client' \
  put_a --tls --ca="$certificates/ca.pem" --cert="$certificates/client.pem" \
  --key="$certificates/server.key"
expect 1 'INVALID_ARGUMENT|no certificate authority' put_a --tls --ca="$certificates/client.pem"

finish

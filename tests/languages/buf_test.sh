#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# buf lists and calls a service that only the server knows, by gRPC's
# reflection. It comes by npm, so this is for who asks for it:
#
#   ./bazelw test --test_env=BUF="$(tools/bring-buf)" //tests/languages:buf_test
set -uo pipefail
: "${BUF:?is not set; run this as its comment says}"

# shellcheck source=tests/support/programs.sh
. tests/support/programs.sh

export HOME=$TEST_TMPDIR  # For what it caches.
unset http_proxy https_proxy

exec {from_server}< <(exec server/examples/tutorial/after/purse_server 127.0.0.1:0)
purses_pid=$!
trap 'kill "$purses_pid" 2>/dev/null' EXIT
read -r started <&"$from_server"
target=${started#listening on }
url=http://${target%%;*}

curl() { "$BUF" curl --http2-prior-knowledge --protocol grpc "$@"; }

expect 0 'game.v1.PurseService|grpc.health.v1.Health|grpc.reflection.v1alpha.ServerReflection|pinion.v1.SessionService' \
  curl --list-services "$url"
expect 0 'game.v1.PurseService/Earn|game.v1.PurseService/Watch|grpc.health.v1.Health/Check' \
  curl --list-methods "$url"
expect 0 '"coins": "5"' curl "$url/game.v1.PurseService/Earn" -d '{"player":"ann","coins":5}'
expect 0 '"coins": "7"' curl "$url/game.v1.PurseService/Earn" -d '{"player":"ann","coins":2}'
expect 0 '"SERVING"' curl "$url/grpc.health.v1.Health/Check" -d '{"service":"game.v1.PurseService"}'
# A gRPC status is told by the exit code, eight times as large.
expect $((9 * 8)) 'failed_precondition' \
  curl "$url/game.v1.PurseService/Give" -d '{"from":"bob","to":"ann","coins":1}'
# Over mTLS with a token, and not without either.
certificates=$TEST_TMPDIR/certificates
mkdir "$certificates"
tests/support/issue-certificates "$certificates" || exit 1
token=$(tests/support/issue-token "$certificates" ann) || exit 1
cat >"$certificates/policy.yaml" <<'END'
name: kv
allow_rules:
  - name: ann
    source: {principals: ["jwt:https://issuer.example#ann"]}
  - name: all_may_ask
    request: {paths: [/grpc.reflection.*]}
END
start_server --tls_certificate="$certificates/server.pem" --tls_key="$certificates/server.key" \
  --tls_client_ca="$certificates/ca.pem" --client_auth=required \
  --token_keys="$certificates/keys.json" --token_issuer=https://issuer.example \
  --token_audience=pinion --policy_file="$certificates/policy.yaml"
trap 'kill "$purses_pid" "$server_pid" 2>/dev/null' EXIT
put() {
  "$BUF" curl --protocol grpc --cacert "$certificates/ca.pem" "$@" \
    "https://$target$kv/Put" -d '{"key":"a","value":"1"}'
}
own=(--cert "$certificates/client.pem" --key "$certificates/client.key")
expect 0 '"version": "1"' put "${own[@]}" -H "authorization: Bearer $token" \
  --reflect-header "authorization: Bearer $token"
# Without a certificate not even reflection answers, so buf knows no service.
expect 1 'failed to find service' put -H "authorization: Bearer $token" \
  --reflect-header "authorization: Bearer $token"
expect $((16 * 8)) 'unauthenticated' put "${own[@]}" -H "authorization: Bearer ${token}A" \
  --reflect-header "authorization: Bearer $token"
# Without a token, reflection does not show what may not be called.
expect 1 'KvService' put "${own[@]}"

expect 1 'PurseServise' curl "$url/game.v1.PurseServise/Earn"

finish

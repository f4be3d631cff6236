#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The programs as a person uses them: what they print, and their exit codes.
set -uo pipefail

# shellcheck source=tests/support/programs.sh
. tests/support/programs.sh

start_server --workers=1 --echo
folder=
trap 'kill "$server_pid" 2>/dev/null; rm -rf "$folder"' EXIT

# What succeeds.
expect 0 '"version":"1"' call $kv/Put '{"key":"a","value":"1"}'
expect 0 '"value":"1"' call $kv/Get '{"key":"a"}'
expect 0 '"value":"43"' call $kv/Increment '{"key":"a","by":42}'
expect 0 '"value":"1"' call $kv/Increment '{"key":"ann","by":1,"ttl_ms":60000}'
expect 0 '"value":"2"' call $kv/Increment '{"key":"ann","by":1,"ttl_ms":60000}'
expect 0 '"deleted":false' call $kv/Delete '{"key":"none"}'
expect 0 '"payload":"YWJj"|"worker":0' call $echo/Echo '{"payload":"YWJj"}' --worker 0
expect 0 'worker 0, waited|ran|batch of 1' call $kv/Get '{"key":"a"}' --timing
expect 0 'pinion call|pinion bench|pinion list|pinion top|pinion why|COMMAND --help' "$pinion" --help
expect 0 'usage: pinion call|--timeout (default: 10s)|Exit codes' "$pinion" call --help
expect 0 'usage: pinion bench|--zipf_exponent (default: 0.99)|Exit codes' "$pinion" bench --help
expect 0 'usage: pinion list|--target|Exit codes' "$pinion" list --help
expect 0 'usage: pinion-server|--allow_unencrypted_public_traffic' "$server" --help
expect 0 '--lane_bytes|--server_calls|--server_bytes|--grpc_memory_bytes' "$server" --help
expect 0 '--kv_bytes|--kv_when_full|--echo' "$server" --help
expect 0 '--default_timeout|--stall_after|--lame_duck|--grace|SIGTERM or SIGINT' "$server" --help

# What the server tells of itself.
# shellcheck disable=SC2120  # `expect` passes them.
list() { "$pinion" list --target="$target" "$@"; }
expect 0 "$kv/Get  pinion.kv.v1.GetRequest -> pinion.kv.v1.GetResponse|$echo/Echo  " list
expect 0 "$kv/Watch  pinion.kv.v1.WatchRequest -> stream pinion.kv.v1.WatchResponse" list
expect 0 '/grpc.health.v1.Health/Check  |/pinion.v1.SessionService/Open  stream pinion.v1.OpenRequest -> stream' list
expect 0 'message PutRequest {|string key = 1;' list pinion.kv.v1.PutRequest
expect 0 'rpc Put(.pinion.kv.v1.PutRequest)|message PutResponse {' list $kv/Put
expect 0 'service Health {|returns (stream .grpc.health.v1.HealthCheckResponse)' list grpc.health.v1.Health
"$pinion" list --target="$target" >/dev/full 2>"$err"
code=$?
if [ "$code" != 1 ] || ! grep -q 'cannot be written' "$err"; then
  complain "a list to a full disk: the exit code is $code, not 1"
fi

# A method that is not built in, by what the server tells of it.
expect 0 '"status":"SERVING"' call /grpc.health.v1.Health/Check '{"service":"pinion.kv.v1.KvService"}'

# What the server refuses: code 1, the status, and its detail in words.
expect 1 'NOT_FOUND: the key "b" has no value|reason: HANDLER|executed: YES' \
  call $kv/Get '{"key":"b"}'
expect 1 'INVALID_ARGUMENT|1 to 1024 bytes|reason: BAD_REQUEST|executed: NO' \
  call $kv/Get '{}'
expect 1 'the key "grüße/東京" has no value' call $kv/Get '{"key":"grüße/東京"}'
expect 1 'INVALID_ARGUMENT|workers 0 to 0' call $echo/Echo '{}' --worker 3
expect 1 'DEADLINE_EXCEEDED' call $echo/Echo '{"block_us":3000000}' --timeout 20ms
expect 1 'INVALID_ARGUMENT|block_us is 60000001' \
  call $echo/Echo '{"block_us":60000001}'

# A proxy of the environment is not asked for this machine, and is named where it
# is asked. Nobody listens on port 1.
export http_proxy=http://user:secret@127.0.0.1:1
expect 0 '"value":"43"' call $kv/Get '{"key":"a"}'
expect 0 '"value":"43"' "$pinion" call $kv/Get '{"key":"a"}' --target="localhost:${target##*:}"
expect 1 'UNAVAILABLE|the HTTP proxy 127.0.0.1:1, which http_proxy names|no_proxy=pinion.invalid' \
  "$pinion" call $kv/Get '{"key":"a"}' --target=pinion.invalid:1
expect 1 'UNAVAILABLE|the HTTP proxy 127.0.0.1:1, which http_proxy names' \
  "$pinion" call $kv/Watch '{"key":"a"}' --target=pinion.invalid:1
unset http_proxy

# A Unix socket that is none. The test's folder may have too long a path for one.
plain=$(mktemp)
expect 1 'at most 107 bytes, and this has 108' \
  "$pinion" call $kv/Get '{"key":"a"}' --target="unix:$(printf '%0108d' 0)"
expect 1 "UNAVAILABLE|$plain is a plain file, not a socket" \
  "$pinion" call $kv/Get '{"key":"a"}' --target="unix:$plain"
expect_mistake "$plain is a plain file, not a socket; remove it" "$server" --listen="unix:$plain"
expect_mistake 'at most 107 bytes, and this has 108' "$server" --listen="unix:$(printf '%0108d' 0)"
rm -f "$plain"

# A server stream: each message when it comes, until Ctrl-C; how it ended; no
# limit of time unless one is given.
exec {from_watch}< <(exec "$pinion" call "$kv/Watch" '{"key":"w"}' --target="$target" --timing 2>"$TEST_TMPDIR/watch")
watch_pid=$!
read -r first <&"$from_watch"
call "$kv/Put" '{"key":"w","value":"1"}' >"$out"
read -r second <&"$from_watch"
kill -INT "$watch_pid"
wait "$watch_pid"
code=$?
printf '%s\n' "$first" "$second" >"$out"
cp "$TEST_TMPDIR/watch" "$err"
[ "$code" = 130 ] || complain "after Ctrl-C the exit code of a stream is $code, not 130"
[[ $first = *CHANGE_PRESENT* && $second = *'"value":"1"'* ]] || complain "the messages of a stream"
for word in 'cancelled by Ctrl-C after 2 messages' 'first message after'; do
  grep -q "$word" "$err" || complain "the end of a stream: no \"$word\""
done
expect 1 'the stream ended after|DEADLINE_EXCEEDED' call $kv/Watch '{"key":"w"}' --timeout=20ms
expect 1 'after 0 messages: INVALID_ARGUMENT|executed: NO' call $kv/Watch '{}'
expect_mistake 'is a server-streaming method|as an argument' "$pinion" call $kv/Watch

# Mistakes in the arguments.
expect_mistake 'no flag --taget|--help' "$pinion" call $kv/Get '{}' --taget=x
expect_mistake '--timeout|"soon"|for example 10s' "$pinion" call $kv/Get '{}' --timeout=soon
expect_mistake '--timeout needs a value' "$pinion" call $kv/Get '{}' --timeout
expect_mistake 'the command is missing|call, bench, list, top' "$pinion"
expect_mistake '"frob" is none|call, bench, list, top' "$pinion" frob
expect_mistake 'call takes a method' "$pinion" call $kv/Get '{}' more
expect_mistake 'no flag --rate' "$pinion" call $kv/Get '{}' --rate=1
expect_mistake '/package.Service/Method' "$pinion" call Get '{}'
expect_mistake "the server at $target has no \"pinion.kv.v1.Kv\"; its services are pinion.kv.v1.KvService" \
  call /pinion.kv.v1.Kv/Get '{}'
expect_mistake 'has no "pinion.kv.v1.Put"; its services are' list pinion.kv.v1.Put
expect_mistake 'list takes one name or none' list a b
expect_mistake 'SessionService/Open takes a stream of requests' call /pinion.v1.SessionService/Open '{}'
expect_mistake 'no method Got; it has Get, Put' "$pinion" call $kv/Got '{}'
expect_mistake 'not a pinion.kv.v1.GetRequest|kye' "$pinion" call $kv/Get '{"kye":"a"}'
expect_mistake 'cannot be read|--include_imports' "$pinion" call $kv/Get '{}' --descriptor_set=/none
proto=$TEST_TMPDIR/purse.proto
echo 'syntax = "proto3";' >"$proto"
expect_mistake "$proto is the .proto, not its descriptor set|NAME-descriptor-set.proto.bin" \
  "$pinion" call $kv/Get '{}' --descriptor_set="$proto"
for mistake in "call --help=kv" "bench --help=x" --help=kv; do
  # shellcheck disable=SC2086
  expect_mistake '--help takes no value|--help alone' "$pinion" $mistake
done
expect_mistake '--help takes no value' "$server" --help=kv

expect_mistake '--worker is -7' "$pinion" call $echo/Echo '{}' --worker=-7
expect_mistake '"-timing" is not a flag; write --timing' "$pinion" call $kv/Get '{}' -timing
expect_mistake '--timeout is below 0' "$pinion" call $kv/Get '{}' --timeout=-1s

# Many calls, from standard input. They are answered in any order.
# expect_lines CODE "ARGUMENTS" LINES <<<EXPECTED: each line of what is expected
# is within one of the answers, of which there are as many.
expect_lines() {
  local code=$1 arguments=$2 got line
  # shellcheck disable=SC2086
  printf '%s' "$3" | "$pinion" call $arguments --target="$target" >"$out" 2>"$err"
  got=$?
  [ "$got" = "$code" ] || complain "call $arguments: exit code $got, not $code"
  local lines=0
  while IFS= read -r line; do
    lines=$((lines + 1))
    grep -qF -- "$line" "$out" || complain "call $arguments: no answer is $line"
  done
  [ "$(wc -l <"$out")" = "$lines" ] || complain "call $arguments: not $lines answers"
  # Each line by itself is JSON.
  python3 -c 'import json, sys; [json.loads(l) for l in sys.stdin]' <"$out" ||
    complain "call $arguments: what is printed is not JSON"
}

expect_lines 0 "$kv/Put" '{"key":"m","value":"1"}
{"key":"n","value":"2"}' <<'END'
{"line":1,"response":{"version":"
{"line":2,"response":{"version":"
END
expect_lines 1 "$kv/Get -" '{"key":"m"}

{"kye":"m"}
{"key":
{"method":"/pinion.kv.v1.KvService/Get","request":{"key":"none"}}
{"method":"\/pinion.kv.v1.KvService\/Delete","request":{"key":"n"}}' <<'END'
{"line":1,"response":{"value":"1",
{"line":3,"error":{"code":"INVALID_ARGUMENT","message":"the JSON is not a pinion.kv.v1.GetRequest
{"line":4,"error":{"code":"INVALID_ARGUMENT","message":"the JSON is not a pinion.kv.v1.GetRequest
"reason":"HANDLER","executed":"YES"}}
{"line":6,"response":{"deleted":true}}
END
expect_lines 0 "$kv/Get" $'\xef\xbb\xbf{"key":"m"}\r\n' <<'END'
{"line":1,"response":{"value":"1",
END
# Health is served beside sessions, not in them.
expect_lines 1 "- --unary" '{"key":"m"}
{"method":"/grpc.health.v1.Health/Check","request":{}}
{"method":"/no.Such/Method","request":{}}
{"method":"/no.Such/Method","request":{}}' <<'END'
the line names no method
{"line":2,"response":{"status":"SERVING"}}
{"line":3,"error":{"code":"INVALID_ARGUMENT","message":"the server at
{"line":4,"error":{"code":"INVALID_ARGUMENT","message":"the server at
END
expect_lines 0 "$kv/Get --timing" '{"key":"m"}' <<'END'
"timing":{"worker":0,"waited_ns":
END
expect_lines 0 "$kv/Get --unary" '{"key":"m"}' <<'END'
{"line":1,"response":{"value":"1",
END
expect_lines 0 "" '' </dev/null
expect_mistake 'no method Got' "$pinion" call $kv/Got

# One at a time is in order; many are more than may be open, and all are answered.
seq 1 2000 | sed 's/.*/{"key":"count","by":1}/' >"$TEST_TMPDIR/lines"
call_lines() { "$pinion" call "$1" --target="$target" "${@:2}" <"$TEST_TMPDIR/lines"; }
call_lines $kv/Increment --in_flight=1 >"$out" 2>"$err" ||
  complain "2000 increments, one at a time, did not succeed"
[[ $(tail -n 1 "$out") == '{"line":2000,"response":{"value":"2000",'* ]] ||
  complain "the 2000th increment is not the last"
call_lines $kv/Increment --in_flight=16 >"$out" 2>"$err"
[ "$(wc -l <"$out")" = 2000 ] || complain "2000 calls do not have 2000 answers"
call_lines $kv/Increment >/dev/full 2>"$err"
code=$?
if [ "$code" != 1 ] || ! grep -q 'cannot be written' "$err"; then
  complain "many calls to a full disk: the exit code is $code, not 1"
fi

# Output that is lost is not a success.
call $kv/Get '{"key":"a"}' >/dev/full 2>"$err"
code=$?
if [ "$code" != 1 ] || ! grep -q 'cannot be written' "$err"; then
  complain "with a full disk the exit code is $code, not 1"
fi

# Measuring. check_json CHECK: all lines are JSON, and CHECK holds, in which
# `result` is the last and `lines` are all.
check_json() {
  python3 -c '
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
result = lines[-1]
sys.exit(not eval(sys.argv[2]))' "$out" "$1" || complain "it does not hold that $1"
}
bench() { "$pinion" bench --target="$target" --warm_up=0 --duration=300ms "$@"; }

expect 0 "$echo/Echo|closed loop, 64 in flight|calls|rate|errors|p99.9|99%|succeeded" bench
expect 0 'open loop, 500|1 session|sent late' bench --rate=500
expect 0 'unary calls' bench --mode=unary
expect 0 '' bench --json --sessions=2
check_json 'result["mode"] == "session" and result["sessions"] == 2 and result["errors"] == 0'
expect 0 '' bench --json --in_flight=4 --payload_size=100
check_json 'result["kind"] == "result" and result["calls"] == result["succeeded"] > 0'
check_json 'result["loop"] == "closed" and result["in_flight"] == 4 and result["errors"] == 0'
check_json '0 < result["p50_us"] <= result["p90_us"] <= result["p99_us"] <= result["p999_us"] <= result["max_us"]'
check_json 'result["request_bytes"] == 102 and result["open"] == 0 and result["rps"] > 0'
expect 0 '' bench --json --rate=1000 --keys=50 --distribution=zipf
check_json 'result["calls"] + result["unsent"] == 300 and result["distribution"] == "zipf 0.99"'
expect 0 '' bench $kv/Put --json --keys=10 --distribution=one '--request={"key":"b-{key}","value":"1"}'
check_json 'result["keys"] == 10 and result["errors"] == 0'
expect 0 '"value":"1"' call $kv/Get '{"key":"b-0"}'

# Streams: their messages and ends.
expect 0 "$kv/Watch|streams of up to 1 messages|streams|messages|first msg|succeeded" \
  bench $kv/Watch --messages=1 '--request={"key":"w"}'
expect 0 '' bench $kv/Watch --json --messages=1 --in_flight=4 '--request={"key":"w"}'
check_json 'result["mode"] == "stream" and result["errors"] == 0 and result["succeeded"] > 0'
check_json '0 < result["first_p50_us"] <= result["p50_us"] * 1.01 and result["messages_per_s"] > 0'
expect 1 "the first call, of $kv/Watch, failed: INVALID_ARGUMENT" bench $kv/Watch '--request={}'
# By what the server tells of the method.
expect 0 'streams of up to 1 messages|first msg|succeeded' \
  bench /grpc.health.v1.Health/Watch --messages=1 '--request={}'
expect_mistake '--messages is for server-streaming' bench --messages=1
expect_mistake '--sessions is for unary methods' bench $kv/Watch '--request={"key":"w"}' --sessions=2

# What fails is told apart, by code and reason.
expect 1 '' bench $kv/Get --json '--request={"key":"never"}'
check_json 'lines[0] == {"kind": "error", "code": "NOT_FOUND", "reason": "HANDLER", "count": result["errors"]}'
check_json 'result["errors"] == result["calls"] > 0 and result["p50_us"] is None and result["failed_p50_us"] > 0'
expect 1 "the first call, of $kv/Get, failed: INVALID_ARGUMENT|1 to 1024 bytes" bench $kv/Get '--request={}'

# The latencies as HdrHistogram's plotters read them.
expect 0 '' bench --json --hdr="$TEST_TMPDIR/hdr"
cp "$out" "$TEST_TMPDIR/result"
python3 - "$TEST_TMPDIR/hdr" "$TEST_TMPDIR/result" <<'END' || complain "--hdr does not fit the result"
import json, sys
hdr = [line.split() for line in open(sys.argv[1]) if line.strip()]
result = json.loads(open(sys.argv[2]).readlines()[-1])
assert hdr[0] == ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"], hdr[0]
rows = [[float(word) for word in line] for line in hdr[1:] if not line[0].startswith("#")]
for before, row in zip(rows, rows[1:]):
    assert all(a <= b for a, b in zip(before, row)), row
for row in rows[:-1]:
    assert abs(row[3] - 1 / (1 - row[1])) < 0.01 * row[3], row
assert rows[-1][1] == 1 and rows[-1][2] == result["calls"], rows[-1]
assert abs(rows[-1][0] - result["max_us"] / 1000) < 0.001, rows[-1]
END

# Each second it tells what it has measured by then. Ctrl-C ends it early, and
# what was measured is told.
exec {from_bench}< <(exec "$pinion" bench --target="$target" --warm_up=0 --duration=10m --json 2>"$err")
bench_pid=$!
read -r first <&"$from_bench"
kill -INT "$bench_pid"
{ echo "$first"; cat <&"$from_bench"; } >"$out"
wait "$bench_pid"
code=$?
[ "$code" = 0 ] || complain "after Ctrl-C the exit code is $code, not 0"
check_json 'lines[0]["kind"] == "interval" and "rps" in lines[0]'
check_json 'result["kind"] == "result" and result["calls"] > 0 and 0.9 < result["seconds"] < 600'

expect_mistake '--rate is -1|0 to' bench --rate=-1
expect_mistake '--rate is nan' bench --rate=nan
expect_mistake '--mode is "fast"' bench --mode=fast
expect_mistake '--sessions is 0|1 to 64' bench --sessions=0
expect_mistake '--sessions is of --mode=session' bench --sessions=2 --mode=unary
expect_mistake '--in_flight is 1000001|1 to 1000000' bench --in_flight=1000001
expect_mistake '--timeout is 0|above 0' bench --timeout=0
expect_mistake '--duration is 0|1ms to 24h' bench --duration=0
expect_mistake '--warm_up is -1s|0 to 1h' bench --warm_up=-1s
expect_mistake '--payload_size is 4000001|0 to 4000000' bench --payload_size=4000001
expect_mistake '--distribution is "pareto"|uniform, zipf and one' bench --distribution=pareto
expect_mistake '--distribution=zipf needs keys|--keys=N' bench --distribution=zipf
expect_mistake '--zipf_exponent is 0|above 0' bench --keys=2 --distribution=zipf --zipf_exponent=0
expect_mistake 'must be said by --request' bench $kv/Get
expect_mistake '{key}|--keys=N' bench $kv/Get '--request={"key":"{key}"}'
expect_mistake 'the request has no {key}' bench --keys=2 '--request={}'
expect_mistake 'not a pinion.kv.v1.GetRequest' bench $kv/Get '--request={"kye":1}'
expect_mistake 'bench takes one method' bench $kv/Get $kv/Put
expect_mistake '--hdr=/none/here cannot be written' bench --hdr=/none/here
expect_mistake 'no flag --timing' bench --timing

# What keeps the server from starting.
expect_mistake "$target|in use" "$server" --listen="$target"
expect_mistake 'listen|0.0.0.0:0|not encrypted|allow_unencrypted_public_traffic' \
  "$server" --listen=0.0.0.0:0
expect_mistake 'listen|"nowhere"|host:port' "$server" --listen=nowhere
expect_mistake '9999' "$server" --listen=127.0.0.1:0 --workers=9999
expect_mistake '8000|cpu_policy float' "$server" --listen=127.0.0.1:0 --workers=8000
expect_mistake '--workers: "-5" is out of range; valid are 0 to 65536' "$server" --workers=-5
! grep -q 'The number of' "$err" || complain "a range is told twice"
expect_mistake '--lane_calls: "0"|1 to 524287' "$server" --lane_calls=0
expect_mistake '--session_calls: "0"|1 to 1000000' "$server" --session_calls=0
expect_mistake '--session_bytes: "5"|1KiB' "$server" --session_bytes=5
expect_mistake '--stream_bytes: it is 5120|4194304 to 549755813887' "$server" --stream_bytes=5KiB
expect_mistake '--write_timeout: "1ms"|10ms to 1h' "$server" --write_timeout=1ms
expect_mistake '--max_session_age: "0"' "$server" --max_session_age=0
expect_mistake '--lane_bytes: it is 5120|4194304 to 549755813887' "$server" --lane_bytes=5KiB
expect_mistake '--server_calls: "16777216"|1 to 16777215' "$server" --server_calls=16777216
expect_mistake '--server_bytes: it is 5120|16777216 to 549755813887' "$server" --server_bytes=5KiB
expect_mistake '--grpc_memory_bytes: "1"|16MiB to 1TiB' "$server" --grpc_memory_bytes=1
expect_mistake '--keepalive_time: "1ms"|100ms to 1h' "$server" --keepalive_time=1ms
expect_mistake '--keepalive_timeout: "2h"|100ms to 1h' "$server" --keepalive_timeout=2h
expect_mistake '--default_timeout: "0"|1ns to inf' "$server" --default_timeout=0
expect_mistake '--stall_after: "1ms"|10ms to 1h' "$server" --stall_after=1ms
expect_mistake '--healthy_share: "1.1"|0 to 1' "$server" --healthy_share=1.1
expect_mistake '--lame_duck: "-1s"|0s to 1h' "$server" --lame_duck=-1s
expect_mistake '--grace: "2h"|0s to 1h' "$server" --grace=2h
expect_mistake '--grace|"soon"|0 to 1h' "$server" --grace=soon
expect_mistake '--default_timeout|"10"|for example 10s' "$server" --default_timeout=10
expect_mistake '--workers|"two"' "$server" --workers=two
expect_mistake '--cpu_policy|loose' "$server" --cpu_policy=loose
expect_mistake '--kv_bytes: "1023"|1KiB to 1TiB' "$server" --listen=127.0.0.1:0 --kv_bytes=1023
expect_mistake '--kv_when_full: "panic"|refuse, evict' "$server" --kv_when_full=panic
expect_mistake '3-1' "$server" --worker_cpus=3-1
expect_mistake '"loud"' "$server" loud

# Not below TEST_TMPDIR: the path of a socket may have 107 bytes only.
folder=$(mktemp -d)
socket=unix:$folder/s
expect_mistake "unix:" "$server" --listen=unix:

# A stop is clean, and told to who calls afterwards.
kill -TERM "$server_pid"
expect_server_ends 0 "after SIGTERM"
expect 1 'UNAVAILABLE' call $kv/Get '{"key":"a"}'
expect 1 'the first call, of /pinion.echo.v1.EchoService/Echo, failed: UNAVAILABLE' bench
expect 1 "UNAVAILABLE: the server at $target cannot be asked for its services" list
expect 1 "UNAVAILABLE: the server at $target cannot be asked" call /a.B/C '{}'
expect 1 "UNAVAILABLE: the server at $target cannot be asked" bench /a.B/C '--request={}'

# SIGINT does the same. On a Unix socket, which is not taken from a server. This
# one has room for one value of that length.
start_server --listen="$socket" --kv_bytes=1024 --kv_when_full=evict
long=$(printf '%0500d' 0)
expect 0 'version' call $kv/Put '{"key":"first","value":"'"$long"'"}'
expect 0 'version' call $kv/Put '{"key":"second","value":"'"$long"'"}'
expect 1 'NOT_FOUND' call $kv/Get '{"key":"first"}'
expect 0 "$long" call $kv/Get '{"key":"second"}'
expect 1 'RESOURCE_EXHAUSTED|raise kv_bytes|reason: HANDLER' \
  call $kv/Put '{"key":"third","value":"'"$long$long$long"'"}'
expect_mistake "$socket|another server" "$server" --listen="$socket"
# Nobody keeps its workers: the echo service is there only when it is asked for.
expect 1 'UNIMPLEMENTED|reason: NO_SUCH_METHOD|executed: NO' \
  call $echo/Echo '{"block_us":60000000}'
expect 1 'UNIMPLEMENTED|start pinion-server with --echo' bench
kill -INT "$server_pid"
expect_server_ends 0 "after SIGINT"

finish

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The file of a server: which value holds, what is told of a file that is wrong
# or will hurt, and that what is printed reads back; in pinion-server, in the
# counter example, and in a program with a section and flags of its own.
set -uo pipefail
# shellcheck source=tests/support/programs.sh
. tests/support/programs.sh

counter=$PWD/server/examples/counter/counter_server
limited=$PWD/tests/server/program/limited-counter
file=$TEST_TMPDIR/server.yaml
server_pid=
trap 'kill -KILL $server_pid 2>/dev/null' EXIT

# ---- --check ----------------------------------------------------------------

cat >"$file" <<'END'
listner:
  listen: 127.0.0.1:0
lanes:
  lane_calls: 0
  lane_bites: 1MiB
stop:
  grace: soon
  lame_duck: 2h
END
for program in "$counter" "$server" "$limited"; do
  expect 2 "$file:1:1: listner: |did you mean listener|$file:4:15: lanes.lane_calls: |1 to 524287" \
    "$program" --check "$file"
  expect 2 "$file:5:3: lanes.lane_bites: |did you mean lane_bytes|$file:7:10: stop.grace: |$file:8:14: stop.lame_duck: " \
    "$program" --check "$file"
  [ "$(grep -c "^$file:[0-9]*:" "$err")" = 5 ] || complain "$program: five mistakes are not told in five lines"
  grep -q "^$file: 5 mistakes\$" "$err" || complain "$program: does not count the mistakes"
  # Nor does it start with them.
  expect 2 "$file:4:15|$file:7:10|cannot start" "$program" --config "$file"
done

# What is right for each line, but not together.
cat >"$file" <<'END'
listener:
  listen: 0.0.0.0:0
limits:
  max_message_bytes: 8MiB
memory:
  server_bytes: 16MiB
END
expect 2 "$file:2:11: listener.listen: |allow_unencrypted|$file:6:17: memory.server_bytes: |33554432" \
  "$counter" --check "$file"
expect 0 'no mistakes' "$counter" --check "$file" --server_bytes=32MiB --listen=127.0.0.1:0 --lane_bytes=8MiB \
  --session_bytes=8MiB --stream_bytes=8MiB --grpc_memory_bytes=16MiB

# What will hurt.
cat >"$file" <<'END'
stop:
  grace: 2m
memory:
  server_bytes: 500GiB
END
expect 0 "no mistakes, 2 warnings|$file:2:10: warning: stop.grace: |systemd|$file:4:17: warning: memory.server_bytes: " \
  "$counter" --check "$file" --max_connections=10
expect 0 '503' "$server" --check "$file" --kv_bytes=1GiB --workers=2 --cpu_policy=float --max_connections=10

# A rule's path that no method has; the policy may be for other servers, too.
policy=$TEST_TMPDIR/policy.yaml
printf 'policy:\n  policy_file: %s\n' "$policy" >"$file"
printf 'name: p\nallow_rules:\n  - name: r\n    request: {paths: [%s]}\n' \
  "$kv/Putt" >"$policy"
expect 0 "no mistakes, 1 warning|$policy:3:5: warning: |did you mean $kv/Put?" \
  "$server" --check "$file" --max_connections=10
printf 'policy:\n  forwarded_identity_from: x509:spiffe://mesh/*\n' >"$file"
expect 2 "$file:2:28: policy.forwarded_identity_from: |whole principals" \
  "$server" --check "$file"

# A file that is none.
expect 2 "$TEST_TMPDIR/none: the file cannot be read|No such file" "$server" --check "$TEST_TMPDIR/none"
expect 2 "$TEST_TMPDIR: the file cannot be read" "$server" --config "$TEST_TMPDIR"
expect_mistake '--check has the file' "$server" --check "$file" --config "$file"
expect_mistake '--config cannot be ""' "$server" --config=

# ---- Which value holds ------------------------------------------------------

cat >"$file" <<'END'
listener:
  listen: 127.0.0.1:1
stop:
  grace: 20s
  lame_duck: 3s
services:
  kv:
    kv_bytes: 1KiB
    kv_when_full: evict
END
expect 0 "  grace: 7s  # --grace|  lame_duck: 3s  # $file:5|  stall_after: 1s  # default|    kv_bytes: 1KiB  # $file:8|    echo: true  # --echo" \
  "$server" --config "$file" --grace=7s --echo --print_config
cp "$out" "$TEST_TMPDIR/printed.yaml"
expect 0 'stop:' "$server" --config "$TEST_TMPDIR/printed.yaml" --print_config
diff <(sed 's/  #.*//' "$TEST_TMPDIR/printed.yaml") <(sed 's/  #.*//' "$out") >"$err" ||
  complain "what is printed does not read back"

start_server --config "$file" --workers=1 --kv_when_full=refuse
expect 1 'RESOURCE_EXHAUSTED' call "$kv/Put" "{\"key\":\"a\",\"value\":\"$(printf '%01000d' 0)\"}"
kill -TERM "$server_pid"
expect_server_ends 0 "with a file and flags"

# ---- Programs of others -----------------------------------------------------

expect 0 'usage: counter_server [flags]|--config (default: empty)|--lane_bytes (default: 64MiB)|--print_config' \
  "$counter" --help
! grep -q 'kv_bytes' "$out" || complain "the counter has flags of the kv service"
expect 0 "usage: limited-counter|Counts up to a largest value.|The counters service|--most_value (default: 100)|--keep_for (default: 1h)|--cheerful (default: false)" \
  "$limited" --help
! grep -q -e '--peers' -e '--main_peer' "$out" || complain "a list or a message has a flag"
expect 0 'limited-counter 1.2.3' "$limited" --version
expect_mistake 'no flag --version' "$counter" --version

cat >"$file" <<'END'
services:
  counters:
    most_value: 50
    peers:
      - host: a
        prot: 1
      - port: 0
END
expect 2 "$file:6:9: services.counters.peers[0].prot: |did you mean port|$file:7:15: services.counters.peers[1].port: |2 mistakes" \
  "$limited" --check "$file"
expect 2 "services: |unknown" "$counter" --check "$file"
sed -i '/prot/d; s/port: 0/port: 1/' "$file"
expect 0 'no mistakes' "$limited" --check "$file" --max_connections=10 --grpc_memory_bytes=16MiB --server_bytes=16MiB
expect 2 "$file: most_step is 60, more than most_value, 50|1 mistake" "$limited" --check "$file" --most_step=60
expect 2 'cannot start|most_step is 60, more than most_value, 50' "$limited" --config "$file" --most_step=60
expect_mistake '--most_value: "-1" is out of range; valid are 0 to 1000000' "$limited" --most_value=-1

server=$limited
methods=$PWD/server/examples/counter/counter_proto-descriptor-set.proto.bin
add() { call /shop.v1.CounterService/Add "{\"name\":\"a\",\"by\":$1}" --descriptor_set="$methods"; }
start_server --config "$file" --workers=1 --most_step=40
expect 0 '"value":"40"' add 40
expect 1 'at most 50, by 40' add 20
kill -TERM "$server_pid"
expect_server_ends 0 "with a section of its own"

finish

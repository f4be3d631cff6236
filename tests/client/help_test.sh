#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What --help of the programs prints: no line above 80 columns; each flag that a
# program declares, in exactly one group; the groups of the option structs, with
# their members, in the order of the headers; ranges, and when to change a flag.
set -uo pipefail

# shellcheck source=tests/support/programs.sh
. tests/support/programs.sh

help=$TEST_TMPDIR/help
mkdir "$help"
expect 0 'usage: pinion-server' "$server" --help
cp "$out" "$help/server"
expect 0 'usage: pinion COMMAND' "$pinion" --help
cp "$out" "$help/pinion"
expect 0 'usage: pinion call' "$pinion" call --help
cp "$out" "$help/call"
expect 0 'usage: pinion bench' "$pinion" bench --help
cp "$out" "$help/bench"
expect 0 'usage: pinion list' "$pinion" list --help
cp "$out" "$help/list"
# Those that ask an admin socket.
for command in top info why slow hot stalls sessions config set; do
  expect 0 "usage: pinion $command|--admin (default: |Exit codes: 0" "$pinion" "$command" --help
  cp "$out" "$help/$command"
done

python3 - "$help" >"$out" <<'END' || complain 'what --help prints is wrong, as printed below'
import itertools
import re
import sys

failures = []


def expect(holds, complaint):
    if not holds:
        failures.append(complaint)


def expect_groups(name, found, wanted):
    for group, other in itertools.zip_longest(found, wanted):
        expect(group == other, f"{name}: the group is {group}, and in the header {other}")


def read(file):
    with open(file, encoding="utf-8") as opened:
        return opened.read()


def help_groups(text):
    """The groups of a --help: [title, [(flag, default, help)]]."""
    groups = []
    for line in text.splitlines():
        flag = re.fullmatch(r"  --(\w+) \(default: (.+)\)", line)
        if flag:
            groups[-1][1].append([flag[1], flag[2], ""])
        elif line.startswith("      ") and groups and groups[-1][1]:
            groups[-1][1][-1][2] += line.strip() + " "
        elif line and line[0] != " ":
            groups.append([line, []])
    return [group for group in groups if group[1]]


def option_groups(header, struct, title=None):
    """The groups of a struct: [title, [member]]; without headings, one group."""
    body = re.search(rf"^struct {struct} {{\n(.*?)^}};", read(header), re.S | re.M)[1]
    groups = [[title, []]] if title else []
    for line in body.splitlines():
        heading = re.fullmatch(r"  // ---- (.+?) -+", line)
        member = re.match(r"  [A-Za-z][\w:<>]* (\w+) = ", line)
        if heading:
            groups.append([heading[1], []])
        elif member:
            groups[-1][1].append(member[1])
    return groups


def as_flags(groups, flag_of):
    """The same with the members' flags; members without a flag are left out."""
    return [[title, [flag_of[member] for member in members if member in flag_of]]
            for title, members in groups]


def names(groups):
    return [[title, [flag for flag, _, _ in flags]] for title, flags in groups]


def flat(groups):
    return [flag for _, flags in groups for flag in flags]


def declared(*files):
    return {name for file in files
            for name in re.findall(r"ABSL_FLAG\(\s*[\w:]+,\s*(\w+),", read(file))}


def fields(*files):
    """The fields of configurations, each of which has a flag."""
    return {name for file in files
            for name in re.findall(r"^  optional [\w.]+ (\w+) = \d+", read(file), re.M)}


admin = ("top", "info", "why", "slow", "hot", "stalls", "sessions", "config", "set")
programs = ("server", "call", "bench", "list", *admin)
pages = {name: read(f"{sys.argv[1]}/{name}") for name in ("pinion", *programs)}
for name, page in pages.items():
    for line in page.splitlines():
        expect(len(line) <= 80, f"{name}: {len(line)} columns: {line}")
        expect(line == line.rstrip(), f"{name}: a space ends: {line}")
helps = {name: help_groups(pages[name]) for name in programs}
groups = {name: names(found) for name, found in helps.items()}

# Each flag is in exactly one group.
of_server = fields("proto/pinion/config/v1/server_config.proto",
                   "proto/pinion/kv/v1/kv_config.proto",
                   "proto/pinion/echo/v1/echo_config.proto")
of_server |= {"config", "check", "print_config"}
of_client = declared(*(f"client/cli/{file}.cc" for file in
                       ("admin_flags", "bench_flags", "call_command", "common_flags")))
expect(len(of_server) > 30 and len(of_client) > 15, "flags are declared in another way")
for name, found in groups.items():
    twice = {flag for flag in flat(found) if flat(found).count(flag) > 1}
    expect(not twice, f"{name}: in more than one group: {twice}")
missing = of_server ^ set(flat(groups["server"]))
expect(not missing, f"server: declared but not shown, or the other way round: {missing}")
shown = {flag for name in ("call", "bench", *admin) for flag in flat(groups[name])}
missing = of_client ^ shown
expect(not missing, f"pinion: declared but not shown, or the other way round: {missing}")

# The groups are those of the headers, in their order.
hosting = option_groups("server/options.h", "HostingOptions")
of_options = option_groups("server/options.h", "ListenOptions", "Listener") + hosting
# Structs within, whose members have flags of their names.
within = {member: flat(option_groups("server/policy_options.h", struct, struct))
          for member, struct in (("policy", "PolicyOptions"), ("limits", "PartyLimitOptions"))}
within["tracing"] = ["trace_" + member for member in
                     flat(option_groups("server/tracing_options.h", "TracingOptions", "Tracing"))]
of_options = [[title, [flag for member in members for flag in within.get(member, [member])]]
              for title, members in of_options]
kv = option_groups("server/kv/kv_options.h", "KvOptions", "The kv service")
wanted = [["Configuration", ["config", "check", "print_config"]]]
wanted += as_flags(of_options, {member: member for member in flat(of_options)
                                if member not in ("log", "tls")})
tls = option_groups("server/tls_options.h", "TlsOptions", "Encryption and the certificates of clients")
wanted[2:2] = as_flags(tls, {"certificate": "tls_certificate", "key": "tls_key",
                             "client_ca": "tls_client_ca", "client_auth": "client_auth",
                             "min_version": "tls_min_version"})
wanted += as_flags(kv, {"bytes": "kv_bytes", "when_full": "kv_when_full"})
run = option_groups("server/run_options.h", "RunOptions", "Output")
wanted[-1:-1] = as_flags(run, {"account": "account", "summary": "summary"})
# The order of the file's sections: these stand before reflection.
of_admin = option_groups("server/admin_options.h", "AdminOptions", "Admin socket and page")
wanted[-4:-4] = as_flags([["Probes", flat(run)]], {"probe_listen": "probe_listen"}) + as_flags(
    of_admin, {"listen": "admin", "socket": "admin_socket", "token_file": "admin_token_file",
            "certificate": "admin_certificate", "key": "admin_key", "hosts": "admin_hosts"})
with_options = flat(wanted)
wanted += [["The echo service", ["echo"]]]
expect(len(hosting) > 5, "server/options.h has its groups in another way")
expect_groups("server", groups["server"], wanted)

client = option_groups("client/client_options.h", "ClientOptions", "Client")
call = option_groups("client/call_options.h", "CallOptions", "Each call")
load = option_groups("client/cli/load_generator.h", "LoadOptions", "Load")
client_tls = option_groups("client/client_options.h", "ClientTls", "Client")
of_call = {"timeout": "timeout", "worker": "worker", "want_timing": "timing"}
of_bench = {option: option for option in ("timeout", "worker")}
of_load = {option: option for option in ("in_flight", "rate", "warm_up", "duration", "seed")}
wanted_of = {
    "call": as_flags(client, {"unary": "unary"}) + as_flags(call, of_call),
    "bench": as_flags(client, {"unary": "mode", "sessions": "sessions"}) +
             as_flags(call, of_bench) + as_flags(load, of_load),
}
for name, wanted in wanted_of.items():
    wanted[0][1].insert(0, "target")  # Which Connect() takes beside its options.
    # As the last, the members `tls`, with its own, and `token_source`.
    wanted[0][1] += ["tls"] + flat(client_tls) + ["token_file"]
    expect_groups(name, groups[name][:len(wanted)], wanted)
expect_groups("list", groups["list"], [["Client", ["target", "tls"] + flat(client_tls) + ["token_file"]]])

# Each that asks an admin socket has --admin, and what its page tells of.
has = {"top": ["interval", "once"], "why": ["service", "json"]}
has |= {name: ["limit", "json"] for name in ("slow", "hot", "stalls", "sessions")}
for name in admin:
    wanted = [["Server", ["admin"]], ["Page" if name == "top" else "Output", has.get(name, ["json"])]]
    expect_groups(name, groups[name], wanted)
# "pinion --help" has a line for each command, as tools/make-deb reads it.
listed = re.findall(r"^  pinion ([a-z]+) {2,}.*[^ ]$", pages["pinion"], re.M)
expect(sorted(listed) == sorted(("call", "bench", "list", *admin)), f"pinion: it lists {listed}")

# What each flag says.
RANGE = r"\w to (\d|the )|above 0|0 or more|up to \d"
CHANGE = r"\b(Raise|Lower|Set|Change|Use|List|Make)\b"
for name, found in helps.items():
    for title, flags in found:
        for flag, preset, text in flags:
            number = re.fullmatch(r"-?[\d.]+(ns|us|ms|s|m|h|KiB|MiB|GiB)?|inf", preset)
            expect(text, f"{name} --{flag}: has no help")
            expect(not number or re.search(RANGE, text), f"{name} --{flag}: has no range: {text}")
for title, flags in helps["server"]:
    for flag, _, text in flags:
        expect(flag not in with_options or re.search(CHANGE, text),
               f"server --{flag}: does not say when to change it: {text}")

print("\n".join(failures))
sys.exit(1 if failures else 0)
END

finish

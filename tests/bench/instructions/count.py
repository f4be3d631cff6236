# SPDX-License-Identifier: Apache-2.0
"""usage: tools/count-instructions [FLAG]...

Counts the instructions of one call, an echo, by part of its way, and how often it
asks for memory: of a call within a session at the server and at the client, and of
a plain unary call at the server. It runs one of the two under callgrind, and the
other one as it is, over TCP loopback.

The figures do not depend on the machine's speed or load, and hardly on the
machine: repeated runs differ by up to 1 %. The start of the processes and the
first batches are left out.

  --side SIDE     server, server_unary, client, client_typed or all (default:
                  all). server_unary is the server of unary calls.
                  client_typed is the client with messages: it serializes each
                  request and parses each response. The other one gets and gives
                  bytes
  --in_batch N    how many calls a batch has, separated by commas, 1 to 1000 each
                  (default: 64,512)
  --payload N     how many bytes a call has (default: 64). A batch of answers
                  must fit into a message of 64 KiB, unless it is one call
  --rules N       how many rules the policy of the server has, 0 to 1000
                  (default: 0, no policy)
  --timeout TIME  the calls' time limit, as 10s (default: none)
  --runs N        how often each is counted, 1 to 99 (default: 1). The median
                  is printed, and how far the runs lie apart
  --functions N   also print, of the last run, the N functions that take most
                  themselves, and the N that take most with all that they call
                  (default: 0)
  --keep DIR      leave callgrind's files there, for callgrind_annotate
  --check         fail if a call costs more than 15 % above what is recorded in
                  tests/bench/instructions/recorded.jsonl. If it should, replace
                  that file by what --json prints
  --json          one JSON object per line
  --help          print this

What is not counted: the kernel; spinning; the sleeping and waking of Pinion's own
threads, since the I/O thread runs the worker's batches itself; the machine's
clock, whose reading is a system call under callgrind (25 ns otherwise). callgrind
runs one thread at a time, and with AVX2 at most. How often gRPC's threads at the
client wait for each other is the part of the figures that differs from run to
run.

Exit code: 0 counted, 1 it cannot be counted, or --check found a call too
expensive, 2 called wrongly.
"""
import argparse
import collections
import ctypes
import json
import os
import select
import signal
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import callgrind  # pylint: disable=wrong-import-position
import parts  # pylint: disable=wrong-import-position

PROGRAMS = os.environ.get("PINION_PROGRAMS", "bazel-bin/tests/bench/instructions")
RECORDED = os.path.join(HERE, "recorded.jsonl")

SIDES = ("server", "server_unary", "client", "client_typed")

# A run has so many calls that count: enough that what gRPC does now and then has
# its average share, few enough that it takes seconds.
CALLS = 25_600
# Unary calls need ten times as many instructions.
UNARY_CALLS = 6_400
LEAST_BATCHES = 20
WARM_UP_BATCHES = 20

# A message has at most 64 KiB, of which an answer needs some beside its payload.
FULL_MESSAGE = 64 << 10
BESIDE_PAYLOAD = 32

DEARER = 1.15  # What --check lets pass,
MORE_ALLOCATIONS = 0.02  # and beside that, for figures near 0.

# In seconds. A run takes about five, on a machine that does nothing else.
PATIENCE = 300

PR_SET_PDEATHSIG = 1

# Of one part, for each call.
Count = collections.namedtuple("Count", "instructions allocations")


class CannotCount(Exception):
    pass


def instructions_of(counts):
    return sum(count.instructions for count in counts.values())


def allocations_of(counts):
    return sum(count.allocations for count in counts.values())


def die_with_parent(parent):
    """In a child: the kernel kills it when its parent goes, however it goes."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # It went before it was asked.
        os._exit(1)


class Process:
    """One of the two programs; ended with this object."""

    def __init__(self, command, log):
        self.name = next(os.path.basename(word) for word in command if "counted_" in word)
        self._log = log
        parent = os.getpid()
        with open(log, "w", encoding="utf-8") as errors:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                command, bufsize=0, stdout=subprocess.PIPE, stderr=errors,
                preexec_fn=lambda: die_with_parent(parent))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def line(self):
        """The next line that it prints."""
        if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
            raise self.failure(f"printed nothing for {PATIENCE} s")
        line = self.process.stdout.readline().decode().strip()
        if not line:
            raise self.failure(f"ended with code {self.process.wait()}")
        return line

    def await_end(self):
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise self.failure(f"did not end within {PATIENCE} s") from None
        if code != 0:
            raise self.failure(f"ended with code {code}")

    def failure(self, what):
        with open(self._log, encoding="utf-8", errors="replace") as log:
            said = [line for line in log.read().splitlines() if not line.startswith("==")]
        return CannotCount("\n  ".join([f"{self.name} {what}"] + said[-20:]))


def callgrind_command(out):
    return ["valgrind", "--tool=callgrind", "--fair-sched=yes", f"--callgrind-out-file={out}",
            "--zero-before=pinion::bench::CountingBegins()",
            "--dump-before=pinion::bench::CountingEnds()",
            "--toggle-collect=pinion::bench::NotCounted*", "--collect-atstart=yes",
            "--compress-strings=no", "--compress-pos=no"]


def serve_and_call(server, client, folder):
    """Runs both, until the client has ended and the server says that it is over."""
    with Process(server, os.path.join(folder, "server.log")) as serving:
        address = serving.line()
        with Process(client + [f"--target={address}"],
                     os.path.join(folder, "client.log")) as calling:
            calling.await_end()
        said = serving.line()
        if said != "counted":
            raise serving.failure(f'said "{said}", not that it has counted')


def commands(side, in_batch, batches, arguments):
    """Of the server and of the client, without callgrind."""
    plan = [f"--in_batch={in_batch}", f"--warm_up={WARM_UP_BATCHES}", f"--batches={batches}"]
    server = [os.path.join(PROGRAMS, "counted_server"), f"--rules={arguments.rules}"] + plan
    client = [os.path.join(PROGRAMS, "counted_client"), f"--payload={arguments.payload}",
              f"--timeout={arguments.timeout}", f"--typed={side == 'client_typed'}",
              f"--unary={side == 'server_unary'}",
              # One message each, for the server.
              f"--at_once={side in ('server', 'server_unary')}"] + plan
    return server, client


def run(side, in_batch, batches, arguments, folder):
    """One run; returns its profile."""
    out = os.path.join(folder, f"{side}.{in_batch}.callgrind")
    server, client = commands(side, in_batch, batches, arguments)
    if side.startswith("server"):
        server = callgrind_command(out) + server
    else:
        client = callgrind_command(out) + client
    serve_and_call(server, client, folder)
    # callgrind numbers what it writes before the end.
    with open(out + ".1", encoding="utf-8", errors="replace") as lines:
        return callgrind.Profile(lines)


def count(side, profile, calls):
    """By part, for each call."""
    parts.check_that_each_begins(side, profile)
    shares = parts.shares(side, profile)
    instructions = profile.instructions_of_parts(shares, parts.REST)
    allocations = profile.allocations_of_parts(shares, parts.REST)
    return {name: Count(instructions[name] / calls, allocations[name] / calls)
            for name in parts.names_of(side)}


def median(runs):
    """Of some runs, the one in the middle by its instructions."""
    return sorted(runs, key=instructions_of)[(len(runs) - 1) // 2]


def spread(runs):
    """How far the runs lie apart, as a share of the smallest."""
    sums = [instructions_of(run) for run in runs]
    return max(sums) / min(sums) - 1


def key_of(name):
    return name.lower().replace("/", "").replace(" ", "_")


def json_row(side, in_batch, runs):
    counts = median(runs)
    row = {
        "bench": "instructions", "side": side, "in_batch": in_batch,
        "instructions_per_call": round(instructions_of(counts)),
        "allocations_per_call": round(allocations_of(counts), 3),
        "parts": {key_of(name): round(one.instructions) for name, one in counts.items()},
        "allocations": {key_of(name): round(one.allocations, 3) for name, one in counts.items()},
    }
    if len(runs) > 1:
        row["spread"] = round(spread(runs), 4)
    return row


def print_table(side, in_batch, runs):
    counts = median(runs)
    apart = f"; {len(runs)} runs within {100 * spread(runs):.2f} %" if len(runs) > 1 else ""
    print(f"{side}, in batches of {in_batch}{apart}")
    says = {part.name: part.says for part in parts.parts_of(side)}
    print(f"  {'':9}{'instructions':>14}{'allocations':>13}  a call")
    for name, one in counts.items():
        print(f"  {name:9}{one.instructions:>14,.0f}{one.allocations:>13.3f}"
              f"  {says.get(name, '')}".rstrip())
    print(f"  {'all':9}{instructions_of(counts):>14,.0f}{allocations_of(counts):>13.3f}\n",
          flush=True)


def split(medians):
    """From batches of two sizes, {calls: counts}: what one call more costs, and
    what a batch costs beside its calls."""
    (few, of_few), (many, of_many) = min(medians.items()), max(medians.items())
    few_cost, many_cost = few * instructions_of(of_few), many * instructions_of(of_many)
    call = (many_cost - few_cost) / (many - few)
    return round(call), round(few_cost - few * call)


def print_functions(profile, calls, most):
    with_calls = collections.Counter(profile.own)
    times = collections.Counter()
    for (caller, callee), edge in profile.edges.items():
        times[callee] += edge.calls
        if caller != callee:
            with_calls[caller] += edge.cost
    for title, counter in (("themselves", profile.own), ("with what they call", with_calls)):
        print(f"  {title + ',':22}times  a call")
        for function, cost in counter.most_common(most):
            where = os.path.basename(function.object or "")
            print(f"  {cost / calls:>14,.1f}{times[function] / calls:>13.3f}"
                  f"  {function.name[:160]}  [{where}]")
    print(flush=True)


def complaints(rows, recorded):
    """What --check says of rows, as json_row() makes them."""
    if not recorded:
        return ["nothing is recorded"]
    before = {(row["side"], row["in_batch"]): row for row in recorded if "in_batch" in row}
    found = []
    for row in rows:
        old = before.get((row["side"], row["in_batch"]))
        where = f"{row['side']}, in batches of {row['in_batch']}"
        if old is None:
            found.append(f"{where}: nothing is recorded for it")
            continue
        for figure, more in (("instructions_per_call", 0),
                             ("allocations_per_call", MORE_ALLOCATIONS)):
            most = old[figure] * DEARER + more
            if row[figure] > most:
                what = figure.replace("_", " ")
                found.append(f"{where}: {row[figure]} {what}, where {old[figure]} are recorded "
                             f"and {most:.6g} may be")
    return found


def read_recorded():
    with open(RECORDED, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def a_number(least, most):

    def parse(text):
        number = int(text)
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{number} is not within {least} to {most}")
        return number

    parse.__name__ = "number"  # As the parser calls what is none.
    return parse


def numbers(text):
    return [a_number(1, 1000)(word) for word in text.split(",")]


def parse_arguments(words):

    class Parser(argparse.ArgumentParser):

        def error(self, message):
            print(f"count-instructions: {message}; see --help", file=sys.stderr)
            sys.exit(2)

    parser = Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("--help", action="store_true")
    parser.add_argument("--side", choices=SIDES + ("all",), default="all")
    parser.add_argument("--in_batch", type=numbers, default=[64, 512])
    parser.add_argument("--payload", type=a_number(0, 4_000_000), default=64)
    parser.add_argument("--rules", type=a_number(0, 1000), default=0)
    parser.add_argument("--timeout", default="inf")
    parser.add_argument("--runs", type=a_number(1, 99), default=1)
    parser.add_argument("--functions", type=a_number(0, 10_000), default=0)
    parser.add_argument("--keep")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args(words)
    if arguments.help:
        print(__doc__, end="")
        sys.exit(0)
    most = max(FULL_MESSAGE // (arguments.payload + BESIDE_PAYLOAD), 1)
    for in_batch in arguments.in_batch:
        if in_batch > most:
            parser.error(f"--in_batch={in_batch}: with {arguments.payload} bytes each, at most "
                         f"{most} answers fit into a message")
    if arguments.check and (arguments.payload != 64 or arguments.timeout != "inf"):
        parser.error("--check knows calls of 64 bytes without a time limit only")
    return arguments


def count_all(arguments, folder):
    rows = []
    for side in SIDES if arguments.side == "all" else (arguments.side,):
        medians = {}
        for in_batch in arguments.in_batch:
            calls = UNARY_CALLS if side == "server_unary" else CALLS
            batches = max(calls // in_batch, LEAST_BATCHES)
            calls = batches * in_batch
            runs = []
            for _ in range(arguments.runs):
                profile = run(side, in_batch, batches, arguments, folder)
                runs.append(count(side, profile, calls))
            medians[in_batch] = median(runs)
            rows.append(json_row(side, in_batch, runs))
            if arguments.json:
                print(json.dumps(rows[-1]), flush=True)
            else:
                print_table(side, in_batch, runs)
            if arguments.functions and not arguments.json:
                print_functions(profile, calls, arguments.functions)
        # A unary call is a message, whatever the batch.
        if len(medians) > 1 and side != "server_unary":
            call, batch = split(medians)
            if arguments.json:
                print(json.dumps({"bench": "instructions", "side": side,
                                  "instructions_per_further_call": call,
                                  "instructions_per_batch": batch}))
            else:
                print(f"{side}: a call more in a batch costs {call:,}, a batch beside its "
                      f"calls {batch:,}\n")
    return rows


def main():
    arguments = parse_arguments(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # Ends what was started.
    try:
        with tempfile.TemporaryDirectory(prefix="count-instructions.") as temporary:
            folder = arguments.keep or temporary
            os.makedirs(folder, exist_ok=True)
            rows = count_all(arguments, folder)
        if not arguments.check:
            return 0
        found = complaints(rows, read_recorded())
        for complaint in found:
            print(f"count-instructions: {complaint}", file=sys.stderr)
        return 1 if found else 0
    except (CannotCount, parts.PartIsMissing) as error:
        print(f"count-instructions: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

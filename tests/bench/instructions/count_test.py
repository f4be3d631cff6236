# SPDX-License-Identifier: Apache-2.0
"""What count.py makes of a profile; and that its two programs keep in step, which
needs no callgrind."""
import argparse
import collections
import os
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import callgrind  # pylint: disable=wrong-import-position
import count  # pylint: disable=wrong-import-position
import parts  # pylint: disable=wrong-import-position

OURS, LIBC, GRPC = "/bin/pinion", "/lib/libc.so.6", "/lib/libgrpc.so.29"

# As callgrind writes it: two ways lead to copy(), of which one costs three times as
# much, and `operator new` asks malloc.
PROFILE = f"""\
# callgrind format
version: 1
part: 1
desc: Trigger: --dump-before=pinion::bench::CountingEnds()
positions: line
events: Ir
summary: 9999

ob={OURS}
fl=loop.cc
fn=Loop()
10 100
cfi=???
cfn=Read(int)
calls=10 20
11 1400
cfn=Write()
calls=10 30
12 700

fn=Read(int)
20 400
cob={LIBC}
cfi=???
cfn=copy
calls=20 0
21 600
cfn=Decode()
calls=10 50
22 400

fn=Write()
30 500
fi=inlined.h
5 0
fe=loop.cc
cob={LIBC}
cfi=???
cfn=copy
calls=10 0
31 200

fn=Decode()
50 300
cob={LIBC}
cfi=???
cfn=operator new(unsigned long)
calls=5 0
51 100

ob={LIBC}
fn=copy
0 800

fn=operator new(unsigned long)
0 40
cfn=malloc
calls=5 0
0 60

fn=malloc
0 60
"""

READ, WRITE, REST = "read", "write", "rest"


def profile_of(text):
    return callgrind.Profile(text.splitlines(keepends=True))


def stays(part, _):
    return part


def part_of(function):
    return {"Read(int)": READ, "Write()": WRITE}.get(function.name)


class CallgrindTest(unittest.TestCase):

    def setUp(self):
        self.profile = profile_of(PROFILE)
        self.shares = self.profile.shares(part_of, stays)

    def test_adds_up_what_functions_take_themselves(self):
        self.assertEqual(self.profile.instructions(), 100 + 400 + 500 + 300 + 800 + 40 + 60)

    def test_knows_in_which_library_a_function_is(self):
        objects = {function.name: function.object for function in self.profile.own}
        self.assertEqual(objects["copy"], LIBC)
        self.assertEqual(objects["Decode()"], OURS)
        self.assertEqual(objects["Write()"], OURS)

    def test_a_function_belongs_to_its_callers_by_what_their_calls_cost(self):
        found = self.profile.instructions_of_parts(self.shares, REST)
        self.assertAlmostEqual(found[READ], 400 + 300 + 600 + 40 + 60)
        self.assertAlmostEqual(found[WRITE], 500 + 200)
        self.assertAlmostEqual(found[REST], 100)

    def test_an_allocator_that_asks_another_one_counts_once(self):
        found = self.profile.allocations_of_parts(self.shares, REST)
        self.assertAlmostEqual(found[READ], 5)
        self.assertAlmostEqual(sum(found.values()), 5)

    def test_functions_that_call_each_other_belong_to_who_leads_to_them(self):
        profile = profile_of(PROFILE.replace("fn=Decode()\n50 300\n",
                                             "fn=Decode()\n50 300\ncfn=Skip()\ncalls=1 60\n52 70\n")
                             + f"\nob={OURS}\nfn=Skip()\n60 70\ncfn=Decode()\ncalls=1 50\n61 30\n")
        found = profile.instructions_of_parts(profile.shares(part_of, stays), REST)
        self.assertAlmostEqual(found[READ], 400 + 300 + 600 + 40 + 60 + 70, places=3)


def called(*names, obj=OURS, cost=10):
    """A profile in which a loop calls functions of these names."""
    text = f"ob={OURS}\nfn=main\n1 1\n"
    for name in names:
        text += f"cob={obj}\ncfn={name}\ncalls=1 1\n1 {cost}\n"
    for name in names:
        text += f"ob={obj}\nfn={name}\n1 {cost}\n"
    return text


# Functions that begin each of the client's parts.
CLIENT = [
    "pinion::Client::StartRaw(absl::string_view, absl::string_view)",
    "pinion::client_internal::SessionLink::RunDeferred(int)",
    "pinion::client_internal::SessionStream::OnWriteDone(bool)",
    "pinion::client_internal::SessionStream::OnReadDone(bool)",
    "Invoke<pinion::bench::(anonymous namespace)::BatchLoop::Start()::{lambda()#1}>",
]


class PartsTest(unittest.TestCase):

    def test_a_part_whose_function_is_gone_is_told(self):
        parts.check_that_each_begins("client", profile_of(called(*CLIENT)))
        for gone in CLIENT:
            left = [name for name in CLIENT if name != gone]
            with self.assertRaisesRegex(parts.PartIsMissing, "(?s)no function .* matches .*parts[.]py"):
                parts.check_that_each_begins("client", profile_of(called(*left)))

    def test_each_side_has_parts_that_say_what_they_are(self):
        for side in count.SIDES:
            self.assertEqual([part.name for part in parts.parts_of(side) if part.says],
                             parts.names_of(side)[:-2], side)

    def test_a_function_that_is_there_but_not_called_begins_nothing(self):
        text = called(*CLIENT[1:]) + f"ob={OURS}\nfn={CLIENT[0]}\n1 10\n"
        with self.assertRaisesRegex(parts.PartIsMissing, "start"):
            parts.check_that_each_begins("client", profile_of(text))

    def test_a_virtual_function_of_a_second_base_begins_a_part_too(self):
        profile = profile_of(called("non-virtual thunk to " + CLIENT[3]))
        shares = parts.shares("client", profile)
        found = profile.instructions_of_parts(shares, parts.REST)
        self.assertEqual(found["read"], 10)

    def test_what_grpc_calls_of_ours_is_not_grpcs(self):
        text = called("grpc_call", obj=GRPC) + (
            f"cob={OURS}\ncfn=pinion::Forgotten()\ncalls=1 1\n1 7\n"
            f"cob={LIBC}\ncfn=memcpy\ncalls=1 1\n1 5\n"
            f"ob={OURS}\nfn=pinion::Forgotten()\n1 7\nob={LIBC}\nfn=memcpy\n1 5\n")
        profile = profile_of(text)
        found = profile.instructions_of_parts(parts.shares("client", profile), parts.REST)
        self.assertEqual(found[parts.GRPC], 10 + 5)
        self.assertEqual(found[parts.REST], 1 + 7)


def counts_of(instructions, allocations=0.0):
    return {"start": count.Count(instructions, allocations)}


def row(instructions, allocations=1.0, side="server", in_batch=64):
    return count.json_row(side, in_batch, [counts_of(instructions, allocations)])


class CountTest(unittest.TestCase):

    def test_the_run_in_the_middle_is_told_and_how_far_they_lie_apart(self):
        runs = [counts_of(1010), counts_of(1000), counts_of(1005)]
        told = count.json_row("client", 64, runs)
        self.assertEqual(told["instructions_per_call"], 1005)
        self.assertEqual(told["parts"], {"start": 1005})
        self.assertEqual(told["spread"], 0.01)

    def test_batches_of_two_sizes_tell_a_call_from_its_message(self):
        medians = {64: counts_of(1000 + 6400 / 64), 512: counts_of(1000 + 6400 / 512)}
        self.assertEqual(count.split(medians), (1000, 6400))

    def test_a_call_may_cost_up_to_15_percent_more_than_is_recorded(self):
        self.assertEqual(count.complaints([row(1149, 1.16)], [row(1000)]), [])
        self.assertEqual(count.complaints([row(500, 0)], [row(1000)]), [])
        [complaint] = count.complaints([row(1151)], [row(1000)])
        self.assertIn("server, in batches of 64: 1151 instructions per call", complaint)
        [complaint] = count.complaints([row(1000, 1.18)], [row(1000)])
        self.assertIn("1.18 allocations per call, where 1.0 are recorded", complaint)

    def test_what_is_not_recorded_is_no_pass(self):
        self.assertEqual(len(count.complaints([row(1)], [])), 1)
        self.assertEqual(len(count.complaints([row(1, in_batch=8)], [row(1)])), 1)
        self.assertEqual(len(count.complaints([row(1, side="client")], [row(1)])), 1)

    def test_what_is_recorded_has_each_side_and_size(self):
        recorded = {(row["side"], row["in_batch"]) for row in count.read_recorded()
                    if "in_batch" in row}
        arguments = count.parse_arguments([])
        self.assertEqual(recorded, {(side, in_batch) for side in count.SIDES
                                    for in_batch in arguments.in_batch})

    def test_a_batch_that_no_message_holds_is_refused(self):
        self.assertEqual(count.parse_arguments(["--payload=4096", "--in_batch=8"]).payload, 4096)
        for words in (["--payload=4096"], ["--in_batch=1000", "--payload=100"], ["--in_batch=0"],
                      ["--check", "--timeout=1s"], ["--sides=server"]):
            with self.assertRaises(SystemExit) as ended, open(os.devnull, "w") as nowhere:
                stderr, sys.stderr = sys.stderr, nowhere
                try:
                    count.parse_arguments(words)
                finally:
                    sys.stderr = stderr
            self.assertEqual(ended.exception.code, 2, words)


class ProgramsTest(unittest.TestCase):
    """The server ends with an error if one of its steps was no whole batch."""

    def run_them(self, side, in_batch, payload=64, timeout="inf"):
        arguments = argparse.Namespace(payload=payload, rules=0, timeout=timeout)
        with tempfile.TemporaryDirectory() as folder:
            server, client = count.commands(side, in_batch, 20, arguments)
            count.serve_and_call(server, client, folder)

    def test_each_step_of_the_server_is_a_whole_batch(self):
        for side in count.SIDES:
            for in_batch in (1, 64, 512):
                with self.subTest(side=side, in_batch=in_batch):
                    self.run_them(side, in_batch)

    def test_calls_may_be_large_and_have_a_time_limit(self):
        self.run_them("client", 8, payload=4096, timeout="1h")

    def test_a_program_that_ends_early_is_told_with_what_it_said(self):
        with self.assertRaisesRegex(count.CannotCount, "counted_server ended with code 2"):
            self.run_them("server", 0)
        arguments = argparse.Namespace(payload=64, rules=0, timeout="inf")
        server, client = count.commands("client", 64, 20, arguments)
        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaisesRegex(count.CannotCount,
                                        "counted_client ended with code 2\n.*payload"):
                count.serve_and_call(server, client + ["--payload=-1"], folder)


if __name__ == "__main__":
    unittest.main()

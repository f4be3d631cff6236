# SPDX-License-Identifier: Apache-2.0
"""The parts of a call's way, and the functions that begin them.

Code moves. If no function matches a pattern any more, counting ends with an error
that names the part. Then say here which function begins it now. It must be one
that the compiler does not inline: best a function of another source file.
"""
import collections
import re

GRPC = "gRPC"
REST = "rest"

# gRPC's libraries, and what they alone use.
GRPC_OBJECTS = re.compile(r"/lib(grpc|gpr|address_sorting|upb|cares|re2|ssl|crypto)[+._]")

OWN = re.compile(r"\bpinion::")

# `patterns` are searched in the names of functions. `says` is for people.
Part = collections.namedtuple("Part", "name patterns says")

LINK = r"^pinion::client_internal::SessionLink::"
STREAM = r"^pinion::client_internal::SessionStream::"

PARTS = {
    "server": (
        Part("I/O in", [r"^pinion::Session::OnRead\("], "a message is decoded, its calls enter"),
        Part("door", [r"^pinion::FrontDoor::EnterAll\("], "routes and admits them"),
        Part("lane", [r"^pinion::Worker::Step\("], "the worker claims them, and keeps the account"),
        Part("handler", [r"\bpinion::CallMessagesOf<.*::Parse\(",
                         r"\bpinion::internal::OneCallForm<"],
             "decodes the request, and runs"),
        Part("answer", [r"^pinion::BatchRun::AnswerInBuffer\(",
                        r"^pinion::IoThread::(TakeDeliveries|LookAtDeliveries)\("],
             "encodes the response, which goes back to the I/O thread"),
        Part("I/O out", [r"^pinion::Outbox::Flush\("], "they become a message"),
    ),
    "server_unary": (
        Part("I/O in", [r"^pinion::UnaryCall::OnEvent\("],
             "the call is read, and its end is noticed"),
        Part("door", [r"^pinion::FrontDoor::EnterAll\("], "routes and admits it"),
        Part("lane", [r"^pinion::Worker::Step\("],
             "the worker claims it, keeps the account, and encodes the response"),
        Part("handler", [r"\bpinion::CallMessagesOf<.*::Parse\(",
                         r"\bpinion::internal::OneCallForm<"],
             "decodes the request, and runs"),
        Part("answer", [r"^pinion::IoThread::(TakeDeliveries|LookAtDeliveries)\("],
             "goes back to the I/O thread"),
        Part("I/O out", [r"^pinion::UnaryCall::OnDelivered\("], "it is given to gRPC"),
    ),
    "client": (
        Part("start", [r"^pinion::Client::Start(Raw|Message)\("], "a call is checked and kept"),
        Part("write", [LINK + r"RunDeferred\(", STREAM + r"OnWriteDone\("],
             "the calls become a message"),
        Part("read", [STREAM + r"OnReadDone\("], "a message of answers is decoded"),
        Part("callback", [r"\bpinion::bench::.*BatchLoop::Start\(\)"],
             "the caller's, which is the benchmark"),
    ),
}


# Sides whose calls go the way of another side's.
SAME_WAY = {"client_typed": "client"}


class PartIsMissing(Exception):
    pass


def parts_of(side):
    return PARTS[SAME_WAY.get(side, side)]


def name_of(function):
    """Without what the compiler puts before a virtual function of a second base."""
    return function.name.removeprefix("non-virtual thunk to ")


def names_of(side):
    return [part.name for part in parts_of(side)] + [GRPC, REST]


def check_that_each_begins(side, profile):
    """Raises PartIsMissing if a pattern matches no function that was called."""
    called = {name_of(callee) for (_, callee), edge in profile.edges.items() if edge.calls}
    for part in parts_of(side):
        for pattern in part.patterns:
            if not any(re.search(pattern, name) for name in called):
                raise PartIsMissing(
                    f'no function that the {side} called matches "{pattern}", which begins '
                    f'"{part.name}": it was renamed, removed or inlined; say in '
                    "tests/bench/instructions/parts.py which function begins that part now")


def shares(side, profile):
    """See Profile.shares()."""
    patterns = [(re.compile(pattern), part.name)
                for part in parts_of(side) for pattern in part.patterns]

    def part_of(function):
        if function.object and GRPC_OBJECTS.search(function.object):
            return GRPC
        return next((name for pattern, name in patterns if pattern.search(name_of(function))), None)

    def part_behind(part, callee):
        # What gRPC calls of ours is not gRPC.
        return REST if part == GRPC and OWN.search(callee.name) else part

    return profile.shares(part_of, part_behind)

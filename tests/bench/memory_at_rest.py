# SPDX-License-Identifier: Apache-2.0
"""memory_at_rest: what a pinion-server keeps of the memory that a load took.

Three loads come one after the other, and after each the server is left alone:
messages of 4 MiB, streams that wait for changes of a key, and calls that are
reset as soon as they are begun (the last by raw HTTP/2). Prints, of each, the
resident memory before all, the most meanwhile, and what is left; and what is left
to what was before as a ratio, which should be at most 3.

To compare with the C library's allocator, name by --server a pinion-server that
was built with --custom_malloc=@bazel_tools//tools/cpp:malloc.
"""
import argparse
import json
import os
import subprocess
import sys
import threading
import time

import grpc

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../hostile"))
import attacks  # pylint: disable=wrong-import-position

PUT, WATCH = "/pinion.kv.v1.KvService/Put", "/pinion.kv.v1.KvService/Watch"
BIG = 4_000_000


def varint(value):
    result = bytearray()
    while value >= 128:
        result.append(value % 128 + 128)
        value //= 128
    return bytes(result + bytes([value]))


def field(number, value):
    return bytes([number << 3 | 2]) + varint(len(value)) + value


def put_request(key, value):
    return field(1, key) + field(2, value)


class Server:

    def __init__(self, program):
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [program, "--listen=127.0.0.1:0", "--workers=1"], stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().split()[2].rstrip(";")

    def resident_mib(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE") / (1 << 20)

    def channel(self, number):
        # An option that differs, so that each is a connection of its own.
        return grpc.insecure_channel(self.address, options=[("pinion.number", number)])


def send_big_messages(server, seconds):
    """Six clients that put 4 MB at a time, each into the same key."""
    end = time.monotonic() + seconds

    def send(number):
        with server.channel(number) as channel:
            put = channel.unary_unary(PUT)
            key = b"big-%d" % number
            while time.monotonic() < end:
                put(put_request(key, b"v" * BIG))
            put(put_request(key, b""))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def watch_keys(server, count):
    """Streams that are opened and then cancelled, over four connections."""
    channels = [server.channel(100 + number) for number in range(4)]
    watches = [
        channels[i % 4].unary_stream(WATCH)(field(1, b"watched-%d" % (i % 50)))
        for i in range(count)
    ]
    for watch in watches:
        next(watch)  # It is open: its first message has come.
    for watch in watches:
        watch.cancel()
    for channel in channels:
        channel.close()


def reset_calls(server, count):
    host, port = server.address.rsplit(":", 1)
    attacks.resets((host, int(port)), count)


class Peak:
    """The most memory meanwhile."""

    def __init__(self, server):
        self.most, self._server, self._ending = 0, server, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        while not self._ending.wait(0.05):
            self.most = max(self.most, self._server.resident_mib())

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ending.set()
        self._thread.join()


def rest(server, arguments, before):
    """Leaves the server alone; returns what memory it has then."""
    if arguments.at_most is None:
        time.sleep(arguments.rest)
        return server.resident_mib()
    end = time.monotonic() + 60
    while server.resident_mib() > arguments.at_most * before and time.monotonic() < end:
        time.sleep(0.1)
    return server.resident_mib()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    parser.add_argument("--server", default="server/pinion-server", help="the program")
    parser.add_argument("--seconds", type=float, default=10, help="of big messages")
    parser.add_argument("--watches", type=int, default=5000, help="how many streams")
    parser.add_argument("--resets", type=int, default=50_000, help="how many calls")
    parser.add_argument("--at_most", type=float,
                        help="rest until left / before is this, and fail if it is not in a minute")
    parser.add_argument("--rest", type=float, default=15, help="seconds of rest after each")
    arguments = parser.parse_args()
    server = Server(arguments.server)
    try:
        before = server.resident_mib()
        ratios = {}
        for load, begin, much in (("big messages", send_big_messages, arguments.seconds),
                                  ("watches", watch_keys, arguments.watches),
                                  ("resets", reset_calls, arguments.resets)):
            with Peak(server) as peak:
                begin(server, much)
            left = rest(server, arguments, before)
            ratios[load] = round(left / before, 2)
            row = {"load": load, "before_mib": round(before), "most_mib": round(peak.most),
                   "left_mib": round(left)}
            print(json.dumps(row) if arguments.json else
                  "{load:14} before {before_mib:5} MiB, most {most_mib:5}, left {left_mib:5}".format(
                      **row), flush=True)
        if arguments.json:
            print(json.dumps({"left_to_before": ratios}))
        else:
            print("left / before  " + ", ".join(f"{load} {ratio}" for load, ratio in ratios.items()))
        return any(ratio > (arguments.at_most or ratio) for ratio in ratios.values())
    finally:
        server.process.kill()
        server.process.wait()


if __name__ == "__main__":
    sys.exit(main())

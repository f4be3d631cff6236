# SPDX-License-Identifier: Apache-2.0
#
# attack: what a hostile HTTP/2 client does to others, with a proxy between them
# or without.
#
#   bazel-bin/tests/hostile/attack --target=127.0.0.1:50051 --attack=resets --count=200000
#   ...  --pid=PID      also tells the memory of that process
#   ... --list
#
# An honest client, in a process of its own, makes one call after the other
# before, during and after the attack. Prints one JSON object: what became of the
# attacker, the honest client's calls, errors and longest wait, and the most
# memory that the server held, and what it held at the end.
import argparse
import json
import multiprocessing
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import attacks  # pylint: disable=wrong-import-position
from http2 import Closed, Connection  # pylint: disable=wrong-import-position


def honest(address, source, ending, results):
    """One call after the other, on a connection of its own."""
    calls, errors = 0, []
    longest = 0.0
    connection = None
    while not ending.is_set():
        begun = time.monotonic()
        try:
            connection = connection or Connection(address, timeout=60, source=source)
            answer = connection.call(b"honest")
            if answer.status != 0:
                errors.append(str(answer))
        except (Closed, OSError) as error:
            errors.append(str(error))
            connection = None
            time.sleep(0.05)
        calls += 1
        longest = max(longest, time.monotonic() - begun)
        time.sleep(0.005)
    results.put((calls, errors, longest))


def memory(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) // 1024
    return 0


class MemoryWatch:
    """The most memory that a process held meanwhile."""

    def __init__(self, pid):
        self.pid, self.most, self._ending = pid, 0, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._ending.wait(0.05):
            self.most = max(self.most, memory(self.pid))

    def end(self):
        self._ending.set()
        self._thread.join()
        return self.most


def main():
    parser = argparse.ArgumentParser(description="hostile HTTP/2 clients")
    parser.add_argument("--target", help="host:port")
    parser.add_argument("--attack", choices=sorted(attacks.ALL))
    parser.add_argument("--count", type=int, help="how much of it; see --list")
    parser.add_argument("--pid", type=int, help="the server's process")
    parser.add_argument("--honest_from", default="", help="its source address")
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    if arguments.list:
        for name, attack in sorted(attacks.ALL.items()):
            print(f"{name:20} {attack.__doc__}")
        return
    host, port = arguments.target.rsplit(":", 1)
    address = (host, int(port))
    ending, results = multiprocessing.Event(), multiprocessing.Queue()
    process = multiprocessing.Process(target=honest, 
                                      args=(address, arguments.honest_from, ending, results))
    process.start()
    time.sleep(0.5)
    watch = MemoryWatch(arguments.pid) if arguments.pid else None
    before = memory(arguments.pid) if arguments.pid else None
    begun = time.monotonic()
    attack = attacks.ALL[arguments.attack]
    try:
        told = attack(address, **({"count": arguments.count} if arguments.count else {}))
    except Closed as error:
        told = f"closed {error}"
    except TimeoutError:
        told = "no answer in time"
    took = time.monotonic() - begun
    time.sleep(1)
    ending.set()
    calls, errors, longest = results.get()
    process.join()
    report = {"attack": arguments.attack, "attacker": told, "attack_s": round(took, 1),
              "honest_calls": calls, "honest_errors": len(errors),
              "honest_longest_ms": round(longest * 1000)}
    if watch:
        report |= {"before_mib": before, "most_mib": watch.end(),
                   "after_mib": memory(arguments.pid)}
    print(json.dumps(report))
    if errors:
        print(f"the honest client's first error: {errors[0]}", file=sys.stderr)


if __name__ == "__main__":
    main()

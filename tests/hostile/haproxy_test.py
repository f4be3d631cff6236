# SPDX-License-Identifier: Apache-2.0
#
# pinion-server behind HAProxy with the configuration that docs/security.md
# recommends, and hostile clients before it: an honest one is served beside each.
import os
import socket
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import attacks  # pylint: disable=wrong-import-position
from http2 import (GET, INITIAL_WINDOW_SIZE, PUT, Closed,  # pylint: disable=wrong-import-position
                   Connection, message)
from target import Target  # pylint: disable=wrong-import-position

CONFIGURATION = "server/examples/proxies/haproxy.cfg"
# Each client has an address of its own, by which the proxy counts.
HONEST = "127.0.0.2"


class World:
    """A server, and the proxy before it."""

    def __init__(self):
        self.server = Target("--trusted_proxies=127.0.0.1")
        with socket.create_server(("127.0.0.1", 0)) as front:
            self.address = front.getsockname()
            self.proxy = subprocess.Popen(  # pylint: disable=consider-using-with
                ["/usr/sbin/haproxy", "-db", "-q", "-f", CONFIGURATION],
                env={"PINION_FRONT": f"fd@{front.fileno()}", "PINION_SERVER": self.server.address},
                pass_fds=[front.fileno()])

    def end(self):
        self.proxy.kill()
        self.proxy.wait()
        self.server.end()


class Honest:
    """A client that makes one call after the other beside an attack."""

    CALLS = 100  # At most: the proxy counts its calls, too.

    def __init__(self, address):
        self.answers = []
        self._address = address
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        with Connection(self._address, source=HONEST) as connection:
            while not self.answers or not (self._ending.is_set() or
                                           len(self.answers) == self.CALLS):
                self.answers.append(connection.call(b"honest").status)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ending.set()
        self._thread.join()


class HaproxyTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.world = World()

    @classmethod
    def tearDownClass(cls):
        cls.world.end()

    def beside_an_honest_client(self, attack, number, **how):
        """Returns what became of the attack from the address 127.0.1.`number`."""
        with Honest(self.world.address) as honest:
            try:
                told = attack(self.world.address, source=f"127.0.1.{number}", **how)
            except Closed:
                told = "closed"
        self.assertEqual(set(honest.answers), {0})
        return told

    def test_a_header_block_that_does_not_end_ends_its_connection(self):
        told = self.beside_an_honest_client(attacks.continuation_flood, 1, count=1000)
        self.assertEqual(told, "closed")

    def test_a_large_header_ends_its_connection(self):
        told = self.beside_an_honest_client(attacks.big_header, 2, count=1)
        self.assertEqual(told, "closed")

    def test_metadata_that_no_setting_bounds_ends_its_connection(self):
        told = self.beside_an_honest_client(attacks.metadata_without_ack, 3, count=100)
        self.assertEqual(told, "closed")

    def test_open_calls_beyond_the_bound_end_their_connection_or_are_refused(self):
        told = self.beside_an_honest_client(attacks.open_calls, 4, count=1000)
        self.assertNotIn("status 0", told)

    def test_a_flood_of_resets_is_answered_before_it_reaches_the_server(self):
        told = self.beside_an_honest_client(attacks.resets, 5, count=5000)
        self.assertEqual(told, "status 8, HTTP 200")

    def test_metadata_above_the_limit_harms_no_connection_that_others_share(self):
        told = self.beside_an_honest_client(attacks.metadata_above_the_limit, 6, count=150)
        self.assertNotIn("status 0", told)

    def test_metadata_that_fits_the_proxy_is_within_the_bound_of_the_server(self):
        # With 32 bytes for each it counts 16,302 there; 16,644 does not fit here.
        with Connection(self.world.address, source="127.0.1.7") as connection:
            answer = connection.call(more=[(f"x-{i:02}", b"v" * 250) for i in range(57)])
            self.assertEqual(answer.status, 0, answer)

    def test_a_client_that_does_not_read_holds_up_no_other(self):
        with Connection(self.world.address, source=HONEST) as honest, Connection(
                self.world.address, source="127.0.1.8",
                settings=[(INITIAL_WINDOW_SIZE, 0)]) as slow:
            self.assertEqual(honest.call().status, 0)
            put = slow.begin(PUT, message(b"large", b"v" * 1_000_000))
            slow.widen(put, 1 << 16)
            self.assertEqual(slow.answer(put).status, 0)
            unread = [slow.begin(GET, message(b"large")) for _ in range(20)]
            self.assertTrue(slow.await_headers(unread[0]))
            for _ in range(50):
                self.assertEqual(honest.call().status, 0)


if __name__ == "__main__":
    unittest.main()

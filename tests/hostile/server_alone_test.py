# SPDX-License-Identifier: Apache-2.0
#
# pinion-server without a proxy, and raw HTTP/2: what holds whatever the client
# says of HTTP/2, and what holds on a connection that a proxy shares.
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from http2 import (GET, INITIAL_WINDOW_SIZE, PUT, RST_STREAM,  # pylint: disable=wrong-import-position
                   Closed, Connection, message)
from target import Target  # pylint: disable=wrong-import-position

CANCELLED, INVALID_ARGUMENT, RESOURCE_EXHAUSTED = 1, 3, 8  # Of gRPC.
CANCEL = (8).to_bytes(4, "big")  # Of HTTP/2.

# docs/security.md: of one connection, whatever SETTINGS say.
MOST_OPEN_CALLS = 32768
# So that no lane and no patience ends before that.
ROOMY = ("--lane_calls=524287", "--write_timeout=1h")


def no_window(address, **how):
    """A connection over which no answer can leave, unless it is widened."""
    connection = Connection(address, settings=[(INITIAL_WINDOW_SIZE, 0)], **how)
    connection.await_settings()
    return connection


def honest_call(address):
    with Connection(address) as connection:
        return connection.call(b"honest").status


class ServerAloneTest(unittest.TestCase):

    def assert_refused(self, answer, status):
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["pinion-executed"], "NO")

    def test_a_connection_that_ignores_settings_has_no_more_calls_open_than_pinion_allows(self):
        with Target(*ROOMY) as server:
            address = server.host_and_port
            with no_window(address, ack_settings=False) as connection:
                put = message(b"x")
                allowed = [connection.begin(PUT, put) for _ in range(MOST_OPEN_CALLS)]
                for stream in allowed:
                    self.assertTrue(connection.await_headers(stream), stream)
                for _ in range(100):
                    answer = connection.answer(connection.begin(PUT, put))
                    self.assert_refused(answer, RESOURCE_EXHAUSTED)
                    self.assertIn("this connection already has 32768 calls",
                                  answer.headers["grpc-message"])
                self.assertEqual(honest_call(address), 0)
                # Each that is over makes room for another.
                for stream in allowed[:10]:
                    connection.send(RST_STREAM, 0, stream, CANCEL)
                while not connection.await_headers(connection.begin(PUT, put)):
                    pass

    def test_the_third_ping_that_comes_too_early_ends_its_connection(self):
        with Target("--min_ping_interval=1h") as server:
            with Connection(server.host_and_port) as connection:
                for _ in range(3):  # The first is never too early.
                    connection.ping()
                # What the server sends makes good for all before.
                self.assertEqual(connection.call().status, 0)
                for _ in range(3):
                    connection.ping()
                with self.assertRaisesRegex(Closed, "GOAWAY 11 too_many_pings"):
                    connection.ping()  # It may still be answered.
                    connection.read_frame()
            self.assertEqual(honest_call(server.host_and_port), 0)

    def test_a_client_may_ping_as_often_as_the_operator_allows(self):
        with Target("--min_ping_interval=0") as server:
            with Connection(server.host_and_port) as connection:
                for _ in range(100):
                    connection.ping()
                self.assertEqual(connection.call().status, 0)

    def test_metadata_without_an_ack_of_settings_is_refused_and_the_connection_lives(self):
        with Target() as server, Connection(server.host_and_port,
                                            ack_settings=False) as connection:
            more = [(f"x-{i}", b"v" * 1000) for i in range(100)]
            for _ in range(20):
                self.assert_refused(connection.call(more=more), INVALID_ARGUMENT)
            self.assertEqual(connection.call().status, 0)

    def test_answers_that_one_client_does_not_read_keep_nobody_out_who_shares_its_connection(self):
        # As a proxy that --trusted_proxies names. More is unread than a party's half
        # of --server_bytes, and enough is free for one more answer.
        large, unread = 1_000_000, 12
        with Target("--trusted_proxies=127.0.0.1", "--server_bytes=16777216",
                    "--write_timeout=3s") as server:
            with no_window(server.host_and_port) as proxy:
                proxy.widen(0, 1 << 30)

                def honest(path, body):
                    stream = proxy.begin(path, body)
                    proxy.widen(stream, 2 * large)
                    return proxy.answer(stream)

                self.assertEqual(honest(PUT, message(b"large", b"v" * large)).status, 0)
                slow = [proxy.begin(GET, message(b"large")) for _ in range(unread)]
                for stream in slow:
                    proxy.await_headers(stream)
                for _ in range(50):
                    self.assertEqual(honest(PUT, message(b"small", b"v")).status, 0)
                answer = honest(GET, message(b"large"))
                self.assertEqual(answer.status, 0)
                self.assertGreater(len(answer.data), large)
                # Each is cancelled for itself; the connection lives.
                for stream in slow:
                    self.assertEqual(proxy.answer(stream).status, CANCELLED)
                self.assertEqual(honest(GET, message(b"large")).status, 0)


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
#
# Sessions, unary calls, server streams, health checks and a stop, each through
# HAProxy and nginx with the configurations that docs/behind-a-proxy.md prints; and
# what becomes of them without the lines that are there for them.
import asyncio
import os
import socket
import sys
import threading
import unittest

import grpc

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
# pylint: disable=wrong-import-position
from http2 import DATA, SETTINGS, Connection, frame
from pinion.echo.v1 import echo_pb2, echo_pb2_grpc
from pinion.kv.v1 import kv_pb2, kv_pb2_grpc
from pinion.v1 import session_pb2, session_pb2_grpc, timing_pb2
from proxies import Haproxy, Nginx
from session import Session
from target import Target
from tests.languages import status_pb2

ECHO = "/pinion.echo.v1.EchoService/Echo"
KV = "/pinion.kv.v1.KvService/"
HEALTH = "/grpc.health.v1.Health/"
OPEN = "/pinion.v1.SessionService/Open"
SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"  # HealthCheckResponse
REFUSED_STREAM, CANCEL = 7, 8  # Of HTTP/2.
MANY_MIB = 8 << 20
# Breaks a rule of sessions, whereupon the server ends its stream.
NO_SUCH_INDEX = session_pb2.OpenRequest(
    methods=[session_pb2.MethodName(index=5000, name=ECHO)])


class Mirror(grpc.GenericRpcHandler):
    """A server's handler that notes what arrives, and answers as only a handler of
    one's own would: /mirror/Ok, /mirror/LongError, /mirror/Wait."""

    def __init__(self):
        self.metadata = {}
        self.peers = set()
        self.waits = asyncio.Event()
        self.cancelled = asyncio.Event()

    def service(self, handler_call_details):
        method = handler_call_details.method
        self.metadata = dict(handler_call_details.invocation_metadata)

        async def answer(_, context):
            self.peers.add(context.peer())
            if method == "/mirror/Wait":
                self.waits.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    self.cancelled.set()
            if method == "/mirror/LongError":
                await context.abort(grpc.StatusCode.INTERNAL, LONG_TEXT)
            return b"ok"

        return grpc.unary_unary_rpc_method_handler(answer)


LONG_TEXT = "x" * 7000  # A client of gRPC's takes some 8 KiB of trailers.


class Once:
    """A server that closes each connection when it has read `mark` on it, and
    counts those."""

    def __init__(self, mark):
        self._mark, self.times = mark, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # The test has ended.
            threading.Thread(target=self._read, args=[connection], daemon=True).start()

    def _read(self, connection):
        read = b""
        with connection:
            connection.sendall(frame(SETTINGS, 0, 0))
            while self._mark not in read:
                try:
                    more = connection.recv(1 << 16)
                except ConnectionResetError:
                    return  # A health check that has not been answered.
                if not more:
                    return
                read += more
            self.times += 1

    def end(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def timer_of_peer(connection):
    """The kind and the time left of the kernel's timer of the other end of a
    connection over loopback."""
    ends = [f"{end[1]:04X}" for end in (connection.getpeername(), connection.getsockname())]
    with open("/proc/net/tcp", encoding="ascii") as table:
        for row in map(str.split, table):
            if [end.rsplit(":", 1)[-1] for end in row[1:3]] == ends:
                return row[5].split(":")
    raise ValueError(f"no connection {ends}")


class ProxyTest(unittest.IsolatedAsyncioTestCase):
    """What both proxies do; the classes below say how to start one."""

    def start_server(self, *flags):
        self.server = Target("--echo", "--trusted_proxies=127.0.0.1", *flags)
        self.addCleanup(self.server.end)

    def start(self, proxy, *edits, **how):
        """Starts that proxy before the server; returns a channel to it."""
        started = proxy(self.server.address, *edits, **how)
        self.addCleanup(started.end)
        return self.connect(started.address)

    def connect(self, address):
        channel = grpc.aio.insecure_channel(
            address, options=[("grpc.max_receive_message_length", -1)])
        self.addAsyncCleanup(channel.close)
        return channel

    async def start_mirror(self):
        """Starts a server with a Mirror; returns its address."""
        self.mirror = Mirror()
        server = grpc.aio.server(options=[("grpc.max_metadata_size", 1 << 16)])
        server.add_generic_rpc_handlers([self.mirror])
        address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        self.addAsyncCleanup(server.stop, None)
        return address

    async def error_of(self, call):
        with self.assertRaises(grpc.aio.AioRpcError) as raised:
            await call
        return raised.exception

    async def pinion(self, proxy, *arguments, stdin=b""):
        """What the tool prints, through a new proxy before the server."""
        started = proxy(self.server.address)
        self.addCleanup(started.end)
        process = await asyncio.create_subprocess_exec(
            "client/pinion", *arguments, f"--target={started.address}",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
        printed, _ = await process.communicate(stdin)
        self.assertEqual(process.returncode, 0, printed)
        return printed.decode()


class ThroughProxy:
    """The tests of both; `proxy` starts one."""

    async def test_a_unary_call_brings_metadata_there_and_trailers_back(self):
        self.start_server()
        channel = self.start(self.proxy)
        call = echo_pb2_grpc.EchoServiceStub(channel).Echo(
            echo_pb2.EchoRequest(payload=b"abc"), metadata=[("pinion-timing", "1")])
        self.assertEqual((await call).payload, b"abc")
        trailers = await call.trailing_metadata()
        timing = timing_pb2.Timing.FromString(trailers["pinion-timing-bin"])
        self.assertGreater(timing.ran_ns, 0)
        kv = kv_pb2_grpc.KvServiceStub(channel)
        error = await self.error_of(kv.Get(kv_pb2.GetRequest(key="none")))
        self.assertEqual(error.code(), grpc.StatusCode.NOT_FOUND)
        self.assertEqual(error.trailing_metadata()["pinion-executed"], "YES")
        self.assertIn("grpc-status-details-bin", error.trailing_metadata())

    async def test_a_unary_call_may_be_as_large_as_a_message(self):
        self.start_server()
        kv = kv_pb2_grpc.KvServiceStub(self.start(self.proxy))
        value = "v" * 4_000_000
        await kv.Put(kv_pb2.PutRequest(key="a", value=value))
        self.assertEqual((await kv.Get(kv_pb2.GetRequest(key="a"))).value, value)

    async def test_a_client_that_is_gone_without_a_word_is_found_out_by_the_kernel(self):
        self.start_server()
        proxy = self.proxy(self.server.address)
        self.addCleanup(proxy.end)
        # From here on the proxy has its socket as it wants it.
        await self.connect(proxy.address).unary_unary(HEALTH + "Check")(b"")
        host, port = proxy.address.rsplit(":", 1)
        with Connection((host, int(port))) as connection:
            connection.await_settings()
            # 1: what was sent last has not been acknowledged yet; 2: keepalive; 0: none.
            kind = "01"
            while kind == "01":
                kind, left = timer_of_peer(connection.socket)
        self.assertEqual(kind, "02")
        self.assertLessEqual(int(left, 16), 60 * 100)  # In hundredths of a second.

    async def test_metadata_arrives_whatever_its_name_and_size(self):
        mirror = await self.start_mirror()
        proxy = self.proxy(mirror)
        self.addCleanup(proxy.end)
        channel = self.connect(proxy.address)
        sent = {"x-dash": "1", "x_underscore": "2", "x.dot": "3", "x-bin": b"\0\xff",
                "large": "v" * 12_000}
        await channel.unary_unary("/mirror/Ok")(b"", metadata=list(sent.items()))
        self.assertLessEqual(sent.items(), self.mirror.metadata.items())

    async def test_the_server_learns_that_a_client_has_cancelled_or_gone(self):
        proxy = self.proxy(await self.start_mirror())
        self.addCleanup(proxy.end)
        channel = self.connect(proxy.address)
        call = channel.unary_unary("/mirror/Wait")(b"")
        await self.mirror.waits.wait()
        call.cancel()
        await self.mirror.cancelled.wait()
        self.mirror.waits.clear()
        self.mirror.cancelled.clear()
        call = channel.unary_unary("/mirror/Wait")(b"")
        await self.mirror.waits.wait()
        await channel.close()
        await self.mirror.cancelled.wait()

    async def test_a_long_error_arrives(self):
        mirror = await self.start_mirror()
        proxy = self.proxy(mirror)
        self.addCleanup(proxy.end)
        error = await self.error_of(
            self.connect(proxy.address).unary_unary("/mirror/LongError")(b""))
        self.assertEqual((error.code(), error.details()),
                         (grpc.StatusCode.INTERNAL, LONG_TEXT))

    async def test_a_session_carries_many_mib_both_ways(self):
        self.start_server()
        session = Session(self.start(self.proxy))
        value = "v" * 500_000
        keys = range(MANY_MIB // len(value) + 1)
        for key in keys:
            put = await session.call(key, KV + "Put", kv_pb2.PutRequest(
                key=f"{key}", value=value))
            self.assertEqual(put.code, 0, put)
        for key in keys:
            get = await session.call(key, KV + "Get", kv_pb2.GetRequest(key=f"{key}"))
            self.assertEqual(kv_pb2.GetResponse.FromString(get.payload).value, value)
        self.assertEqual(await session.close(), grpc.StatusCode.OK)

    async def test_a_stream_brings_each_change_when_it_happens(self):
        self.start_server()
        kv = kv_pb2_grpc.KvServiceStub(self.start(self.proxy))
        watch = kv.Watch(kv_pb2.WatchRequest(key="a"))
        self.assertFalse((await watch.read()).HasField("value"))
        for value in ("1", "2", "3"):
            await kv.Put(kv_pb2.PutRequest(key="a", value=value))
            self.assertEqual((await watch.read()).value, value)
        watch.cancel()

    async def test_the_client_library_calls_in_sessions_and_without(self):
        self.start_server()
        lines = b'{"key":"a","value":"1"}\n' * 100
        for mode in ("--unary", "--unary=false"):
            printed = await self.pinion(self.proxy, "call", KV + "Put", mode, stdin=lines)
            self.assertEqual(printed.count("response"), 100, printed)

    async def test_a_stop_is_told_and_lets_what_is_open_end(self):
        self.start_server("--lame_duck=1m", "--grace=1m")
        channel = self.start(self.proxy)
        check = channel.unary_unary(HEALTH + "Check")
        self.assertEqual(await check(b""), SERVING)
        health = channel.unary_stream(HEALTH + "Watch")(b"")
        self.assertEqual(await health.read(), SERVING)
        session = Session(channel)
        slow = echo_pb2.EchoRequest(payload=b"slow", block_us=300_000)
        quick = session.call(1, ECHO, echo_pb2.EchoRequest())
        in_session = session.call(2, ECHO, slow)
        self.assertEqual((await quick).code, 0)
        plain = echo_pb2_grpc.EchoServiceStub(channel).Echo(slow)
        self.server.process.terminate()
        self.assertEqual(await health.read(), NOT_SERVING)
        drain = await session.drain
        self.assertEqual(drain.reason, session_pb2.DRAIN_REASON_STOPPING)
        answer = await in_session
        self.assertEqual(echo_pb2.EchoResponse.FromString(answer.payload).payload, b"slow")
        self.assertEqual((await plain).payload, b"slow")
        await session.close()
        self.server.process.terminate()  # The second signal hurries the stop.
        self.assertEqual(await asyncio.to_thread(self.server.process.wait), 0)

    async def test_a_call_that_a_server_has_read_is_not_tried_again(self):
        once = Once(b"only once")
        self.addCleanup(once.end)
        proxy = self.proxy(once.address, *self.more_servers(once.address))
        self.addCleanup(proxy.end)
        echo = self.connect(proxy.address).unary_unary(ECHO)
        for times in (1, 2):  # The second comes over a connection that has been used.
            error = await self.error_of(echo(b"only once"))
            self.assertEqual(error.code(), grpc.StatusCode.UNAVAILABLE)
            self.assertEqual(once.times, times)

    async def await_broken(self, call):
        """Waits until a stream ends with an error, and returns it."""
        with self.assertRaises(grpc.aio.AioRpcError) as raised:
            while await call.read() != grpc.aio.EOF:
                pass
        return raised.exception

    async def assert_quiet_ones_live(self, channel, breaking):
        """That a session and a stream live for as long as `breaking`, a coroutine,
        takes though nothing is sent."""
        session = Session(channel)
        kv = kv_pb2_grpc.KvServiceStub(channel)
        watch = kv.Watch(kv_pb2.WatchRequest(key="a"))
        await watch.read()
        await session.call(1, KV + "Get", kv_pb2.GetRequest(key="b"))
        await breaking
        put = session.call(2, KV + "Put", kv_pb2.PutRequest(key="a", value="1"))
        self.assertEqual((await put).code, 0)
        self.assertEqual((await watch.read()).value, "1")
        watch.cancel()
        self.assertEqual(await session.close(), grpc.StatusCode.OK)


class HaproxyTest(ThroughProxy, ProxyTest):
    proxy = Haproxy

    def more_servers(self, address):
        return [("  server pinion0", f"  server pinion1 {address} proto h2\n  server pinion0")]

    async def test_quiet_sessions_and_streams_are_broken_by_no_other_limit(self):
        self.start_server()
        limited = self.start(Haproxy, ("timeout server 1h", "timeout server 200ms"))
        channel = self.start(
            Haproxy, ("timeout http-keep-alive 5m", "timeout http-keep-alive 100ms"),
            ("timeout http-request 5s", "timeout http-request 100ms"),
            ("timeout connect 2s", "timeout connect 100ms\n  timeout queue 100ms"))
        await self.assert_quiet_ones_live(channel, self.break_quiet_ones(limited))

    async def break_quiet_ones(self, channel):
        await self.await_broken(session_pb2_grpc.SessionServiceStub(channel).Open())
        await self.await_broken(
            kv_pb2_grpc.KvServiceStub(channel).Watch(kv_pb2.WatchRequest(key="a")))

    async def test_a_server_that_stops_gets_no_new_calls_and_keeps_what_it_has(self):
        self.start_server("--lame_duck=1m")
        channel = self.start(Haproxy, ("inter 2s", "inter 20ms"),
                             ("timeout check 5s", "timeout check 1h"),
                             ("gt 2000", "gt 1000000"))
        session = Session(channel)
        quick = session.call(1, ECHO, echo_pb2.EchoRequest())
        endless = session.call(2, ECHO, echo_pb2.EchoRequest(block_us=60_000_000))
        self.assertEqual((await quick).code, 0)
        self.server.process.terminate()
        check = channel.unary_unary(HEALTH + "Check")
        with self.assertRaises(grpc.aio.AioRpcError) as raised:
            for _ in range(20_000):
                await check(b"")
        self.assertEqual(raised.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertIn("503", raised.exception.details())
        # By now a proxy that cuts sessions off would have done so.
        session.cancel(2)
        self.assertEqual((await endless).code, grpc.StatusCode.CANCELLED.value[0])

    async def test_a_stream_that_the_server_ends_early_is_reset_after_its_trailers(self):
        self.start_server()
        proxy = Haproxy(self.server.address)
        self.addCleanup(proxy.end)
        host, port = proxy.address.rsplit(":", 1)
        with Connection((host, int(port))) as connection:
            stream = connection.open_stream(OPEN)
            body = NO_SUCH_INDEX.SerializeToString()
            connection.send(DATA, 0, stream, bytes([0]) + len(body).to_bytes(4, "big") + body)
            self.assertEqual(connection.answer(stream).status, 3)
            connection.read_frame()
            self.assertEqual(connection.answer(stream).reset, CANCEL)

    async def test_a_call_of_a_server_that_ends_is_reset_as_if_it_had_not_been_read(self):
        once = Once(b"only once")
        self.addCleanup(once.end)
        proxy = Haproxy(once.address)
        self.addCleanup(proxy.end)
        host, port = proxy.address.rsplit(":", 1)
        with Connection((host, int(port))) as connection:
            for _ in range(2):
                self.assertEqual(connection.call(b"only once").reset, REFUSED_STREAM)
        self.assertEqual(once.times, 2)

    async def test_the_details_have_the_code_that_a_reset_has_hidden(self):
        self.start_server()
        channel = self.start(Haproxy)
        stream = session_pb2_grpc.SessionServiceStub(channel).Open()
        await stream.write(NO_SUCH_INDEX)
        error = await self.await_broken(stream)
        self.assertIn(error.code(),
                      (grpc.StatusCode.CANCELLED, grpc.StatusCode.INVALID_ARGUMENT))
        told = status_pb2.Status.FromString(
            error.trailing_metadata()["grpc-status-details-bin"])
        self.assertEqual(told.code, grpc.StatusCode.INVALID_ARGUMENT.value[0])
        self.assertIn("5000", told.message)


class NginxTest(ThroughProxy, ProxyTest):
    proxy = Nginx

    def more_servers(self, address):
        return [("  keepalive 64;", f"  server {address};\n  keepalive 64;")]

    async def test_without_its_line_a_session_breaks_at_a_mib(self):
        self.start_server()
        session = Session(self.start(Nginx, ("client_max_body_size 0;", "")))
        value = "v" * 500_000
        with self.assertRaises(ConnectionError):
            for key in range(3):
                await session.call(key, KV + "Put", kv_pb2.PutRequest(key="a", value=value))
        self.assertEqual(key, 2)
        self.assertEqual(await session.close(), grpc.StatusCode.INTERNAL)

    async def test_without_its_line_a_long_error_becomes_502(self):
        proxy = Nginx(await self.start_mirror(), ("grpc_buffer_size 16k;", ""))
        self.addCleanup(proxy.end)
        error = await self.error_of(
            self.connect(proxy.address).unary_unary("/mirror/LongError")(b""))
        self.assertEqual(error.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertIn("502", error.details())

    async def test_without_its_line_metadata_is_lost(self):
        proxy = Nginx(await self.start_mirror(), ("ignore_invalid_headers off;", ""))
        self.addCleanup(proxy.end)
        await self.connect(proxy.address).unary_unary("/mirror/Ok")(
            b"", metadata=[("x_underscore", "2"), ("x.dot", "3"), ("x-dash", "1")])
        self.assertNotIn("x_underscore", self.mirror.metadata)
        self.assertNotIn("x.dot", self.mirror.metadata)
        self.assertIn("x-dash", self.mirror.metadata)

    async def connections_of_calls(self, *edits):
        proxy = Nginx(await self.start_mirror(), *edits)
        self.addCleanup(proxy.end)
        call = self.connect(proxy.address).unary_unary("/mirror/Ok")
        for _ in range(20):
            await call(b"")
        return len(self.mirror.peers)

    async def test_without_its_line_each_call_opens_a_connection(self):
        self.assertEqual(await self.connections_of_calls(("keepalive 64;", "")), 20)
        # nginx gives up an idle connection on which the server still says something.
        self.assertLess(await self.connections_of_calls(), 20)

    async def test_no_call_is_lost_when_nginx_closes_a_connection_for_its_age(self):
        self.start_server()
        echo = echo_pb2_grpc.EchoServiceStub(self.start(Nginx, limits="keepalive_requests 10;"))
        for _ in range(200):
            await echo.Echo(echo_pb2.EchoRequest())

    async def test_quiet_sessions_and_streams_are_broken_by_no_other_limit(self):
        self.start_server()
        channel = self.start(Nginx, limits="""
            client_header_timeout 100ms; keepalive_timeout 100ms; send_timeout 100ms;
            grpc_send_timeout 100ms; grpc_connect_timeout 100ms; keepalive_time 100ms;""")
        await self.assert_quiet_ones_live(channel, self.break_quiet_ones())

    async def break_quiet_ones(self):
        reading = self.start(Nginx, ("grpc_read_timeout 1h", "grpc_read_timeout 200ms"))
        sending = self.start(Nginx, ("client_body_timeout 1h", "client_body_timeout 200ms"))
        for quiet in (session_pb2_grpc.SessionServiceStub(reading).Open(),
                      kv_pb2_grpc.KvServiceStub(reading).Watch(kv_pb2.WatchRequest(key="a")),
                      session_pb2_grpc.SessionServiceStub(sending).Open()):
            error = await self.await_broken(quiet)
            self.assertEqual(error.code(), grpc.StatusCode.INTERNAL)

    async def test_a_stream_that_the_server_ends_early_keeps_its_status(self):
        self.start_server()
        stream = session_pb2_grpc.SessionServiceStub(self.start(Nginx)).Open()
        await stream.write(NO_SUCH_INDEX)
        error = await self.await_broken(stream)
        self.assertEqual(error.code(), grpc.StatusCode.INVALID_ARGUMENT)


del ProxyTest  # It has no tests of its own.

if __name__ == "__main__":
    unittest.main()

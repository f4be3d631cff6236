# SPDX-License-Identifier: Apache-2.0
#
# A client in Python, with what gRPC and Protobuf generate for it, and the real
# server.
import asyncio
import sys
import unittest

import grpc

from pinion.echo.v1 import echo_pb2, echo_pb2_grpc
from pinion.kv.v1 import kv_pb2, kv_pb2_grpc
from pinion.v1 import failure_pb2, session_pb2, session_pb2_grpc, timing_pb2
from session import Session
from tests.languages import status_pb2

ECHO = "/pinion.echo.v1.EchoService/Echo"
KV = "/pinion.kv.v1.KvService/"
CANCELLED = grpc.StatusCode.CANCELLED.value[0]

# A call that keeps its worker for longer than any test lasts.
ENDLESS = echo_pb2.EchoRequest(block_us=60_000_000)


def failure_of(error):
    """The Failure among a unary call's status details."""
    status = status_pb2.Status.FromString(
        error.trailing_metadata()["grpc-status-details-bin"])
    for detail in status.details:
        failure = failure_pb2.Failure()
        if detail.Unpack(failure):
            return failure
    raise AssertionError(f"no Failure among {status}")


class ClientTest(unittest.IsolatedAsyncioTestCase):

    async def start_server(self, *flags):
        self.server = await asyncio.create_subprocess_exec(
            "server/pinion-server", "--listen=127.0.0.1:0", "--echo", *flags,
            stdout=asyncio.subprocess.PIPE)
        self.addAsyncCleanup(self.end_server)
        started = (await self.server.stdout.readline()).decode()
        self.assertRegex(started, "^listening on .*;")
        self.target = started.removeprefix("listening on ").partition(";")[0]
        self.channel = grpc.aio.insecure_channel(self.target)
        self.addAsyncCleanup(self.channel.close)
        self.echo = echo_pb2_grpc.EchoServiceStub(self.channel)
        self.kv = kv_pb2_grpc.KvServiceStub(self.channel)

    async def end_server(self):
        if self.server.returncode is None:
            self.server.kill()
        await self.server.communicate()

    def assert_failed(self, answer, code, reason, executed):
        self.assertEqual(answer.code, code.value[0], answer)
        self.assertNotEqual(answer.message, "")
        self.assertEqual(answer.failure.reason, reason, answer)
        self.assertEqual(answer.failure.executed, executed, answer)

    async def test_the_example_prints_what_it_has_put(self):
        await self.start_server()
        example = await asyncio.create_subprocess_exec(
            sys.executable, "tests/languages/python/session.py", self.target,
            stdout=asyncio.subprocess.PIPE)
        printed, _ = await example.communicate()
        self.assertEqual((example.returncode, printed), (0, b"1\n"))

    async def test_a_unary_call_is_answered_and_says_where_its_time_went(self):
        await self.start_server("--workers=1")
        call = self.echo.Echo(
            echo_pb2.EchoRequest(payload=b"abc"),
            metadata=[("pinion-worker", "0"), ("pinion-priority", "bulk"),
                      ("pinion-timing", "1")])
        response = await call
        self.assertEqual(response.payload, b"abc")
        self.assertEqual(response.worker, 0)
        timing = timing_pb2.Timing.FromString(
            (await call.trailing_metadata())["pinion-timing-bin"])
        self.assertEqual(timing.worker, 0)
        self.assertGreater(timing.ran_ns, 0)
        self.assertEqual(timing.batch, 1)

    async def test_an_error_of_a_unary_call_says_why_and_whether_it_ran(self):
        await self.start_server()
        with self.assertRaises(grpc.aio.AioRpcError) as raised:
            await self.kv.Get(kv_pb2.GetRequest(key="none"))
        error = raised.exception
        self.assertEqual(error.code(), grpc.StatusCode.NOT_FOUND)
        self.assertEqual(error.trailing_metadata()["pinion-executed"], "YES")
        failure = failure_of(error)
        self.assertEqual(failure.reason, failure_pb2.REASON_HANDLER)
        self.assertEqual(failure.executed, failure_pb2.EXECUTED_YES)
        self.assertTrue(failure.HasField("worker"))

    async def test_an_error_in_a_session_says_why_and_whether_it_ran(self):
        await self.start_server()
        session = Session(self.channel)
        none = session.call(1, KV + "Get", kv_pb2.GetRequest(key="none"))
        no_key = session.call(2, KV + "Get", kv_pb2.GetRequest())
        no_method = session.call(3, KV + "Got", kv_pb2.GetRequest(key="a"))
        self.assert_failed(await none, grpc.StatusCode.NOT_FOUND,
                           failure_pb2.REASON_HANDLER,
                           failure_pb2.EXECUTED_YES)
        self.assert_failed(await no_key, grpc.StatusCode.INVALID_ARGUMENT,
                           failure_pb2.REASON_BAD_REQUEST,
                           failure_pb2.EXECUTED_NO)
        self.assert_failed(await no_method, grpc.StatusCode.UNIMPLEMENTED,
                           failure_pb2.REASON_NO_SUCH_METHOD,
                           failure_pb2.EXECUTED_NO)
        await session.close()

    async def test_the_end_of_a_session_is_in_its_details_too(self):
        await self.start_server()
        stream = session_pb2_grpc.SessionServiceStub(self.channel).Open()
        await stream.write(session_pb2.OpenRequest(
            methods=[session_pb2.MethodName(index=5000, name=ECHO)]))
        with self.assertRaises(grpc.aio.AioRpcError) as raised:
            while await stream.read() != grpc.aio.EOF:
                pass
        error = raised.exception
        self.assertEqual(error.code(), grpc.StatusCode.INVALID_ARGUMENT)
        told = status_pb2.Status.FromString(
            error.trailing_metadata()["grpc-status-details-bin"])
        self.assertEqual((told.code, told.message),
                         (error.code().value[0], error.details()))

    async def test_a_full_lane_says_when_to_retry(self):
        await self.start_server("--workers=1", "--lane_calls=1")
        session = Session(self.channel)
        held = session.call(1, ECHO, ENDLESS)
        refused = await session.call(2, ECHO, echo_pb2.EchoRequest())
        self.assert_failed(refused, grpc.StatusCode.RESOURCE_EXHAUSTED,
                           failure_pb2.REASON_LANE_FULL,
                           failure_pb2.EXECUTED_NO)
        self.assertGreater(refused.failure.retry_after_us, 0)
        with self.assertRaises(grpc.aio.AioRpcError) as raised:
            await self.echo.Echo(echo_pb2.EchoRequest())
        error = raised.exception
        self.assertEqual(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        trailers = error.trailing_metadata()
        self.assertEqual(trailers["pinion-executed"], "NO")
        self.assertGreater(int(trailers["grpc-retry-pushback-ms"]), 0)
        session.cancel(1)
        self.assertEqual((await held).code, CANCELLED)
        await session.close()

    async def test_a_session_answers_each_of_10000_calls_with_its_value(self):
        await self.start_server()
        session = Session(self.channel)
        echoes, puts, sums = {}, {}, {}
        for i in range(10_000):
            if i % 3 == 0:
                request = echo_pb2.EchoRequest(payload=b"%d" % i)
                echoes[i] = session.call(i, ECHO, request)
            elif i % 3 == 1:
                request = kv_pb2.PutRequest(key=f"put {i}", value=f"{i}")
                puts[i] = session.call(i, KV + "Put", request)
            else:
                request = kv_pb2.IncrementRequest(key=f"sum {i % 7}", by=i)
                sums[i] = session.call(i, KV + "Increment", request)
        # A second answer to one of them would end the session's reading.
        answers = await asyncio.gather(*echoes.values(), *puts.values(),
                                       *sums.values())
        self.assertEqual({answer.code for answer in answers}, {0})
        for i, answer in echoes.items():
            response = echo_pb2.EchoResponse.FromString(
                answer.result().payload)
            self.assertEqual(response.payload, b"%d" % i)
        # Calls of one key start in the order in which they were sent.
        expected = {}
        for i, answer in sums.items():
            expected[i % 7] = expected.get(i % 7, 0) + i
            response = kv_pb2.IncrementResponse.FromString(
                answer.result().payload)
            self.assertEqual(response.value, expected[i % 7])
        gets = {i: session.call(i, KV + "Get",
                                kv_pb2.GetRequest(key=f"put {i}"))
                for i in puts}
        for i, answer in gets.items():
            response = kv_pb2.GetResponse.FromString((await answer).payload)
            self.assertEqual(response.value, f"{i}")
        self.assertEqual(await session.close(), grpc.StatusCode.OK)

    async def test_a_call_that_is_cancelled_while_it_waits_is_not_run(self):
        await self.start_server("--workers=1")
        session = Session(self.channel)
        quick = session.call(1, ECHO, echo_pb2.EchoRequest())
        held = session.call(2, ECHO, ENDLESS)
        waits = session.call(3, ECHO, echo_pb2.EchoRequest())
        # A cancel is for calls of earlier messages: this one has come.
        await quick
        session.cancel(3)
        self.assert_failed(await waits, grpc.StatusCode.CANCELLED,
                           failure_pb2.REASON_CANCELLED,
                           failure_pb2.EXECUTED_NO)
        session.cancel(2)
        self.assertEqual((await held).code, CANCELLED)
        await session.close()

    async def test_a_server_that_stops_drains_its_sessions(self):
        await self.start_server("--workers=1", "--grace=1m")
        session = Session(self.channel)
        quick = session.call(1, ECHO, echo_pb2.EchoRequest())
        slow = session.call(2, ECHO, echo_pb2.EchoRequest(
            payload=b"slow", block_us=300_000))
        self.assertEqual((await quick).code, 0)
        self.server.terminate()
        drain = await session.drain
        self.assertEqual(drain.reason, session_pb2.DRAIN_REASON_STOPPING)
        self.assertEqual(drain.grace_us, 60_000_000)
        response = echo_pb2.EchoResponse.FromString((await slow).payload)
        self.assertEqual(response.payload, b"slow")
        self.assertEqual(await session.close(), grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(await self.server.wait(), 0)


if __name__ == "__main__":
    unittest.main()

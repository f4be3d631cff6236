# SPDX-License-Identifier: Apache-2.0
#
# The real server sends the spans of traced calls to a collector in Python, which
# serves what OpenTelemetry's collectors serve.
import asyncio
import secrets
import unittest

import grpc

from pinion.kv.v1 import kv_pb2
from pinion.otlp.v1 import trace_pb2
from pinion.v1 import session_pb2
from session import Session

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
KV = "/pinion.kv.v1.KvService/"
LEDGER = "/bank.v1.LedgerService/"


class Collector(grpc.GenericRpcHandler):
    """Keeps the spans that it is sent."""

    def __init__(self):
        self.spans = []
        self.services = set()
        self.came = asyncio.Condition()

    def service(self, handler_call_details):
        if handler_call_details.method != EXPORT:
            return None
        return grpc.unary_unary_rpc_method_handler(
            self.export,
            request_deserializer=trace_pb2.ExportTraceServiceRequest.FromString,
            response_serializer=(
                trace_pb2.ExportTraceServiceResponse.SerializeToString))

    async def export(self, request, _):
        async with self.came:
            for program in request.resource_spans:
                self.services.add(
                    attributes_of(program.resource)["service.name"])
                for scope in program.scope_spans:
                    self.spans += scope.spans
            self.came.notify_all()
        return trace_pb2.ExportTraceServiceResponse()


def attributes_of(owner):
    return {
        attribute.key: getattr(attribute.value,
                               attribute.value.WhichOneof("value"))
        for attribute in owner.attributes
    }


def times_of(span):
    return {event.name: event.time_unix_nano for event in span.events}


class Parent:
    """The caller's span, of a new trace."""

    def __init__(self, sampled=True):
        self.trace_id = secrets.token_bytes(16)
        self.span_id = secrets.token_bytes(8)
        self.traceparent = (f"00-{self.trace_id.hex()}-{self.span_id.hex()}-"
                            f"{'01' if sampled else '00'}")
        self.metadata = [("traceparent", self.traceparent)]


class TracingTest(unittest.IsolatedAsyncioTestCase):

    async def asyncSetUp(self):
        self.collector = Collector()
        self.collector_server = grpc.aio.server()
        self.collector_server.add_generic_rpc_handlers([self.collector])
        port = self.collector_server.add_insecure_port("127.0.0.1:0")
        await self.collector_server.start()
        self.addAsyncCleanup(self.collector_server.stop, None)
        self.collector_address = f"127.0.0.1:{port}"
        self.server = None

    async def start_server(self, program, *flags):
        self.server = await asyncio.create_subprocess_exec(
            program, "--listen=127.0.0.1:0",
            f"--trace_collector={self.collector_address}", *flags,
            stdout=asyncio.subprocess.PIPE)
        self.addAsyncCleanup(self.end_server)
        started = (await self.server.stdout.readline()).decode()
        self.assertRegex(started, "^listening on .*;")
        target = started.removeprefix("listening on ").partition(";")[0]
        self.channel = grpc.aio.insecure_channel(target)
        self.addAsyncCleanup(self.channel.close)

    async def end_server(self):
        if self.server.returncode is None:
            self.server.kill()
        await self.server.communicate()

    async def stop_server(self):
        """The spans that the collector has once the server has stopped."""
        await self.channel.close()
        self.server.terminate()
        await self.server.communicate()
        self.assertEqual(self.server.returncode, 0)
        return self.collector.spans

    def assert_call(self, span, name, parent):
        self.assertEqual(span.name, name)
        self.assertEqual(span.kind, trace_pb2.Span.SPAN_KIND_SERVER)
        self.assertEqual(span.trace_id, parent.trace_id)
        self.assertEqual(span.parent_span_id, parent.span_id)
        self.assertNotIn(span.span_id, (parent.span_id, bytes(8)))
        times = times_of(span)
        self.assertLessEqual(times["accepted"], times["claimed"])
        self.assertLessEqual(times["claimed"], times["ended"])
        self.assertEqual(span.start_time_unix_nano, times["accepted"])
        self.assertEqual(span.end_time_unix_nano, times["ended"])
        attributes = attributes_of(span)
        service, _, method = name.rpartition("/")
        self.assertEqual(attributes["rpc.system"], "grpc")
        self.assertEqual(attributes["rpc.service"], service)
        self.assertEqual(attributes["rpc.method"], method)
        self.assertEqual(attributes["rpc.grpc.status_code"], 0)
        self.assertGreaterEqual(attributes["pinion.worker"], 0)
        self.assertEqual(attributes["pinion.waited_ns"],
                         times["claimed"] - times["accepted"])
        return attributes

    async def test_a_unary_call_arrives_as_a_span_of_its_callers_trace(self):
        await self.start_server("server/pinion-server",
                                "--trace_service_name=shop")
        parent = Parent()
        put = self.channel.unary_unary(KV + "Put")
        await put(kv_pb2.PutRequest(key="a-key", value="1").SerializeToString(),
                  metadata=parent.metadata)
        # Neither of these is sampled.
        await put(kv_pb2.PutRequest(key="b", value="1").SerializeToString())
        await put(kv_pb2.PutRequest(key="c", value="1").SerializeToString(),
                  metadata=Parent(sampled=False).metadata)
        (span,) = await self.stop_server()
        attributes = self.assert_call(span, "pinion.kv.v1.KvService/Put", parent)
        self.assertEqual(attributes["pinion.transport"], "call")
        self.assertNotIn("a-key", str(span))
        self.assertEqual(self.collector.services, {"shop"})

    async def test_a_sessions_call_arrives_as_a_span_of_its_callers_trace(self):
        await self.start_server("server/pinion-server")
        session = Session(self.channel)
        parents = [Parent(), Parent()]
        answers = [
            session.call(i, KV + "Put", kv_pb2.PutRequest(key="a", value="1"),
                         metadata=[session_pb2.Metadata(name=name,
                                                        value=value.encode())
                                   for name, value in parent.metadata])
            for i, parent in enumerate(parents, start=1)
        ]
        answers.append(
            session.call(3, KV + "Put", kv_pb2.PutRequest(key="a", value="2")))
        for answer in await asyncio.gather(*answers):
            self.assertEqual(answer.code, 0)
        await session.close()
        spans = await self.stop_server()
        self.assertEqual(len(spans), 2)
        for span, parent in zip(spans, parents):
            attributes = self.assert_call(span, "pinion.kv.v1.KvService/Put",
                                          parent)
            self.assertEqual(attributes["pinion.transport"], "session")
        self.assertEqual(self.collector.services, {"pinion-server"})

    async def test_the_hops_of_a_call_are_below_it(self):
        await self.start_server("server/examples/ledger/ledger_server",
                                "--workers=1")
        deposit = self.channel.unary_unary(LEDGER + "Deposit")
        for account in (b"ann", b"bob"):  # 10 each.
            await deposit(b"\x0a\x03" + account + b"\x10\x0a")
        parent = Parent()
        # From ann to bob, 1, "t1".
        await self.channel.unary_unary(LEDGER + "Transfer")(
            b"\x0a\x03ann\x12\x03bob\x18\x01\x22\x02t1",
            metadata=parent.metadata)
        spans = {span.span_id: span for span in await self.stop_server()}
        self.assertEqual(len(spans), 3)
        (call,) = [span for span in spans.values()
                   if span.kind == trace_pb2.Span.SPAN_KIND_SERVER]
        self.assert_call(call, "bank.v1.LedgerService/Transfer", parent)
        (there,) = [span for span in spans.values()
                    if span.parent_span_id == call.span_id]
        (back,) = [span for span in spans.values()
                   if span.parent_span_id == there.span_id]
        for hop in (there, back):
            self.assertEqual(hop.name, "hop bank.v1.LedgerService")
            self.assertEqual(hop.trace_id, parent.trace_id)
            times = times_of(hop)
            self.assertLessEqual(times["posted"], times["claimed"])
            self.assertLessEqual(times["claimed"], times["ended"])
        self.assertLessEqual(times_of(call)["claimed"],
                             times_of(there)["posted"])
        self.assertLessEqual(times_of(there)["claimed"],
                             times_of(back)["posted"])

    async def test_spans_leave_by_themselves_after_some_seconds(self):
        await self.start_server("server/pinion-server", "--trace_sample=1")
        await self.channel.unary_unary(KV + "Put")(
            kv_pb2.PutRequest(key="a", value="1").SerializeToString())
        async with self.collector.came:
            await self.collector.came.wait_for(lambda: self.collector.spans)
        (span,) = self.collector.spans
        self.assertEqual(span.parent_span_id, b"")


if __name__ == "__main__":
    unittest.main()

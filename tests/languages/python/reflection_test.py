# SPDX-License-Identifier: Apache-2.0
#
# A client in Python that has no .proto of the service that it calls: it asks the
# server, by gRPC's reflection.
import subprocess
import unittest

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from tests.support import reflection_pb2 as messages

REFLECTION = "/grpc.reflection.{}.ServerReflection/ServerReflectionInfo"
PURSES = "game.v1.PurseService"


class Reflection:
    """One stream of questions."""

    def __init__(self, channel, version="v1alpha"):
        self._ask = channel.stream_stream(
            REFLECTION.format(version),
            request_serializer=messages.ServerReflectionRequest.SerializeToString,
            response_deserializer=messages.ServerReflectionResponse.FromString)

    def ask(self, *questions):
        """The answers to the questions, each the fields of a request."""
        return list(self._ask(
            messages.ServerReflectionRequest(**question) for question in questions))


class ReflectionTest(unittest.TestCase):

    def setUp(self):
        self.server = subprocess.Popen(  # pylint: disable=consider-using-with
            ["server/examples/tutorial/after/purse_server", "127.0.0.1:0"],
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end_server)
        self.target = self.server.stdout.readline().split()[2].rstrip(";")
        self.channel = grpc.insecure_channel(self.target)
        self.addCleanup(self.channel.close)
        self.reflection = Reflection(self.channel)

    def end_server(self):
        self.server.kill()
        self.server.communicate()

    def pool_of(self, symbol):
        """The descriptors of a symbol and of all that it needs."""
        (answer,) = self.reflection.ask({"file_containing_symbol": symbol})
        pool = descriptor_pool.DescriptorPool()
        files = [descriptor_pb2.FileDescriptorProto.FromString(file)
                 for file in answer.file_descriptor_response.file_descriptor_proto]
        added = set()
        while files:  # The imports of a file before it.
            ready = [file for file in files if added.issuperset(file.dependency)]
            self.assertTrue(ready, "files import each other in a circle, or one is missing")
            for file in ready:
                pool.Add(file)
                added.add(file.name)
                files.remove(file)
        return pool

    def test_all_services_are_listed_and_described(self):
        (answer,) = self.reflection.ask({"list_services": ""})
        services = [service.name for service in answer.list_services_response.service]
        self.assertEqual(services, [
            PURSES, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection",
            "pinion.v1.SessionService"])
        for service in services:
            self.assertTrue(self.pool_of(service).FindServiceByName(service).methods)

    def test_a_service_is_called_that_only_the_server_knows(self):
        pool = self.pool_of(PURSES)
        service = pool.FindServiceByName(PURSES)
        factory = message_factory.MessageFactory(pool)

        def call(how, name, **fields):
            method = service.FindMethodByName(name)
            request = factory.GetPrototype(method.input_type)
            response = factory.GetPrototype(method.output_type)
            return how(f"/{PURSES}/{name}", request_serializer=request.SerializeToString,
                       response_deserializer=response.FromString)(request(**fields))

        self.assertEqual(call(self.channel.unary_unary, "Earn", player="ann", coins=5).coins, 5)
        watch = call(self.channel.unary_stream, "Watch", player="ann")
        self.assertEqual(next(watch).coins, 5)
        watch.cancel()
        with self.assertRaises(grpc.RpcError) as raised:
            call(self.channel.unary_unary, "Give", **{"from": "bob", "to": "ann", "coins": 1})
        self.assertEqual(raised.exception.code(), grpc.StatusCode.FAILED_PRECONDITION)

    def test_questions_on_one_stream_are_answered_in_order(self):
        names = [f"no.such.Symbol{i}" for i in range(1000)]
        answers = self.reflection.ask(*({"file_containing_symbol": name} for name in names))
        self.assertEqual(
            [answer.original_request.file_containing_symbol for answer in answers], names)
        self.assertEqual({answer.error_response.error_code for answer in answers}, {5})

    def test_the_later_version_is_unimplemented(self):
        with self.assertRaises(grpc.RpcError) as raised:
            Reflection(self.channel, "v1").ask({"list_services": ""})
        self.assertEqual(raised.exception.code(), grpc.StatusCode.UNIMPLEMENTED)


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
#
# A client in Python of a real server's admin socket, with what gRPC and Protobuf
# generate for it: the worker is held, and the socket answers.
import asyncio
import os
import tempfile
import unittest

import grpc

from pinion.admin.v1 import admin_pb2, admin_pb2_grpc
from pinion.echo.v1 import echo_pb2, echo_pb2_grpc

# A call that keeps its worker until it is cancelled: for as long as one may.
ENDLESS = echo_pb2.EchoRequest(block_us=60_000_000)


class AdminTest(unittest.IsolatedAsyncioTestCase):

    async def asyncSetUp(self):
        # The test's own folder may have too long a path for a socket.
        folder = tempfile.TemporaryDirectory(prefix="pinion-", dir="/tmp")
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "admin")
        self.server = await asyncio.create_subprocess_exec(
            "server/pinion-server", "--listen=127.0.0.1:0", "--echo", "--workers=1",
            "--cpu_policy=float", f"--admin_socket={self.path}",
            stdout=asyncio.subprocess.PIPE)
        self.addAsyncCleanup(self.end_server)
        started = (await self.server.stdout.readline()).decode()
        self.target = started.removeprefix("listening on ").partition(";")[0]
        channel = grpc.aio.insecure_channel(f"unix:{self.path}")
        self.addAsyncCleanup(channel.close)
        self.admin = admin_pb2_grpc.AdminServiceStub(channel)

    async def end_server(self):
        self.server.kill()
        await self.server.communicate()

    async def test_the_held_worker_is_named(self):
        async with grpc.aio.insecure_channel(self.target) as channel:
            held = echo_pb2_grpc.EchoServiceStub(channel).Echo(ENDLESS)
            while True:
                state = await self.admin.GetState(admin_pb2.GetStateRequest())
                if state.workers[0].HasField("running"):
                    break
                self.assertFalse(held.done(), "the call has ended")
            self.assertEqual(state.workers[0].running.method,
                             "/pinion.echo.v1.EchoService/Echo")
            held.cancel()

    async def test_many_questions_at_a_time_are_answered(self):
        infos = await asyncio.gather(
            *[self.admin.GetInfo(admin_pb2.GetInfoRequest()) for _ in range(100)])
        self.assertEqual({info.process_id for info in infos}, {self.server.pid})

    async def test_an_error_has_its_code_and_text(self):
        with self.assertRaises(grpc.aio.AioRpcError) as raised:
            await self.admin.Set(admin_pb2.SetRequest(name="grase", value="1s"))
        self.assertEqual(raised.exception.code(), grpc.StatusCode.NOT_FOUND)
        self.assertIn("grace", raised.exception.details())


if __name__ == "__main__":
    unittest.main()

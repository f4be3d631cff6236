# SPDX-License-Identifier: Apache-2.0
#
# A client in Python over mTLS, with a token, and the real server with a policy.
import asyncio
import json
import subprocess
import tempfile
import unittest

import grpc

from pinion.kv.v1 import kv_pb2, kv_pb2_grpc
from session import Session

PUT = "/pinion.kv.v1.KvService/Put"
DELETE = "/pinion.kv.v1.KvService/Delete"

# The certificate alone may put; to delete, ann must show her token as well.
POLICY = {
    "name": "kv",
    "allow_rules": [{
        "name": "clients_put",
        "source": {"principals": ["x509:localhost"]},
        "request": {"paths": [PUT]},
    }, {
        "name": "ann_deletes",
        "source": {"principals": ["jwt:https://issuer.example#ann"]},
        "request": {"paths": [DELETE]},
    }],
}


class MtlsTest(unittest.IsolatedAsyncioTestCase):

    async def asyncSetUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        subprocess.run(["tests/support/issue-certificates", self.folder],
                       check=True)
        self.ann = self.token_for("ann")
        with open(f"{self.folder}/policy.json", "w") as file:
            json.dump(POLICY, file)
        self.server = await asyncio.create_subprocess_exec(
            "server/pinion-server", "--listen=127.0.0.1:0",
            f"--tls_certificate={self.folder}/server.pem",
            f"--tls_key={self.folder}/server.key",
            f"--tls_client_ca={self.folder}/ca.pem", "--client_auth=required",
            f"--token_keys={self.folder}/keys.json",
            "--token_issuer=https://issuer.example", "--token_audience=pinion",
            f"--policy_file={self.folder}/policy.json",
            stdout=asyncio.subprocess.PIPE)
        self.addAsyncCleanup(self.end_server)
        started = (await self.server.stdout.readline()).decode()
        self.target = started.removeprefix("listening on ").partition(";")[0]

    async def end_server(self):
        self.server.kill()
        await self.server.communicate()

    def token_for(self, subject):
        return subprocess.run(
            ["tests/support/issue-token", self.folder, subject], check=True,
            stdout=subprocess.PIPE, text=True).stdout.strip()

    def read(self, name):
        with open(f"{self.folder}/{name}", "rb") as file:
            return file.read()

    def channel(self, token=None, **pair):
        credentials = grpc.ssl_channel_credentials(self.read("ca.pem"), **pair)
        if token is not None:
            credentials = grpc.composite_channel_credentials(
                credentials, grpc.access_token_call_credentials(token))
        channel = grpc.aio.secure_channel(self.target, credentials)
        self.addAsyncCleanup(channel.close)
        return channel

    def own(self, token=None):
        return self.channel(token, private_key=self.read("client.key"),
                            certificate_chain=self.read("client.pem"))

    async def expect_refused(self, call, code):
        with self.assertRaises(grpc.aio.AioRpcError) as raised:
            await call
        self.assertEqual(raised.exception.code(), code)

    async def test_a_certificate_allows_what_the_policy_allows_it(self):
        stub = kv_pb2_grpc.KvServiceStub(self.own())
        response = await stub.Put(kv_pb2.PutRequest(key="a", value="1"))
        self.assertEqual(response.version, 1)
        await self.expect_refused(stub.Delete(kv_pb2.DeleteRequest(key="a")),
                                  grpc.StatusCode.PERMISSION_DENIED)

    async def test_a_token_allows_more(self):
        stub = kv_pb2_grpc.KvServiceStub(self.own(self.ann))
        await stub.Put(kv_pb2.PutRequest(key="a", value="1"))
        await stub.Delete(kv_pb2.DeleteRequest(key="a"))

    async def test_a_token_of_another_or_a_forged_one_does_not(self):
        delete = kv_pb2.DeleteRequest(key="a")
        bob = kv_pb2_grpc.KvServiceStub(self.own(self.token_for("bob")))
        await self.expect_refused(bob.Delete(delete),
                                  grpc.StatusCode.PERMISSION_DENIED)
        forged = kv_pb2_grpc.KvServiceStub(self.own(self.ann[:-4] + "AAAA"))
        await self.expect_refused(forged.Delete(delete),
                                  grpc.StatusCode.UNAUTHENTICATED)

    async def test_each_call_of_a_session_is_judged_by_itself(self):
        delete = kv_pb2.DeleteRequest(key="a")
        session = Session(self.own())
        put = await session.call(1, PUT, kv_pb2.PutRequest(key="a"))
        self.assertEqual(put.code, 0, put)
        denied = await session.call(2, DELETE, delete)
        self.assertEqual(denied.code,
                         grpc.StatusCode.PERMISSION_DENIED.value[0], denied)
        # The call's own token holds for it alone.
        own = [{"name": "authorization", "value": f"Bearer {self.ann}".encode()}]
        deleted = await session.call(3, DELETE, delete, metadata=own)
        self.assertEqual(deleted.code, 0, deleted)
        denied = await session.call(4, DELETE, delete)
        self.assertEqual(denied.code,
                         grpc.StatusCode.PERMISSION_DENIED.value[0], denied)
        self.assertEqual(await session.close(), grpc.StatusCode.OK)

    async def test_a_session_may_be_opened_with_a_token(self):
        session = Session(self.own(self.ann))
        deleted = await session.call(1, DELETE, kv_pb2.DeleteRequest(key="a"))
        self.assertEqual(deleted.code, 0, deleted)
        self.assertEqual(await session.close(), grpc.StatusCode.OK)

    async def test_a_client_without_a_certificate_is_refused(self):
        stub = kv_pb2_grpc.KvServiceStub(self.channel(self.ann))
        await self.expect_refused(stub.Put(kv_pb2.PutRequest(key="a")),
                                  grpc.StatusCode.UNAVAILABLE)


if __name__ == "__main__":
    unittest.main()

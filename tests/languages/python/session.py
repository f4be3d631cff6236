# SPDX-License-Identifier: Apache-2.0
#
# Session: a session's client in Python, as docs/clients.md prints it. Run as a
# program, it makes two calls on the server whose address it is given.
import asyncio
import sys

import grpc

from pinion.kv.v1 import kv_pb2
from pinion.v1 import session_pb2, session_pb2_grpc


class Session:
    """Many calls on one stream; for one event loop, as its channel is."""

    def __init__(self, channel):
        self._open = {}  # The futures of calls without an answer, by id.
        self._unsent = session_pb2.OpenRequest()
        self._more = asyncio.Event()
        self._closing = False
        self.drain = asyncio.get_running_loop().create_future()
        stub = session_pb2_grpc.SessionServiceStub(channel)
        self._stream = stub.Open(self._messages())
        self._reading = asyncio.create_task(self._read())

    def call(self, call_id, method, request, **fields):
        """Sends a call, and gives the future of its SessionAnswer."""
        self._unsent.calls.add(id=call_id, method=method,
                               payload=request.SerializeToString(), **fields)
        self._more.set()
        self._open[call_id] = asyncio.get_running_loop().create_future()
        return self._open[call_id]

    def cancel(self, call_id):
        self._unsent.cancel.append(call_id)
        self._more.set()

    async def close(self):
        """Sends no more calls, waits for the answers; the stream's status."""
        self._closing = True
        self._more.set()
        await self._reading
        return await self._stream.code()

    async def _messages(self):
        while self._more.is_set() or not self._closing:
            await self._more.wait()
            self._more.clear()
            # All that has gathered while the last message was written.
            message, self._unsent = self._unsent, session_pb2.OpenRequest()
            yield message

    async def _read(self):
        try:
            async for response in self._stream:
                for answer in response.answers:
                    self._open.pop(answer.id).set_result(answer)
                if response.HasField("drain") and not self.drain.done():
                    self.drain.set_result(response.drain)
        except grpc.RpcError:
            pass  # close() tells it.
        finally:
            for unanswered in self._open.values():
                unanswered.set_exception(ConnectionError("it may have run"))


async def main(target):
    async with grpc.aio.insecure_channel(target) as channel:
        session = Session(channel)
        put = session.call(1, "/pinion.kv.v1.KvService/Put",
                           kv_pb2.PutRequest(key="a", value="1"))
        get = session.call(2, "/pinion.kv.v1.KvService/Get",
                           kv_pb2.GetRequest(key="a"))
        for answer in await asyncio.gather(put, get):
            if answer.code != 0:
                raise RuntimeError(answer)
        print(kv_pb2.GetResponse.FromString(get.result().payload).value)
        await session.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

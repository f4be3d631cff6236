# SPDX-License-Identifier: Apache-2.0
#
# Raw HTTP/2 as gRPC uses it, to say what no well-behaved library would.
#
# Example: with Connection(("127.0.0.1", 50051)) as connection:
#              stream = connection.open_stream(more=[("x-name", "value")])
#              connection.send(DATA, END_STREAM, stream, message(b"key"))
#              print(connection.answer(stream).status)
import dataclasses
import socket
import struct

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
CONTINUATION = 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
HEADER_TABLE_SIZE, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 1, 3, 4
MAX_HEADER_LIST_SIZE = 6

PUT = "/pinion.kv.v1.KvService/Put"
GET = "/pinion.kv.v1.KvService/Get"
FRAME_BYTES = 16384  # What each peer must take.
WINDOW_BYTES = 65535  # What may be on its way, unless a peer says otherwise.


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(
        ">I", stream) + payload


def message(key, value=b"", flag=0):
    """One gRPC message: a PutRequest or, without a value, a GetRequest."""
    request = (field(1, key) if key else b"") + (field(2, value) if value else b"")
    return bytes([flag]) + struct.pack(">I", len(request)) + request


def field(number, value):
    """A field of a protobuf message that is a string or bytes."""
    size, rest = b"", len(value)
    while rest >= 128:
        size, rest = size + bytes([rest % 128 + 128]), rest >> 7
    return bytes([number << 3 | 2]) + size + bytes([rest]) + value


def _integer(value, bits):
    """An integer of HPACK's, below what is taken of the first byte."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([value])
    result, value = [most], value - most
    while value >= 128:
        result.append(value % 128 + 128)
        value //= 128
    return bytes(result + [value])


def header(name, value):
    """A literal that goes into no table, without Huffman's code."""
    name, value = name.encode(), value if isinstance(value, bytes) else value.encode()
    return b"\x00" + _integer(len(name), 7) + name + _integer(len(value), 7) + value


def indexed_header(name, value):
    """A literal that the peer is to keep in its table."""
    return b"\x40" + header(name, value)[1:]


def call_headers(path, more=()):
    block = header(":method", "POST") + header(":scheme", "http") + header(":path", path)
    block += header(":authority", "test") + header("te", "trailers")
    block += header("content-type", "application/grpc")
    return block + b"".join(header(name, value) for name, value in more)


@dataclasses.dataclass
class Answer:
    headers: dict
    data: bytes
    reset: int | None  # The error code of a RST_STREAM.

    @property
    def status(self):
        return int(self.headers.get("grpc-status", -1))


class Closed(Exception):
    """The peer has ended the connection; says how."""


class Connection:

    def __init__(self, address, ack_settings=True, settings=(), timeout=30, source=""):
        self.socket = socket.create_connection(address, timeout, (source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.ack_settings = ack_settings
        self.peer_settings = {}
        self.next_stream = 1
        self._pings_answered = 0
        self._answers = {}
        self._ended = set()
        self._windows = {0: WINDOW_BYTES}  # How much more the peer takes, by stream.
        self._decoder = hpack.Decoder()
        self._decoder.max_allowed_table_size = 1 << 16
        self._read = b""
        self.write(PREFACE + frame(SETTINGS, 0, 0, b"".join(
            struct.pack(">HI", name, value) for name, value in settings)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def write(self, data):
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Closed(f"while it was written to: {error}") from error

    def send(self, kind, flags, stream, payload=b""):
        self.write(frame(kind, flags, stream, payload))

    def open_stream(self, path=PUT, more=()):
        return self.send_headers(call_headers(path, more))

    def send_headers(self, block):
        """A header block of any size; returns its stream."""
        stream, self.next_stream = self.next_stream, self.next_stream + 2
        for i in range(0, len(block), FRAME_BYTES):
            last = i + FRAME_BYTES >= len(block)
            self.send(CONTINUATION if i else HEADERS, END_HEADERS if last else 0, stream,
                      block[i:i + FRAME_BYTES])
        return stream

    def begin(self, path, data):
        """Sends a whole call, of any size, as fast as the peer takes it; returns its
        stream."""
        self.await_settings()
        stream = self.open_stream(path)
        self._windows[stream] = self.peer_settings.get(INITIAL_WINDOW_SIZE, WINDOW_BYTES)
        while data:
            size = min(self._windows[0], self._windows[stream], FRAME_BYTES, len(data))
            if size <= 0:
                self.read_frame()
                continue
            self.send(DATA, END_STREAM if size == len(data) else 0, stream, data[:size])
            for window in (0, stream):
                self._windows[window] -= size
            data = data[size:]
        return stream

    def call(self, payload=b"x", more=(), flag=0):
        """A whole unary Put; returns its Answer."""
        stream = self.open_stream(more=more)
        self.send(DATA, END_STREAM, stream, message(payload, flag=flag))
        return self.answer(stream)

    def ping(self):
        """Sends a ping and waits for the answer to it."""
        before = self._pings_answered
        self.send(PING, 0, 0, bytes(8))
        while self._pings_answered == before:
            self.read_frame()

    def widen(self, stream, size):
        """Lets the peer send so many bytes more; on stream 0: on all together."""
        self.send(WINDOW_UPDATE, 0, stream, struct.pack(">I", size))

    def await_headers(self, stream):
        """Waits until an answer has begun, or that stream has ended. Returns whether
        it has not ended."""
        while not self._answers.get(stream) or not (self._answers[stream].headers or
                                                    stream in self._ended):
            self.read_frame()
        return stream not in self._ended

    def answer(self, stream):
        """Waits for the end of that stream."""
        while stream not in self._ended:
            self.read_frame()
        self._ended.discard(stream)
        return self._answers.pop(stream)

    def await_settings(self):
        while not self.peer_settings:
            self.read_frame()

    def read_frame(self):
        head = self._bytes(9)
        length = int.from_bytes(head[:3], "big")
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:9], "big") & 0x7FFFFFFF
        payload = self._bytes(length)
        self._take(kind, flags, stream, payload)
        return kind

    def _bytes(self, count):
        while len(self._read) < count:
            try:
                more = self.socket.recv(1 << 16)
            except TimeoutError:
                raise
            except OSError as error:
                raise Closed(f"while it was read from: {error}") from error
            if not more:
                raise Closed("at its end")
            self._read += more
        result, self._read = self._read[:count], self._read[count:]
        return result

    def _take(self, kind, flags, stream, payload):
        if kind == SETTINGS and not flags & ACK:
            for i in range(0, len(payload), 6):
                name, value = struct.unpack(">HI", payload[i:i + 6])
                self.peer_settings[name] = value
            self.peer_settings.setdefault(0, 0)
            if self.ack_settings:
                self.send(SETTINGS, ACK, 0)
        elif kind == PING and not flags & ACK:
            self.send(PING, ACK, 0, payload)
        elif kind == PING:
            self._pings_answered += 1
        elif kind == GOAWAY:
            code = int.from_bytes(payload[4:8], "big")
            raise Closed(f"by GOAWAY {code} {payload[8:].decode(errors='replace')}".strip())
        elif kind == WINDOW_UPDATE:
            more = int.from_bytes(payload, "big")
            self._windows[stream] = self._windows.get(stream, 0) + more
        elif kind in (HEADERS, DATA, RST_STREAM):
            answer = self._answers.setdefault(stream, Answer({}, b"", None))
            if kind == HEADERS:
                answer.headers.update(self._decoder.decode(payload))
            elif kind == DATA:
                answer.data += payload
            else:
                answer.reset = int.from_bytes(payload, "big")
            if kind == RST_STREAM or flags & END_STREAM:
                self._ended.add(stream)

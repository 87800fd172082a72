"""HTTP without a library's manners: what the test wrote is what goes out, and every answer is taken as it comes."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

BOUND = 10.0
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers with lower-case names, body. Of an endless answer the body is what came first, or empty."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def type(self) -> str:
        """The content type without parameters."""
        return self.headers.get("content-type", "").partition(";")[0]

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def written(
    method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes | None = None, *, host: str = "hub"
) -> bytes:
    """A request as bytes. A body gets a Content-Length unless the headers say otherwise."""
    lines = {"Host": host, **(headers or {})}
    if body is not None and "Content-Length" not in lines and "Transfer-Encoding" not in lines:
        lines["Content-Length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("utf-8", "surrogateescape") + (body or b"")


@asynccontextmanager
async def sent(url: str, request: bytes) -> AsyncIterator[asyncio.StreamReader]:
    """A connection on which the request went out; broken off at the end."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        # a server that answers before the body is whole may close meanwhile
        with contextlib.suppress(ConnectionError):
            writer.write(request)
            await writer.drain()
        yield reader
    finally:
        writer.transport.abort()


async def read_head(reader: asyncio.StreamReader) -> Answer:
    """Status and headers. Raises EOFError where the connection was closed without an answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in head[1:] if line)
    return Answer(int(head[0].split(" ")[1]), {name.lower(): value for name, value in pairs}, b"")


async def exchange(url: str, request: bytes, *, method: str = "GET") -> Answer:
    """Send bytes, take the answer. Raises EOFError or ConnectionError where there is none, TimeoutError."""
    async with asyncio.timeout(BOUND), sent(url, request) as reader:
        answer = await read_head(reader)
        length = int(answer.headers.get("content-length", 0))
        if answer.status == 101 or method == "HEAD" or not length:
            return answer
        return Answer(answer.status, answer.headers, await reader.readexactly(length))


@dataclass(frozen=True, slots=True)
class Frame:
    """One WebSocket frame as it came."""

    opcode: int
    data: bytes
    first: int
    """The first byte: FIN, reserved bits, opcode."""

    @property
    def code(self) -> int:
        """Of a close frame; 1005 where it has none."""
        return int.from_bytes(self.data[:2], "big") if len(self.data) >= 2 else 1005

    @property
    def reason(self) -> bytes:
        """Of a close frame."""
        return self.data[2:]


TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(opcode: int, data: bytes = b"", *, first: int = 0x80, masked: bool = True) -> bytes:
    """A client's frame as bytes; the mask is zero. `first` are FIN and reserved bits."""
    size = len(data)
    bit = 0x80 if masked else 0
    if size < 126:
        head = bytes([first | opcode, bit | size])
    elif size < 1 << 16:
        head = bytes([first | opcode, bit | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([first | opcode, bit | 127]) + size.to_bytes(8, "big")
    return head + (b"\0\0\0\0" if masked else b"") + data


async def read_frame(reader: asyncio.StreamReader) -> Frame:
    """The server's next frame. Raises EOFError where the connection ended without one."""
    first, second = await reader.readexactly(2)
    assert not second & 0x80, "a server's frames are not masked"
    size = second & 0x7F
    if size >= 126:
        size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
    return Frame(first & 0x0F, await reader.readexactly(size), first)


class RawSocket:
    """An open WebSocket without a library: nothing is answered by itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: Answer) -> None:
        self._reader, self._writer, self.head = reader, writer, head

    def send(self, data: bytes) -> None:
        """Bytes as they are."""
        self._writer.write(data)

    async def next(self) -> Frame:
        """The next frame, whichever. Raises EOFError, TimeoutError."""
        async with asyncio.timeout(BOUND):
            return await read_frame(self._reader)

    async def until(self, opcode: int) -> Frame:
        """The next frame of this kind; others are passed over."""
        while (found := await self.next()).opcode != opcode:
            assert found.opcode != CLOSE, f"closed {found.code} {found.reason!r}"
        return found


@asynccontextmanager
async def raw_socket(url: str, target: str, headers: Mapping[str, str]) -> AsyncIterator[RawSocket]:
    """A WebSocket on a server; fails where the upgrade is refused."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(written("GET", target, {**HANDSHAKE, **headers}, host=parts.netloc))
        async with asyncio.timeout(BOUND):
            head = await read_head(reader)
        assert head.status == 101, head
        yield RawSocket(reader, writer, head)
    finally:
        writer.transport.abort()

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

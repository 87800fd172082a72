"""A relay as far as a netcheck sees of one: a server that says what a test wants, byte for byte."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Relay:
    """Sends what `answers` says to each request; its heads are noted. None: never answers."""

    port: int = 0
    heads: list[str] = field(default_factory=list)


@asynccontextmanager
async def relay(answers: Callable[[str], bytes | None], tls: ssl.SSLContext | None = None) -> AsyncIterator[Relay]:
    noted = Relay()
    links: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        links.add(task)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                noted.heads.append(head)
                if (text := answers(head)) is None:
                    await asyncio.Event().wait()
                elif not text:
                    break
                else:
                    writer.write(text)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    noted.port = server.sockets[0].getsockname()[1]
    try:
        yield noted
    finally:
        server.close()
        for task in links:
            task.cancel()
        await asyncio.gather(*links, return_exceptions=True)

"""A real server on a real socket for scripted deployments, and a wire in between that can be cut."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from coder_tui.client.backoff import Clock
from coder_tui.client.credentials import Credentials

TOKEN = "0123456789-abcdefghijklmnopqrstuv"


def credentials(url: str, name: str = "acme", token: str = TOKEN) -> Credentials:
    return Credentials(name, url, token, "a test")


@asynccontextmanager
async def serving(*routes: BaseRoute, port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A Starlette server on a free loopback port; its URL. Stops at once: uvicorn's own way sleeps in steps."""
    config = uvicorn.Config(
        Starlette(routes=list(routes)), log_level="critical", ws="websockets-sansio", lifespan="off", access_log=False
    )
    config.load()
    config.ssl = tls
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    listener = socket.create_server(("127.0.0.1", port))
    url = f"http{'s' if tls else ''}://127.0.0.1:{listener.getsockname()[1]}"
    await server.startup(sockets=[listener])
    try:
        yield url
    finally:
        for listening in server.servers:
            listening.close()
        for connection in list(server.server_state.connections):
            connection.shutdown()
        tasks = list(server.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        listener.close()


class Wire:
    """A TCP relay: `cut()` breaks every connection without a goodbye, `down()` also refuses new ones."""

    def __init__(self, url: str) -> None:
        self._target = int(url.rsplit(":", 1)[1])
        self._links: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._port = 0
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def up(self) -> None:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
        self.cut()

    def cut(self) -> None:
        for writer in self._links:
            writer.transport.abort()
        self._links.clear()

    async def close(self) -> None:
        await self.down()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._links |= {writer, far_writer}
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    @staticmethod
    async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(1 << 16):
                sink.write(data)
                await sink.drain()
        sink.transport.abort()


@asynccontextmanager
async def wired(url: str) -> AsyncIterator[Wire]:
    wire = Wire(url)
    await wire.up()
    try:
        yield wire
    finally:
        await wire.close()


class FakeTime:
    """A clock that moves only when somebody sleeps on it; every sleep is noted and over at the next turn."""

    def __init__(self, random: float = 0.5) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []
        self._random = random

    @property
    def clock(self) -> Clock:
        return Clock(self.now, lambda: self.seconds, self.sleep, lambda: self._random)

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)


class ManualTime(FakeTime):
    """A clock that moves only by `advance`: sleepers wake when their time has come."""

    def __init__(self, random: float = 0.5) -> None:
        super().__init__(random)
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.seconds + seconds, future))
        await future

    def advance(self, seconds: float) -> None:
        self.seconds += seconds
        due = [future for at, future in self._sleepers if at <= self.seconds]
        self._sleepers = [(at, future) for at, future in self._sleepers if at > self.seconds]
        for future in due:
            if not future.done():
                future.set_result(None)


async def until(condition: Callable[[], object], limit: float = 10.0) -> None:
    """Give the loop turns until `condition` holds; fails after `limit` seconds."""
    async with asyncio.timeout(limit):
        while not condition():
            await asyncio.sleep(0.001)

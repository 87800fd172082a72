"""Endless streams for somebody who looks closer: metadata, containers, the DERP map, the inbox. They reconnect.

Each is an async generator: `Opened` at each open, then `Got` values; `WatchLost` and `WatchEnded` as in `streams`.
Close it (`contextlib.aclosing`) to stop.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from websockets.asyncio.client import ClientConnection

from coder_tui.client.backoff import CLOCK, Backoff, Clock
from coder_tui.client.rest import M, RestClient, read_list
from coder_tui.client.sockets import Closed, hopeless, open_socket, protocol_mismatch, receive
from coder_tui.client.streams import WatchEnded, WatchLost, parse
from coder_tui.errors import ApiError, CoderTuiError
from coder_tui.text import one_line
from coder_tui.wire import sse
from coder_tui.wire.agents import WorkspaceAgentMetadata
from coder_tui.wire.base import WireModel
from coder_tui.wire.containers import ContainerList
from coder_tui.wire.network import DerpMap
from coder_tui.wire.notifications import InboxEvent
from coder_tui.wire.problems import Problem
from coder_tui.wire.shared import Shared

IDLE = 45.0
"""Seconds of silence that break an event stream: the server pings every 15."""
POLL = 10.0
"""Seconds between two looks at containers where the deployment has no watch of them (before v2.25)."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Opened:
    """The stream is open, or open again. Of an inbox: what came before must be listed."""


@dataclass(frozen=True, slots=True)
class Got(Generic[T]):
    """What is so now."""

    value: T


Metadata = tuple[WorkspaceAgentMetadata, ...]
Followed = AsyncGenerator[Opened | Got[T] | WatchLost | WatchEnded, None]
Opening = Callable[[], AbstractAsyncContextManager[AsyncIterator[T]]]


class _Frame(WireModel):
    """A frame of a one-way event socket (`codersdk.ServerSentEvent`)."""

    type: str = ""


class _MetadataFrame(WireModel):
    data: list[WorkspaceAgentMetadata] = []


class _ErrorFrame(WireModel):
    data: Problem = Problem()


class CloserStreams:
    """These streams of one deployment."""

    def __init__(self, rest: RestClient, clock: Clock = CLOCK) -> None:
        self._rest, self._clock = rest, clock

    def metadata(self, agent_id: str) -> Followed[Metadata]:
        """`watch-metadata-ws`, or `watch-metadata` (SSE) where that is missing (v2.21 and older)."""
        return followed(lambda: self._metadata(agent_id), self._clock)

    def containers(self, agent_id: str) -> Followed[ContainerList]:
        """`containers/watch`: the list at once and on change; where that is missing, looked at every ten seconds."""
        return followed(lambda: self._containers(agent_id), self._clock)

    def derp_map(self) -> Followed[DerpMap]:
        """`GET /derp-map`: the map at once and on change."""
        return followed(lambda: self._socket(DerpMap, "derp-map"), self._clock)

    def inbox(self) -> Followed[InboxEvent]:
        """`GET /notifications/inbox/watch`: new notifications only."""
        return followed(lambda: self._socket(InboxEvent, "notifications/inbox/watch"), self._clock)

    def shared(self) -> Followed[Shared]:
        """`GET /coder-tui/shared/watch` of a hub: everything, then what changes."""
        return followed(lambda: self._socket(Shared, "coder-tui/shared/watch"), self._clock)

    @asynccontextmanager
    async def _socket(self, model: type[M], path: str) -> AsyncIterator[AsyncIterator[M]]:
        async with await self._open(path) as socket:
            yield (await parse(model, frame) async for frame in _frames(socket))

    @asynccontextmanager
    async def _containers(self, agent_id: str) -> AsyncIterator[AsyncIterator[ContainerList]]:
        try:
            socket = await self._open(f"workspaceagents/{agent_id}/containers/watch")
        except ApiError as error:
            if error.status != 404:
                raise
            yield self._looks(agent_id)  # no such route, or no such agent: the list tells which
        else:
            async with socket:
                yield (ContainerList.read(frame) async for frame in _frames(socket))

    async def _looks(self, agent_id: str) -> AsyncIterator[ContainerList]:
        while True:
            yield await self._rest.containers(agent_id)
            await self._clock.sleep(POLL)

    @asynccontextmanager
    async def _metadata(self, agent_id: str) -> AsyncIterator[AsyncIterator[Metadata]]:
        path = f"workspaceagents/{agent_id}/watch-metadata"
        try:
            socket = await self._open(f"{path}-ws")
        except ApiError as error:
            if error.status != 404:
                raise
            # no such route, or no such agent: the older form tells which
            async with self._rest.event_stream(path, IDLE) as chunks:
                yield _metadata_events(chunks)
        else:
            async with socket:
                yield _metadata_frames(socket)

    async def _open(self, path: str) -> ClientConnection:
        rest = self._rest
        return await open_socket(rest.credentials, path, tls=rest.tls, budget=rest.budget)


async def followed(opening: Opening[T], clock: Clock) -> Followed[T]:
    """Values of a stream that is opened again whenever it breaks. `opening` opens it, for the life of its context."""
    backoff = Backoff(clock)
    while True:
        try:
            async with opening() as values:
                backoff.opened()
                yield Opened()
                async for value in values:
                    backoff.proved()
                    yield Got(value)
            why = "the server ended the stream"
        except Closed as closed:
            if closed.hopeless:
                yield WatchEnded(protocol_mismatch(closed))
                return
            why = closed.why
        except CoderTuiError as error:
            if hopeless(error):
                yield WatchEnded(error)
                return
            why = error.why or error.what
        yield WatchLost(why, backoff.lost())
        await backoff.pause()


async def _frames(socket: ClientConnection) -> AsyncIterator[bytes]:
    while True:
        yield await receive(socket)


async def _metadata_frames(socket: ClientConnection) -> AsyncIterator[Metadata]:
    async for data in _frames(socket):
        frame = _Frame.read(data)
        if frame.type == sse.ERROR:
            raise _reported(_ErrorFrame.read(data).data)
        if frame.type == sse.DATA:
            yield tuple(_MetadataFrame.read(data).data)


async def _metadata_events(chunks: AsyncIterator[bytes]) -> AsyncIterator[Metadata]:
    parser = sse.SseParser()
    async for chunk in chunks:
        for event in parser.feed(chunk):
            if event.type == sse.ERROR:
                raise _reported(Problem.read(event.data))
            if event.type == sse.DATA:
                yield tuple(read_list(WorkspaceAgentMetadata, event.data))


def _reported(problem: Problem) -> ApiError:
    """The server could not read the metadata: open anew, which tells for sure whether the agent is still there."""
    return ApiError("the deployment cannot show the metadata", status=500, why=one_line(problem.message)[:200])

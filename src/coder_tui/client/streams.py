"""Endless streams of one deployment: a workspace's changes, an agent's log. They reconnect by themselves.

Each is an async generator: close it (`contextlib.aclosing`) to stop. What is yielded says everything a person may
need to see: that a stream is lost, why, and when it is tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from websockets.asyncio.client import ClientConnection

from coder_tui.client.backoff import CLOCK, Backoff, Clock
from coder_tui.client.events import LogBatch, LogEvent, LogLine, LogMark, LogNote
from coder_tui.client.rest import M, RestClient, read_list
from coder_tui.client.sockets import Closed, hopeless, open_socket, protocol_mismatch, receive
from coder_tui.errors import ApiError, CoderTuiError, ProtocolError
from coder_tui.text import one_line
from coder_tui.wire import sse
from coder_tui.wire.base import WireModel
from coder_tui.wire.logs import ProvisionerJobLog, WorkspaceAgentLog
from coder_tui.wire.problems import Problem
from coder_tui.wire.workspaces import Workspace

_IDLE = 45.0  # seconds of silence that break an event stream: the server pings every 15
_OPENING = 4  # watches of one deployment that open at the same time
_BIG = 1 << 16  # bytes of JSON that are parsed in a thread rather than on the event loop


@dataclass(frozen=True, slots=True)
class Watched:
    """The whole workspace, as it is now."""

    workspace: Workspace


@dataclass(frozen=True, slots=True)
class WatchLost:
    """The stream broke. What happened meanwhile is unknown until it is back."""

    why: str
    retry_at: datetime


@dataclass(frozen=True, slots=True)
class WatchEnded:
    """No retry will help. Nothing follows."""

    error: CoderTuiError


_Reader = Callable[[bytes], list[LogLine]]
WatchEvent = Watched | WatchLost | WatchEnded


class _WorkspaceFrame(WireModel):
    """One frame of `watch-ws` (`codersdk.ServerSentEvent`)."""

    type: str = ""
    data: Workspace | None = None


class _ErrorFrame(WireModel):
    data: Problem = Problem()


class Streams:
    """The streams of one deployment. Remembers when it has no `watch-ws` (v2.21 and older)."""

    def __init__(self, rest: RestClient, clock: Clock = CLOCK) -> None:
        self._rest, self._clock = rest, clock
        self.sse_only = False
        """The deployment answered 404 to `watch-ws` and then served the SSE form."""
        # many watches open at once: in between, the event loop belongs to the screen
        self._opening = asyncio.Semaphore(_OPENING)

    async def watch(self, workspace_id: str, backoff: Backoff | None = None) -> AsyncGenerator[WatchEvent, None]:
        """Follow one workspace: `watch-ws`, or `watch` (SSE) where that is missing.

        Each open begins with the whole workspace, so a reconnect leaves no gap. `backoff` may be given in order to
        nudge it.
        """
        backoff = backoff or Backoff(self._clock)
        while True:
            try:
                async with self._workspaces(workspace_id) as workspaces:
                    backoff.opened()
                    async for workspace in workspaces:
                        if workspace.id != workspace_id:
                            raise ProtocolError("the stream is wrong", why="it tells of another workspace")
                        backoff.proved()
                        yield Watched(workspace)
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

    async def follow_logs(self, agent_id: str) -> AsyncGenerator[LogEvent, None]:
        """`GET /workspaceagents/{id}/logs?follow`: all stored lines, then live ones, each exactly once.

        After a break it resumes behind the last id. A normal close means that the agent was replaced, or that the
        server stops: so it is believed when a second open ends the same way with nothing new.
        """
        path = f"workspaceagents/{agent_id}/logs"
        over = 2, "the agent belongs to an older build, or was stopped"
        async with aclosing(self._follow(path, _agent_lines, over)) as events:
            async for event in events:
                yield event

    async def follow_build(self, build_id: str) -> AsyncGenerator[LogEvent, None]:
        """`GET /workspacebuilds/{id}/logs?follow`: all lines of a build, then live ones; it ends with the job.

        A line's `source_id` is its stage.
        """
        path = f"workspacebuilds/{build_id}/logs"
        async with aclosing(self._follow(path, _build_lines, (1, ""))) as events:
            async for event in events:
                yield event

    async def _follow(self, path: str, read: _Reader, over: tuple[int, str]) -> AsyncGenerator[LogEvent, None]:
        """One log from its beginning. `over`: how many normal closes with nothing new between are its end, and why."""
        backoff = Backoff(self._clock)
        last = 0
        ends = 0
        announce: LogMark | None = LogMark.OPEN
        while True:
            try:
                async with self._log_socket(path, last) as socket:
                    backoff.opened()
                    if announce is LogMark.OPEN:
                        yield LogNote(LogMark.OPEN)
                        announce = LogMark.LIVE
                    while True:
                        lines = await _parse_lines(read, await receive(socket), last)
                        backoff.proved()
                        if lines:
                            last, ends = lines[-1].id, 0
                            yield LogBatch(lines)
                        if announce:
                            yield LogNote(LogMark.LIVE)
                            announce = None
            except Closed as closed:
                if closed.hopeless:
                    yield LogNote(LogMark.FAILED, str(protocol_mismatch(closed)))
                    return
                ends = ends + 1 if closed.normal else 0
                why = closed.why
            except CoderTuiError as error:
                if hopeless(error):
                    yield LogNote(LogMark.FAILED, str(error))
                    return
                ends, why = 0, error.why or error.what
            if ends >= over[0]:
                yield LogNote(LogMark.ENDED, over[1])
                return
            retry_at = backoff.lost()
            if not ends:
                yield LogNote(LogMark.LOST, why, retry_at)
                announce = LogMark.LIVE if announce is None else announce
            await backoff.pause()

    @asynccontextmanager
    async def _log_socket(self, path: str, after: int) -> AsyncIterator[ClientConnection]:
        query: dict[str, str | int] = {"follow": "true", "after": after, "no_compression": "true"}
        socket = await open_socket(
            self._rest.credentials,
            path,
            query,
            tls=self._rest.tls,
            budget=self._rest.budget,
        )
        async with socket:
            yield socket

    @asynccontextmanager
    async def _workspaces(self, workspace_id: str) -> AsyncIterator[AsyncIterator[Workspace]]:
        path = f"workspaces/{workspace_id}/watch"
        if not self.sse_only:
            try:
                async with self._opening:
                    socket = await open_socket(
                        self._rest.credentials, f"{path}-ws", tls=self._rest.tls, budget=self._rest.budget
                    )
            except ApiError as error:
                if error.status != 404:
                    raise
                # no such route, or no such workspace: the older form tells which
            else:
                async with socket:
                    yield _socket_workspaces(socket)
                return
        async with self._rest.event_stream(path, _IDLE) as chunks:
            self.sse_only = True
            yield _sse_workspaces(chunks)


async def _socket_workspaces(socket: ClientConnection) -> AsyncIterator[Workspace]:
    while True:
        data = await receive(socket)
        frame = await parse(_WorkspaceFrame, data)
        if frame.type == sse.ERROR:
            raise _reported(_ErrorFrame.read(data).data)
        if frame.type == sse.DATA and frame.data:
            yield frame.data


async def _sse_workspaces(chunks: AsyncIterator[bytes]) -> AsyncIterator[Workspace]:
    parser = sse.SseParser()
    async for chunk in chunks:
        for event in parser.feed(chunk):
            if event.type == sse.ERROR:
                raise _reported(Problem.read(event.data))
            if event.type == sse.DATA:
                yield await parse(Workspace, event.data)


def _reported(problem: Problem) -> ApiError:
    """The server could not reload the workspace: open anew, which tells for sure whether it is still ours."""
    return ApiError("the deployment cannot show the workspace", status=500, why=one_line(problem.message)[:200])


async def parse(model: type[M], data: bytes) -> M:
    """Read a frame; a big one in a thread. Raises ProtocolError."""
    return await asyncio.to_thread(model.read, data) if len(data) > _BIG else model.read(data)


async def _parse_lines(read: _Reader, data: bytes, last: int) -> tuple[LogLine, ...]:
    """The lines of one frame behind `last`, ascending."""
    lines = await asyncio.to_thread(read, data) if len(data) > _BIG else read(data)
    return tuple(sorted((line for line in lines if line.id > last), key=attrgetter("id")))


def _agent_lines(data: bytes) -> list[LogLine]:
    """A frame of an agent's log is an array."""
    return [
        LogLine(line.id, line.created_at, line.level, line.source_id, line.output)
        for line in read_list(WorkspaceAgentLog, data)
    ]


def _build_lines(data: bytes) -> list[LogLine]:
    """A frame of a build's log is one line."""
    line = ProvisionerJobLog.read(data)
    return [LogLine(line.id, line.created_at, line.log_level, line.stage or line.log_source, line.output)]

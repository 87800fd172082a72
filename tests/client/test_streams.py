"""Streams over real sockets, with the faults that real networks have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import TypeVar

import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from coder_tui.client.events import LogBatch, LogEvent, LogMark, LogNote
from coder_tui.client.rest import RestClient
from coder_tui.client.streams import Streams, Watched, WatchEnded, WatchEvent, WatchLost
from coder_tui.errors import ApiError, CredentialsError, ProtocolError
from coder_tui.wire.base import encode
from coder_tui.wire.logs import WorkspaceAgentLog
from coder_tui.wire.sse import encode_event
from coder_tui.wire.workspaces import Workspace
from tests.client.support import FakeTime, Wire, credentials, serving, wired

ID = "00000000-0000-4000-8000-00000000000a"
T = TypeVar("T")
Handler = Callable[[WebSocket], Awaitable[None]]


@asynccontextmanager
async def streams_of(*routes: BaseRoute, time: FakeTime | None = None) -> AsyncIterator[tuple[Streams, Wire]]:
    clock = (time or FakeTime()).clock
    async with serving(*routes) as url, wired(url) as wire, RestClient(credentials(wire.url)) as rest:
        yield Streams(rest, clock), wire


def frame(name: str, kind: str = "data") -> str:
    return encode({"type": kind, "data": Workspace(id=ID, name=name)}).decode()


async def hold(socket: WebSocket) -> None:
    """Stay open until the other side goes."""
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        pass


def watch_route(handler: Handler) -> WebSocketRoute:
    async def endpoint(socket: WebSocket) -> None:
        await socket.accept()
        await handler(socket)

    return WebSocketRoute(f"/api/v2/workspaces/{ID}/watch-ws", endpoint)


async def first(generator: AsyncGenerator[T, None], count: int) -> list[T]:
    found = []
    async with asyncio.timeout(10), aclosing(generator):
        async for event in generator:
            found.append(event)
            if len(found) == count:
                break
    return found


def names(events: list[WatchEvent]) -> list[str]:
    return [event.workspace.name if isinstance(event, Watched) else type(event).__name__ for event in events]


async def test_a_watch_delivers_whole_workspaces_and_skips_pings() -> None:
    async def handler(socket: WebSocket) -> None:
        await socket.send_text('{"type":"ping","data":null}\n')
        await socket.send_text(frame("one"))
        await socket.send_text(frame("two"))
        await hold(socket)

    async with streams_of(watch_route(handler)) as (streams, _):
        assert names(await first(streams.watch(ID), 2)) == ["one", "two"]
        assert not streams.sse_only


async def test_a_cut_watch_comes_back_and_says_when() -> None:
    time = FakeTime(random=0.5)

    async def handler(socket: WebSocket) -> None:
        await socket.send_text(frame("here"))
        await hold(socket)

    async with streams_of(watch_route(handler), time=time) as (streams, wire):
        events: list[WatchEvent] = []
        async with asyncio.timeout(10), aclosing(streams.watch(ID)) as watch:
            async for event in watch:
                events.append(event)
                if isinstance(event, WatchLost):
                    assert event.retry_at > time.now()
                    assert "broke" in event.why
                elif len(events) < 4:
                    wire.cut()
                else:
                    break
    assert names(events) == ["here", "WatchLost", "here", "WatchLost", "here"]


async def test_a_server_that_accepts_and_closes_is_dialled_ever_more_slowly() -> None:
    """The reset has to be earned: neither an open nor a first message is enough."""
    time = FakeTime(random=1.0)

    async def handler(socket: WebSocket) -> None:
        await socket.send_text(frame("flash"))
        await socket.close(1011, "database is down")

    async with streams_of(watch_route(handler), time=time) as (streams, _):
        events = await first(streams.watch(ID), 8)
    assert names(events) == ["flash", "WatchLost"] * 4
    assert time.slept == [0.5, 1.0, 2.0]
    assert isinstance(lost := events[1], WatchLost)
    assert lost.why == "the server failed: database is down"


@pytest.mark.parametrize("code", [1002, 1003, 1007, 1008, 1009])
async def test_protocol_closes_end_a_watch(code: int) -> None:
    async def handler(socket: WebSocket) -> None:
        await socket.close(code)

    async with streams_of(watch_route(handler)) as (streams, _):
        (event,) = await first(streams.watch(ID), 9)
    assert isinstance(event, WatchEnded)
    assert isinstance(event.error, ProtocolError)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"type":"data","data":{"id":"someone-else"}}', '{"type":"data","data":3}']
)
async def test_garbage_is_a_lost_stream_not_a_crash(text: str) -> None:
    answers = [text, frame("fine")]

    async def handler(socket: WebSocket) -> None:
        await socket.send_text(answers.pop(0))
        await hold(socket)

    async with streams_of(watch_route(handler)) as (streams, _):
        assert names(await first(streams.watch(ID), 2)) == ["WatchLost", "fine"]


async def test_an_error_event_makes_it_ask_again() -> None:
    answers = ['{"type":"error","data":{"message":"Forbidden.\\u001b[31m"}}', frame("fine")]

    async def handler(socket: WebSocket) -> None:
        await socket.send_text(answers.pop(0))
        await hold(socket)

    async with streams_of(watch_route(handler)) as (streams, _):
        lost, fine = await first(streams.watch(ID), 2)
    assert isinstance(lost, WatchLost)
    assert lost.why == "Forbidden."
    assert names([fine]) == ["fine"]


def sse_route(opened: list[str], chunks: list[bytes], *, more: asyncio.Event | None = None) -> Route:
    async def body() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk
        if more:
            await more.wait()

    async def endpoint(request: Request) -> Response:
        opened.append(request.headers["accept"])
        return StreamingResponse(body(), media_type="text/event-stream")

    return Route(f"/api/v2/workspaces/{ID}/watch", endpoint)


async def _no_route(socket: WebSocket) -> None:
    # Starlette alone would say 403 where Coder says 404
    await socket.send_denial_response(JSONResponse({"message": "Route not found."}, 404))


NO_ROUTE = WebSocketRoute("/{path:path}", _no_route)


async def test_old_deployments_are_watched_by_sse_and_remembered() -> None:
    opened: list[str] = []
    event = encode_event("data", encode(Workspace(id=ID, name="old")))
    chunks = [encode_event("ping"), event[:30], event[30:]]
    async with streams_of(sse_route(opened, chunks), NO_ROUTE) as (streams, wire):
        events = await first(streams.watch(ID), 4)
        assert names(events) == ["old", "WatchLost", "old", "WatchLost"]
        assert streams.sse_only
        assert opened == ["text/event-stream"] * 2
        before = wire.connections
        assert names(await first(streams.watch(ID), 1)) == ["old"]
        assert wire.connections <= before + 1, "watch-ws is not tried again"


async def test_a_missing_workspace_is_not_an_old_deployment() -> None:
    async with streams_of(NO_ROUTE) as (streams, _):
        (event,) = await first(streams.watch(ID), 9)
    assert isinstance(event, WatchEnded)
    assert isinstance(event.error, ApiError)
    assert event.error.status == 404
    assert not streams.sse_only


async def refuse(socket: WebSocket, response: Response) -> None:
    await socket.send_denial_response(response)


async def test_refused_credentials_end_a_watch() -> None:
    async def endpoint(socket: WebSocket) -> None:
        await refuse(socket, JSONResponse({"message": "signed out"}, 401))

    route = WebSocketRoute(f"/api/v2/workspaces/{ID}/watch-ws", endpoint)
    async with streams_of(route) as (streams, _):
        (event,) = await first(streams.watch(ID), 9)
    assert isinstance(event, WatchEnded)
    assert isinstance(event.error, CredentialsError)


# logs


class Log:
    """An agent's log with its `follow` socket, as the contract has it."""

    def __init__(self) -> None:
        self.lines: list[WorkspaceAgentLog] = []
        self.grown = asyncio.Event()
        self.afters: list[int] = []
        self.closes: list[int] = []
        """Close codes: each open sends what there is, then closes with the next of them."""

    def write(self, *ids: int) -> None:
        self.lines += [WorkspaceAgentLog(id=number, output=f"line {number}") for number in ids]
        self.grown.set()
        self.grown = asyncio.Event()

    @property
    def route(self) -> WebSocketRoute:
        return WebSocketRoute(f"/api/v2/workspaceagents/{ID}/logs", self.follow)

    async def follow(self, socket: WebSocket) -> None:
        assert "follow" in socket.query_params
        after = int(socket.query_params["after"])
        self.afters.append(after)
        await socket.accept()
        gone = asyncio.create_task(hold(socket))
        first = True
        while not gone.done():
            grown = asyncio.create_task(self.grown.wait())
            batch = [line for line in self.lines if line.id > after]
            if batch or first:
                await socket.send_text(encode(batch).decode())
                after, first = batch[-1].id if batch else after, False
            if self.closes:
                await socket.close(self.closes.pop(0))
                break
            await asyncio.wait([grown, gone], return_when=asyncio.FIRST_COMPLETED)
            grown.cancel()
        gone.cancel()


def shown(events: list[LogEvent]) -> list[object]:
    return [[line.id for line in event.lines] if isinstance(event, LogBatch) else str(event.mark) for event in events]


async def test_logs_resume_without_gap_or_duplicate() -> None:
    log = Log()
    log.write(1, 2, 5)
    async with streams_of(log.route) as (streams, wire):
        events: list[LogEvent] = []
        async with asyncio.timeout(10), aclosing(streams.follow_logs(ID)) as logs:
            async for event in logs:
                events.append(event)
                match shown(events):
                    case [*_, "live"] if len(events) == 3:
                        log.write(8)
                    case [*_, [8]]:
                        wire.cut()
                    case [*_, "lost"]:
                        log.write(9, 12)
                    case [*_, [9, 12], "live"]:
                        log.write(13)
                    case [*_, [13]]:
                        break
    assert shown(events) == ["open", [1, 2, 5], "live", [8], "lost", [9, 12], "live", [13]]
    assert log.afters == [0, 8]


async def test_a_server_that_repeats_itself_is_not_believed_twice() -> None:
    sent = [
        "[]",
        encode([WorkspaceAgentLog(id=2), WorkspaceAgentLog(id=1)]).decode(),
        encode([WorkspaceAgentLog(id=2), WorkspaceAgentLog(id=3)]).decode(),
    ]

    async def endpoint(socket: WebSocket) -> None:
        await socket.accept()
        for text in sent:
            await socket.send_text(text)
        await hold(socket)

    async with streams_of(WebSocketRoute(f"/api/v2/workspaceagents/{ID}/logs", endpoint)) as (streams, _):
        assert shown(await first(streams.follow_logs(ID), 4)) == ["open", "live", [1, 2], [3]]


async def test_a_normal_close_is_believed_the_second_time() -> None:
    log = Log()
    log.write(1)
    log.closes = [1000, 1000]
    async with streams_of(log.route) as (streams, _):
        assert shown(await first(streams.follow_logs(ID), 9)) == ["open", [1], "live", "ended"]
    assert log.afters == [0, 1]


async def test_a_restarted_server_goes_on_where_it_was() -> None:
    log = Log()
    log.write(1)
    log.closes = [1001]
    async with streams_of(log.route) as (streams, wire):
        events: list[LogEvent] = []
        async with asyncio.timeout(10), aclosing(streams.follow_logs(ID)) as logs:
            async for event in logs:
                events.append(event)
                match shown(events):
                    case [*_, "live"] if len(events) == 3:
                        await wire.down()
                    case [*_, "lost"] if len(events) == 6:
                        log.write(2)
                        await wire.up()
                    case [*_, [2]]:
                        break
    assert shown(events)[:4] == ["open", [1], "live", "lost"]
    assert isinstance(lost := events[3], LogNote)
    assert lost.retry_at is not None


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (JSONResponse({"message": "Resource not found."}, 404), "404 Resource not found"),
        (HTMLResponse("<h1>Forbidden</h1>", 403), "403 Forbidden"),
        (JSONResponse([], 200), "refused a stream"),
    ],
)
async def test_logs_that_cannot_be_had(response: Response, words: str) -> None:
    async def endpoint(socket: WebSocket) -> None:
        await refuse(socket, response)

    async with streams_of(WebSocketRoute(f"/api/v2/workspaceagents/{ID}/logs", endpoint)) as (streams, _):
        (event,) = await first(streams.follow_logs(ID), 9)
    assert isinstance(event, LogNote)
    assert event.mark is LogMark.FAILED
    assert words in event.text


async def test_megabytes_of_history_in_one_frame() -> None:
    log = Log()
    log.lines = [WorkspaceAgentLog(id=number, output="x" * 200) for number in range(1, 10_001)]
    async with streams_of(log.route) as (streams, _):
        events = await first(streams.follow_logs(ID), 3)
    assert isinstance(batch := events[1], LogBatch)
    assert (len(batch.lines), batch.lines[-1].id) == (10_000, 10_000)

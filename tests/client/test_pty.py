"""A terminal stream over real sockets: what is sent, how output arrives, what ends it and what does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

import pytest
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from coder_tui.client.events import PtyEnded, PtyEvent, PtyLost, PtyOpened, PtyOutput
from coder_tui.client.pty import BUFFER, PtyStream
from coder_tui.wire.pty import PtyRequest, PtyRequestDecoder
from tests.client.support import FakeTime, Wire, credentials, serving, wired

AGENT = "00000000-0000-4000-8000-00000000000b"
RECONNECT = "00000000-0000-4000-8000-00000000000c"
Handler = Callable[["Attached"], Awaitable[None]]


class Attached:
    """The server's side of one attachment."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self.query = dict(socket.query_params)
        self._decoder = PtyRequestDecoder()
        self._requests: list[PtyRequest] = []

    async def request(self) -> PtyRequest:
        while not self._requests:
            self._requests += self._decoder.feed(await self.socket.receive_bytes())
        return self._requests.pop(0)

    async def output(self, data: bytes) -> None:
        await self.socket.send_bytes(data)


@asynccontextmanager
async def terminal(
    handler: Handler, *, time: FakeTime | None = None, command: str = ""
) -> AsyncIterator[tuple[PtyStream, Wire]]:
    async def endpoint(socket: WebSocket) -> None:
        await socket.accept()
        try:
            await handler(Attached(socket))
        except WebSocketDisconnect:
            pass

    route = WebSocketRoute(f"/api/v2/workspaceagents/{AGENT}/pty", endpoint)
    async with serving(route) as url, wired(url) as wire:
        clock = (time or FakeTime()).clock
        yield PtyStream(credentials(wire.url), AGENT, RECONNECT, (100, 30), command=command, clock=clock), wire


async def collect(stream: PtyStream, stop: Callable[[list[PtyEvent]], bool]) -> list[PtyEvent]:
    events: list[PtyEvent] = []
    try:
        async with asyncio.timeout(10):
            async for event in stream:
                events.append(event)
                if stop(events):
                    break
    finally:
        await stream.close()
    return events


def text(events: list[PtyEvent]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, PtyOutput))


async def test_the_size_is_said_first_and_keys_arrive_in_order() -> None:
    seen: list[PtyRequest] = []
    queries: list[dict[str, str]] = []

    async def handler(peer: Attached) -> None:
        queries.append(peer.query)
        seen.append(await peer.request())
        await peer.output(b"$ ")
        while len(seen) < 4:
            seen.append(await peer.request())
        await peer.output(b"done")
        await peer.request()

    async with terminal(handler, command="htop -d 5") as (stream, _):
        stream.send("dropped: nobody is attached")

        def stop(events: list[PtyEvent]) -> bool:
            if text(events) == b"$ ":
                stream.send("ls \N{SNOWMAN}\r")
                stream.resize(120, 40)
                stream.resize(120, 40)
                stream.send("\x03")
            return text(events).endswith(b"done")

        events = await collect(stream, stop)
    assert events[0] == PtyOpened(again=False)
    assert seen == [
        PtyRequest(width=100, height=30),
        PtyRequest("ls \N{SNOWMAN}\r"),
        PtyRequest(width=120, height=40),
        PtyRequest("\x03"),
    ]
    assert queries == [{"reconnect": RECONNECT, "width": "100", "height": "30", "command": "htop -d 5"}]


async def test_a_long_paste_goes_in_frames_that_go_peers_accept() -> None:
    paste = "\N{SNOWMAN}x" * 40_000
    frames: list[int] = []
    got: list[str] = []

    async def handler(peer: Attached) -> None:
        decoder = PtyRequestDecoder()
        await peer.output(b"$")
        while "".join(got) != paste:
            frame = await peer.socket.receive_bytes()
            frames.append(len(frame))
            got.extend(request.data for request in decoder.feed(frame))
        await peer.output(b"!")
        await peer.request()

    async with terminal(handler) as (stream, _):

        def stop(events: list[PtyEvent]) -> bool:
            if text(events) == b"$" and not got:
                stream.send(paste)
            return text(events).endswith(b"!")

        await collect(stream, stop)
    assert max(frames) < 32 << 10
    assert len(frames) > 5


async def test_many_small_frames_arrive_as_few_events() -> None:
    count = 3000

    async def handler(peer: Attached) -> None:
        for number in range(count):
            await peer.output(f"{number:07d},".encode() * 16)
        await peer.socket.close(1000)

    async with terminal(handler) as (stream, _):
        events = await collect(stream, lambda events: False)
    assert text(events) == b"".join(f"{number:07d},".encode() * 16 for number in range(count))
    assert events[-1] == PtyEnded("the program ended")
    assert sum(isinstance(event, PtyOutput) for event in events) < count / 2


async def test_a_slow_reader_slows_the_server_down() -> None:
    sent = 0
    total = 64 << 20

    async def handler(peer: Attached) -> None:
        nonlocal sent
        await peer.request()
        while sent < total:
            await peer.output(b"y" * 1024)
            sent += 1024

    async with terminal(handler) as (stream, _), aclosing(stream.__aiter__()) as events:
        async with asyncio.timeout(10):
            while not isinstance(event := await anext(events), PtyOutput):
                pass
        # nobody reads: all that moves are buffers filling up, until nothing moves any more
        before = -1
        while sent != before:
            before = sent
            for _ in range(200):
                await asyncio.sleep(0)
        assert sent < total / 2
        largest = len(event.data)
        async with asyncio.timeout(10):
            for _ in range(20):
                event = await anext(events)
                assert isinstance(event, PtyOutput)
                largest = max(largest, len(event.data))
        assert largest < BUFFER + (64 << 10)


async def test_a_lost_terminal_is_attached_again_with_the_same_id_and_size() -> None:
    queries: list[str] = []
    sizes: list[PtyRequest] = []

    async def handler(peer: Attached) -> None:
        queries.append(peer.query["reconnect"])
        sizes.append(await peer.request())
        await peer.output(b"hello")
        await peer.request()

    time = FakeTime()
    async with terminal(handler, time=time) as (stream, wire):

        def stop(events: list[PtyEvent]) -> bool:
            match events:
                case [PtyOpened(), PtyOutput()]:
                    stream.resize(90, 20)
                    wire.cut()
                case [*_, PtyLost() as lost]:
                    assert lost.retry_at > time.now()
                    stream.send("dropped")
                case [*_, PtyOpened(again=True), PtyOutput()]:
                    return True
            return False

        events = await collect(stream, stop)
    assert [type(event).__name__ for event in events] == [
        "PtyOpened",
        "PtyOutput",
        "PtyLost",
        "PtyOpened",
        "PtyOutput",
    ]
    assert queries == [RECONNECT] * 2
    assert sizes == [PtyRequest(width=100, height=30), PtyRequest(width=90, height=20)]


async def test_the_end_of_the_program_is_the_end() -> None:
    async def handler(peer: Attached) -> None:
        await peer.output(b"bye")
        await peer.socket.close(1000)

    async with terminal(handler) as (stream, wire):
        events = await collect(stream, lambda events: False)
        assert events == [PtyOpened(), PtyOutput(b"bye"), PtyEnded("the program ended")]
        assert wire.connections == 1, "attaching again would start a fresh shell"


async def test_nobody_waits_to_type_into_what_has_ended() -> None:
    async def last_words(attached: Attached) -> None:
        await attached.output(b"exited with code 1")
        await attached.socket.close(1000)

    async with terminal(last_words) as (stream, _):
        events = aiter(stream)
        async with asyncio.timeout(10):
            while not isinstance(await anext(events), PtyOutput):
                pass
            stream.send("x" * 100_000)
            await stream.drain()
            assert isinstance(await anext(events), PtyEnded)
            stream.send("more")
            await stream.drain()
        await stream.close()


async def test_an_agent_that_cannot_be_dialled_is_tried_again() -> None:
    closes = [(1011, "dial agent: timeout"), (1001, "Ping failed"), (1003, "text")]

    async def handler(peer: Attached) -> None:
        await peer.socket.close(*closes.pop(0))

    async with terminal(handler) as (stream, _):
        events = await collect(stream, lambda events: False)
    assert [event.why for event in events if isinstance(event, PtyLost)] == [
        "the server failed: dial agent: timeout",
        "the server is going away: Ping failed",
    ]
    assert isinstance(ended := events[-1], PtyEnded)
    assert ended.failed


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (HTMLResponse("<html><h1>Workspace offline</h1>", 400), "the agent is not connected"),
        (HTMLResponse("<html><h1>Application unavailable</h1>", 404), "there is no such agent"),
        (JSONResponse({"message": "signed out"}, 401), "does not accept the session token"),
        (HTMLResponse("<html>", 403), "403 Forbidden"),
    ],
)
async def test_refusals_before_the_upgrade(response: Response, words: str) -> None:
    async def endpoint(socket: WebSocket) -> None:
        await socket.send_denial_response(response)

    async with serving(WebSocketRoute(f"/api/v2/workspaceagents/{AGENT}/pty", endpoint)) as url:
        stream = PtyStream(credentials(url), AGENT, RECONNECT, (80, 24), clock=FakeTime().clock)
        (event,) = await collect(stream, lambda events: False)
    assert isinstance(event, PtyEnded)
    assert event.failed
    assert words in event.why
    assert "<" not in event.why


async def test_closing_detaches_at_once_even_while_waiting() -> None:
    async def handler(peer: Attached) -> None:
        await peer.request()

    async with terminal(handler) as (stream, wire):
        await wire.down()
        seen: list[PtyEvent] = []
        lost = asyncio.Event()

        async def read() -> None:
            async for event in stream:
                seen.append(event)
                lost.set()

        reader = asyncio.create_task(read())
        async with asyncio.timeout(10):
            await lost.wait()
            await stream.close()
            await reader
    assert all(isinstance(event, PtyLost) for event in seen)
    assert "connection refused" in str(seen[0])

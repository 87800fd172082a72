"""Manners of every WebSocket: handshake, origin, who may say what, pings, sizes, how it ends."""

from __future__ import annotations

import asyncio
import json
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from coder_tui.hub import serve
from tests.contract.ask import ask
from tests.contract.endpoint import Kind, Row
from tests.contract.manners import faults_of
from tests.contract.raw import (
    BINARY,
    CLOSE,
    HANDSHAKE,
    PING,
    PONG,
    TEXT,
    RawSocket,
    exchange,
    frame,
    raw_socket,
    written,
)
from tests.contract.rows import ROWS
from tests.contract.world import SOURCE, World, a_world
from tests.hub.support import agent_token, the_agent

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOCKETS = [row for row in ROWS if row.kind is Kind.SOCKET]
LASTING = [row for row in SOCKETS if not row.ends]
each_socket = pytest.mark.parametrize("row", SOCKETS, ids=str)
each_lasting = pytest.mark.parametrize("row", LASTING, ids=str)

HISTORY_FRAME = 32 << 10
MESSAGE_LIMIT = 8 << 20


async def opened(
    world: World, row: Row, headers: dict[str, str] | None = None, query: str = ""
) -> AbstractAsyncContextManager[RawSocket]:
    """The socket of a row."""
    url = row.url(world, await row.good(world))
    token = row.token(world)
    lines = {"Coder-Session-Token": token} if token else {}
    target = f"/api/v2{url}{('&' if '?' in url else '?') + query if query else ''}"
    return raw_socket(world.hub.url, target, lines | (headers or {}))


async def end_of(socket: RawSocket) -> tuple[int, bytes]:
    """How the server closes, whatever it sends before."""
    while (found := await socket.next()).opcode != CLOSE:
        pass
    assert len(found.reason) <= 123
    found.reason.decode()
    return found.code, found.reason


@each_socket
async def test_a_handshake_that_is_none_is_refused_as_text(world: World, row: Row) -> None:
    wrong: list[dict[str, str]] = [
        {"Sec-WebSocket-Version": "8"},
        {"Sec-WebSocket-Key": "short"},
        {"Sec-WebSocket-Key": ""},
    ]
    for headers in wrong:
        answer = await ask(world, row, headers=headers)
        assert answer.status in {400, 426}, headers
        assert answer.type == "text/plain"
        assert answer.headers["x-coder-build-version"]


@each_socket
async def test_a_plain_get_is_426_after_the_checks(world: World, row: Row) -> None:
    answer = await ask(world, row, plain=True)
    assert answer.status == 426
    assert list(faults_of(answer.status, answer.headers, answer.body)) == []
    assert answer.headers["upgrade"] == "websocket"
    if row.who.value == "user":
        assert (await ask(world, row, plain=True, token="nonsense")).status == 401


@pytest.mark.parametrize(
    "headers",
    [
        {f"X-{number}": "x" for number in range(200)},
        {"X-Long": "x" * 20_000},
        {"Content-Length": "3"},
        {"Transfer-Encoding": "chunked"},
    ],
    ids=["many headers", "a long header", "a body", "chunks"],
)
async def test_an_upgrade_that_the_library_cannot_read_is_answered(world: World, headers: dict[str, str]) -> None:
    lines = {**HANDSHAKE, "Coder-Session-Token": world.hub.token, **headers}
    body = b"abc" if "Content-Length" in headers else b"0\r\n\r\n" if "Transfer-Encoding" in headers else None
    target = f"/api/v2/workspaces/{world.workspace['id']}/watch-ws"
    answer = await exchange(world.hub.url, written("GET", target, lines, body))
    assert 400 <= answer.status < 500
    assert answer.headers["x-coder-build-version"]


@each_socket
async def test_foreign_origins_are_refused_and_our_own_is_not(world: World, row: Row) -> None:
    host = world.hub.url.removeprefix("http://")
    for origin in ("https://evil.example", "null", f"http://{host}.evil.example", "http://127.0.0.1:1", "", "://"):
        answer = await ask(world, row, headers={"Origin": origin})
        assert answer.status == 403, origin
        assert list(faults_of(answer.status, answer.headers, answer.body)) == []
    async with await opened(world, row, {"Origin": world.hub.url}) as socket:
        assert socket.head.status == 101


@each_socket
async def test_neither_compression_nor_a_subprotocol_is_negotiated(world: World, row: Row) -> None:
    wishes = {
        "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
        "Sec-WebSocket-Protocol": "a, b",
    }
    async with await opened(world, row, wishes, "no_key_of_ours=1" if not row.strict_query else "") as socket:
        head = socket.head.headers
    assert "sec-websocket-extensions" not in head
    assert "sec-websocket-protocol" not in head
    assert head["x-coder-build-version"]


@each_lasting
@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["text", "binary"])
async def test_who_speaks_out_of_turn_is_told_so(world: World, row: Row, opcode: int) -> None:
    code, what = row.refuses
    async with await opened(world, row) as socket:
        socket.send(frame(opcode, b"{}"))
        if what == "text" and opcode == BINARY:
            socket.send(frame(PING, b"still there"))
            assert (await socket.until(PONG)).data == b"still there"
            return
        assert (await end_of(socket))[0] == code


@each_lasting
async def test_pings_of_the_client_are_answered(world: World, row: Row) -> None:
    async with await opened(world, row) as socket:
        for payload in (b"", b"17", b"x" * 125):
            socket.send(frame(PING, payload))
            assert (await socket.until(PONG)).data == payload


@each_lasting
async def test_a_close_is_echoed(world: World, row: Row) -> None:
    async with await opened(world, row) as socket:
        socket.send(frame(CLOSE, (1000).to_bytes(2, "big") + b"bye"))
        assert (await end_of(socket))[0] == 1000


BROKEN = {
    "a frame without a mask": (frame(BINARY, b"x", masked=False), 1002),
    "reserved bits": (frame(BINARY, b"x", first=0xF0), 1002),
    "an unknown opcode": (frame(3, b"x"), 1002),
    "a ping in parts": (frame(PING, b"x", first=0), 1002),
    "a long ping": (frame(PING, b"x" * 126), 1002),
    "a continuation of nothing": (frame(0, b"x"), 1002),
    "text that is no UTF-8": (frame(TEXT, b"\xff\xfe"), 1007),
    "a close code of the library's": (frame(CLOSE, (1006).to_bytes(2, "big")), 1002),
    "a close of one byte": (frame(CLOSE, b"\x03"), 1002),
    "a close that is no UTF-8": (frame(CLOSE, b"\x03\xe8\xff"), 1007),
}


@pytest.mark.parametrize(("data", "code"), BROKEN.values(), ids=list(BROKEN))
async def test_what_is_no_websocket_is_closed_with_its_code(world: World, data: bytes, code: int) -> None:
    for row in LASTING:
        async with await opened(world, row) as socket:
            socket.send(data)
            assert (await end_of(socket))[0] == code, row


async def test_a_message_that_is_too_big_is_1009(world: World) -> None:
    row = next(row for row in LASTING if row.path.endswith("/pty"))
    async with await opened(world, row) as socket:
        socket.send(frame(BINARY, b" " * (MESSAGE_LIMIT + 1))[: 1 << 16])  # the head says enough
        assert (await end_of(socket))[0] == 1009


async def test_keystrokes_that_are_no_json_are_1007(world: World) -> None:
    row = next(row for row in LASTING if row.path.endswith("/pty"))
    for data in (b"ls\r", b"[1]", b'{"data": 1}', b'{"height": "x"}', b"\xff"):
        async with await opened(world, row) as socket:
            socket.send(frame(BINARY, data))
            assert (await end_of(socket))[0] == 1007, data


@each_socket
async def test_every_json_frame_ends_its_line(world: World, row: Row) -> None:
    if row.silent or row.path.endswith("/pty"):
        return
    async with await opened(world, row) as socket:
        found = await socket.next()
    assert found.opcode == (BINARY if row.path == "/derp-map" else TEXT)
    assert found.first & 0x70 == 0
    assert found.data.endswith(b"\n")
    assert b"\n" not in found.data[:-1]
    json.loads(found.data)


async def test_history_comes_in_frames_below_32_kib(world: World) -> None:
    hub = world.hub
    made = await hub.workspace("talkative", directory=str(hub.data_dir.parent))
    token = await agent_token(hub, made)
    lines = [*["<" * 1024] * 200, *["\u20ac" * 300] * 200, *["x"] * 3000, *["\x01" * 1024] * 100]
    logs = [{"output": line, "level": "info"} for line in lines]
    await hub.send("PATCH", "/workspaceagents/me/logs", {"log_source_id": SOURCE, "logs": logs}, token=token)
    path = f"/api/v2/workspaceagents/{the_agent(made)['id']}/logs?follow"
    seen: list[int] = []
    async with raw_socket(hub.url, path, {"Coder-Session-Token": hub.token}) as socket:
        while len(seen) < len(lines):
            found = await socket.until(TEXT)
            assert len(found.data) < HISTORY_FRAME
            seen += [entry["id"] for entry in json.loads(found.data)]
    assert seen == sorted(set(seen))
    assert len(seen) == len(lines)


async def test_streams_of_an_agent_end_with_it(world: World) -> None:
    hub = world.hub
    made = await hub.workspace("leaving", directory=str(hub.data_dir.parent))
    agent = the_agent(made)["id"]
    headers = {"Coder-Session-Token": hub.token}
    async with (
        raw_socket(hub.url, f"/api/v2/workspaceagents/{agent}/logs?follow", headers) as logs,
        raw_socket(hub.url, f"/api/v2/workspaceagents/{agent}/pty?reconnect={agent}", headers) as terminal,
    ):
        await logs.until(TEXT)
        await terminal.until(BINARY)
        await hub.build(made["id"], "stop", "stopped")
        assert (await end_of(logs))[0] == 1000
        assert (await end_of(terminal))[0] == 1000


async def test_a_hub_that_stops_says_1001(tmp_path: Path) -> None:
    async with a_world(tmp_path / "hub") as world:
        sockets = [await opened(world, row) for row in LASTING]
        open_ones = [await socket.__aenter__() for socket in sockets]
    codes = [(await end_of(socket))[0] for socket in open_ones]
    for socket in sockets:
        await socket.__aexit__(None, None, None)
    expected = [1000 if row.path.endswith("agent-connection-watch") else 1001 for row in LASTING]
    assert codes == expected


async def test_who_does_not_answer_pings_is_closed_1001(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "PING_SECONDS", 0.1)
    monkeypatch.setattr(serve, "PONG_SECONDS", 0.8)
    async with a_world(tmp_path / "hub") as world:
        await asyncio.gather(*(_pinged(world, row) for row in LASTING))


async def _pinged(world: World, row: Row) -> None:
    async with await opened(world, row) as socket:
        first = await socket.until(PING)
        socket.send(frame(PONG, first.data))
        second = await socket.until(PING)
        assert second.data != first.data
        assert await end_of(socket) == (1001, b"liveness probe failed"), row

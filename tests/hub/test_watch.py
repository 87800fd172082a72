"""Watching a workspace, as events and over a socket."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator

import httpx
import pytest

from coder_tui.hub.events import Topics, workspace_topic
from coder_tui.hub.routes import watch
from tests.hub.support import BOUND, Json, Peer, agent_token, close_code, the_agent


async def report(hub: Peer, token: str, message: str, uri: str = "") -> None:
    body = {"app_slug": "agent", "state": "working", "message": message, "uri": uri}
    await hub.send("PATCH", "/workspaceagents/me/app-status", body, 200, token)


async def test_the_socket_pings_then_shows_every_state(hub: Peer) -> None:
    workspace = await hub.workspace()
    token = await agent_token(hub, workspace)
    async with asyncio.timeout(BOUND), hub.socket(f"/workspaces/{workspace['id']}/watch-ws") as watcher:
        assert json.loads(await watcher.recv()) == {"type": "ping", "data": None}
        first = json.loads(await watcher.recv())
        assert (first["type"], first["data"]["id"]) == ("data", workspace["id"])
        for message in ["one", "two"]:
            await report(hub, token, message)
            frame = await watcher.recv()
            assert isinstance(frame, str)
            assert frame.endswith("\n")
            assert json.loads(frame)["data"]["latest_app_status"]["message"] == message


async def test_a_watcher_may_not_speak(hub: Peer) -> None:
    workspace = await hub.workspace()
    async with hub.socket(f"/workspaces/{workspace['id']}/watch-ws") as watcher:
        await watcher.send("hello")
        assert await close_code(watcher) == 1002
        assert watcher.close_reason == "Clients cannot send messages for one-way WebSockets"


async def test_every_watcher_gets_the_same_change(hub: Peer) -> None:
    workspace = await hub.workspace()
    token = await agent_token(hub, workspace)
    sockets = [await hub.socket(f"/workspaces/{workspace['id']}/watch-ws").__aenter__() for _ in range(20)]
    for watcher in sockets:
        await watcher.recv()
        await watcher.recv()
    await report(hub, token, "everybody")
    async with asyncio.timeout(BOUND):
        frames = {await watcher.recv() for watcher in sockets}
    assert len(frames) == 1
    await asyncio.gather(*(watcher.close() for watcher in sockets))


async def events(response: httpx.Response) -> AsyncIterator[tuple[list[str], Json]]:
    """Events as a strict reader takes them: `event: ` first, at most one `data: ` line."""
    lines: list[str] = []
    async for line in response.aiter_lines():
        if line:
            lines.append(line)
            continue
        assert lines[0].startswith("event: ")
        assert len(lines) <= 2
        data = json.loads(lines[1].removeprefix("data: ")) if len(lines) == 2 else None
        yield lines, data
        lines = []


async def test_the_event_stream_carries_the_same(hub: Peer) -> None:
    workspace = await hub.workspace()
    token = await agent_token(hub, workspace)
    path = f"/api/v2/workspaces/{workspace['id']}/watch"
    async with asyncio.timeout(BOUND), hub.http.stream("GET", path) as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["X-Accel-Buffering"] == "no"
        assert response.headers["Cache-Control"] == "no-cache"
        stream = events(response)
        assert await anext(stream) == (["event: ping"], None)
        _, first = await anext(stream)
        assert first["id"] == workspace["id"]
        await report(hub, token, "seen")
        _, second = await anext(stream)
        assert second["latest_app_status"]["message"] == "seen"


async def test_the_event_stream_pings_when_nothing_happens(hub: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "PING_SECONDS", 0.05)
    workspace = await hub.workspace()
    path = f"/api/v2/workspaces/{workspace['id']}/watch"
    async with asyncio.timeout(BOUND), hub.http.stream("GET", path) as response:
        stream = events(response)
        kinds = [(await anext(stream))[0][0] for _ in range(4)]
    assert kinds == ["event: ping", "event: data", "event: ping", "event: ping"]


async def test_a_deleted_workspace_is_shown_a_last_time(hub: Peer) -> None:
    workspace = await hub.workspace()
    shown = await hub.build(workspace["id"], "delete", "deleted")
    assert shown["latest_build"]["transition"] == "delete"


async def test_a_watcher_that_does_not_read_gets_the_newest_state_not_the_backlog(hub: Peer) -> None:
    workspace = await hub.workspace()
    token = await agent_token(hub, workspace)
    # a small window: the first few frames fill every buffer on the way
    small = socket.create_connection((host(hub), port(hub)))
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 10)
    path = f"/workspaces/{workspace['id']}/watch-ws"
    async with hub.socket(path, sock=small, max_queue=1) as watcher:
        for n in range(60):
            await report(hub, token, f"number {n}", "https://example.com/" + "x" * 20_000)
        frames = 0
        event: Json = {}
        async with asyncio.timeout(BOUND):
            while (event.get("latest_app_status") or {"message": ""})["message"] != "number 59":
                event = json.loads(await watcher.recv())["data"] or {}
                frames += 1
    assert frames < 50
    assert len(the_agent(event)["apps"][0]["statuses"]) == 60


def host(hub: Peer) -> str:
    return httpx.URL(hub.url).host


def port(hub: Peer) -> int:
    return httpx.URL(hub.url).port or 80


async def test_topics_coalesce_and_end() -> None:
    topics = Topics()
    with topics.subscribe(workspace_topic("a")) as mine, topics.subscribe(workspace_topic("b")) as other:
        for _ in range(3):
            topics.publish(workspace_topic("a"))
        await mine.changed()
        waiting = asyncio.create_task(mine.changed())
        await asyncio.sleep(0)
        assert not waiting.done()
        topics.end(workspace_topic("a"))
        await waiting
        await mine.changed()
        assert mine.ended
        assert not other.ended
        topics.close()
        await other.changed()
        assert other.closing
    assert not topics._topics
    with topics.subscribe(workspace_topic("a")) as late:
        await late.changed()
        assert late.closing

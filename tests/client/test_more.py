"""The closer looks and small writes of the client: against a real hub, and against servers that misbehave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from coder_tui.client.rest import RestClient
from coder_tui.client.streams import WatchEnded, WatchLost
from coder_tui.client.streams_more import CloserStreams, Followed, Got, Opened
from coder_tui.errors import ApiError, CredentialsError, ProtocolError
from coder_tui.wire.base import encode
from coder_tui.wire.shares import PortShare, SharePort
from coder_tui.wire.sse import encode_event
from coder_tui.wire.workspaces import CreateWorkspaceBuild
from tests.client.support import FakeTime, credentials, serving
from tests.hub.support import Json, Peer, a_hub, agent_token, the_agent

AGENT = "00000000-0000-4000-8000-00000000000a"
T = TypeVar("T")


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Peer]:
    async with a_hub(tmp_path / "hub") as peer:
        yield peer


@pytest.fixture
async def rest(hub: Peer) -> AsyncIterator[RestClient]:
    async with RestClient(credentials(hub.url, token=hub.token)) as client:
        yield client


async def report(hub: Peer, workspace: Json, state: str) -> None:
    body = {"app_slug": "agent", "state": state, "message": state}
    token = await agent_token(hub, workspace)
    await hub.send("PATCH", "/workspaceagents/me/app-status", body, 200, token)


async def test_the_inbox_is_listed_paged_and_read(hub: Peer, rest: RestClient) -> None:
    workspace = await hub.workspace("dev")
    for state in ("idle", "complete", "failure"):
        await report(hub, workspace, state)
    inbox = await rest.inbox(targets=[workspace["id"]])
    assert [item.content for item in inbox.notifications] == ["failure", "complete", "idle"]
    newest, middle, oldest = inbox.notifications
    assert (await rest.inbox(before=middle.id)).notifications == [oldest]
    read = await rest.set_read(newest.id)
    assert (read.notification.id, read.unread_count) == (newest.id, 2)
    assert [item.id for item in (await rest.inbox(unread=True)).notifications] == [middle.id, oldest.id]
    assert (await rest.set_read(newest.id, False)).unread_count == 3
    await rest.mark_all_read()
    assert (await rest.inbox(unread=True)).unread_count == 0


async def test_small_writes_of_a_workspace(hub: Peer, rest: RestClient) -> None:
    workspace = (await hub.workspace("dev"))["id"]
    await rest.set_favorite(workspace, True)
    await rest.set_ttl(workspace, 3_600_000)
    found = await rest.workspace(workspace)
    assert (found.favorite, found.ttl_ms) == (True, 3_600_000)
    await rest.set_favorite(workspace, False)
    await rest.set_ttl(workspace, None)
    found = await rest.workspace(workspace)
    assert (found.favorite, found.ttl_ms) == (False, None)
    share = SharePort(agent_name="main", port=8080, share_level="public", protocol="http")
    shared = await rest.share_port(workspace, share)
    assert shared == PortShare(workspace_id=workspace, **share.model_dump())
    assert await rest.port_shares(workspace) == [shared]
    await rest.unshare_port(workspace, "main", 8080)
    assert await rest.port_shares(workspace) == []
    with pytest.raises(ApiError) as missing:
        await rest.unshare_port(workspace, "main", 8080)
    assert missing.value.status == 404


async def test_a_deadline_is_put_off(hub: Peer, rest: RestClient) -> None:
    body = {"name": "dev", "ttl_ms": 3_600_000}
    made = await hub.send("POST", "/users/me/workspaces", body, 201)
    await hub.until(made["id"], lambda found: found["latest_build"]["status"] == "running")
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=3)
    await rest.extend(made["id"], later)
    assert (await rest.workspace(made["id"])).latest_build.deadline == later


async def test_builds_are_found_and_cancelled(hub: Peer, rest: RestClient) -> None:
    workspace = await hub.workspace("dev", command="trap '' HUP; while :; do sleep 0.05; done")
    first = await rest.build_by_number("dev", 1)
    assert first.id == workspace["latest_build"]["id"]
    with pytest.raises(ApiError) as refused:
        await rest.cancel_build(first.id)
    assert refused.value.status == 400
    build = await rest.create_build(workspace["id"], CreateWorkspaceBuild(transition="stop"))
    await hub.until(workspace["id"], lambda found: found["latest_build"]["status"] == "stopping")
    with pytest.raises(ApiError) as refused:
        await rest.cancel_build(build.id, expect="pending")
    assert refused.value.status == 412
    await rest.cancel_build(build.id, expect="running")
    await hub.until(workspace["id"], lambda found: found["latest_build"]["status"] == "canceled")


async def test_connection_and_containers(hub: Peer, rest: RestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    agent = the_agent(await hub.workspace("dev"))["id"]
    assert await rest.connection_info() == await rest.connection_info(agent)
    assert (await rest.connection_info()).derp_map is not None
    assert (await rest.containers(agent, ["a=b", "c=d"])).warnings
    with pytest.raises(ApiError) as refused:
        await rest.containers(agent, ["nonsense"])
    assert refused.value.status == 400


async def some(stream: Followed[T], count: int) -> list[Opened | Got[T] | WatchLost | WatchEnded]:
    """The first events; the stream is closed then."""
    found = []
    async with asyncio.timeout(10), aclosing(stream):
        async for event in stream:
            found.append(event)
            if len(found) == count:
                break
    return found


async def test_streams_of_a_hub(hub: Peer, rest: RestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    workspace = await hub.workspace("dev")
    agent, streams = the_agent(workspace)["id"], CloserStreams(rest)
    opened, items = await some(streams.metadata(agent), 2)
    assert opened == Opened()
    assert isinstance(items, Got)
    assert len(items.value) == 6
    _, containers = await some(streams.containers(agent), 2)
    assert isinstance(containers, Got)
    assert "no container engine" in containers.value.warnings[0]
    _, derp = await some(streams.derp_map(), 2)
    assert isinstance(derp, Got)
    assert derp.value.regions == {}
    async with asyncio.timeout(10), aclosing(streams.inbox()) as inbox:
        assert await anext(inbox) == Opened()
        await report(hub, workspace, "failure")
        told = await anext(inbox)
    assert isinstance(told, Got)
    assert (told.value.notification.content, told.value.unread_count) == ("failure", 1)


async def test_a_stream_of_nobody_ends(hub: Peer, rest: RestClient) -> None:
    streams = CloserStreams(rest)
    for last in ((await some(streams.metadata(AGENT), 2))[-1], (await some(streams.containers(AGENT), 2))[-1]):
        assert isinstance(last, WatchEnded)
        assert isinstance(last.error, ApiError)
        assert last.error.status == 404


async def test_a_refused_token_ends_a_stream(hub: Peer) -> None:
    async with RestClient(credentials(hub.url, token="abcdefghij-abcdefghijklmnopqrstuv")) as rest:
        [ended] = await some(CloserStreams(rest).inbox(), 1)
    assert isinstance(ended, WatchEnded)
    assert isinstance(ended.error, CredentialsError)


@asynccontextmanager
async def streams_of(*routes: BaseRoute, time: FakeTime | None = None) -> AsyncIterator[CloserStreams]:
    async with serving(*routes) as url, RestClient(credentials(url)) as rest:
        yield CloserStreams(rest, (time or FakeTime()).clock)


async def _no_route(socket: WebSocket) -> None:
    # Starlette alone would say 403 where Coder says 404
    await socket.send_denial_response(JSONResponse({"message": "Route not found."}, 404))


NO_ROUTE = WebSocketRoute("/{path:path}", _no_route)
ITEM: Json = {"result": {"value": "1 %"}, "description": {"key": "0_cpu_usage"}}


async def test_metadata_of_an_old_server_come_as_events() -> None:
    async def watch(request: Request) -> Response:
        async def events() -> AsyncIterator[bytes]:
            yield encode_event("ping")
            yield encode_event("data", encode([ITEM]))
            yield encode_event("data", b"null")
            yield encode_event("error", encode({"message": "not today"}))

        return StreamingResponse(events(), media_type="text/event-stream")

    async with streams_of(Route(f"/api/v2/workspaceagents/{AGENT}/watch-metadata", watch), NO_ROUTE) as streams:
        opened, one, none, lost = await some(streams.metadata(AGENT), 4)
    assert opened == Opened()
    assert isinstance(one, Got)
    assert one.value[0].result.value == "1 %"
    assert none == Got(())
    assert isinstance(lost, WatchLost)
    assert "not today" in lost.why


async def test_containers_of_an_old_server_are_looked_at() -> None:
    looks = iter(["one", "two", "three"])

    async def listing(request: Request) -> Response:
        return JSONResponse({"containers": [{"name": next(looks)}]})

    time = FakeTime()
    path = f"/api/v2/workspaceagents/{AGENT}/containers"
    async with streams_of(Route(path, listing), NO_ROUTE, time=time) as streams:
        _, *events = await some(streams.containers(AGENT), 4)
    assert [event.value.containers[0].name for event in events if isinstance(event, Got)] == ["one", "two", "three"]
    assert time.slept == [10.0, 10.0]


def speaking(path: str, *frames: str | bytes, code: int = 1000) -> WebSocketRoute:
    async def endpoint(socket: WebSocket) -> None:
        await socket.accept()
        for frame in frames:
            await (socket.send_text(frame) if isinstance(frame, str) else socket.send_bytes(frame))
        await socket.close(code)

    return WebSocketRoute(f"/api/v2/{path}", endpoint)


async def test_a_broken_stream_is_opened_again() -> None:
    regions = {"Regions": {"1": {"RegionID": 1, "RegionName": "One"}}}
    async with streams_of(speaking("derp-map", json.dumps(regions).encode(), code=1011)) as streams:
        opened, got, lost, again, same = await some(streams.derp_map(), 5)
    assert (opened, again) == (Opened(), Opened())
    assert isinstance(got, Got)
    assert got.value.regions["1"].region_name == "One"
    assert got == same
    assert isinstance(lost, WatchLost)


async def test_metadata_frames_of_all_kinds() -> None:
    path = f"workspaceagents/{AGENT}/watch-metadata-ws"
    frames = ('{"type":"ping","data":null}', '{"type":"error","data":{"message":"lost it"}}')
    async with streams_of(speaking(path, *frames)) as streams:
        _, lost = await some(streams.metadata(AGENT), 2)
    assert isinstance(lost, WatchLost)
    assert "lost it" in lost.why


async def test_what_cannot_be_read_is_tried_again_and_another_protocol_is_not() -> None:
    async with streams_of(speaking("notifications/inbox/watch", "nonsense")) as streams:
        _, lost = await some(streams.inbox(), 2)
    assert isinstance(lost, WatchLost)
    async with streams_of(speaking("notifications/inbox/watch", code=1008)) as streams:
        _, ended = await some(streams.inbox(), 2)
    assert isinstance(ended, WatchEnded)
    assert isinstance(ended.error, ProtocolError)

"""The client's tailnet RPC: against a real hub, and against a server that misbehaves."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
from starlette.responses import JSONResponse

from coder_tui.client.rest import RestClient
from coder_tui.client.sockets import Closed
from coder_tui.client.streams import WatchEnded, WatchLost
from coder_tui.client.streams_more import Followed, Got, Opened
from coder_tui.client.tailnet import PeerNode, TailnetStreams, open_tailnet, throw_away_node
from coder_tui.errors import ApiError, CredentialsError, ProtocolError
from coder_tui.wire.tailnet import messages, yamux
from coder_tui.wire.tailnet import tailnet_pb2 as pb
from coder_tui.wire.tailnet.messages import read, uuid_bytes
from coder_tui.wire.tailnet.rpc import CallError
from coder_tui.wire.tailnet.updates import TailnetWorkspace, Told
from coder_tui.wire.tailnet.yamux_frames import Flag, Type, frame
from tests.client.support import FakeTime, credentials, serving
from tests.client.tailnet_server import FakeTailnet, Line
from tests.hub.support import Peer, a_hub, the_agent

OWNER = "00000000-0000-4000-8000-000000000001"
AGENT = "00000000-0000-4000-8000-00000000000a"
WORKSPACE = "00000000-0000-4000-8000-0000000000ff"
NOTHING = Told({}, frozenset())


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Peer]:
    async with a_hub(tmp_path / "hub") as peer:
        yield peer


@asynccontextmanager
async def following(far: FakeTailnet) -> AsyncIterator[Followed[Told]]:
    """Its stream of workspaces, on a clock that does not wait."""
    async with (
        scripted(far) as rest,
        asyncio.timeout(10),
        aclosing(TailnetStreams(rest, FakeTime().clock).workspace_updates(OWNER)) as events,
    ):
        yield events


@asynccontextmanager
async def scripted(far: FakeTailnet) -> AsyncIterator[RestClient]:
    async with serving(*far.routes) as url, RestClient(credentials(url)) as rest:
        yield rest


def running(name: str = "dev") -> pb.WorkspaceUpdate:
    row = pb.Workspace(id=uuid_bytes(WORKSPACE), name=name, status=pb.Workspace.RUNNING)
    return pb.WorkspaceUpdate(upserted_workspaces=[row])


async def test_everything_against_a_hub(hub: Peer) -> None:
    async with asyncio.timeout(10), RestClient(credentials(hub.url, token=hub.token)) as rest:
        me = await rest.me()
        made = await hub.workspace("dev")
        agent = the_agent(made)
        async with open_tailnet(rest) as tailnet:
            async with aclosing(tailnet.workspace_updates(me.id)) as updates, aclosing(tailnet.derp_maps()) as maps:
                told = await anext(updates)
                assert told.picture == {made["id"]: TailnetWorkspace("dev", "running", {agent["id"]: agent["name"]})}
                assert (await anext(maps)).regions == {}
                token = await tailnet.resume_token()
                assert token.refresh_at < token.expires_at
                await hub.build(made["id"], "stop", "stopped")
                while told.picture[made["id"]].status != "stopped":
                    assert (await anext(updates)).changed == {made["id"]}
            with pytest.raises(CallError, match="no such user"):
                await anext(tailnet.workspace_updates(str(uuid.uuid4())))
        async with open_tailnet(rest, resume_token=token.token) as tailnet:
            assert await tailnet.resume_token() != token
        # a token that is not good any more is dropped
        async with open_tailnet(rest, resume_token="nonsense") as tailnet:
            await tailnet.resume_token()
        agent_id = the_agent(await hub.workspace("two"))["id"]
        async with open_tailnet(rest, agent_id) as tailnet:
            with pytest.raises(CallError, match="not offered"):
                await anext(tailnet.workspace_updates(me.id))
            async with aclosing(tailnet.peer(agent_id)) as nodes:
                node = await anext(nodes)
                assert (node.kind, node.endpoints) == ("node", (hub.url.removeprefix("http://"),))
            with pytest.raises(CallError, match="tunnel"):
                await anext(tailnet.peer(agent["id"]))


async def test_a_stream_reconnects_and_begins_anew() -> None:
    far = FakeTailnet()
    far.snapshot = running()
    async with following(far) as events:
        assert await anext(events) == Opened()
        event = await anext(events)
        assert isinstance(event, Got)
        assert event.value == Told({WORKSPACE: TailnetWorkspace("dev", "running")}, frozenset({WORKSPACE}))
        await far.lines[0].say(messages.WORKSPACE_UPDATES, running("other"))
        event = await anext(events)
        assert isinstance(event, Got)
        assert event.value.picture[WORKSPACE].name == "other"
        far.snapshot = pb.WorkspaceUpdate()
        await far.lines[0].socket.close(1001)
        assert isinstance(await anext(events), WatchLost)
        assert [await anext(events), await anext(events)] == [Opened(), Got(NOTHING)]
        assert far.queries == [{"version": "2.3"}] * 2
        assert read(pb.WorkspaceUpdatesRequest, far.heard[0][1]).workspace_owner_id == uuid_bytes(OWNER)
        await events.aclose()
        await far.until(far.lines[1].left.is_set)


async def test_the_end_of_a_call_is_a_loss_of_its_stream() -> None:
    far = FakeTailnet()
    async with following(far) as events:
        assert [await anext(events), await anext(events)] == [Opened(), Got(NOTHING)]
        await far.lines[0].say(messages.WORKSPACE_UPDATES, end=True)
        event = await anext(events)
        assert isinstance(event, WatchLost)
        assert event.why == "the server ended the stream"
        assert await anext(events) == Opened()


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"\x09" * 12, "version 9"),
        (frame(Type.GO_AWAY, Flag.NONE, 0, 2), "it failed"),
        (frame(Type.DATA, Flag.NONE, 1, 4, b"\x03\x01\x02\x00"), "INVOKE from the side"),
        (frame(Type.DATA, Flag.NONE, 1, 6, b"\x05\x01\x02\x02\x0a\xff"), "unreadable WorkspaceUpdate"),
        (frame(Type.WINDOW_UPDATE, Flag.FIN, 1, 0), "without a word"),
        (frame(Type.WINDOW_UPDATE, Flag.RST, 1, 0), "without a word"),
    ],
)
async def test_a_broken_session_is_lost_and_tried_again(raw: bytes, why: str) -> None:
    far = FakeTailnet()
    async with following(far) as events:
        assert [await anext(events), await anext(events)] == [Opened(), Got(NOTHING)]
        await far.lines[0].raw(raw)
        event = await anext(events)
        assert isinstance(event, WatchLost)
        assert why in event.why
        assert [await anext(events), await anext(events)] == [Opened(), Got(NOTHING)]


async def test_a_server_that_answers_no_pings_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yamux, "PING_EVERY", 0.01)
    monkeypatch.setattr(yamux, "PATIENCE", 0.01)
    far = FakeTailnet()
    far.deaf = True
    async with following(far) as events:
        assert await anext(events) == Opened()
        event = await anext(events)
        assert isinstance(event, WatchLost)
        assert "no reply to a ping" in event.why


@pytest.mark.parametrize(
    ("fail", "ends"),
    [((12, "Unimplemented"), True), ((0, 'protocol error: unknown rpc: "/x"'), True), ((0, "try later"), False)],
)
async def test_what_is_not_offered_is_not_asked_for_again(fail: tuple[int, str], ends: bool) -> None:
    far = FakeTailnet()
    far.fail[messages.WORKSPACE_UPDATES] = fail
    async with following(far) as events:
        assert await anext(events) == Opened()
        event = await anext(events)
        if not ends:
            assert isinstance(event, WatchLost)
            assert event.why == "try later"
            return
        assert isinstance(event, WatchEnded)
        assert event.error.why == fail[1]
        with pytest.raises(StopAsyncIteration):
            await anext(events)
    assert len(far.queries) == 1


@pytest.mark.parametrize(
    "refusal",
    [
        JSONResponse({"message": "x", "validations": [{"field": "version", "detail": "behind"}]}, 400),
        JSONResponse({"message": "Route not found."}, 404),
        JSONResponse({"message": "You are signed out."}, 401),
    ],
    ids=["a version not spoken", "no such route", "no credentials"],
)
async def test_refused_upgrades_end_a_stream(refusal: JSONResponse) -> None:
    far = FakeTailnet()
    far.refusals = [refusal]
    async with scripted(far) as rest, asyncio.timeout(10):
        async with aclosing(TailnetStreams(rest).derp_maps()) as events:
            event = await anext(events)
        assert isinstance(event, WatchEnded)
        assert isinstance(event.error, ApiError | CredentialsError)


def reachable(line: Line, call: int, data: bytes) -> None:
    """A coordinator that tells of every agent it is asked for, and of one it is not."""
    request = read(pb.CoordinateRequest, data)
    if request.HasField("add_tunnel"):
        answer = pb.CoordinateResponse()
        answer.peer_updates.add(id=uuid_bytes(OWNER), kind=pb.CoordinateResponse.PeerUpdate.NODE)
        found = answer.peer_updates.add(id=request.add_tunnel.id, kind=pb.CoordinateResponse.PeerUpdate.NODE)
        found.node.preferred_derp = 7
        found.node.derp_latency["7-v4"] = 0.012
        found.node.derp_forced_websocket[9] = "no\x1b[31m upgrade"
        found.node.endpoints.append("192.0.2.1:41641")
        found.node.as_of.FromSeconds(1_750_000_000)
        line.callee.message(call, answer.SerializeToString())
        gone = pb.CoordinateResponse.PeerUpdate.DISCONNECTED
        answer = pb.CoordinateResponse()
        answer.peer_updates.add(id=request.add_tunnel.id, kind=gone, reason="stopped")
        line.callee.message(call, answer.SerializeToString())


async def test_an_agents_node_is_read_and_we_leave_cleanly() -> None:
    far = FakeTailnet()
    far.on_request = reachable
    async with scripted(far) as rest, asyncio.timeout(10):
        streams = TailnetStreams(rest, FakeTime().clock)
        async with aclosing(streams.peer(AGENT)) as events:
            assert await anext(events) == Opened()
            event = await anext(events)
            assert isinstance(event, Got)
            node = event.value
            assert (node.kind, node.preferred_derp, node.derp_latency) == ("node", 7, {"7-v4": 0.012})
            assert node.endpoints == ("192.0.2.1:41641",)
            assert node.as_of is not None
            assert node.as_of.year == 2025
            assert "\x1b" not in node.derp_forced_websocket[9]
            assert await anext(events) == Got(PeerNode("disconnected", "stopped"))
        await far.until(far.lines[0].left.is_set)
        asked = [read(pb.CoordinateRequest, data) for path, data in far.heard if path == messages.COORDINATE]
        assert [[name.name for name, _ in one.ListFields()] for one in asked] == [
            ["update_self"],
            ["add_tunnel"],
            ["disconnect"],
        ]
        ours = asked[0].update_self.node
        assert (len(ours.key), ours.key[:2], len(ours.disco)) == (34, b"np", 73)
        assert ours.addresses[0].endswith("/128")
        assert not ours.endpoints
        # the next one resumes; a token that went bad is dropped, and asked for anew
        far.refusals = [JSONResponse({"validations": [{"field": "resume_token", "detail": "expired"}]}, 401)]
        async with aclosing(streams.peer(AGENT)) as events:
            assert await anext(events) == Opened()
        assert [query.get("resume_token") for query in far.queries] == [None, "token-1", None]


async def test_a_server_without_resume_tokens_coordinates_all_the_same() -> None:
    far = FakeTailnet()
    far.fail[messages.REFRESH_RESUME_TOKEN] = (0, "unknown rpc")
    far.on_request = reachable
    async with scripted(far) as rest, asyncio.timeout(10), aclosing(TailnetStreams(rest).peer(AGENT)) as events:
        assert isinstance([await anext(events), await anext(events)][1], Got)


async def test_a_refused_tunnel_is_said() -> None:
    far = FakeTailnet()

    def refuse(line: Line, call: int, data: bytes) -> None:
        line.callee.message(call, pb.CoordinateResponse(error="not yours").SerializeToString())

    far.on_request = refuse
    async with scripted(far) as rest, asyncio.timeout(10), open_tailnet(rest, AGENT) as tailnet:
        with pytest.raises(CallError, match="not yours"):
            await anext(tailnet.peer(AGENT))


async def test_calls_end_with_their_session() -> None:
    far = FakeTailnet()
    async with scripted(far) as rest, asyncio.timeout(10), open_tailnet(rest) as tailnet:
        async with aclosing(tailnet.derp_maps()) as maps:
            waiting = asyncio.ensure_future(anext(maps))
            await far.until(lambda: far.heard)
            await far.lines[0].socket.close(1011, "oops")
            with pytest.raises(Closed, match="1011"):
                await waiting
        with pytest.raises(Closed):
            await tailnet.resume_token()


async def test_a_resume_token_whose_times_are_none() -> None:
    far = FakeTailnet()
    far.expires = 1 << 60
    async with scripted(far) as rest, asyncio.timeout(10), open_tailnet(rest) as tailnet:
        with pytest.raises(ProtocolError, match="out of range"):
            await tailnet.resume_token()


def test_throw_away_nodes_differ() -> None:
    first, second = throw_away_node(), throw_away_node()
    assert first.key != second.key
    assert first.addresses[0].startswith("fd7a:115c:a1e0:")
    assert first.addresses == first.allowed_ips

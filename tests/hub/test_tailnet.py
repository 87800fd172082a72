"""The hub's tailnet RPC over real sockets, spoken by the codec's other role."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

from coder_tui.hub import pictures
from coder_tui.hub.coordination import preferred_region
from coder_tui.hub.resume import LIFETIME, ResumeTokens
from coder_tui.hub.routes import tailnet
from coder_tui.hub.routes.tailnet import version_fault
from coder_tui.wire.network import DerpMap, DerpRegion
from coder_tui.wire.tailnet import messages, yamux
from coder_tui.wire.tailnet import tailnet_pb2 as pb
from coder_tui.wire.tailnet.drpc import Sender
from coder_tui.wire.tailnet.messages import uuid_bytes
from coder_tui.wire.tailnet.updates import Following, Picture, TailnetWorkspace
from coder_tui.wire.tailnet.yamux import WINDOW, Session
from coder_tui.wire.tailnet.yamux_frames import Flag, Type, frame
from tests.hub.support import BOUND, Peer, a_hub, close_code, the_agent
from tests.hub.tailnet_kit import Speaker, parts, speaking, wanted
from tests.hub.test_network import MAP, write

Asked = pb.CoordinateRequest
Told = pb.CoordinateResponse.PeerUpdate


async def test_workspaces_come_whole_and_then_as_differences(hub: Peer) -> None:
    async with speaking(hub) as speaker:
        call = await speaker.call(messages.WORKSPACE_UPDATES, wanted(hub))
        assert await speaker.reply(pb.WorkspaceUpdate) == pb.WorkspaceUpdate()  # none yet, and said so
        made = await hub.workspace("one")
        agent = the_agent(made)
        following = Following()
        picture = following.apply(pb.WorkspaceUpdate()).picture
        states: list[str] = []
        while picture.get(made["id"]) != TailnetWorkspace("one", "running", {agent["id"]: agent["name"]}):
            following.apply(await speaker.reply(pb.WorkspaceUpdate))
            states.append(picture[made["id"]].status)
        # a report changes nothing here: the next message is the rename's
        await hub.send("POST", f"/workspaces/{made['id']}/usage", status=204)
        await hub.send("PUT", f"/workspaces/{made['id']}/favorite", status=204)
        await hub.send("PATCH", f"/workspaces/{made['id']}", {"name": "two"}, 204)
        update = await speaker.reply(pb.WorkspaceUpdate)
        assert [one.name for one in update.upserted_workspaces] == ["two"]
        assert not update.upserted_agents
        await hub.build(made["id"], "delete", "deleted")
        while picture:
            update = await speaker.reply(pb.WorkspaceUpdate)
            following.apply(update)
        assert [one.id for one in update.deleted_workspaces] == [uuid_bytes(made["id"])]
        speaker.caller.cancel(call)
        await speaker.flush()
        # the session goes on
        await speaker.call(messages.WORKSPACE_UPDATES, wanted(hub))
        assert await speaker.reply(pb.WorkspaceUpdate) == pb.WorkspaceUpdate()


async def test_a_burst_of_changes_is_few_looks(hub: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    load = pictures._load

    def counted(*args: Any) -> Picture:
        nonlocal looks
        looks += 1
        return load(*args)

    monkeypatch.setattr(pictures, "_load", counted)
    made = await hub.workspace("one")
    async with speaking(hub) as speaker:
        await speaker.call(messages.WORKSPACE_UPDATES, wanted(hub))
        await speaker.reply(pb.WorkspaceUpdate)
        for _ in range(40):
            await hub.send("POST", f"/workspaces/{made['id']}/usage", status=204)
        await hub.send("PATCH", f"/workspaces/{made['id']}", {"name": "two"}, 204)
        await speaker.reply(pb.WorkspaceUpdate)
    assert looks < 20


async def test_other_peoples_workspaces_and_broken_owners_are_refused(hub: Peer) -> None:
    async with speaking(hub) as speaker:
        for owner, why in ((uuid.uuid4().bytes, "no such user"), (b"short", "16 bytes"), (b"", "16 bytes")):
            await speaker.call(messages.WORKSPACE_UPDATES, pb.WorkspaceUpdatesRequest(workspace_owner_id=owner))
            error = await speaker.end()
            assert error is not None
            assert error.code == 0
            assert why in error.why


async def test_the_derp_map_is_streamed(hub: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tailnet, "CHECK_SECONDS", 0.01)
    async with speaking(hub) as speaker:
        await speaker.call(messages.STREAM_DERP_MAPS, pb.StreamDERPMapsRequest())
        assert await speaker.reply(pb.DERPMap) == pb.DERPMap()
        write(hub.data_dir / "derp.json", json.dumps(MAP))
        found = await speaker.reply(pb.DERPMap)
        assert found.regions[7].region_name == "Frankfurt"
        (node,) = found.regions[7].nodes
        assert (node.stun_port, node.host_name, node.force_http) == (-1, "derp.example.test", True)


async def test_the_small_calls(hub: Peer) -> None:
    async with speaking(hub) as speaker:
        await speaker.call(messages.REFRESH_RESUME_TOKEN, pb.RefreshResumeTokenRequest())
        answer = await speaker.reply(pb.RefreshResumeTokenResponse)
        assert await speaker.end() is None
        assert answer.refresh_in.ToSeconds() * 2 == LIFETIME
        await speaker.call(messages.POST_TELEMETRY, pb.TelemetryRequest(events=[pb.TelemetryEvent(application="x")]))
        assert await speaker.reply(pb.TelemetryResponse) == pb.TelemetryResponse()
        assert await speaker.end() is None
        await speaker.call("/coder.tailnet.v2.Tailnet/Nope", pb.TelemetryRequest())
        error = await speaker.end()
        assert error is not None
        assert error.code == 0
        assert error.why.startswith("protocol error: unknown rpc:")
    async with speaking(hub, f"/tailnet?version=2.3&resume_token={answer.token}") as speaker:
        await speaker.call(messages.REFRESH_RESUME_TOKEN, pb.RefreshResumeTokenRequest())
        assert (await speaker.reply(pb.RefreshResumeTokenResponse)).token != answer.token


async def test_an_agent_is_told_of_while_it_runs(hub: Peer) -> None:
    write(hub.data_dir / "derp.json", json.dumps(MAP))
    made = await hub.workspace("one")
    agent = the_agent(made)["id"]
    async with speaking(hub, f"/workspaceagents/{agent}/coordinate?version=2.3") as speaker:
        call = await speaker.call(messages.COORDINATE, more=True)
        await speaker.say(call, Asked(update_self=Asked.UpdateSelf(node=pb.Node(id=5))))
        await speaker.say(call, Asked(add_tunnel=Asked.Tunnel(id=uuid_bytes(agent))))
        (update,) = (await speaker.reply(pb.CoordinateResponse)).peer_updates
        assert (update.id, update.kind) == (uuid_bytes(agent), Told.NODE)
        assert update.node.preferred_derp == 7
        assert list(update.node.endpoints) == [hub.url.removeprefix("http://")]
        assert update.node.HasField("as_of")
        await hub.build(made["id"], "stop", "stopped")
        (update,) = (await speaker.reply(pb.CoordinateResponse)).peer_updates
        assert update.kind == Told.DISCONNECTED
        await speaker.say(call, Asked(remove_tunnel=Asked.Tunnel(id=uuid_bytes(agent))))
        await speaker.say(call, Asked(disconnect=Asked.Disconnect()))
        assert await speaker.end() is None

        # and nothing else on this route
        other = the_agent(await hub.workspace("two"))["id"]
        for request in (Asked.Tunnel(id=uuid_bytes(other)), Asked.Tunnel(id=b"short")):
            await speaker.call(messages.COORDINATE, Asked(add_tunnel=request))
            assert (await speaker.reply(pb.CoordinateResponse)).error
            assert await speaker.end() is None
        await speaker.call(messages.WORKSPACE_UPDATES, wanted(hub))
        error = await speaker.end()
        assert error is not None
        assert error.code == 12
    async with speaking(hub) as speaker:  # the user's own route reaches all of theirs
        await speaker.call(messages.COORDINATE, Asked(add_tunnel=Asked.Tunnel(id=uuid_bytes(other))), more=True)
        assert (await speaker.reply(pb.CoordinateResponse)).peer_updates[0].id == uuid_bytes(other)


async def test_requests_that_are_no_messages_fail_their_call(hub: Peer) -> None:
    async with speaking(hub) as speaker:
        speaker.caller.call(messages.WORKSPACE_UPDATES, b"\x0a\xff")
        await speaker.flush()
        error = await speaker.end()
        assert error is not None
        assert error.why.startswith("protocol error")


async def test_checks_come_before_the_upgrade(hub: Peer) -> None:
    agent = the_agent(await hub.workspace())["id"]
    for path in ("/tailnet", f"/workspaceagents/{agent}/coordinate"):
        for version in ("3.0", "1.0", "2.12", "two", "2", "2.3.4"):
            body = await hub.get(f"{path}?version={version}", 400)
            assert [item["field"] for item in body["validations"]] == ["version"]
        body = await hub.get(f"{path}?version=2.3&resume_token=nonsense", 401)
        assert [item["field"] for item in body["validations"]] == ["resume_token"]
        async with httpx.AsyncClient(base_url=hub.url) as stranger:
            assert (await stranger.get(f"/api/v2{path}?version=9.9")).status_code == 401
            assert (await hub.http.get(f"/api/v2{path}?version=2.11")).status_code == 426
            assert (await hub.http.get(f"/api/v2{path}")).status_code == 426
    assert "message" in await hub.get(f"/workspaceagents/{uuid.uuid4()}/coordinate?version=9.9", 404)


def test_versions() -> None:
    assert [version_fault(f"2.{minor}") for minor in range(12)] == [""] * 12
    assert "behind" in version_fault("2.12")
    assert "behind" in version_fault("3.0")
    assert "no longer" in version_fault("1.9")
    assert all(
        "invalid" in version_fault(text) for text in ("", "2", "2.", ".3", "2.3 ", "-2.3", "2.٣", "2." + "1" * 99)
    )


def test_resume_tokens_last_a_day() -> None:
    now = 1_000_000_000_000_000
    tokens = ResumeTokens(lambda: now)
    token, expires_at = tokens.issue()
    assert expires_at == now // 1_000_000 + LIFETIME
    assert tokens.accept(token)
    now += LIFETIME * 1_000_000
    assert tokens.accept(token)
    now += 1_000_000
    assert not tokens.accept(token)
    assert not any(map(tokens.accept, ("", ".", token[:-1], token.replace(".", "..", 1), "\ud800", "x.y.z")))
    assert not ResumeTokens(lambda: 0).accept(tokens.issue()[0])


def test_home_is_a_region_that_is_not_avoided() -> None:
    regions = {key: DerpRegion(region_id=int(key), avoid=key == "1") for key in ("3", "1", "2")}
    assert preferred_region(DerpMap(regions=regions)) == 2
    assert preferred_region(DerpMap(regions={"1": regions["1"]})) == 1
    assert preferred_region(DerpMap()) == 0


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("hello", 1003),
        (b"\x01" + bytes(11), 1002),
        (frame(Type.GO_AWAY, Flag.NONE, 0, 1), 1002),
        (frame(Type.DATA, Flag.SYN, 1, 1 << 31), 1002),
    ],
    ids=["text", "a wrong version", "a failed peer", "a lie about length"],
)
async def test_who_breaks_the_session_is_closed(hub: Peer, data: str | bytes, code: int) -> None:
    async with speaking(hub) as speaker:
        await speaker.socket.send(data)
        assert await close_code(speaker.socket) == code


async def test_a_call_whose_window_is_used_up_holds_up_nothing_else(hub: Peer) -> None:
    regions = {
        str(key): {"RegionID": key, "RegionCode": f"r{key}", "RegionName": f"{key} " * 20} for key in range(1, 3500)
    }
    write(hub.data_dir / "derp.json", json.dumps({"Regions": regions}))
    async with asyncio.timeout(BOUND), hub.socket("/tailnet?version=2.3") as socket:
        session = Session(client=True, now=0.0)
        big, small = session.open(), session.open()
        sender = Sender()
        session.send(big, sender.invoke(messages.STREAM_DERP_MAPS) + sender.message(b"") + sender.close_send())
        await socket.send(session.take())
        received = 0
        while received < WINDOW:
            received += sum(len(part.data) for part in await parts(socket, session))
        assert received == WINDOW
        sender = Sender()
        session.send(small, sender.invoke(messages.REFRESH_RESUME_TOKEN) + sender.message(b"") + sender.close_send())
        await socket.send(session.take())
        assert {part.stream for part in await parts(socket, session)} == {small}
        session.consumed(big, WINDOW)
        await socket.send(session.take())
        while big not in {part.stream for part in await parts(socket, session)}:
            pass  # the end of the small one may come apart from its answer


async def test_a_caller_that_answers_no_pings_is_closed(hub: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yamux, "PING_EVERY", 0.01)
    monkeypatch.setattr(yamux, "PATIENCE", 0.01)
    async with asyncio.timeout(BOUND), hub.socket("/tailnet?version=2.3") as deaf:
        assert await deaf.recv() == frame(Type.PING, Flag.SYN, 0, 1)
        assert await close_code(deaf) == 1001
    monkeypatch.setattr(yamux, "PATIENCE", BOUND)
    async with asyncio.timeout(BOUND), speaking(hub) as speaker:
        for _ in range(3):
            ping = await speaker.socket.recv()
            assert isinstance(ping, bytes)
            assert speaker.caller.receive(ping, 0.0) == []
            await speaker.flush()
        await speaker.call(messages.POST_TELEMETRY, pb.TelemetryRequest())
        assert await speaker.reply(pb.TelemetryResponse) == pb.TelemetryResponse()


async def test_a_thousand_calls_at_once(hub: Peer) -> None:
    """Those beyond the limit are refused, the others answered."""
    ask = Sender().invoke("/coder.tailnet.v2.Tailnet/Nope")
    wire = bytearray()
    for stream in range(1, 2001, 2):
        wire += frame(Type.DATA, Flag.SYN, stream, len(ask), ask)
    async with asyncio.timeout(BOUND), hub.socket("/tailnet?version=2.3") as socket:
        await socket.send(bytes(wire))
        frames = bytearray()
        while frames.count(frame(Type.WINDOW_UPDATE, Flag.RST, 0, 0)[:4]) + frames.count(b"unknown rpc") < 1000:
            part = await socket.recv()
            assert isinstance(part, bytes)
            frames += part
        assert frames.count(b"unknown rpc") == yamux.BACKLOG


async def test_the_hub_says_that_it_stops(tmp_path: Path) -> None:
    async with a_hub(tmp_path / "hub") as hub, hub.socket("/tailnet?version=2.3") as quiet:
        speaker = Speaker(await hub.socket("/tailnet?version=2.3").__aenter__())
        await speaker.call(messages.WORKSPACE_UPDATES, wanted(hub))
        await speaker.reply(pb.WorkspaceUpdate)
        silent = await hub.socket("/tailnet?version=2.3").__aenter__()
        await quiet.close()
    assert await close_code(speaker.socket) == 1001
    data = await silent.recv()
    assert data == frame(Type.GO_AWAY, Flag.NONE, 0, 0)
    assert await close_code(silent) == 1001

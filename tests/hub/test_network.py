"""How agents are reached: DERP maps, connection info, the watch for a reachable agent."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import uuid
from pathlib import Path

import httpx
import pytest
import websockets
from websockets.asyncio.client import ClientConnection

from coder_tui.hub.derp import DerpFile
from coder_tui.hub.routes import network
from coder_tui.wire.network import DerpMap
from tests.hub.support import BOUND, Json, Peer, a_hub, close_code, the_agent

MAP: Json = {
    "Regions": {
        "7": {
            "EmbeddedRelay": False,
            "RegionID": 7,
            "RegionCode": "fra",
            "RegionName": "Frankfurt",
            "Nodes": [
                {"Name": "7a", "RegionID": 7, "HostName": "derp.example.test", "STUNPort": -1, "ForceHTTP": True}
            ],
        }
    }
}


def write(path: Path, text: str) -> None:
    """In one step, and never with the time of change it had: two writes may be closer than the clock's step."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    temporary = path.with_suffix(".new")
    temporary.write_text(text)
    os.utime(temporary, ns=(before + 1_000_000_000, before + 1_000_000_000))
    temporary.replace(path)


def anonymous(hub: Peer) -> websockets.connect:
    return websockets.connect(
        f"{hub.url.replace('http', 'ws', 1)}/api/v2/derp-map", open_timeout=BOUND, close_timeout=1
    )


async def frame(socket: ClientConnection) -> Json:
    async with asyncio.timeout(BOUND):
        return json.loads(await socket.recv())


async def test_the_map_comes_at_once_in_binary_and_again_when_it_changed(
    hub: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "CHECK_SECONDS", 0.01)
    file = hub.data_dir / "derp.json"
    async with asyncio.timeout(BOUND), anonymous(hub) as socket:
        first = await socket.recv()
        assert first == b'{"Regions":{}}\n'
        write(file, json.dumps(MAP))
        assert await frame(socket) == MAP
        write(file, '{"Regions": {"7": {}}}')  # broken: nothing is sent
        write(file, json.dumps(MAP | {"omitDefaultRegions": True}))
        assert await frame(socket) == MAP | {"omitDefaultRegions": True}
        file.unlink()
        assert await frame(socket) == {"Regions": {}}


async def test_a_watcher_may_not_speak_and_hears_of_the_end(tmp_path: Path) -> None:
    async with a_hub(tmp_path / "hub") as hub:
        async with anonymous(hub) as talker:
            await talker.send("hello")
            assert await close_code(talker) == 1008
        silent = await anonymous(hub).__aenter__()
    assert await close_code(silent) == 1001


async def test_connection_info(hub: Peer) -> None:
    write(hub.data_dir / "derp.json", json.dumps(MAP))
    expected = {"derp_map": MAP, "derp_force_websockets": False, "disable_direct_connections": False}
    agent = the_agent(await hub.workspace())["id"]
    assert await hub.get("/workspaceagents/connection") == expected
    assert await hub.get(f"/workspaceagents/{agent}/connection") == expected
    assert "message" in await hub.get(f"/workspaceagents/{uuid.uuid4()}/connection", 404)
    assert "message" in await hub.get("/workspaceagents/x/connection", 400)
    async with httpx.AsyncClient(base_url=hub.url) as plain:
        assert (await plain.get("/api/v2/workspaceagents/connection")).status_code == 401
        assert (await plain.get("/api/v2/derp-map")).status_code == 426


BROKEN = {
    "no JSON": "{",
    "no object": "[]",
    "a key that is no number": '{"Regions":{"x":{"RegionID":1,"RegionCode":"a","RegionName":"A"}}}',
    "another key": '{"Regions":{"2":{"RegionID":1,"RegionCode":"a","RegionName":"A"}}}',
    "no code": '{"Regions":{"1":{"RegionID":1,"RegionName":"A"}}}',
    "a node without host": '{"Regions":{"1":{"RegionID":1,"RegionCode":"a","RegionName":"A","Nodes":[{"Name":"n"}]}}}',
    "a node elsewhere": '{"Regions":{"1":{"RegionID":1,"RegionCode":"a","RegionName":"A","Nodes":'
    '[{"Name":"n","HostName":"h","RegionID":2}]}}}',
    "a port that is none": '{"Regions":{"1":{"RegionID":1,"RegionCode":"a","RegionName":"A","Nodes":'
    '[{"Name":"n","HostName":"h","RegionID":1,"DERPPort":65536}]}}}',
    "too big": " " * ((1 << 20) + 1),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_keeps_the_last_good_map_and_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    path = tmp_path / "derp.json"
    file = DerpFile(path)
    assert file.current() == DerpMap()
    write(path, json.dumps(MAP))
    good = file.current()
    assert good.regions["7"].region_name == "Frankfurt"
    write(path, text)
    with caplog.at_level(logging.WARNING):
        assert file.current() == good
        assert file.current() == good
    [record] = caplog.records
    assert str(path) in record.getMessage()


async def test_the_connection_watch_follows_build_and_agent(hub: Peer) -> None:
    workspace = await hub.workspace()
    path = f"/workspaces/{workspace['id']}/agent-connection-watch"
    async with asyncio.timeout(BOUND), hub.socket(path) as socket:
        first = await socket.recv()
        assert isinstance(first, str)
        assert json.loads(first) == {
            "error": None,
            "build_update": {"transition": "start", "job_status": "succeeded"},
        }
        ready = {"lifecycle": "ready", "id": the_agent(workspace)["id"]}
        assert await frame(socket) == {"error": None, "agent_update": ready}
        await hub.build(workspace["id"], "stop", "stopped")
        seen: list[Json] = []
        while not seen or seen[-1] != {"transition": "stop", "job_status": "succeeded"}:
            seen.append((await frame(socket))["build_update"])
        assert all(update["transition"] == "stop" for update in seen)
        restarted = await hub.build(workspace["id"], "start", "running")
        while "agent_update" not in (update := await frame(socket)):
            assert update["build_update"]["transition"] == "start"
        assert update["agent_update"] == {"lifecycle": "ready", "id": the_agent(restarted)["id"]}


async def test_the_connection_watch_says_what_is_wrong_and_ends(hub: Peer) -> None:
    workspace = await hub.workspace()
    path = f"/workspaces/{workspace['id']}/agent-connection-watch"
    async with hub.socket(f"{path}?agent_name=nobody") as socket:
        assert (await frame(socket))["build_update"]["job_status"] == "succeeded"
        error = (await frame(socket))["error"]
        assert (error["code"], error["retryable"]) == (2, False)
        assert await close_code(socket) == 1000
    async with hub.socket(f"{path}?agent_name=main") as socket:
        await frame(socket)
        assert (await frame(socket))["agent_update"]["lifecycle"] == "ready"
        await socket.send("hello")
        assert await close_code(socket) == 1008
    assert "message" in await hub.get(f"/workspaces/{uuid.uuid4()}/agent-connection-watch", 404)


async def test_the_connection_watch_says_that_the_hub_stops(tmp_path: Path) -> None:
    async with a_hub(tmp_path / "hub") as hub:
        workspace = await hub.workspace()
        socket = await hub.socket(f"/workspaces/{workspace['id']}/agent-connection-watch").__aenter__()
        await frame(socket)
        await frame(socket)
    error = (await frame(socket))["error"]
    assert (error["code"], error["retryable"]) == (4, True)

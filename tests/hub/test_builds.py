"""Builds: transitions, their logs, what fails them, and what a restart of the hub leaves."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path

import pytest
import websockets

from tests.hub.support import BOUND, Json, Peer, a_hub, agent_token, close_code, the_agent


async def test_stop_and_start_give_a_new_agent_and_the_same_app(hub: Peer) -> None:
    first = await hub.workspace(command="sleep 1000")
    old = the_agent(first)
    token = await agent_token(hub, first)
    stopped = await hub.build(first["id"], "stop", "stopped")
    assert stopped["latest_build"]["resources"] == []
    assert stopped["health"]["healthy"] is True
    gone = await hub.get(f"/workspaceagents/{old['id']}")
    assert (gone["lifecycle_state"], gone["status"]) == ("off", "disconnected")
    assert gone["health"] == {"healthy": False, "reason": "agent is not running"}
    report = {"app_slug": "agent", "state": "idle", "message": ""}
    await hub.send("PATCH", "/workspaceagents/me/app-status", report, 401, token)
    second = await hub.build(first["id"], "start", "running")
    new = the_agent(second)
    assert new["id"] != old["id"]
    assert new["apps"][0]["id"] == old["apps"][0]["id"]
    assert new["apps"][0]["command"] == "sleep 1000"
    assert second["latest_build"]["build_number"] == 3


async def test_a_second_start_replaces_the_running_agent(hub: Peer) -> None:
    first = await hub.workspace(command="sleep 1000")
    again = await hub.build(first["id"], "start", "running", command="sleep 2000")
    # the first answer of the watch may still be the build before
    again = await hub.until(first["id"], lambda w: w["latest_build"]["build_number"] == 2 and the_agents(w) != [])
    assert the_agent(again)["apps"][0]["command"] == "sleep 2000"
    assert hub.core.sessions.pids(the_agent(first)["id"]) == []
    assert len(hub.core.sessions.pids(the_agent(again)["id"])) == 1


def the_agents(workspace: Json) -> list[Json]:
    return [agent for resource in workspace["latest_build"]["resources"] for agent in resource["agents"]]


async def test_the_answer_is_the_pending_build_and_a_second_is_refused(hub: Peer) -> None:
    # a program that ignores SIGHUP keeps the stop build active for as long as the grace lasts
    workspace = await hub.workspace(command="trap '' HUP; echo up; while :; do sleep 1000; done")
    build = await hub.send("POST", f"/workspaces/{workspace['id']}/builds", {"transition": "stop"}, 201)
    assert build["status"] == "pending"
    assert build["job"]["status"] == "pending"
    assert "started_at" not in build["job"]
    problem = await hub.send("POST", f"/workspaces/{workspace['id']}/builds", {"transition": "start"}, 409)
    assert "already active" in problem["message"]
    await hub.until(workspace["id"], lambda found: found["latest_build"]["status"] == "stopped")


async def test_builds_are_listed_newest_first_with_cursors(hub: Peer) -> None:
    workspace = await hub.workspace()
    await hub.build(workspace["id"], "stop", "stopped")
    await hub.build(workspace["id"], "start", "running")
    path = f"/workspaces/{workspace['id']}/builds"
    builds = await hub.get(path)
    assert [build["build_number"] for build in builds] == [3, 2, 1]
    assert [build["transition"] for build in builds] == ["start", "stop", "start"]
    assert [b["build_number"] for b in await hub.get(f"{path}?after_id={builds[0]['id']}&limit=1")] == [2]
    assert [b["build_number"] for b in await hub.get(f"{path}?offset=2")] == [1]
    assert [b["build_number"] for b in await hub.get(f"{path}?since={builds[1]['created_at']}")] == [3, 2]
    await hub.get(f"{path}?after_id={uuid.uuid4()}", 400)
    assert (await hub.get(f"/workspacebuilds/{builds[1]['id']}")) == builds[1]


@pytest.mark.parametrize("body", [{}, {"transition": "restart"}, {"transition": "start", "reason": "boredom"}])
async def test_a_build_needs_known_words(hub: Peer, body: Json) -> None:
    workspace = await hub.workspace()
    problem = await hub.send("POST", f"/workspaces/{workspace['id']}/builds", body, 400)
    assert problem["validations"]


async def test_the_log_tells_the_stages(hub: Peer, tmp_path: Path) -> None:
    workspace = await hub.workspace(directory=str(tmp_path), command="sleep 1000")
    path = f"/workspacebuilds/{workspace['latest_build']['id']}/logs"
    lines = await hub.get(path)
    assert [line["stage"] for line in lines] == ["Setting up", "Starting workspace", "Cleaning up"]
    assert "sleep 1000" in lines[1]["output"]
    assert {line["log_source"] for line in lines} == {"provisioner_daemon"}
    assert await hub.get(f"{path}?after={lines[0]['id']}") == lines[1:]
    text = await hub.http.get(f"/api/v2{path}?format=text")
    assert len(text.text.splitlines()) == 3
    await hub.get(f"{path}?format=xml", 400)
    await hub.get(f"{path}?format=text&follow", 400)


async def test_following_a_build_sends_one_object_per_frame_and_closes_with_the_job(hub: Peer) -> None:
    workspace = await hub.workspace(command="trap '' HUP; while :; do sleep 1000; done")
    build = await hub.send("POST", f"/workspaces/{workspace['id']}/builds", {"transition": "stop"}, 201)
    path = f"/workspacebuilds/{build['id']}/logs"
    async with hub.socket(f"{path}?follow") as socket:
        frames = [json.loads(frame) async for frame in socket]
        assert socket.close_code == 1000
    assert frames == await hub.get(path)
    assert len(frames) >= 2
    async with hub.socket(f"{path}?follow=true&after={frames[0]['id']}") as late:
        assert [json.loads(frame) async for frame in late] == frames[1:]
        assert late.close_code == 1000


async def test_a_follower_of_builds_may_not_speak(hub: Peer) -> None:
    workspace = await hub.workspace(command="trap '' HUP; while :; do sleep 1000; done")
    build = await hub.send("POST", f"/workspaces/{workspace['id']}/builds", {"transition": "stop"}, 201)
    async with hub.socket(f"/workspacebuilds/{build['id']}/logs?follow") as socket:
        await socket.send("hello")
        assert await close_code(socket) == 1008


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"directory": "/no/such/place"}, "no such directory"),
        ({"command": "no-such-program-here --flag"}, "not found"),
        ({"command": "./missing.sh"}, "no such file"),
        ({"command": "./plain.txt"}, "not executable"),
        ({"command": "echo 'unfinished"}, "not a shell command"),
        ({"command": "A=1 no-such-program-here"}, "not found"),
    ],
)
async def test_a_command_that_cannot_start_fails_the_build(
    hub: Peer, tmp_path: Path, parameters: dict[str, str], why: str
) -> None:
    (tmp_path / "plain.txt").write_text("echo hello")
    workspace = await hub.workspace(expect="failed", **({"directory": str(tmp_path)} | parameters))
    job = workspace["latest_build"]["job"]
    assert why in job["error"]
    assert job["status"] == "failed"
    assert workspace["latest_build"]["resources"] == []
    lines = await hub.get(f"/workspacebuilds/{workspace['latest_build']['id']}/logs")
    assert lines[-1]["log_level"] == "error"
    fixed = await hub.build(workspace["id"], "start", "running", command="true", directory=str(tmp_path))
    assert fixed["latest_build"]["build_number"] == 2


@pytest.mark.parametrize("command", ["for i in 1 2; do :; done", "(sleep 1000)", "'true' --x", "A=1 B=2 true", "cd ."])
async def test_shell_grammar_is_left_to_the_shell(hub: Peer, command: str) -> None:
    workspace = await hub.workspace(command=command)
    assert workspace["latest_build"]["job"]["status"] == "succeeded"


async def test_after_a_restart_commands_are_lost_and_shells_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELL", "/bin/sh")
    async with a_hub(tmp_path) as hub:
        busy = await hub.workspace("busy", command="sleep 1000")
        plain = await hub.workspace("plain")
        token = await agent_token(hub, busy)
        report = {"app_slug": "agent", "state": "working", "message": "on it"}
        await hub.send("PATCH", "/workspaceagents/me/app-status", report, 200, token)
        credential = hub.token
    async with a_hub(tmp_path) as hub:
        assert hub.token == credential
        found = await hub.get(f"/workspaces/{busy['id']}")
        agent = the_agent(found)
        assert agent["id"] == the_agent(busy)["id"]
        assert agent["status"] == "disconnected"
        assert agent["disconnected_at"]
        assert found["health"]["failing_agents"] == [agent["id"]]
        assert agent["apps"][0]["statuses"][0]["message"] == "on it"
        assert found["latest_app_status"]["state"] == "working"
        with pytest.raises(websockets.InvalidStatus) as caught:
            await hub.terminal(agent["id"], agent["apps"][0]["id"]).__aenter__()
        assert caught.value.response.status_code == 400
        assert the_agent(await hub.get(f"/workspaces/{plain['id']}"))["status"] == "connected"
        async with hub.terminal(the_agent(plain)["id"], str(uuid.uuid4())) as socket:
            assert isinstance(await socket.recv(), bytes)
        again = await hub.build(busy["id"], "start", "running")
        again = await hub.until(busy["id"], lambda w: w["latest_build"]["build_number"] == 2 and the_agents(w) != [])
        assert the_agent(again)["status"] == "connected"


async def test_a_build_cut_short_by_the_end_of_the_hub_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELL", "/bin/sh")
    async with a_hub(tmp_path, hangup_grace=BOUND * 6) as hub:
        workspace = await hub.workspace(command="trap '' HUP; while :; do sleep 1000; done")
        await hub.send("POST", f"/workspaces/{workspace['id']}/builds", {"transition": "stop"}, 201)
        await hub.until(workspace["id"], lambda found: found["latest_build"]["job"]["status"] == "running")
        await hub.core.builds.stop()
    async with asyncio.timeout(BOUND), a_hub(tmp_path) as hub:
        job = (await hub.get(f"/workspaces/{workspace['id']}"))["latest_build"]["job"]
        assert (job["status"], job["error"]) == ("failed", "the hub stopped during the build")
        await hub.build(workspace["id"], "start", "running")

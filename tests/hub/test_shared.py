"""Standings and refused reports, over the hub's own routes."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from coder_tui.hub.standings import MOST, Refusals
from tests.hub.support import BOUND, Peer, a_hub, agent_token, the_agent

Json = Any
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def said(subject: str, *, on: bool = True, minutes: float = 0, kind: str = "ack", until: str | None = None) -> Json:
    at = (NOON + timedelta(minutes=minutes)).isoformat()
    return {"kind": kind, "subject": subject, "on": on, "until": until, "at": at}


async def say(hub: Peer, *standings: Json, status: int = 200) -> Json:
    answer = await hub.send("PATCH", "/coder-tui/standings", {"standings": standings}, status)
    return answer["standings"] if status == 200 else answer


async def known(hub: Peer) -> dict[str, bool]:
    shared = await hub.get("/coder-tui/shared")
    return {f"{one['kind']} {one['subject']}": one["on"] for one in shared["standings"]}


async def test_the_latest_word_stands(hub: Peer) -> None:
    [first] = await say(hub, said("e1", minutes=1))
    assert first == said("e1") | {"at": "2026-01-01T12:01:00Z"}
    [older] = await say(hub, said("e1", on=False))
    assert older == first, "what was said before it does not count, and the answer says what stands"
    await say(hub, said("e1", on=False, minutes=2), said("w/main/claude", kind="mute"))
    assert await known(hub) == {"ack e1": False, "mute w/main/claude": True}
    until = "2026-01-01T13:00:00Z"
    [snoozed] = await say(hub, said("e2", kind="snooze", until=until))
    assert snoozed["until"] == until


async def test_a_clock_that_is_ahead_wins_nothing(hub: Peer) -> None:
    [ahead] = await say(hub, said("e1") | {"at": "2999-01-01T00:00:00Z"})
    assert datetime.fromisoformat(ahead["at"]) <= datetime.now(UTC) + timedelta(seconds=1)
    now = datetime.now(UTC) + timedelta(seconds=1)
    [after] = await say(hub, said("e1", on=False) | {"at": now.isoformat()})
    assert not after["on"]


@pytest.mark.parametrize("wrong", [said("e", kind="like"), said(""), said("x" * 513)])
async def test_what_is_no_standing_is_refused(hub: Peer, wrong: Json) -> None:
    await say(hub, wrong, status=400)
    await say(hub, *[said("e")] * (MOST + 1), status=400)
    assert await known(hub) == {}


async def test_watchers_get_everything_then_changes_and_it_survives_the_hub(tmp_path: Path) -> None:
    async with a_hub(tmp_path / "hub") as hub:
        await say(hub, said("e1"), said("e2"))
        async with asyncio.timeout(BOUND), hub.socket("/coder-tui/shared/watch") as socket:
            first = json.loads(await socket.recv())
            assert [one["subject"] for one in first["standings"]] == ["e1", "e2"]
            await say(hub, said("e1", minutes=1, on=False))
            second = json.loads(await socket.recv())
            assert [(one["subject"], one["on"]) for one in second["standings"]] == [("e1", False)]
    async with a_hub(tmp_path / "hub") as hub:
        assert await known(hub) == {"ack e1": False, "ack e2": True}


async def test_an_unknown_slug_is_told_to_clients_until_its_agent_is_gone(hub: Peer) -> None:
    workspace = await hub.workspace(app="claude", command="cat")
    token = await agent_token(hub, workspace)
    async with asyncio.timeout(BOUND), hub.socket("/coder-tui/shared/watch") as socket:
        await socket.recv()
        for _ in range(2):
            await hub.send(
                "PATCH", "/workspaceagents/me/app-status", {"app_slug": "\x1b[2Jcluade", "state": "idle"}, 400, token
            )
        told = json.loads(await socket.recv())
    [refusal] = (await hub.get("/coder-tui/shared"))["refusals"]
    assert (refusal["agent_id"], refusal["slug"], refusal["count"]) == (the_agent(workspace)["id"], "cluade", 2)
    assert told["refusals"][0]["slug"] == "cluade"
    await hub.build(workspace["id"], "stop", "stopped")
    assert (await hub.get("/coder-tui/shared"))["refusals"] == []


async def test_only_the_person_shares(hub: Peer) -> None:
    token = await agent_token(hub, await hub.workspace(app="claude", command="cat"))
    for method, path in (("GET", "/coder-tui/shared"), ("PATCH", "/coder-tui/standings")):
        await hub.send(method, path, {"standings": []}, 401, token)


def test_refusals_are_few() -> None:
    refusals = Refusals()
    for number in range(1000):
        refusals.note("a", str(number), number)
    found = refusals.every(["a", "b"])
    assert len(found) == 256
    assert found[-1].slug == "999"
    assert refusals.every(["b"]) == []

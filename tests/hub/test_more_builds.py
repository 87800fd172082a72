"""Builds as jobs, settings of workspaces, schedules, and what the deployment says about itself."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
import websockets
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.hub.core import DATABASE
from coder_tui.hub.limits import Limit
from coder_tui.hub.schedule import parse_schedule
from coder_tui.hub.signed import LIFETIME, PARAMETER, Tickets
from coder_tui.hub.timetable import upcoming
from tests.hub.support import BOUND, Json, Peer, a_hub, agent_token, read_until, the_agent

STUBBORN = "trap '' HUP; echo > {fifo}; while :; do sleep 0.05; done"
"""A program that a build has to wait for before it kills it; it says so as soon as it is."""


def status(found: Json) -> str:
    text: str = found["latest_build"]["status"]
    return text


async def stubborn(hub: Peer) -> Json:
    """A workspace that runs it."""
    fifo = hub.data_dir / "stubborn"
    os.mkfifo(fifo)
    workspace = await hub.workspace("dev", command=STUBBORN.format(fifo=fifo))
    await asyncio.wait_for(asyncio.to_thread(fifo.read_bytes), BOUND)
    return workspace


async def stopping(hub: Peer) -> tuple[str, Json]:
    """A workspace, and a stop build of it that takes a moment."""
    workspace = await stubborn(hub)
    build = await hub.send("POST", f"/workspaces/{workspace['id']}/builds", {"transition": "stop"}, 201)
    await hub.until(workspace["id"], lambda found: status(found) == "stopping")
    return workspace["id"], build


async def test_a_running_build_is_cancelled(hub: Peer) -> None:
    workspace, build = await stopping(hub)
    path = f"/workspacebuilds/{build['id']}/cancel"
    assert "message" in await hub.send("PATCH", f"{path}?expect_status=pending", None, 412)
    assert "message" in await hub.send("PATCH", f"{path}?expect_status=running", None)
    assert "already been marked" in (await hub.send("PATCH", path, None, 400))["message"]
    assert status(await hub.get(f"/workspaces/{workspace}")) == "canceling"
    await hub.send("POST", f"/workspaces/{workspace}/builds", {"transition": "start"}, 409)
    found = await hub.until(workspace, lambda found: status(found) == "canceled")
    job = found["latest_build"]["job"]
    assert job["status"] == "canceled"
    assert job["created_at"] < job["canceled_at"] < job["completed_at"]
    assert "error" not in job
    assert "completed" in (await hub.send("PATCH", path, None, 400))["message"]
    assert [line["output"] for line in await hub.get(f"/workspacebuilds/{build['id']}/logs")][-1].startswith("cancel")
    assert status(await hub.build(workspace, "start", "running")) == "running"


async def test_a_cancelled_start_runs_nothing(hub: Peer, tmp_path: Path) -> None:
    workspace = await stubborn(hub)
    values = [{"name": "command", "value": f"touch {tmp_path / 'ran'}"}]
    body = {"transition": "start", "rich_parameter_values": values}
    build = await hub.send("POST", f"/workspaces/{workspace['id']}/builds", body, 201)
    await hub.send("PATCH", f"/workspacebuilds/{build['id']}/cancel", None)
    found = await hub.until(workspace["id"], lambda found: status(found) == "canceled")
    assert found["latest_build"]["resources"] == []
    assert hub.core.agents.of_workspace(workspace["id"]) == []
    assert not (tmp_path / "ran").exists()


async def test_what_cannot_be_cancelled(hub: Peer) -> None:
    workspace = await hub.workspace()
    path = f"/workspacebuilds/{workspace['latest_build']['id']}/cancel"
    assert (
        "Only 'running' or 'pending'" in (await hub.send("PATCH", f"{path}?expect_status=done", None, 400))["message"]
    )
    assert "completed" in (await hub.send("PATCH", path, None, 400))["message"]
    assert "message" in await hub.send("PATCH", f"/workspacebuilds/{uuid.uuid4()}/cancel", None, 404)


async def test_a_hub_that_died_while_cancelling_calls_it_cancelled(tmp_path: Path) -> None:
    async with a_hub(tmp_path / "hub") as hub:
        workspace = await hub.workspace()
    with sqlite3.connect(tmp_path / "hub" / DATABASE) as db:
        db.execute("UPDATE builds SET job_status = 'canceling'")
    db.close()
    async with a_hub(tmp_path / "hub") as hub:
        assert status(await hub.get(f"/workspaces/{workspace['id']}")) == "canceled"


async def test_parameters_resources_and_numbers(hub: Peer, tmp_path: Path) -> None:
    workspace = await hub.workspace("dev", directory=str(tmp_path), env='{"A":"b"}')
    build = workspace["latest_build"]
    values = {item["name"]: item["value"] for item in await hub.get(f"/workspacebuilds/{build['id']}/parameters")}
    assert (values["directory"], values["env"], values["agent"]) == (str(tmp_path), '{"A":"b"}', "main")
    [resource] = await hub.get(f"/workspacebuilds/{build['id']}/resources")
    assert resource["agents"][0]["id"] == the_agent(workspace)["id"]
    await hub.build(workspace["id"], "stop", "stopped")
    assert (await hub.get("/users/me/workspace/DEV/builds/1"))["id"] == build["id"]
    assert (await hub.get("/users/me/workspace/dev/builds/2"))["transition"] == "stop"
    for path, code in [
        ("/users/me/workspace/dev/builds/3", 404),
        ("/users/me/workspace/none/builds/1", 404),
        ("/users/other/workspace/dev/builds/1", 404),
        ("/users/me/workspace/dev/builds/one", 400),
        (f"/workspacebuilds/{uuid.uuid4()}/parameters", 404),
        (f"/workspacebuilds/{uuid.uuid4()}/resources", 404),
    ]:
        assert "message" in await hub.get(path, code)


async def test_pages_of_builds(hub: Peer) -> None:
    workspace = await hub.workspace()
    for transition, expect in (("stop", "stopped"), ("start", "running"), ("stop", "stopped")):
        await hub.build(workspace["id"], transition, expect)
    path = f"/workspaces/{workspace['id']}/builds"
    everything = await hub.get(path)

    async def numbers(query: str) -> list[int]:
        return [build["build_number"] for build in await hub.get(f"{path}?{query}")]

    assert await numbers("") == [4, 3, 2, 1]
    assert await numbers("limit=2") == [4, 3]
    assert await numbers("limit=2&offset=1") == [3, 2]
    assert await numbers(f"after_id={everything[1]['id']}") == [2, 1]
    assert await numbers(f"since={everything[1]['created_at']}") == [4, 3]
    await hub.get(f"{path}?after_id={uuid.uuid4()}", 400)


async def test_the_time_to_live(hub: Peer) -> None:
    workspace = await hub.workspace()
    path = f"/workspaces/{workspace['id']}"
    for ttl in (59_999, 30 * 86_400_000, -1):
        refused = await hub.send("PUT", f"{path}/ttl", {"ttl_ms": ttl}, 400)
        assert refused["validations"][0]["field"] == "ttl_ms"
    await hub.send("PUT", f"{path}/ttl", {"ttl_ms": 3_600_000}, 204)
    found = await hub.get(path)
    assert (found["ttl_ms"], found["latest_build"]["deadline"]) == (3_600_000, None)
    await hub.build(workspace["id"], "stop", "stopped")
    assert (await hub.build(workspace["id"], "start", "running"))["latest_build"]["deadline"] is not None
    await hub.send("PUT", f"{path}/ttl", {"ttl_ms": None}, 204)
    found = await hub.get(path)
    assert "ttl_ms" not in found
    assert found["latest_build"]["deadline"] is None


async def test_autostart_starts_the_workspace_when_its_hour_has_come(hub: Peer) -> None:
    workspace = await hub.workspace()
    path = f"/workspaces/{workspace['id']}"
    refused = await hub.send("PUT", f"{path}/autostart", {"schedule": "every day"}, 400)
    assert refused["validations"][0]["field"] == "schedule"
    schedule = "CRON_TZ=Europe/Berlin 30 9 * * 1-5"
    await hub.send("PUT", f"{path}/autostart", {"schedule": schedule}, 204)
    stopped = await hub.build(workspace["id"], "stop", "stopped")
    assert stopped["autostart_schedule"] == schedule
    at = datetime.fromisoformat(stopped["next_start_at"]).astimezone(ZoneInfo("Europe/Berlin"))
    assert (at.hour, at.minute) == (9, 30)
    assert datetime.now(UTC) < at < datetime.now(UTC) + timedelta(days=4)
    assert await hub.get(f"{path}/resolve-autostart") == {"parameter_mismatch": False}
    # a week ago it was stopped: its hour has come since, but not for a dormant one
    await hub.send("PUT", f"{path}/dormant", {"dormant": True})
    week = 7 * 86_400 * 1_000_000
    await hub.core.storage.write(lambda db: db.execute("UPDATE builds SET created_at = created_at - ?", (week,)))
    assert await hub.core.storage.read(upcoming) == []
    await hub.send("PUT", f"{path}/dormant", {"dormant": False})
    found = await hub.until(workspace["id"], lambda found: status(found) == "running")
    assert found["latest_build"]["reason"] == "autostart"
    await hub.send("PUT", f"{path}/autostart", {"schedule": None}, 204)
    found = await hub.get(path)
    assert "autostart_schedule" not in found
    assert found["next_start_at"] is None


async def test_dormancy(hub: Peer) -> None:
    workspace = await hub.workspace()
    path = f"/workspaces/{workspace['id']}/dormant"
    assert (await hub.send("PUT", path, {"dormant": True}))["dormant_at"] is not None
    await hub.send("PUT", path, {"dormant": True}, 304)
    assert (await hub.get("/workspaces?q=dormant:true"))["count"] == 1
    awake = await hub.send("PUT", path, {"dormant": False})
    assert awake["dormant_at"] is None
    assert awake["last_used_at"] > workspace["last_used_at"]


async def test_renaming(hub: Peer) -> None:
    workspace = await hub.workspace("dev")
    await hub.workspace("other")
    path = f"/workspaces/{workspace['id']}"
    assert workspace["allow_renames"] is True
    await hub.send("PATCH", path, {"name": "dev"}, 204)
    assert (await hub.send("PATCH", path, {"name": "other"}, 409))["validations"][0]["field"] == "name"
    await hub.send("PATCH", path, {"name": "No Good"}, 400)
    await hub.send("PATCH", path, {"name": "prod"}, 204)
    assert (await hub.get("/users/me/workspace/prod"))["latest_build"]["workspace_name"] == "prod"
    await hub.get("/users/me/workspace/dev", 404)
    async with hub.terminal(the_agent(workspace)["id"], str(uuid.uuid4()), "command=env") as terminal:
        await read_until(terminal, b"CODER_WORKSPACE_NAME=prod")


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("30 9 * * 1-5", "2026-01-02T09:30:00Z", "2026-01-05T09:30:00Z"),  # from Friday to Monday
        ("CRON_TZ=America/New_York 0 8 * * *", "2026-07-01T00:00:00Z", "2026-07-01T12:00:00Z"),
        ("TZ=Europe/Berlin 0 8,20 * * SAT,sun", "2026-03-28T19:00:00Z", "2026-03-29T06:00:00Z"),  # summer time begins
        ("*/20 0 * * 0", "2026-01-04T00:20:00Z", "2026-01-04T00:40:00Z"),
        ("5-10/5 23 * * *", "2026-01-01T23:10:00Z", "2026-01-02T23:05:00Z"),
    ],
)
def test_schedules(text: str, after: str, expected: str) -> None:
    assert parse_schedule(text).after(datetime.fromisoformat(after)) == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    "text",
    [
        *("", "* * *", "60 0 * * *", "0 24 * * *", "0 0 1 * *", "0 0 * 1 *", "0 0 * * 7", "0 0 * * XYZ", "*/0 0 * * *"),
        *("5-1 0 * * *", "CRON_TZ=No/Where 0 0 * * *", "CRON_TZ=../etc 0 0 * * *", "a 0 * * *", "0,, 0 * * *"),
    ],
)
def test_what_is_no_schedule(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_schedule(text)


@settings(max_examples=60, deadline=None)
@given(
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
    day=st.integers(0, 6),
    moment=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
)
def test_the_next_time_is_the_first_that_fits(minute: int, hour: int, day: int, moment: datetime) -> None:
    found = parse_schedule(f"{minute} {hour} * * {day}").after(moment)
    assert (found.minute, found.hour, found.isoweekday() % 7, found.second) == (minute, hour, day, 0)
    assert moment < found <= moment + timedelta(days=7)


async def test_what_the_deployment_says_about_itself(hub: Peer) -> None:
    [region] = (await hub.get("/regions"))["regions"]
    assert (region["name"], region["healthy"], region["path_app_url"]) == ("primary", True, hub.url)
    assert await hub.get("/experiments") == []
    assert (await hub.get("/updatecheck"))["current"] is True
    assert (await hub.get("/deployment/ssh"))["hostname_prefix"] == "coder."
    async with httpx.AsyncClient(base_url=hub.url) as plain:
        assert (await plain.get("/latency-check")).status_code == 200
        assert (await plain.get("/api/v2/regions")).status_code == 401


async def test_a_ticket_opens_one_agents_terminal(hub: Peer) -> None:
    agent, other = [the_agent(await hub.workspace(name))["id"] for name in ("one", "two")]
    address = hub.url.replace("http", "ws", 1)
    path = "/applications/reconnecting-pty-signed-token"
    body = {"url": f"{address}/api/v2/workspaceagents/{agent}/pty", "agentID": agent}
    ticket = (await hub.send("POST", path, body))["signed_token"]

    def terminal(agent: str, ticket: str) -> websockets.connect:
        query = f"reconnect={uuid.uuid4()}&{PARAMETER}={ticket}&command=echo%20opened"
        return websockets.connect(f"{address}/api/v2/workspaceagents/{agent}/pty?{query}", close_timeout=1)

    async with terminal(agent, ticket) as socket:
        await read_until(socket, b"opened")
    for where, what in ((other, ticket), (agent, ticket + "x"), (agent, "")):
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with terminal(where, what):
                pass
        assert refused.value.response.status_code == 401
    for changed in ({"url": "http://x"}, {"url": "wss://elsewhere.test/"}, {"agentID": "x"}, {"url": "ws://["}):
        await hub.send("POST", path, body | changed, 400)
    await hub.send("POST", path, body | {"agentID": str(uuid.uuid4())}, 404)


def test_a_ticket_is_good_for_a_minute() -> None:
    now = [1_000_000_000]
    tickets = Tickets(lambda: now[0])
    ticket = tickets.issue("a")
    now[0] += LIFETIME * 1_000_000
    assert tickets.accept(ticket, "A")
    now[0] += 1_000_000
    assert not tickets.accept(ticket, "a")
    expires, _, mac = tickets.issue("a").partition(".")
    assert not tickets.accept(f"{int(expires) + 1}.{mac}", "a")
    assert not tickets.accept(f"².{mac}", "a")
    assert not Tickets(lambda: now[0]).accept(tickets.issue("a"), "a")


async def test_too_many_requests_are_told_when_to_come_again(hub: Peer) -> None:
    token = await agent_token(hub, await hub.workspace())
    hub.core.limit = Limit(3)
    for _ in range(3):
        await hub.get("/experiments")
    refused = await hub.http.get("/api/v2/experiments")
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert "rate limited" in refused.json()["message"]
    # another path has its own count, agents are not counted, and an owner may ask not to be
    await hub.get("/regions")
    report = {"app_slug": "agent", "state": "working", "message": "x"}
    for _ in range(5):
        await hub.send("PATCH", "/workspaceagents/me/app-status", report, 200, token)
    bypass = await hub.http.get("/api/v2/experiments", headers={"X-Coder-Bypass-Ratelimit": "true"})
    assert bypass.status_code == 200


async def test_guessing_tokens_is_limited_without_locking_the_user_out(hub: Peer) -> None:
    hub.core.limit = Limit(3)
    bad = {"Coder-Session-Token": "abcdefghij-abcdefghijklmnopqrstuv", "X-Coder-Bypass-Ratelimit": "true"}
    codes = [(await hub.http.get("/api/v2/users/me", headers=bad)).status_code for _ in range(5)]
    assert codes == [401, 401, 401, 429, 429]
    await hub.get("/users/me")
    async with asyncio.timeout(BOUND):
        answers = [(await hub.http.get("/api/v2/buildinfo")).status_code for _ in range(4)]
    assert answers == [200, 200, 200, 429]

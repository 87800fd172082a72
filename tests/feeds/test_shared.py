"""Two cockpits with state files of their own on one real hub are of one mind about alerts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket

from coder_tui.feeds.journal import Word
from coder_tui.feeds.memory import Memory
from coder_tui.fleet.snapshot import Alert, Key, Refused, Snapshot
from coder_tui.fleet.standing import Standings
from coder_tui.wire.workspaces import Workspace
from tests.client.support import credentials, serving
from tests.feeds.support import FakeCoder, cockpit, running, shows, workspace
from tests.hub.support import Peer, agent_token, the_agent

T0 = datetime.now(UTC) - timedelta(days=1)
KEY = Key("laptop", "w1", "main", "claude")


async def asking(hub: Peer, name: str = "dev") -> tuple[Any, str]:
    workspace = await hub.workspace(name, app="claude", command="cat")
    token = await agent_token(hub, workspace)
    body = {"app_slug": "claude", "state": "idle", "message": "May I?", "needs_user_attention": True}
    await hub.send("PATCH", "/workspaceagents/me/app-status", body, token=token)
    return workspace, token


def standing(*wanted: str) -> Callable[[Snapshot], bool]:
    def condition(snapshot: Snapshot) -> bool:
        return [alert.standing for alert in snapshot.alerts] == list(wanted)

    return condition


def muted(wanted: bool) -> Callable[[Snapshot], bool]:
    return lambda now: bool(now.rows) and now.rows[0].muted == wanted


async def test_what_is_said_in_one_is_known_in_the_other_within_a_second(tmp_path: Path, hub: Peer) -> None:
    await asking(hub)
    one, two = (credentials(hub.url, name, hub.token) for name in ("laptop", "kiste"))  # names are each client's own
    async with running(cockpit(tmp_path / "1", one)) as first, running(cockpit(tmp_path / "2", two)) as second:
        for each in (first, second):
            await shows(each, lambda now: any(alert.open for alert in now.alerts))

        took: list[float] = []

        async def told(change: Callable[[], object], there: Callable[[Snapshot], object]) -> None:
            began = perf_counter()
            change()
            await shows(second, there)
            took.append(perf_counter() - began)

        alerts: tuple[Alert, ...] = first.snapshot.alerts
        await shows(first, lambda now: now.deployments["laptop"].version)
        first.acknowledge(alerts)
        await shows(second, standing("acked"))  # once their streams are up
        await told(first.undo, lambda now: now.alerts[0].open)
        await told(lambda: first.snooze(alerts, None), standing("snoozed"))
        await told(first.undo, lambda now: now.alerts[0].open)
        await told(lambda: first.mute([alerts[0].key]), muted(True))
        # the other takes it back by a word of its own
        second.mute([second.snapshot.rows[0].key], False)
        await shows(first, muted(False))
        assert median(took) < 1.0, "one slow turn of a busy machine is no rule"
        # another program over the state file of one: the verb `ack`
        memory = Memory(tmp_path / "1")
        memory.acknowledge([alerts[0].event_id], [alerts[0].key])
        memory.close()
        await shows(second, standing("acked"))


async def test_what_was_said_offline_is_sent_later_and_the_latest_word_stands(tmp_path: Path, hub: Peer) -> None:
    workspace, _ = await asking(hub)
    event = workspace["id"]  # any id will do
    key = Key("laptop", workspace["id"], "main", "claude")
    early, late = Memory(tmp_path / "1", lambda: T0), Memory(tmp_path / "2", lambda: T0 + timedelta(hours=1))
    early.acknowledge([event, "other"], [key, key])
    early.mute([key])
    late.acknowledge([event], [key])
    late.undo()
    for memory in (early, late):
        memory.close()
    found = credentials(hub.url, "laptop", hub.token)
    # in both orders: a word that is older than what stands is not sent in vain, it learns
    async with running(cockpit(tmp_path / "2", found)) as second:
        await until_shared(hub, {f"ack {event}": False})
        async with running(cockpit(tmp_path / "1", found)) as first:
            await until_shared(
                hub, {f"ack {event}": False, "ack other": True, f"mute {workspace['id']}/main/claude": True}
            )
            for each in (first, second):
                await shows(each, muted(True))
    after = Memory(tmp_path / "1")
    assert after.acked == {"other"}
    assert after.unsent("laptop") == []
    after.close()


async def until_shared(hub: Peer, wanted: dict[str, bool]) -> None:
    async with asyncio.timeout(10), hub.socket("/coder-tui/shared/watch") as socket:
        while True:
            shared = await hub.get("/coder-tui/shared")
            if {f"{one['kind']} {one['subject']}": one["on"] for one in shared["standings"]} == wanted:
                return
            await socket.recv()


async def test_refused_reports_are_known(tmp_path: Path, hub: Peer) -> None:
    workspace, token = await asking(hub)
    found = credentials(hub.url, "laptop", hub.token)
    async with running(cockpit(tmp_path / "state", found)) as source:
        await shows(source, lambda now: now.rows)
        await hub.send("PATCH", "/workspaceagents/me/app-status", {"app_slug": "cluade", "state": "idle"}, 400, token)
        snapshot = await shows(source, lambda now: now.deployments["laptop"].refused)
        [refused] = snapshot.deployments["laptop"].refused
        assert refused == Refused(the_agent(workspace)["id"], "cluade", 1, refused.at)
        assert snapshot.deployments["laptop"].skew == 0


class OldHub(FakeCoder):
    """A hub from before its clients shared anything."""

    async def _build_info(self, request: Request) -> Response:
        return JSONResponse({"version": "v0.0.0-coder-tui.0.0.1"})

    def __init__(self, *workspaces: Workspace) -> None:
        super().__init__(*workspaces)
        self.asked = asyncio.Event()

    async def _no_route(self, socket: WebSocket) -> None:
        self.requests.append(socket.url.path)
        self.asked.set()
        await super()._no_route(socket)


async def test_an_older_hub_is_asked_once_and_what_is_said_stays_here(tmp_path: Path) -> None:
    old = OldHub(workspace(1, "failure", "no"))
    async with serving(*old.routes) as url, running(cockpit(tmp_path, credentials(url))) as source:
        async with asyncio.timeout(10):
            await old.asked.wait()
        await shows(source, lambda now: now.alerts)
        source.acknowledge(source.snapshot.alerts)
        await shows(source, standing("acked"))
        old.change(workspace(1, "working", "again", event=7))
        source.refresh()
        await shows(source, lambda now: old.requests.count("list") > 1 and not now.alerts)
        assert [path for path in old.requests if "shared" in path] == ["/api/v2/coder-tui/shared/watch"]
        assert source.snapshot.deployments["acme"].refused == ()


def test_the_journal_keeps_what_is_not_sent_and_takes_what_is_later(tmp_path: Path) -> None:
    times = iter(T0 + timedelta(seconds=second) for second in range(100))
    memory = Memory(tmp_path, lambda: next(times))
    memory.acknowledge(["a"], [KEY])
    memory.snooze(["b"], [KEY], T0 + timedelta(hours=1))
    said = memory.unsent("laptop")
    assert {(one.kind, one.subject, one.on) for one in said} == {("ack", "a", True), ("snooze", "b", True)}
    assert memory.unsent("elsewhere") == []
    memory.undo()  # while they are on their way
    memory.heard("laptop", said, said)
    [left] = memory.unsent("laptop")
    assert (left.kind, left.subject, left.on) == ("snooze", "b", False)
    minute = timedelta(minutes=1)
    for at, acked in ((-minute, True), (minute, False)):
        memory.merge("laptop", [Word("ack", "a", False, T0 + at), Word("like", "a", True, T0)])
        memory.refresh()
        assert ("a" in memory.acked) == acked
    memory.merge("laptop", [Word("mute", "w/main/claude", True, T0), Word("mute", "odd", True, T0)])
    memory.refresh()
    assert memory.standings == Standings(muted=frozenset({Key("laptop", "w", "main", "claude")}))
    memory.close()


def test_one_that_another_took_back_can_be_said_again_and_undone(tmp_path: Path) -> None:
    times = iter(T0 + timedelta(minutes=minute) for minute in range(100))
    memory = Memory(tmp_path, lambda: next(times))
    memory.acknowledge(["a"], [KEY])
    memory.merge("laptop", [Word("ack", "a", False, T0 + timedelta(hours=1))])
    memory.refresh()
    assert memory.acked == frozenset()
    times = iter(T0 + timedelta(hours=2, minutes=minute) for minute in range(100))
    memory.acknowledge(["a"], [KEY])
    assert memory.acked == {"a"}
    assert memory.undo() == [KEY]
    assert memory.acked == frozenset()
    [word] = memory.unsent("laptop")
    assert (word.subject, word.on) == ("a", False)
    memory.close()

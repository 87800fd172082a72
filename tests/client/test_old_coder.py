"""The client and the feed, unchanged, against deployments of either end of the version range."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from websockets.asyncio.server import ServerConnection, serve

from coder_tui.client.events import LogBatch, LogMark, LogNote, PtyEnded, PtyLost, PtyOpened, PtyOutput
from coder_tui.client.pty import PtyStream
from coder_tui.client.rest import RestClient
from coder_tui.client.streams import Streams, Watched, WatchLost
from coder_tui.fleet.snapshot import Level, LinkState, Snapshot
from tests.client.old_coder import RELEASES, SEED, V2_21, V2_30, V2_36, OldCoder, Release, old_coder
from tests.client.support import FakeTime, credentials
from tests.feeds.support import cockpit, messages, running, shows, state_of


@pytest.fixture(params=RELEASES, ids=str)
async def coder(request: pytest.FixtureRequest) -> AsyncIterator[OldCoder]:
    release: Release = request.param
    async with old_coder(release) as coder:
        yield coder


def live(snapshot: Snapshot) -> bool:
    return state_of(snapshot) == LinkState.LIVE


async def test_the_cockpit_shows_what_is_there_and_what_comes(coder: OldCoder, tmp_path: Path) -> None:
    for number in range(12):
        coder.report("working", f"step {number}", age=timedelta(seconds=30 - number))
    coder.build_at -= timedelta(minutes=1)
    coder.report("failure", "May I \x1b[31mpush\x1b]0;x\x07 to\tmain?")
    async with running(cockpit(tmp_path, credentials(coder.url))) as source:
        snapshot = await shows(source, live)
        (row,) = snapshot.rows
        assert row.app is not None
        assert (row.key.agent, row.key.app, row.workspace.title) == ("main", "claude", "kira/dev")
        assert row.status is not None
        assert row.status.state == "failure", "the newest, in whatever order they came"
        assert "\x1b" not in row.status.message
        assert [one.message for one in row.app.statuses[1:4]] == ["step 11", "step 10", "step 9"]
        assert snapshot.deployments["acme"].version == coder.release.version

        coder.report("a_state_of_the_future", "what now?")
        snapshot = await shows(source, lambda now: messages(now) == {"dev": "what now?"})
        assert snapshot.rows[0].status is not None
        assert snapshot.rows[0].status.state == "a_state_of_the_future"
        coder.agent_words = {"status": "meditating", "lifecycle_state": "enlightened"}
        coder.report("complete", "done")
        snapshot = await shows(source, lambda now: messages(now) == {"dev": "done"})
        assert snapshot.rows[0].agent is not None
        assert snapshot.rows[0].agent.lifecycle == "enlightened"
    streamed = f"/api/v2/workspaces/{coder.workspace_id}/watch"
    assert (f"{streamed}-ws" if coder.release.watch_ws else streamed) in coder.requests


async def test_a_rebuild_keeps_the_row_and_drops_old_news(coder: OldCoder, tmp_path: Path) -> None:
    coder.build_at -= timedelta(minutes=1)
    coder.report("working", "before")
    async with running(cockpit(tmp_path, credentials(coder.url))) as source:
        before = (await shows(source, lambda now: live(now) and messages(now))).rows[0]
        old_app = coder.app_id
        coder.rebuild()
        assert (coder.app_id == old_app) is coder.release.stable_apps
        after = (await shows(source, lambda now: now.rows[0].workspace.build_number == 2)).rows[0]
        assert after.key == before.key
        assert after.status is None, "what was said before the running build says nothing about it"
        coder.report("working", "after")
        await shows(source, lambda now: messages(now) == {"dev": "after"})


@pytest.mark.parametrize("release", [SEED, V2_21], ids=str)
async def test_the_attention_of_old_servers(release: Release, tmp_path: Path) -> None:
    async with old_coder(release) as coder, running(cockpit(tmp_path, credentials(coder.url))) as source:
        coder.report("failure", "which branch?", attention=True)
        snapshot = await shows(source, lambda now: now.alerts)
        assert snapshot.alerts[0].level is Level.ASKS


@pytest.mark.parametrize("release", [V2_30, V2_36], ids=str)
async def test_idle_of_new_servers(release: Release, tmp_path: Path) -> None:
    async with old_coder(release) as coder, running(cockpit(tmp_path, credentials(coder.url))) as source:
        coder.report("working", "busy", attention=True)
        await shows(source, lambda now: live(now) and messages(now) == {"dev": "busy"})
        assert not source.snapshot.alerts, "needs_user_attention is always false since v2.22"
        coder.report("idle", "busy")
        snapshot = await shows(source, lambda now: now.alerts)
        assert snapshot.alerts[0].level is Level.DONE


async def test_a_busy_server_is_given_time(coder: OldCoder, tmp_path: Path) -> None:
    time = FakeTime()
    coder.busy = ["3", "2"]
    async with RestClient(credentials(coder.url), clock=time.clock) as rest:
        assert [one.name for one in await rest.workspaces("owner:me")] == ["dev"]
        assert time.slept == [3.0, 2.0]
        coder.busy = ["4"]
        async with aclosing(Streams(rest, time.clock).watch(coder.workspace_id)) as events:
            first = await anext(events)
            assert isinstance(first, WatchLost)
            assert "429 slow down" in first.why
            assert isinstance(await anext(events), Watched)
        assert sum(time.slept) >= 9.0


async def test_ten_mebibytes_of_history_in_one_frame() -> None:
    source = str(uuid4())
    line = {"created_at": "2026-01-01T00:00:00Z", "output": "x" * 150, "level": "shout", "source_id": source}
    async with old_coder(V2_36) as coder, RestClient(credentials(coder.url)) as rest:
        coder.logs = [line | {"id": number} for number in range(1, 40_001)]
        assert len(json.dumps(coder.logs)) > 10 << 20
        async with aclosing(Streams(rest).follow_logs(coder.agent_id)) as events:
            lines = 0
            async for event in events:
                if isinstance(event, LogBatch):
                    lines += len(event.lines)
                if event == LogNote(LogMark.LIVE):
                    break
        assert lines == 40_000
        coder.logs = []
        async with aclosing(Streams(rest).follow_logs(coder.agent_id)) as events:
            notes = [await anext(events) for _ in range(2)]
        assert notes == [LogNote(LogMark.OPEN), LogNote(LogMark.LIVE)], "null instead of an empty list"


async def test_the_terminal(coder: OldCoder) -> None:
    stream = PtyStream(credentials(coder.url), coder.agent_id, str(uuid4()), (80, 24))
    async with aclosing(aiter(stream)) as events:
        assert isinstance(await anext(events), PtyOpened)
        assert await anext(events) == PtyOutput(b'{"height":24,"width":80}')
        stream.send("\N{SNOWMAN}\r")
        typed = await anext(events)
        assert isinstance(typed, PtyOutput)
        assert json.loads(typed.data) == {"data": "\N{SNOWMAN}\r"}
    coder.pty_page = True
    stream = PtyStream(credentials(coder.url), coder.agent_id, str(uuid4()), (80, 24))
    async with aclosing(aiter(stream)) as events:
        event = await anext(events)
        assert isinstance(event, PtyLost | PtyEnded)
        assert "502" in event.why
        assert "<" not in event.why, "a web page is not read out"


async def test_ping_supervision() -> None:
    """As since v2.35: every ping wants its own payload back, or the server hangs up with 1001."""
    payloads: list[bytes] = []
    silence = asyncio.Event()

    async def supervise(socket: ServerConnection) -> None:
        for count in range(3):
            payload = str(count).encode()
            async with asyncio.timeout(5):
                await (await socket.ping(payload))
            payloads.append(payload)
        await socket.send(json.dumps({"type": "data", "data": {"id": workspace_id, "name": "dev"}}))
        await silence.wait()
        await socket.close(1001, "liveness probe failed")

    workspace_id, time = str(uuid4()), FakeTime()
    async with serve(supervise, "127.0.0.1", 0, ping_interval=None) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with (
            RestClient(credentials(url)) as rest,
            aclosing(Streams(rest, time.clock).watch(workspace_id)) as events,
        ):
            assert isinstance(await anext(events), Watched)
            assert payloads == [b"0", b"1", b"2"]
            silence.set()
            lost = await anext(events)
            assert isinstance(lost, WatchLost)
            assert lost.why == "the server is going away: liveness probe failed"
            assert lost.retry_at - time.now() <= timedelta(seconds=1)
            assert isinstance(await anext(events), Watched), "it comes back by itself"

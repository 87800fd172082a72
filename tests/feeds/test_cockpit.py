"""The cockpit against a deployment on a real socket: what is seen, what is survived, what is remembered."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from starlette.responses import HTMLResponse, JSONResponse

from coder_tui.client.credentials import Credentials
from coder_tui.errors import ApiError, CredentialsError, NotFoundError, UnreachableError, UsageError
from coder_tui.feeds import lastfleet
from coder_tui.feeds.cockpit import TICK
from coder_tui.fleet.snapshot import Key, Level, LinkState, Snapshot
from tests.client.support import ManualTime, credentials, serving, until, wired
from tests.feeds.support import FakeCoder, cockpit, link_of, messages, running, shows, state_of, uuid, workspace


def live(snapshot: Snapshot) -> bool:
    return state_of(snapshot) == LinkState.LIVE


async def test_the_fleet_is_listed_then_followed(tmp_path: Path) -> None:
    coder = FakeCoder(workspace(1, message="start"), workspace(2, status="stopped"))
    async with serving(*coder.routes) as url, running(cockpit(tmp_path, credentials(url))) as source:
        snapshot = await shows(source, live)
        assert {row.workspace.name for row in snapshot.rows} == {"ws1", "ws2"}
        assert messages(snapshot)["ws1"] == "start"
        deployment = link_of(snapshot)
        assert (deployment.user, deployment.version, deployment.is_hub) == ("kira", "v2.36.0", False)
        assert deployment.link.latency_ms is not None
        assert deployment.link.refreshed_at is not None
        await until(lambda: uuid(1) in coder.watched)
        coder.change(workspace(1, message="next", event=5))
        await shows(source, lambda now: messages(now).get("ws1") == "next")
        assert coder.requests.count("list") == 1, "the stream told it, not the list"


async def test_nothing_is_loaded_until_it_runs(tmp_path: Path) -> None:
    """The first frame does not wait for the network libraries."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from datetime import timedelta\n"
        "from coder_tui.client.credentials import Credentials\n"
        "from coder_tui.feeds.cockpit import Cockpit\n"
        f"Cockpit([Credentials('a', 'http://x', 't', 's')], state_dir=Path({str(tmp_path)!r}),\n"
        "        quiet_after=timedelta(1), due_within=timedelta(1))\n"
        "print([name for name in ('httpx', 'websockets', 'pydantic', 'textual', 'starlette') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "[]"


async def test_a_cut_network_is_shown_and_recovered(tmp_path: Path) -> None:
    coder = FakeCoder(workspace(1, message="before"))
    async with (
        serving(*coder.routes) as url,
        wired(url) as wire,
        running(cockpit(tmp_path, credentials(wire.url))) as source,
    ):
        await shows(source, live)
        await wire.down()
        snapshot = await shows(source, lambda now: state_of(now) == LinkState.RETRYING)
        link = link_of(snapshot).link
        assert link.why == "connection refused"
        assert link.next_try is not None
        assert all(row.stale for row in snapshot.rows), "what was known stays, marked stale"
        coder.change(workspace(1, message="meanwhile", event=7))
        await wire.up()
        source.refresh()
        snapshot = await shows(source, live)
        assert messages(snapshot) == {"ws1": "meanwhile"}
        assert not any(row.stale for row in snapshot.rows)


async def test_without_any_stream_the_list_still_works(tmp_path: Path) -> None:
    time = ManualTime()
    coder = FakeCoder(workspace(1, message="one"))
    coder.watch_status = 403
    async with serving(*coder.routes) as url, running(cockpit(tmp_path, credentials(url), clock=time.clock)) as source:
        snapshot = await shows(source, lambda now: "403" in link_of(now).link.why)
        assert state_of(snapshot) == LinkState.POLLING
        lists = coder.requests.count("list")
        coder.workspaces[uuid(1)] = workspace(1, message="two", event=9)
        await until(lambda: any(seconds > 1 for seconds in time.slept))
        time.advance(100)
        await shows(source, lambda now: messages(now) == {"ws1": "two"})
        assert coder.requests.count("list") > lists


async def test_a_lost_stream_rereads_the_list_but_does_not_hammer_it(tmp_path: Path) -> None:
    time = ManualTime()
    coder = FakeCoder(workspace(1))
    async with (
        serving(*coder.routes) as url,
        wired(url) as wire,
        running(cockpit(tmp_path, credentials(wire.url), clock=time.clock)) as source,
    ):
        await shows(source, live)
        coder.workspaces[uuid(2)] = workspace(2, message="new")
        wire.cut()
        await until(lambda: coder.requests.count("list") == 2)  # at once: who knows what was missed
        await shows(source, lambda now: "ws2" in messages(now))
        await until(lambda: sum(seconds <= 0.5 for seconds in time.slept) == 1)
        time.advance(0.5)
        await until(lambda: len(coder.watched) == 2)
        await shows(source, live)
        wire.cut()
        await shows(source, lambda now: state_of(now) == LinkState.POLLING)
        assert coder.requests.count("list") == 2
        time.advance(5)
        await until(lambda: coder.requests.count("list") == 3)
        await shows(source, live)


def _more(slept: list[float], ticks: int) -> bool:
    return slept.count(TICK) > ticks


async def test_a_list_that_did_not_change_confirms_what_is_known(tmp_path: Path) -> None:
    time = ManualTime()
    coder = FakeCoder(workspace(1), workspace(2))
    coder.tagged = True
    async with serving(*coder.routes) as url, running(cockpit(tmp_path, credentials(url), clock=time.clock)) as source:
        before = await shows(source, live)
        await until(lambda: coder.watched == set(coder.workspaces))
        await until(lambda: any(seconds > 10 for seconds in time.slept))
        for _ in range(4):  # in steps too small to be a sleep, after which everything is read
            ticks = time.slept.count(TICK)
            time.advance(15)
            await until(partial(_more, time.slept, ticks))
        await until(lambda: coder.requests.count("unchanged") == 1)
        after = await shows(source, lambda now: link_of(now).link.refreshed_at != link_of(before).link.refreshed_at)
        assert [row.key for row in after.rows] == [row.key for row in before.rows]
        assert live(after)
        source.refresh()
        await until(lambda: coder.requests.count("list") == 2)  # a person asked: everything is read


async def test_a_refused_token_is_not_retried_until_asked(tmp_path: Path) -> None:
    coder = FakeCoder(workspace(1))
    coder.token = "another"
    async with serving(*coder.routes) as url, running(cockpit(tmp_path, credentials(url))) as source:
        snapshot = await shows(source, lambda now: state_of(now) == LinkState.REFUSED)
        assert "coder-tui login" in link_of(snapshot).link.why
        assert link_of(snapshot).link.next_try is None
        coder.token = credentials(url).token
        source.refresh()
        await shows(source, live)


async def test_a_login_elsewhere_is_noticed_when_asked(tmp_path: Path) -> None:
    coder = FakeCoder(workspace(1))
    coder.token = "of-the-new-login"
    stored: list[Credentials] = []

    def again(name: str) -> Credentials:
        if not stored:
            raise CredentialsError(f"there is no deployment {name} any more")
        return stored[0]

    async with serving(*coder.routes) as url, running(cockpit(tmp_path, credentials(url), again=again)) as source:
        await shows(source, lambda now: state_of(now) == LinkState.REFUSED)
        source.refresh()  # nobody has logged in yet
        await until(lambda: coder.requests.count("refused") == 2)
        assert state_of(source.snapshot) == LinkState.REFUSED
        stored.append(replace(credentials(url), token="of-the-new-login"))
        source.refresh()
        snapshot = await shows(source, live)
        assert [row.workspace.name for row in snapshot.rows]
        await until(lambda: coder.watched == set(coder.workspaces))


async def test_credentials_that_could_not_be_used_are_looked_for_again(tmp_path: Path) -> None:
    coder = FakeCoder(workspace(1))
    async with serving(*coder.routes) as url:
        good = credentials(url)
        bad = replace(good, token="", fault=CredentialsError("the token file cannot be read"))
        async with running(cockpit(tmp_path, bad, again=lambda _: good)) as source:
            snapshot = await shows(source, lambda now: state_of(now) == LinkState.REFUSED)
            assert "cannot be read" in link_of(snapshot).link.why
            source.refresh()
            await shows(source, live)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (HTMLResponse("<h1>oops</h1>", 502), "502 Bad Gateway"),
        (JSONResponse({"workspaces": 3}), "workspaces: Input should be a valid"),
    ],
)
async def test_a_broken_deployment_is_retried(tmp_path: Path, answer: HTMLResponse, why: str) -> None:
    coder = FakeCoder(workspace(1))
    coder.list_answer = answer
    async with serving(*coder.routes) as url, running(cockpit(tmp_path, credentials(url))) as source:
        snapshot = await shows(source, lambda now: state_of(now) == LinkState.RETRYING)
        assert why in link_of(snapshot).link.why
        coder.list_answer = None
        await shows(source, live)


async def test_one_dead_deployment_does_not_hold_up_another(tmp_path: Path) -> None:
    coder = FakeCoder(workspace(1))
    async with serving(*coder.routes) as url, serving() as other:
        dead = credentials(other, "dead")
        async with running(cockpit(tmp_path, credentials(url), dead)) as source:
            snapshot = await shows(source, lambda now: live(now) and state_of(now, "dead") == LinkState.RETRYING)
            assert len(snapshot.rows) == 1


async def test_a_list_that_took_long_does_not_undo_what_a_stream_told(tmp_path: Path) -> None:
    coder = FakeCoder(workspace(1, message="old"))
    async with serving(*coder.routes) as url, running(cockpit(tmp_path, credentials(url))) as source:
        await shows(source, live)
        await until(lambda: uuid(1) in coder.watched)
        coder.list_gate = asyncio.Event()
        source.refresh()
        await until(lambda: coder.requests.count("list") == 2)
        seen: list[str] = []
        source.subscribe(lambda now: seen.append(messages(now)["ws1"]))
        coder.change(workspace(1, message="new", event=4))
        await shows(source, lambda now: messages(now)["ws1"] == "new")
        refreshed = link_of(source.snapshot).link.refreshed_at
        coder.list_gate.set()
        await shows(source, lambda now: link_of(now).link.refreshed_at != refreshed)
        assert "old" not in seen


async def test_a_deleted_workspace_goes(tmp_path: Path) -> None:
    coder = FakeCoder(workspace(1), workspace(2))
    async with serving(*coder.routes) as url, running(cockpit(tmp_path, credentials(url))) as source:
        await shows(source, lambda now: len(now.rows) == 2)
        await until(lambda: uuid(2) in coder.watched)
        coder.change(workspace(2, status="deleted"))
        await shows(source, lambda now: len(now.rows) == 1)


async def test_only_so_many_streams_and_the_selected_one_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coder_tui.feeds.watches.WATCHES", 3)
    coder = FakeCoder(*(workspace(number, status="stopped") for number in range(1, 6)), workspace(6), workspace(7))
    async with serving(*coder.routes) as url, running(cockpit(tmp_path, credentials(url))) as source:
        await shows(source, live)
        await until(lambda: len(coder.watched) == 3)
        assert {uuid(6), uuid(7)} < coder.watched
        source.watch([Key("acme", uuid(2)), Key("acme", uuid(3)), Key("elsewhere", uuid(4))])
        await until(lambda: {uuid(2), uuid(3)} < coder.watched and len(coder.watched) == 3)


async def test_publishing_is_throttled_and_starts_at_once(tmp_path: Path) -> None:
    coder = FakeCoder(workspace(1))
    loop = asyncio.get_running_loop()
    async with serving(*coder.routes) as url, running(cockpit(tmp_path, credentials(url))) as source:
        await shows(source, live)
        await until(lambda: uuid(1) in coder.watched)
        times: list[float] = []
        source.subscribe(lambda _: times.append(loop.time()))
        for number in range(300):
            coder.change(workspace(1, message=f"m{number}", event=500 + number))
        await shows(source, lambda now: messages(now)["ws1"] == "m299")
        await until(lambda: times and times[-1] > times[0])
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert min(gaps) > 0.095
        assert len(times) < 30


# acknowledgements


async def test_an_ack_survives_a_restart_and_undo_takes_it_back(tmp_path: Path) -> None:
    coder = FakeCoder(workspace(1, "failure", "May I?"), workspace(2, "failure", "And me?"))
    async with serving(*coder.routes) as url:
        async with running(cockpit(tmp_path, credentials(url))) as source:
            snapshot = await shows(source, lambda now: live(now) and len(now.alerts) == 2)
            assert [alert.level for alert in snapshot.alerts] == [Level.FAILED] * 2
            source.acknowledge([alert for alert in snapshot.alerts if alert.message == "May I?"])
            await shows(source, lambda now: [row.workspace.name for row in now.needing()] == ["ws2"])
        async with running(cockpit(tmp_path, credentials(url))) as source:
            assert [row.workspace.name for row in source.snapshot.needing()] == ["ws2"], "painted from disk"
            await shows(source, live)
            assert [row.workspace.name for row in source.snapshot.needing()] == ["ws2"]
            await until(lambda: uuid(1) in coder.watched)
            coder.change(workspace(1, "failure", "Again?", event=77))
            await shows(source, lambda now: len(list(now.needing())) == 2, limit=5)
            assert [key.workspace_id for key in source.undo()] == [uuid(1)]
            assert source.undo() == []


async def test_two_cockpits_on_one_state_file(tmp_path: Path) -> None:
    coder = FakeCoder(workspace(1, "failure", "May I?"))
    time = ManualTime()
    async with serving(*coder.routes) as url:
        one, two = (cockpit(tmp_path, credentials(url), clock=time.clock) for _ in range(2))
        async with running(one), running(two):
            await shows(one, lambda now: live(now) and now.alerts)
            await shows(two, lambda now: live(now) and now.alerts)
            one.acknowledge(one.snapshot.alerts)
            assert list(two.snapshot.needing())
            time.advance(2)
            await shows(two, lambda now: not list(now.needing()))
            two.undo()
            time.advance(2)
            await shows(one, lambda now: list(now.needing()))


async def test_a_corrupt_state_file_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"garbage" * 1000)
    source = cockpit(tmp_path, credentials("http://127.0.0.1:9"))
    assert "corrupt" in source.warnings[0]
    assert list(tmp_path.glob("state.db.corrupt-*"))
    await source.aclose()


async def test_the_last_fleet_is_painted_from_disk(tmp_path: Path) -> None:
    coder = FakeCoder(workspace(1, message="last words"))
    async with serving(*coder.routes) as url, wired(url) as wire:
        async with running(cockpit(tmp_path, credentials(wire.url))) as source:
            assert not source.snapshot.rows
            await shows(source, live)
        await wire.down()
        source = cockpit(tmp_path, credentials(wire.url))
        assert source.snapshot.cached
        assert messages(source.snapshot) == {"ws1": "last words"}
        assert all(row.stale for row in source.snapshot.rows)
        await source.aclose()
        other = cockpit(tmp_path, credentials(url))
        assert not other.snapshot.rows, "another URL under that name is another deployment"
        await other.aclose()
        await wire.up()
        async with running(cockpit(tmp_path, credentials(wire.url))) as source:
            snapshot = await shows(source, live)
            assert not snapshot.cached


async def test_a_large_last_fleet_follows_in_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lastfleet, "AT_ONCE", 3)
    coder = FakeCoder(*(workspace(number, message="last words") for number in range(1, 9)))
    async with serving(*coder.routes) as url, wired(url) as wire:
        async with running(cockpit(tmp_path, credentials(wire.url))) as source:
            await shows(source, live)
        await wire.down()
        source = cockpit(tmp_path, credentials(wire.url))
        assert not source.snapshot.rows
        async with running(source):
            snapshot = await shows(source, lambda now: len(now.rows) == 8)
            assert snapshot.cached
            await wire.up()
            source.refresh()
            assert not (await shows(source, live)).cached


async def test_a_fleet_that_is_empty_now_is_saved_as_such(tmp_path: Path) -> None:
    coder = FakeCoder(workspace(1))
    async with serving(*coder.routes) as url:
        async with running(cockpit(tmp_path, credentials(url))) as source:
            await shows(source, live)
        coder.workspaces.clear()
        async with running(cockpit(tmp_path, credentials(url))) as source:
            await shows(source, lambda now: bool(now.confirmed) and not now.rows)
        source = cockpit(tmp_path, credentials(url))
        assert not source.snapshot.rows
        await source.aclose()


async def test_time_alone_makes_it_quiet(tmp_path: Path) -> None:
    coder = FakeCoder(workspace(1, "working", "busy"))
    time = ManualTime()
    time.seconds = (coder.workspaces[uuid(1)].latest_build.created_at - time.now()).total_seconds() + 3600
    async with serving(*coder.routes) as url, running(cockpit(tmp_path, credentials(url), clock=time.clock)) as source:
        snapshot = await shows(source, live)
        assert not snapshot.alerts
        passed = 0
        while not source.snapshot.alerts:  # a lost stream's backoff waits for this clock too, so it goes on
            await until(lambda: 2.0 in time.slept or source.snapshot.alerts)
            assert passed < 3600
            time.slept.clear()
            time.advance(15)
            passed += 15
        assert passed >= 600
        assert source.snapshot.alerts[0].level is Level.QUIET


# commands


async def test_a_restart_stops_waits_and_starts(tmp_path: Path) -> None:
    coder = FakeCoder(workspace(1))
    async with serving(*coder.routes) as url, running(cockpit(tmp_path, credentials(url))) as source:
        await shows(source, live)
        await source.build(Key("acme", uuid(1)), "restart")
        assert [request for request in coder.requests if request != "list"] == ["stop", "start"]
        assert coder.polls == 3, "it waited for the stop to finish"
        coder.workspaces[uuid(1)] = workspace(1, status="stopped")
        await source.build(Key("acme", uuid(1)), "restart")
        assert coder.requests[-1] == "start"
        assert coder.requests.count("stop") == 1, "what is stopped need not be stopped"


async def test_commands_that_cannot_be_done(tmp_path: Path) -> None:
    coder = FakeCoder(workspace(1))
    async with serving(*coder.routes) as url:
        source = cockpit(tmp_path, credentials(url))
        with pytest.raises(UnreachableError, match="not connected yet"):
            await source.build(Key("acme", uuid(1)), "start")
        with pytest.raises(NotFoundError, match="'elsewhere'"):
            await source.build(Key("elsewhere", uuid(1)), "start")
        async with running(source):
            await shows(source, live)
            with pytest.raises(UsageError, match="'explode'"):
                await source.build(Key("acme", uuid(1)), "explode")
            coder.workspaces.pop(uuid(1))
            with pytest.raises(ApiError):
                await source.build(Key("acme", uuid(1)), "restart")


# many at once


async def test_many_changes_are_taken_in_slices_and_in_order(tmp_path: Path) -> None:
    coder = FakeCoder(*(workspace(number, "failure", "May I?") for number in range(1, 151)))
    async with serving(*coder.routes) as url, running(cockpit(tmp_path, credentials(url))) as source:
        snapshot = await shows(source, lambda now: live(now) and len(now.alerts) == 150)
        source.acknowledge(snapshot.alerts)
        assert source.snapshot is snapshot, "not at once: it would keep the loop too long"
        assert [key.workspace_id for key in source.undo()] == [alert.key.workspace_id for alert in snapshot.alerts]
        source.mute([snapshot.rows[0].key])
        await shows(source, lambda now: len(list(now.needing())) == 149)
        assert source.snapshot.rows[0].muted


async def test_the_end_comes_in_the_middle_of_a_slice(tmp_path: Path) -> None:
    coder = FakeCoder(*(workspace(number, "failure", "May I?") for number in range(1, 151)))
    async with serving(*coder.routes) as url:
        async with running(cockpit(tmp_path, credentials(url))) as source:
            snapshot = await shows(source, lambda now: live(now) and len(now.alerts) == 150)
            source.acknowledge(snapshot.alerts)
        assert not list(source.snapshot.needing()), "finished, not torn"


async def test_what_a_person_saw_and_hushed_is_kept(tmp_path: Path) -> None:
    coder = FakeCoder(workspace(1, "failure", "May I?"), workspace(2, "failure", "And me?"))
    async with serving(*coder.routes) as url:
        async with running(cockpit(tmp_path, credentials(url))) as source:
            snapshot = await shows(source, lambda now: live(now) and len(now.alerts) == 2)
            one, two = snapshot.alerts
            source.saw([one])
            source.snooze([two], None)
            await shows(source, lambda now: [alert.standing for alert in now.alerts] == ["seen", "snoozed"])
        async with running(cockpit(tmp_path, credentials(url))) as source:
            assert [alert.standing for alert in source.snapshot.alerts] == ["seen", "snoozed"], "painted from disk"
            await shows(source, live)
            assert source.undo() == [two.key]


async def test_a_sleep_reads_everything_again_and_calls_nobody_quiet(tmp_path: Path) -> None:
    coder = FakeCoder(workspace(1, "working", "busy"))
    time = ManualTime()
    time.seconds = (coder.workspaces[uuid(1)].latest_build.created_at - time.now()).total_seconds() + 3600
    async with serving(*coder.routes) as url, running(cockpit(tmp_path, credentials(url), clock=time.clock)) as source:
        await shows(source, live)
        await until(lambda: 2.0 in time.slept)
        lists = coder.requests.count("list")
        time.advance(8 * 3600)
        await until(lambda: coder.requests.count("list") > lists)
        await shows(source, live)
        assert not source.snapshot.alerts

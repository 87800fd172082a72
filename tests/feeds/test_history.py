"""What was seen is found again: rows as they stood, alerts with their end, and how long a person took."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from coder_tui.errors import NotFoundError
from coder_tui.feeds.history import FILE, Recorder, open_file, tidy
from coder_tui.feeds.past import Past, percentile
from coder_tui.fleet.events import AcksChanged, DeploymentChanged, Event, FleetListed, Tick, WorkspaceChanged
from coder_tui.fleet.moments import body_of, row_of
from coder_tui.fleet.snapshot import Key, Level, LinkState, Snapshot, Workspace
from coder_tui.fleet.store import Store
from tests.fleet.build import DUE, NOW, QUIET, agent, ago, app, deployment, said, workspace

KEY = Key("acme", "id-api", "main", "claude")


class Desk:
    """A fleet that is recorded; each `happens` is on disk when it returns."""

    def __init__(self, state: Path) -> None:
        self.state, self.store = state, Store(QUIET, DUE)

    def happens(self, *events: Event) -> Snapshot:
        self.recorder._save([self.store.apply(*events)])
        return self.store.snapshot

    def begin(self, *spaces: Workspace, minutes: float) -> Snapshot:
        self.recorder = Recorder(self.state, 14, lambda: NOW)
        self.store = Store(QUIET, DUE)
        return self.happens(DeploymentChanged(deployment()), FleetListed("acme", spaces, ago(minutes)))

    def says(self, *statuses: tuple[str, float]) -> Snapshot:
        return self.happens(WorkspaceChanged(space(*statuses), ago(statuses[0][1])))


def space(*statuses: tuple[str, float], name: str = "api") -> Workspace:
    return workspace(agent(app(*(said(state, minutes, f"{state}?") for state, minutes in statuses))), name=name)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def past(desk: Desk) -> Iterator[Past]:
    desk.begin(space(("working", 60)), space(("idle", 90), name="docs"), minutes=60)
    desk.says(("blocked", 50), ("working", 60))
    desk.says(("working", 40), ("blocked", 50), ("working", 60))
    desk.says(("failure", 30), ("working", 40), ("blocked", 50))
    desk.happens(Tick(ago(25)), AcksChanged(frozenset({"failure-30"})))
    desk.happens(FleetListed("acme", (space(("complete", 10), ("failure", 30), ("working", 40)),), ago(10)))
    found = Past(desk.state)
    yield found
    found.close()


def shown(snapshot: Snapshot) -> dict[str, tuple[str, str]]:
    return {
        row.workspace.name: (row.alert.level if row.alert else "", row.status.state if row.status else "")
        for row in snapshot.rows
    }


def test_the_fleet_as_it_was(past: Past) -> None:
    assert shown(past.at(ago(55))) == {"api": ("", "working"), "docs": ("", "idle")}
    assert shown(past.at(ago(45))) == {"api": ("asks", "blocked"), "docs": ("", "idle")}
    assert shown(past.at(ago(35))) == {"api": ("", "working"), "docs": ("", "idle")}
    assert shown(past.at(ago(5))) == {"api": ("done", "complete")}, "docs is gone"
    acked = past.at(ago(20)).alerts[0]
    assert (acked.level, acked.acked) == (Level.FAILED, True)
    with pytest.raises(NotFoundError, match="nobody watched"):
        past.at(ago(61))


def test_a_row_comes_back_as_it_stood(past: Past, desk: Desk) -> None:
    then, now = past.at(ago(5)).rows[0], desk.store.snapshot.rows[0]
    assert body_of(then) == body_of(now)
    assert then.workspace.title == now.workspace.title
    for text in ("", "{}", "[]", '{"space":1}', body_of(now)[:-9]):
        with pytest.raises(ValueError, match="not a moment"):
            row_of(KEY, text, stale=False)


def test_stepping_from_change_to_change(past: Past) -> None:
    moments, moment = [], ago(60)
    assert past.next_change(moment, -1) is None
    while (found := past.next_change(moment)) is not None:
        moments.append(found)
        assert past.next_change(found, -1) == moment
        moment = found
    assert moments == [ago(minutes) for minutes in (50, 40, 30, 25, 10)]
    assert past.scene(ago(50)).changed == (KEY,)
    assert past.scene(ago(49)).changed == ()
    assert past.scene(ago(50)).watched == ago(50)


def test_rows_that_stayed_are_shared_between_moments(past: Past) -> None:
    then, later = past.at(ago(55)), past.at(ago(45))
    row = {one.workspace.name: one for one in then.rows}
    again = {one.workspace.name: one for one in later.rows}
    assert row["docs"] is again["docs"]
    assert row["api"] is not again["api"]


def test_what_an_agents_apps_had_said_by_then(past: Past) -> None:
    told = past.statuses(KEY, ago(35))
    assert {app: [status.state for status in some] for app, some in told.items()} == {
        "claude": ["working", "blocked", "working"]
    }
    assert past.statuses(KEY, ago(61)) == {}
    assert [status.state for status in past.statuses(KEY, NOW, limit=2)["claude"]] == ["complete", "failure"]


def test_a_digest_is_calls_by_what_they_said(past: Past) -> None:
    digest = past.digest(ago(60), NOW)
    assert {name: len(calls) for name, calls in digest.parts.items()} == {
        "asked": 1, "failed": 1, "lost": 0, "finished": 1,
    }  # fmt: skip
    assert [call.level for call in digest.missed] == [Level.DONE]
    assert [call.met(NOW) for call in digest.calls] == [
        "went on after 10m",
        "acknowledged after 5m",
        "stands for 10m",
    ]


def test_calls_and_how_they_ended(past: Past) -> None:
    found = {call.event_id: call for call in past.calls(ago(60), NOW)}
    asked, failed, done = found["blocked-50"], found["failure-30"], found["complete-10"]
    assert (asked.ended, asked.met_at, asked.missed) == ("answered", ago(40), False)
    assert (failed.acked_at, failed.met_at) == (ago(25), ago(25)), "the acknowledgement came before the next report"
    assert (done.level, done.ended, done.missed) == (Level.DONE, "", True)
    assert [call.event_id for call in past.calls(ago(20), NOW)] == ["complete-10"]


def test_waits_and_time_in_state(past: Past) -> None:
    found = {one.title: one for one in past.waits(ago(60), NOW)}
    assert found["kira/api"].waits == (300.0, 600.0)
    assert found["kira/api"].states == {
        "working": 20 * 60.0,
        "blocked": 10 * 60.0,
        "failure": 20 * 60.0,
        "complete": 10 * 60.0,
    }
    assert found["kira/docs"].states == {"idle": 3600.0}
    assert percentile((1.0, 2.0, 3.0, 4.0), 0.5) == 2.0
    assert percentile((1.0, 2.0, 3.0, 4.0), 0.95) == 4.0
    assert percentile((), 0.5) is None


def test_what_ended_while_nobody_watched_is_closed(desk: Desk) -> None:
    desk.begin(space(("blocked", 50)), space(("failure", 50), name="docs"), minutes=50)
    desk.begin(space(("working", 12), ("blocked", 50)), minutes=10)
    past = Past(desk.state)
    ended = {call.event_id: (call.ended, call.ended_at) for call in past.calls(ago(60), NOW)}
    assert ended == {"blocked-50": ("answered", ago(12)), "failure-50": ("gone", ago(10))}
    assert shown(past.at(ago(5))) == {"api": ("", "working")}
    assert past.watched(ago(50)) == ago(50)
    assert past.watched(ago(30)) == ago(50), "the first run had ended"
    past.close()


def test_an_alert_that_comes_back_still_stands(desk: Desk) -> None:
    desk.begin(space(("blocked", 50)), minutes=50)
    desk.happens(WorkspaceChanged(workspace(agent(app())), ago(45)))
    desk.happens(WorkspaceChanged(space(("blocked", 50)), ago(40)))
    past = Past(desk.state)
    assert [(call.ended, call.ended_at) for call in past.calls(ago(60), NOW)] == [("", None)]
    past.close()


def test_a_lost_link_makes_the_past_stale(desk: Desk) -> None:
    desk.begin(space(("working", 50)), minutes=50)
    desk.happens(Tick(ago(40)), DeploymentChanged(deployment(state=LinkState.RETRYING)))
    past = Past(desk.state)
    assert [row.stale for row in past.at(ago(45)).rows] == [False]
    assert [row.stale for row in past.at(ago(30)).rows] == [True]
    assert [(name, state) for name, _, state, _ in past.links(ago(60), NOW)] == [("acme", "live"), ("acme", "retrying")]
    past.close()


def test_two_recorders_write_one_history(desk: Desk) -> None:
    other = Desk(desk.state)
    for one in (desk, other):
        one.begin(space(("working", 60)), minutes=60)
    for one in (desk, other):
        one.says(("blocked", 50), ("working", 60))
    past = Past(desk.state)
    assert [call.event_id for call in past.calls(ago(60), NOW)] == ["blocked-50"]
    past.close()
    with sqlite3.connect(desk.state / FILE) as db:
        assert db.execute("SELECT count(*) FROM moment").fetchone() == (2,)
        assert db.execute("SELECT count(*) FROM status").fetchone() == (2,)
    db.close()


def test_a_full_disk_is_a_warning_and_the_next_batch_tells_all(desk: Desk) -> None:
    desk.begin(space(("working", 60)), minutes=60)
    file = desk.recorder._file
    pages = file.read(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
    file.read(lambda db: db.execute(f"PRAGMA max_page_count = {pages}"))
    crowd = tuple(space(("blocked", 40), name=f"w{number}") for number in range(300))
    desk.happens(FleetListed("acme", crowd, ago(40)))
    assert "full" in desk.recorder.warnings[0]
    file.read(lambda db: db.execute("PRAGMA max_page_count = 1000000"))
    desk.happens(Tick(ago(30)))
    past = Past(desk.state)
    assert len(past.at(ago(20)).rows) == 300
    assert len(past.calls(ago(60), NOW)) == 300
    past.close()


def test_the_thread_writes_what_it_was_given(tmp_path: Path) -> None:
    recorder, store = Recorder(tmp_path, 14), Store(QUIET, DUE)
    recorder.saw(store.snapshot)
    assert not (tmp_path / FILE).exists(), "nothing is known yet"
    recorder.saw(store.apply(DeploymentChanged(deployment()), FleetListed("acme", (space(("working", 9)),), NOW)))
    recorder.saw(store.apply(WorkspaceChanged(space(("blocked", -1), ("working", 9)), ago(-1))))
    recorder.close()
    assert recorder.warnings == []
    past = Past(tmp_path)
    assert shown(past.at(ago(-2))) == {"api": ("asks", "blocked")}
    past.close()


def test_old_things_go_and_how_a_row_stood_at_the_border_stays(desk: Desk) -> None:
    desk.begin(space(("working", 60)), space(("idle", 90), name="docs"), minutes=60)
    desk.says(("blocked", 50), ("working", 60))
    desk.says(("working", 20), ("blocked", 50))
    file = open_file(desk.state)
    file.read(lambda db: tidy(db, ago(30)))
    past = Past(desk.state)
    assert shown(past.at(ago(29))) == {"api": ("asks", "blocked"), "docs": ("", "idle")}
    assert [call.ended_at for call in past.calls(ago(90), NOW)] == [ago(20)]
    file.read(lambda db: tidy(db, ago(9999), limit=1))
    assert file.read(lambda db: db.execute("SELECT count(*) FROM moment").fetchone()[0]) == 3
    file.close()
    past.close()


def test_no_history_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no history yet"):
        Past(tmp_path)


def test_an_unusable_directory_never_stops_the_recorder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    desk = Desk(tmp_path / "file" / "state")
    desk.begin(space(("working", 60)), minutes=60)
    assert len(desk.recorder.warnings) == 1
    assert desk.store.snapshot.rows

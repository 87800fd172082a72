"""The life cycle of an alert: new, seen, acknowledged, snoozed, muted; and what is news."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from tests.fleet.build import DUE, NOW, QUIET, agent, ago, app, deployment, said, workspace

from coder_tui.fleet.attention import fresh
from coder_tui.fleet.events import (
    AcksChanged,
    DeploymentChanged,
    FleetListed,
    Slept,
    StandingsChanged,
    Tick,
    WorkspaceChanged,
)
from coder_tui.fleet.explain import explain
from coder_tui.fleet.news import HOLD, News
from coder_tui.fleet.query import parse
from coder_tui.fleet.snapshot import Alert, Key, Snapshot, Workspace
from coder_tui.fleet.standing import Standings
from coder_tui.fleet.store import Store

KEY = Key("acme", "id-api", "main", "claude")


def space(*states: str, name: str = "api") -> Workspace:
    return workspace(agent(app(*(said(state, n + 1) for n, state in enumerate(states)))), name=name)


def loaded(*workspaces: Workspace, at: datetime = NOW) -> Store:
    store = Store(QUIET, DUE)
    store.apply(DeploymentChanged(deployment()), FleetListed("acme", workspaces, at))
    return store


def the_alert(snapshot: Snapshot) -> Alert:
    (alert,) = snapshot.alerts
    return alert


def matching(snapshot: Snapshot, text: str, now: datetime = NOW) -> list[str]:
    wanted = parse(text)
    return [row.workspace.name for row in snapshot.rows if wanted.matches(row, snapshot, now)]


def snoozed(event: str, until: datetime | None) -> StandingsChanged:
    return StandingsChanged(Standings(snoozed={event: until}))


def test_a_snooze_hides_the_event_and_gives_it_back_as_news() -> None:
    store = loaded(space("blocked"))
    before = store.snapshot
    hushed = store.apply(snoozed("blocked-1", NOW + timedelta(minutes=15)))
    assert list(hushed.needing()) == []
    assert (the_alert(hushed).standing, the_alert(hushed).open) == ("snoozed", False)
    assert matching(hushed, "is:snoozed") == ["api"]
    assert matching(hushed, "is:open") == []
    assert store.apply(Tick(NOW + timedelta(minutes=14))) is hushed
    back = store.apply(Tick(NOW + timedelta(minutes=15)))
    assert the_alert(back).standing == "new"
    assert fresh(hushed, back) == (the_alert(back),)
    assert fresh(before, hushed) == ()
    assert fresh(back, store.apply(WorkspaceChanged(replace(space("blocked"), outdated=True), NOW))) == ()


def test_taking_a_snooze_back_is_no_news() -> None:
    store = loaded(space("blocked"))
    hushed = store.apply(snoozed("blocked-1", NOW + timedelta(minutes=15)))
    undone = store.apply(StandingsChanged(Standings()))
    assert the_alert(undone).open
    assert fresh(hushed, undone) == ()


def test_the_next_event_ends_a_snooze_and_time_does_not() -> None:
    store = loaded(space("blocked"))
    hushed = store.apply(snoozed("blocked-1", None))
    assert store.apply(Tick(NOW + timedelta(days=30))) is hushed
    asked = store.apply(WorkspaceChanged(space("failure", "blocked"), NOW))
    assert fresh(hushed, asked) == (the_alert(asked),)


def test_a_muted_app_calls_nobody_whatever_it_says() -> None:
    store = loaded(space("working"), space("blocked", name="docs"))
    hushed = store.apply(StandingsChanged(Standings(muted=frozenset({KEY}))))
    assert matching(hushed, "is:muted") == ["api"], "also without an alert"
    asked = store.apply(WorkspaceChanged(space("blocked"), NOW))
    assert [row.workspace.name for row in asked.needing()] == ["docs"]
    assert [alert.standing for alert in asked.alerts] == ["new", "muted"], "listed, behind what is open"
    assert fresh(hushed, asked) == ()
    heard = store.apply(StandingsChanged(Standings()))
    assert matching(heard, "is:open") == ["api", "docs"]
    assert fresh(asked, heard) == ()


def test_an_acknowledgement_alone_keeps_the_rest() -> None:
    store = loaded(space("blocked"))
    store.apply(StandingsChanged(Standings(muted=frozenset({KEY}), seen=frozenset({"blocked-1"}))))
    both = store.apply(AcksChanged(frozenset({"blocked-1"})))
    assert (the_alert(both).standing, the_alert(both).muted, the_alert(both).seen) == ("acked", True, True)
    assert matching(both, "is:acked is:muted") == ["api"]


def test_what_was_seen_stays_open_and_is_no_news() -> None:
    store = loaded(space("working"))
    calm = store.apply(StandingsChanged(Standings(seen=frozenset({"blocked-1"}))))
    asked = store.apply(WorkspaceChanged(space("blocked"), NOW))
    assert (the_alert(asked).standing, the_alert(asked).open) == ("seen", True)
    assert fresh(calm, asked) == ()


def test_explain_tells_what_hushes_a_row() -> None:
    store = loaded(space("blocked"))
    end = NOW + timedelta(minutes=90)
    row = store.apply(StandingsChanged(Standings(snoozed={"blocked-1": end}, muted=frozenset({KEY})))).rows[0]
    told = dict(explain(row, store.snapshot, NOW))
    assert told["state"] == "asks (muted)"
    assert "muted until" in told["hushed"]
    assert "snoozed for 1h30m" in told["hushed"]
    row = store.apply(snoozed("blocked-1", None)).rows[0]
    assert dict(explain(row, store.snapshot, NOW))["hushed"].endswith("the app's next event")


# sleep


def test_sleep_is_no_silence() -> None:
    store = loaded(workspace(agent(app(said("working", 4)))))
    woke = NOW + timedelta(hours=8)
    assert not store.apply(Slept(NOW, woke), Tick(woke)).alerts
    assert not store.apply(Tick(woke + timedelta(minutes=5, seconds=59))).alerts
    assert store.apply(Tick(woke + timedelta(minutes=6))).alerts


def test_who_was_quiet_before_the_sleep_is_quiet_after_it() -> None:
    store = loaded(workspace(agent(app(said("working", 11)))))
    before = the_alert(store.snapshot)
    woke = NOW + timedelta(hours=8)
    assert the_alert(store.apply(Slept(NOW, woke), Tick(woke))) is before


def test_a_report_after_the_sleep_begins_a_new_silence() -> None:
    store = loaded(workspace(agent(app(said("working", 4)))))
    woke = NOW + timedelta(hours=1)
    store.apply(Slept(NOW, woke), WorkspaceChanged(workspace(agent(app(said("working", -60)))), woke))
    assert not store.apply(Tick(woke + timedelta(minutes=9))).alerts
    assert store.apply(Tick(woke + timedelta(minutes=10))).alerts


# news


def test_what_flashes_is_no_news() -> None:
    store, news = loaded(space("working")), News()
    assert news.update(store.snapshot, 100.0) == []
    assert news.update(store.apply(WorkspaceChanged(space("blocked"), NOW)), 101.0) == []
    assert news.wake == 101.0 + HOLD
    assert news.update(store.apply(WorkspaceChanged(space("working"), NOW)), 101.0 + HOLD) == []
    assert news.wake is None


def test_what_stands_is_told_once() -> None:
    store, news = loaded(space("working"), space("failure", name="old")), News()
    assert news.update(store.snapshot, 100.0) == [], "the first load is no news"
    asked = store.apply(WorkspaceChanged(space("blocked"), NOW))
    assert news.update(asked, 101.0) == []
    assert [alert.key for alert in news.update(asked, 101.0 + HOLD)] == [KEY]
    assert news.update(asked, 200.0) == []


def test_no_news_of_what_is_looked_at_hushed_or_acknowledged_meanwhile() -> None:
    for hush in (
        StandingsChanged(Standings(acked=frozenset({"blocked-1"}))),
        StandingsChanged(Standings(seen=frozenset({"blocked-1"}))),
        snoozed("blocked-1", ago(-60)),
        StandingsChanged(Standings(muted=frozenset({KEY}))),
    ):
        store, news = loaded(space("working")), News()
        news.update(store.snapshot, 100.0)
        news.update(store.apply(WorkspaceChanged(space("blocked"), NOW)), 101.0)
        assert news.update(store.apply(hush), 101.0 + HOLD) == []
    store, news = loaded(space("working")), News()
    news.update(store.snapshot, 100.0)
    asked = store.apply(WorkspaceChanged(space("blocked"), NOW))
    news.update(asked, 101.0, looked_at=KEY)
    assert news.update(asked, 101.0 + HOLD) == []

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fleet.build import DUE, NOW, QUIET, agent, ago, app, deployment, said, workspace

from coder_tui.fleet.attention import Limits, fresh, judge
from coder_tui.fleet.events import (
    AcksChanged,
    DeploymentChanged,
    Event,
    FleetListed,
    Tick,
    WorkspaceChanged,
    WorkspaceGone,
)
from coder_tui.fleet.rows import alert_place, place, row_keys
from coder_tui.fleet.snapshot import Alert, Deployment, Key, Level, Link, LinkState, Row, Snapshot, Workspace
from coder_tui.fleet.store import Store


def loaded(*workspaces: Workspace, at: datetime = NOW) -> Store:
    store = Store(QUIET, DUE)
    store.apply(DeploymentChanged(deployment()), FleetListed("acme", workspaces, at))
    return store


def levels(snapshot: Snapshot) -> dict[str, Level]:
    return {alert.key.app: alert.level for alert in snapshot.alerts}


def test_an_equal_list_is_the_same_snapshot() -> None:
    spaces = (workspace(agent(app(said("working")))), workspace(name="docs"))
    store = loaded(*spaces)
    before = store.snapshot
    again = tuple(replace(copy.deepcopy(space), seen_at=NOW + timedelta(minutes=1)) for space in spaces)
    assert store.apply(FleetListed("acme", again, NOW + timedelta(minutes=1))) is before
    assert store.apply(WorkspaceChanged(again[0], NOW + timedelta(minutes=1))) is before
    assert (
        store.apply(Tick(NOW + timedelta(minutes=2)), AcksChanged(frozenset()), DeploymentChanged(deployment()))
        is before
    )
    assert store.apply(WorkspaceGone("acme", "unknown")) is before


def test_a_change_makes_new_rows_only_where_it_is() -> None:
    one = workspace(agent(app(said("working")), app(said("idle"), slug="codex")))
    two = workspace(agent(app(said("idle"))), name="docs")
    store = loaded(one, two)
    before = store.snapshot
    changed = workspace(agent(app(said("failure")), app(said("idle"), slug="codex")))
    after = store.apply(WorkspaceChanged(changed, NOW))
    assert [row.key for row in after.rows] == [row.key for row in before.rows]
    assert after.rows[2] is before.rows[2]
    assert after.rows[0] is not before.rows[0]
    assert after.rows[1].app is before.rows[1].app, "an app that did not change is the same object"
    assert before.rows[0].status == said("working"), "an old snapshot never changes"


def test_one_row_per_app_agent_or_workspace() -> None:
    inner = agent(app(slug="dev"), name="box", parent_id="id-main")
    space = workspace(
        agent(app(slug="claude"), app(slug="preview", hidden=True), app(said("blocked"), slug="watcher", hidden=True)),
        inner,
        agent(name="bare"),
        agent(app(slug="dev"), name="box", id="twin"),
    )
    store = loaded(space, workspace(name="off", build_status="stopped"))
    assert [(row.key.workspace_id, row.key.agent, row.key.app) for row in store.snapshot.rows] == [
        ("id-api", "main", "claude"),
        ("id-api", "main", "watcher"),  # hidden, but it reports: it must be seen asking
        ("id-api", "box", "dev"),
        ("id-api", "bare", ""),
        ("id-api", "box~", "dev"),
        ("id-off", "", ""),
    ]
    last = store.snapshot.rows[-1]
    assert last.agent is None
    assert store.snapshot.row(last.key) is last
    assert store.snapshot.row(Key("acme", "id-off", "x")) is None


def test_order_favourites_first_and_a_rename_moves() -> None:
    a, b, c = (workspace(name=name) for name in "abc")
    store = loaded(c, a, replace(b, favorite=True))
    assert [space.name for space in store.snapshot.workspaces] == ["b", "a", "c"]
    after = store.apply(WorkspaceChanged(replace(a, name="z"), NOW))
    assert [row.workspace.name for row in after.rows] == ["b", "c", "z"]


def test_growth_of_the_log_puts_silence_off() -> None:
    def space(length: int) -> Workspace:
        return workspace(agent(app(said("working", 0)), logs_length=length))

    store = loaded(space(100))
    store.apply(WorkspaceChanged(space(200), NOW + timedelta(minutes=6)))
    assert not store.apply(Tick(NOW + timedelta(minutes=15, seconds=59))).alerts
    quiet = store.apply(Tick(NOW + timedelta(minutes=16)))
    assert levels(quiet) == {"claude": Level.QUIET}
    assert quiet.rows[0].log_at == quiet.alerts[0].since == NOW + timedelta(minutes=6)
    assert not store.apply(WorkspaceChanged(space(201), NOW + timedelta(minutes=17))).alerts


def test_what_is_known_of_a_log_follows_its_agent() -> None:
    def space(length: int) -> Workspace:
        return workspace(agent(app(said("working", 0)), logs_length=length))

    store = loaded(space(100))
    store.apply(WorkspaceChanged(space(200), ago(-1)), WorkspaceChanged(space(100), ago(-2)))
    assert store.snapshot.rows[0].log_at == ago(-1), "it grew and was cut within one call"
    assert store.apply(WorkspaceChanged(space(50), ago(-3))).rows[0].log_at == ago(-1)
    store.apply(WorkspaceChanged(workspace(build_status="stopped"), ago(-4)))
    assert store.apply(WorkspaceChanged(space(300), ago(-5))).rows[0].log_at is None, "an agent seen anew"


def test_time_is_looked_at_when_the_first_thing_falls_due() -> None:
    store = loaded(workspace(agent(app(said("working", 0)), app(said("working", 5), slug="codex")), deadline=ago(-37)))
    assert not any(row.due or row.alert for row in store.apply(Tick(ago(-4))).rows)
    assert levels(store.apply(Tick(ago(-5)))) == {"codex": Level.QUIET}
    assert not any(row.due for row in store.snapshot.rows)
    assert all(row.due for row in store.apply(Tick(ago(-7))).rows)
    assert len(store.apply(Tick(ago(-10))).alerts) == 2


def test_what_is_gone_is_gone() -> None:
    store = loaded(workspace(agent(app(said("blocked")))), workspace(name="docs"))
    (key, *_), old = [row.key for row in store.snapshot.rows], store.snapshot
    after = store.apply(WorkspaceGone("acme", "id-api"))
    assert after.row(key) is None
    assert old.row(key) is not None
    assert after.alerts == ()
    assert len(after.rows) == 1
    assert store.apply(FleetListed("acme", (), NOW)).rows == ()


def test_a_lost_link_marks_rows_stale_and_stops_the_clock_of_silence() -> None:
    store = loaded(workspace(agent(app(said("working", 0)))))
    live = store.snapshot
    down = store.apply(DeploymentChanged(deployment(state=LinkState.RETRYING)))
    assert down.rows[0].stale
    assert store.apply(Tick(NOW + timedelta(hours=1))) is down
    back = store.apply(DeploymentChanged(deployment(state=LinkState.POLLING)))
    assert not back.rows[0].stale
    assert levels(back) == {"claude": Level.QUIET}
    slow = store.apply(DeploymentChanged(Deployment("acme", link=Link(LinkState.POLLING, latency_ms=80))))
    assert slow is not back
    assert slow.rows is back.rows
    assert not live.rows[0].stale


def test_alerts_most_urgent_first_acknowledged_last() -> None:
    names = ("complete", "blocked", "failure", "working")
    store = loaded(workspace(agent(*(app(said(state, 11 + n), slug=state) for n, state in enumerate(names)))))
    order = [alert.level for alert in store.snapshot.alerts]
    assert order == [Level.ASKS, Level.FAILED, Level.DONE, Level.QUIET]
    asking = store.snapshot.alerts[0]
    after = store.apply(AcksChanged(frozenset({asking.event_id})))
    assert [alert.level for alert in after.alerts] == [Level.FAILED, Level.DONE, Level.QUIET, Level.ASKS]
    assert after.alerts[-1].acked
    assert [row.key.app for row in after.needing()] == ["failure", "complete", "working"]
    undone = store.apply(AcksChanged(frozenset()))
    assert not undone.alerts[0].acked
    assert fresh(after, undone) == (), "undoing an acknowledgement is not news"


def test_first_loads_are_not_news() -> None:
    space = workspace(agent(app(said("blocked"))))
    store = Store(QUIET, DUE)
    empty = store.snapshot
    cached = store.apply(FleetListed("acme", (space,), NOW, cached=True))
    assert cached.cached
    assert cached.rows[0].stale
    assert levels(cached) == {"claude": Level.ASKS}
    live = store.apply(DeploymentChanged(deployment()), FleetListed("acme", (space,), NOW))
    assert not live.cached
    other = replace(space, deployment="beta")
    both = store.apply(DeploymentChanged(deployment("beta")), FleetListed("beta", (other,), NOW))
    assert len(both.alerts) == 2
    for old, new in ((empty, cached), (empty, live), (cached, live), (live, both), (empty, both)):
        assert fresh(old, new) == ()
    late = store.apply(FleetListed("acme", (), NOW, cached=True))
    assert late is both, "the disk does not overrule the network"


def test_an_event_is_news_once() -> None:
    def space(*states: str) -> Workspace:
        return workspace(agent(app(*(said(state, n + 1) for n, state in enumerate(states)))))

    store = loaded(space("working"))
    calm = store.snapshot
    asked = store.apply(WorkspaceChanged(space("blocked"), NOW))
    (alert,) = fresh(calm, asked)
    assert (alert.level, alert.event_id) == (Level.ASKS, "blocked-1")
    moved = store.apply(WorkspaceChanged(replace(space("blocked"), outdated=True), NOW))
    assert fresh(asked, moved) == ()
    flipped = store.apply(WorkspaceChanged(space("working"), NOW))  # an older list that came late
    again = store.apply(WorkspaceChanged(space("blocked"), NOW))
    assert [one.event_id for one in again.alerts] == ["blocked-1"]
    assert fresh(flipped, again) == ()
    failed = store.apply(WorkspaceChanged(space("failure", "blocked"), NOW))
    assert [one.level for one in fresh(again, failed)] == [Level.FAILED]
    assert [one.level for one in fresh(calm, failed)] == [Level.FAILED], "snapshots in between may be skipped"
    acked = Store(QUIET, DUE)
    acked.apply(AcksChanged(frozenset({"blocked-1"})), FleetListed("acme", (space("working"),), NOW))
    before = acked.snapshot
    assert fresh(before, acked.apply(WorkspaceChanged(space("blocked"), NOW))) == ()


def test_a_clock_set_back_is_followed() -> None:
    store = loaded(workspace(agent(app(said("working", 0)))))
    assert store.apply(Tick(NOW + timedelta(hours=2))).alerts
    assert not store.apply(Tick(NOW + timedelta(minutes=1))).alerts
    assert store.apply(Tick(NOW + timedelta(minutes=10))).alerts


def test_a_flood_of_reports_does_not_fill_the_memory() -> None:
    store = loaded(workspace(agent(app(said("working", 0)))))
    for n in range(500):
        at = NOW + timedelta(seconds=n)
        store.apply(WorkspaceChanged(workspace(agent(app(said("working", -n / 60)))), at))
    assert len(store._wakes) <= 2


def test_many_changes_at_once_equal_one_at_a_time() -> None:
    spaces = [workspace(agent(app(said(("working", "blocked")[n % 2], n))), name=f"w{n * 7 % 100}") for n in range(100)]
    slowly = loaded()
    for space in spaces:
        slowly.apply(WorkspaceChanged(space, NOW))
    at_once = loaded(*spaces).snapshot
    assert slowly.snapshot.rows == at_once.rows
    assert slowly.snapshot.alerts == at_once.alerts
    assert len(at_once.rows) == 100


# Any history leads to what the facts at its end say.

_STATUSES = [said(state, n) for n in (0, 5, 15, 700) for state in ("working", "idle", "complete", "failure", "blocked")]
_times = st.integers(0, 60).map(lambda minutes: NOW + timedelta(minutes=minutes))
_names = st.sampled_from(["acme", "acme", "acme", "beta"])


@st.composite
def _workspaces(draw: st.DrawFn, name: str) -> Workspace:
    statuses = draw(st.lists(st.sampled_from(_STATUSES), max_size=3, unique=True))
    newest_first = sorted(statuses, key=lambda status: (status.at, status.id), reverse=True)
    host = agent(
        app(*newest_first),
        *draw(st.sampled_from([(), (app(slug="codex"),)])),
        status=draw(st.sampled_from(["connected", "disconnected"])),
        last_connected_at=draw(st.sampled_from([None, ago(3)])),
        logs_length=draw(st.integers(0, 3)),
        id=f"agent-of-{name}",
    )
    return workspace(
        *draw(st.sampled_from([(), (host,), (host,), (host,)])),
        name=name,
        deployment=draw(_names),
        build_status=draw(st.sampled_from(["running", "stopped"])),
        deadline=draw(st.sampled_from([None, NOW + timedelta(minutes=45)])),
        favorite=draw(st.booleans()),
        last_status=draw(st.sampled_from([None, said("working", 3)])),
    )


_any_workspace = st.sampled_from("aab").flatmap(_workspaces)
_events = st.one_of(
    st.builds(WorkspaceChanged, _any_workspace, _times),
    st.builds(
        lambda name, spaces, at, cached: FleetListed(
            name, tuple({space.id: replace(space, deployment=name) for space in spaces}.values()), at, cached
        ),
        _names,
        st.lists(_any_workspace, max_size=3),
        _times,
        st.booleans(),
    ),
    st.builds(WorkspaceGone, _names, st.sampled_from(["id-a", "id-b"])),
    st.builds(
        DeploymentChanged,
        st.builds(deployment, _names, st.sampled_from([LinkState.LIVE, LinkState.RETRYING]), st.just("kira")),
    ),
    st.builds(AcksChanged, st.frozensets(st.sampled_from([status.id for status in _STATUSES]))),
    st.builds(Tick, _times),
)


class Facts:
    """The naive fleet: remembers facts, judges everything anew."""

    def __init__(self) -> None:
        self.spaces: dict[tuple[str, str], Workspace] = {}
        self.logs: dict[tuple[str, str], tuple[int, datetime | None]] = {}
        self.deployments: dict[str, Deployment] = {}
        self.confirmed: set[str] = set()
        self.acked: frozenset[str] = frozenset()
        self.now = NOW - timedelta(days=9)

    def learn(self, space: Workspace, at: datetime) -> None:
        if self.spaces.get((space.deployment, space.id)) == space:
            return
        self.spaces[space.deployment, space.id] = space
        for one in space.agents:
            length, grew = self.logs.get((space.deployment, one.id), (one.logs_length, None))
            self.logs[space.deployment, one.id] = (one.logs_length, at if one.logs_length > length else grew)

    def apply(self, event: Event) -> None:
        match event:
            case WorkspaceChanged(space, at):
                self.now = max(self.now, at)
                self.learn(space, at)
            case FleetListed(name, spaces, at, cached):
                self.now = max(self.now, at)
                if cached and name in self.confirmed:
                    return
                for space in spaces:
                    self.learn(space, at)
                listed = {space.id for space in spaces}
                self.spaces = {key: one for key, one in self.spaces.items() if key[0] != name or key[1] in listed}
                if not cached:
                    self.confirmed.add(name)
            case WorkspaceGone(name, workspace_id):
                self.spaces.pop((name, workspace_id), None)
            case DeploymentChanged(one):
                self.deployments[one.name] = one
            case AcksChanged(acked):
                self.acked = acked
            case Tick(at):
                self.now = at
        known = {(space.deployment, one.id) for space in self.spaces.values() for one in space.agents}
        self.logs = {key: log for key, log in self.logs.items() if key in known}

    def rows(self) -> tuple[Row, ...]:
        rows = []
        for space in sorted(self.spaces.values(), key=place):
            one = self.deployments.get(space.deployment)
            stale = one is None or one.link.state is not LinkState.LIVE
            for key, host, program in row_keys(space):
                log_at = self.logs[space.deployment, host.id][1] if host else None
                found = judge(
                    key,
                    space,
                    host,
                    program,
                    now=self.now,
                    limits=Limits(QUIET, DUE),
                    acked=self.acked,
                    log_at=log_at,
                    as_of=space.seen_at if stale else None,
                )
                rows.append(Row(key, space, host, program, found.alert, found.due, stale, log_at))
        return tuple(rows)


@settings(max_examples=150, deadline=None)
@given(st.lists(_events, min_size=5, max_size=30))
def test_any_history_equals_the_facts_at_its_end(events: list[Event]) -> None:
    store, facts = Store(QUIET, DUE), Facts()
    announced: list[Alert] = []
    for event in events:
        before = store.snapshot
        after = store.apply(event)
        facts.apply(event)
        rows = facts.rows()
        assert after.rows == rows
        assert after.alerts == tuple(sorted((row.alert for row in rows if row.alert), key=alert_place))
        assert after.workspaces == tuple(sorted(facts.spaces.values(), key=place))
        assert all(after.row(row.key) is row for row in after.rows)
        for row in after.rows:
            old = before.row(row.key)
            assert old is row or old != row, "an unchanged row is the same object"
        assert (after is before) or (after.seq == before.seq + 1)
        announced += fresh(before, after)
    assert len({alert.event_id for alert in announced}) == len(announced)


@settings(max_examples=50, deadline=None)
@given(st.lists(_events, max_size=12))
def test_events_together_lead_where_they_lead_one_by_one(events: list[Event]) -> None:
    one_by_one, together = Store(QUIET, DUE), Store(QUIET, DUE)
    for event in events:
        one_by_one.apply(event)
    together.apply(*events)
    assert together.snapshot.workspaces == one_by_one.snapshot.workspaces
    assert together.snapshot.rows == one_by_one.snapshot.rows
    assert together.snapshot.alerts == one_by_one.snapshot.alerts

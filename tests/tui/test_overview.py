"""Counts and Needs you, kept incrementally, are what a fresh look would give."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tui.small_fleet import NOW, StoreSource, agent, ago, app, small_fleet, status, workspace

from coder_tui.fleet.events import AcksChanged, FleetListed, WorkspaceChanged, WorkspaceGone
from coder_tui.fleet.snapshot import Level, Workspace
from coder_tui.tui.overview import Overview, differing

STATES = st.sampled_from(["working", "idle", "complete", "failure", "from-the-future"])


def changed_to(one: Workspace, state: str, seconds: int) -> Workspace:
    if not one.agents:
        return replace(one, build_status="starting")
    said = app("claude", status(state, f"{state} {seconds}", ago(seconds=seconds)))
    return replace(one, agents=(replace(one.agents[0], apps=(said, *one.agents[0].apps[1:])), *one.agents[1:]))


@given(st.lists(st.tuples(st.integers(0, 6), STATES, st.integers(0, 4000)), max_size=12))
@settings(max_examples=40, deadline=None)
def test_incremental_equals_fresh(steps: list[tuple[int, str, int]]) -> None:
    fleet = small_fleet()
    source = StoreSource(*fleet)
    kept = Overview()
    kept.update(source.snapshot, source.snapshot.rows)
    for place, state, seconds in steps:
        if place == len(fleet):
            source.apply(AcksChanged(frozenset(alert.event_id for alert in source.snapshot.alerts[:1])))
        elif seconds % 7 == 0:
            source.apply(WorkspaceGone(fleet[place].deployment, fleet[place].id))
        else:
            source.apply(WorkspaceChanged(changed_to(fleet[place], state, seconds), NOW))
        snapshot = source.snapshot
        kept.update(snapshot, snapshot.rows)
        fresh = Overview()
        fresh.update(snapshot, snapshot.rows)
        for name in ("agents", "working", "levels", "open"):
            assert getattr(kept, name) == getattr(fresh, name), name
        assert set(kept.needing) == set(fresh.needing)


def test_what_is_counted() -> None:
    source = StoreSource(*small_fleet())
    overview = Overview()
    overview.update(source.snapshot, source.snapshot.rows)
    assert (overview.agents, overview.working) == (8, 5)
    assert overview.levels == {Level.ASKS: 1, Level.FAILED: 1, Level.LOST: 0, Level.DONE: 1, Level.QUIET: 1}
    assert [key.workspace_id for key in overview.needing][:2] == ["ws-kira-api-refactor", "ws-ana-ci-flake"]


def test_a_workspace_that_stops_soon_is_one_line() -> None:
    one = workspace(
        "bo",
        "docs",
        agent(
            app("claude", status("working", "a", ago(seconds=9))), app("codex", status("working", "b", ago(seconds=8)))
        ),
        deadline=NOW + timedelta(minutes=5),
    )
    source = StoreSource(one, names=("acme",))
    overview = Overview()
    overview.update(source.snapshot, source.snapshot.rows)
    assert overview.open == []
    assert len(overview.needing) == 1


def test_only_shown_rows_need_a_person_but_all_are_counted() -> None:
    source = StoreSource(*small_fleet())
    shown = tuple(row for row in source.snapshot.rows if row.workspace.owner == "ana")
    overview = Overview()
    overview.update(source.snapshot, shown)
    assert [key.workspace_id for key in overview.needing] == ["ws-ana-ci-flake"]
    assert overview.alerts == 4
    assert overview.agents == 8


def test_differing_names_places_or_refuses() -> None:
    source = StoreSource(*small_fleet())
    before = source.snapshot.rows
    source.apply(WorkspaceChanged(changed_to(small_fleet()[2], "idle", 5), NOW))
    after = source.snapshot.rows
    places = differing(before, after)
    assert places is not None
    assert [after[place].workspace.name for place in places] == ["docs"]
    source.apply(FleetListed("laptop", (), NOW))
    assert differing(after, source.snapshot.rows) is None
    assert differing(after, tuple(reversed(after))) is None

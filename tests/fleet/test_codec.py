from __future__ import annotations

import json
from datetime import UTC, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fleet.build import DUE, NOW, QUIET, agent, ago, app, deployment, said, workspace

from coder_tui.fleet.codec import SCHEMA_VERSION, dump_workspaces, load_workspaces, snapshot_json
from coder_tui.fleet.events import AcksChanged, DeploymentChanged, FleetListed
from coder_tui.fleet.snapshot import Agent, App, LogSource, Snapshot, Status, Workspace
from coder_tui.fleet.store import Store

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_times = st.datetimes(timezones=st.just(UTC))
_maybe = st.none() | _times
_statuses = st.builds(Status, _texts, _times, _texts, _texts, _texts, st.booleans())
_apps = st.builds(App, _texts, _texts, _texts, statuses=st.lists(_statuses, max_size=3).map(tuple), since=_maybe)
_agents = st.builds(
    Agent,
    _texts,
    _texts,
    _texts,
    _texts,
    parent_id=st.none() | _texts,
    created_at=_maybe,
    logs_length=st.integers(0, 2**40),
    log_sources=st.lists(st.builds(LogSource, _texts, _texts), max_size=2).map(tuple),
    apps=st.lists(_apps, max_size=2).map(tuple),
)
_workspaces = st.builds(
    Workspace,
    *[_texts] * 6,
    build_at=_maybe,
    favorite=st.booleans(),
    agents=st.lists(_agents, max_size=2).map(tuple),
    last_status=st.none() | _statuses,
    seen_at=_maybe,
)


@settings(max_examples=40, deadline=None)
@given(st.lists(_workspaces, max_size=3).map(tuple))
def test_the_cache_reads_what_it_wrote(workspaces: tuple[Workspace, ...]) -> None:
    loaded = load_workspaces(dump_workspaces(workspaces))
    assert loaded == workspaces
    assert [one.seen_at for one in loaded] == [one.seen_at for one in workspaces]


GOOD = dump_workspaces((workspace(agent(app(said("working"))), name="api"),))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "[" * 100_000,
        "\ud800",
        GOOD[:-1],
        GOOD.replace('"version":1', '"version":2'),
        GOOD.replace("Z", ""),
        GOOD.replace('"agents":[', '"agents":[7,'),
        '{"version":1,"workspaces":[{}]}',
        '{"version":1,"workspaces":{"a":1}}',
    ],
)
def test_a_broken_cache_is_a_value_error(text: str) -> None:
    assert load_workspaces(GOOD)
    with pytest.raises(ValueError):
        load_workspaces(text)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(GOOD)), _texts, st.integers(0, 5))
def test_a_damaged_cache_raises_nothing_else(at: int, text: str, lost: int) -> None:
    try:
        load_workspaces(GOOD[:at] + text + GOOD[at + lost :])
    except ValueError:
        return


def _shown() -> Snapshot:
    store = Store(QUIET, DUE)
    return store.apply(
        DeploymentChanged(deployment()),
        FleetListed(
            "acme",
            (
                workspace(
                    agent(app(said("blocked", 2, "May I?", uri="https://x.example")), app(slug="codex")),
                    agent(name="bare"),
                    deadline=ago(-20),
                ),
                workspace(name="old", build_status="stopped", build_reason="autostop", last_status=said("working", 61)),
            ),
            NOW,
        ),
        AcksChanged(frozenset({"blocked-2"})),
    )


def test_the_documented_form() -> None:
    found = json.loads(json.dumps(snapshot_json(_shown(), NOW + timedelta(seconds=30))))
    assert found["schema"] == SCHEMA_VERSION == 1
    assert found["at"] == "2025-04-01T14:00:30Z"
    assert found["cached"] is False
    assert [(one["name"], one["link"]["state"]) for one in found["deployments"]] == [("acme", "live")]
    api, old = found["workspaces"]
    assert (api["owner"], api["name"], api["due"], api["stale"]) == ("kira", "api", True, False)
    claude, codex = api["agents"][0]["apps"]
    assert claude["status"] == {
        "id": "blocked-2",
        "state": "blocked",
        "message": "May I?",
        "uri": "https://x.example",
        "at": "2025-04-01T13:58:00Z",
        "age": 150,
        "needs_user_attention": False,
    }
    assert (claude["attention"]["level"], claude["attention"]["acked"], claude["attention"]["age"]) == (
        "asks",
        True,
        150,
    )
    assert (codex["status"], codex["attention"]) == (None, None)
    assert api["agents"][1]["apps"] == []
    assert (old["attention"]["level"], old["last_status"]["state"], old["agents"]) == ("lost", "working", [])
    assert [(one["level"], one["key"]) for one in found["attention"]] == [
        ("lost", "acme/id-old//"),
        ("asks", "acme/id-api/main/claude"),
    ]


def test_an_empty_fleet_has_a_form_too() -> None:
    found = snapshot_json(Snapshot(), NOW)
    assert (found["deployments"], found["workspaces"], found["attention"]) == ([], [], [])

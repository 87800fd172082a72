"""Each fault of a reporter is named with its evidence and its fix; a reporter without one is healthy."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.fleet.build import DUE, NOW, QUIET, agent, ago, app, deployment, said, workspace

from coder_tui.fleet.events import DeploymentChanged, FleetListed
from coder_tui.fleet.explain import explain
from coder_tui.fleet.snapshot import CHATS, Agent, Deployment, LinkState, Refused, Status
from coder_tui.fleet.store import Store


def told(one: Agent, *, known: Deployment | None = None, **space: Any) -> str:
    store = Store(QUIET, DUE)
    listed = FleetListed("acme", (workspace(one, **space),), NOW)
    snapshot = store.apply(DeploymentChanged(known or deployment()), listed)
    return dict(explain(snapshot.rows[0], snapshot, NOW)).get("reporter", "")


def series(*states: str, every: float = 1.0, newest: float = 0.0, text: str = "") -> list[Status]:
    """Newest first, `every` so many minutes."""
    return [
        replace(said(state, newest + index * every, text or f"step {index}"), id=f"s{index}")
        for index, state in enumerate(states)
    ]


def test_a_healthy_reporter() -> None:
    assert told(agent(app(*series("working", "idle", "working")))) == "healthy: 3 reports within the last hour"
    assert told(agent(app(said("idle", 90)))) == ""


def test_no_reporter() -> None:
    found = told(agent(app(), first_connected_at=ago(10)))
    assert found.startswith("no reporter: no report in the 10m since the agent came up, nothing ever reported for it;")
    assert "coder-tui hooks install" in found
    assert "it reported before this build" in told(agent(app(said("working", 700)), first_connected_at=ago(10)))


@pytest.mark.parametrize(
    "more",
    [
        {"first_connected_at": ago(1)},
        {"first_connected_at": ago(10), "status": "disconnected"},
        {"apps": (app(hidden=True),), "first_connected_at": ago(10)},
    ],
)
def test_silence_that_is_none_of_a_reporters_doing(more: dict[str, Any]) -> None:
    assert told(agent(**({"apps": (app(),)} | more))) == ""
    assert told(agent(app(), first_connected_at=ago(10)), build_status="stopped") == ""
    assert told(agent(app(), first_connected_at=ago(10)), id=CHATS) == ""
    assert told(agent(name="bare")) == ""


def test_flapping() -> None:
    states = ["working", "idle"] * 6
    found = told(agent(app(*series(*states, every=0.2))))
    assert found.startswith("flapping: 11 changes between idle and working within 2m12s; two reporters")
    assert "flapping" not in told(agent(app(*series(*states, every=2)))), "slowly is no flapping"
    assert "flapping" not in told(agent(app(*series(*["working"] * 12, every=0.2))))


def test_duplicates() -> None:
    found = told(agent(app(*series(*["working"] * 10, text="Reading"))))
    assert found.startswith("duplicates: 9 of the last 10 reports say what the one before said; let it report when")
    assert "duplicates" not in told(agent(app(*series(*["working"] * 10))))
    few = series(*["working"] * 5, text="Reading") + series(*["idle", "working"] * 8, newest=5)
    assert "duplicates" not in told(agent(app(*few)))


def test_unusual_silence() -> None:
    found = told(agent(app(*series(*["working"] * 6, newest=9))))
    assert found.startswith("silence: nothing for 9m while working, it usually reports every 1m; look at its terminal")
    assert "silence" not in told(agent(app(*series(*["working"] * 6, newest=4)))), "not five times as long"
    assert "silence" not in told(agent(app(*series(*["working"] * 3, newest=9)))), "no habit"
    assert "silence" not in told(agent(app(*series(*["idle"] * 6, newest=9))))
    stale = deployment(state=LinkState.RETRYING)
    assert "silence" not in told(agent(app(*series(*["working"] * 6, newest=9))), known=stale), "we heard nothing"


def test_an_unknown_slug() -> None:
    one = agent(app(said("idle")), app(slug="codex"))
    refused = (Refused("id-main", "cluade", 3, ago(2)), Refused("id-other", "x", 1, ago(1)))
    found = told(one, known=replace(deployment(), refused=refused))
    assert found == (
        "unknown slug: 3 reports for an app called cluade were refused, the last 2m ago;"
        " set CODER_MCP_APP_STATUS_SLUG (or --app) to claude or codex"
    )
    old = (Refused("id-main", "", 1, NOW - timedelta(days=2)),)
    assert "unknown" not in told(one, known=replace(deployment(), refused=old))


def test_clock_skew() -> None:
    ahead = told(agent(app(said("idle"))), known=replace(deployment(), skew=95))
    assert ahead.startswith("clock skew: the clock of acme is 1m35s ahead of ours, so every age here is wrong by that;")
    assert "1m behind ours" in told(agent(app(said("idle"))), known=replace(deployment(), skew=-60))
    assert "5m ahead of ours" in told(agent(app(said("idle", -5)))), "a report of the future is evidence too"
    assert "clock" not in told(agent(app(said("idle"))), known=replace(deployment(), skew=10))

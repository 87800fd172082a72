from __future__ import annotations

from datetime import timedelta

from tests.fleet.build import DUE, NOW, QUIET, agent, ago, app, deployment, said, workspace

from coder_tui.fleet.events import AcksChanged, DeploymentChanged, FleetListed
from coder_tui.fleet.explain import explain
from coder_tui.fleet.snapshot import Deployment, Link, LinkState, Workspace
from coder_tui.fleet.store import Store


def told(space: Workspace, *, link: Deployment | None = None, acked: str = "") -> dict[str, str]:
    store = Store(QUIET, DUE)
    snapshot = store.apply(
        DeploymentChanged(link or deployment()), FleetListed("acme", (space,), NOW), AcksChanged(frozenset({acked}))
    )
    found = explain(snapshot.rows[0], snapshot, NOW)
    assert all(text for _, text in found)
    return dict(found)


def test_an_asking_app() -> None:
    space = workspace(agent(app(said("blocked", 2, "May I?", uri="https://x.example"))), deadline=ago(-20))
    found = told(space, acked="blocked-2")
    assert found["state"] == "asks (acknowledged)"
    assert "reported blocked at 2025-04-01 13:58:00 UTC" in found["evidence"]
    assert found["source"] == "app status blocked-2 at acme, time of its server's clock"
    assert found["age"] == "asks for 2m; last report 2m ago"
    assert (found["message"], found["link"]) == ("May I?", "https://x.example")
    assert found["due"] == "soon: the workspace stops in 20m"
    assert "acknowledgement" in found["changes"]
    assert "overruled" not in found
    assert "stale" not in found


def test_what_was_overruled() -> None:
    quiet = told(workspace(agent(app(said("working", 12), said("idle", 700), said("working", 800)))))
    assert quiet["state"] == "quiet"
    assert quiet["source"].startswith("absence")
    assert quiet["overruled"] == (
        "the report of working 12m ago; 2 reports from before the running build, the last idle 11h40m ago"
    )
    settled = told(workspace(agent(app(said("idle", 1, "x"), said("failure", 2, "x")))))
    assert settled["state"] == "failed"
    assert settled["overruled"] == "the report of idle 1m ago, which adds no word of its own"


def test_unknown_is_said_honestly() -> None:
    never = told(workspace(agent(app())))
    assert (never["state"], never["evidence"]) == (
        "unknown",
        "Claude has never reported: it has no reporter, or nothing to say yet",
    )
    assert "age" not in never
    before = told(workspace(agent(app(said("working", 700)))))
    assert before["evidence"] == "Claude has not reported since the running build began"
    assert told(workspace(agent(name="bare")))["evidence"] == "no app reports here"
    odd = told(workspace(agent(app(said("pondering", 1)))))
    assert (odd["state"], odd["evidence"]) == ("pondering", "Claude reported pondering")


def test_a_lost_agent_and_a_stale_row() -> None:
    gone = agent(app(said("working", 5)), status="disconnected", last_connected_at=ago(3), health_reason="it is gone")
    retrying = Deployment("acme", link=Link(LinkState.RETRYING, why="connection refused", refreshed_at=ago(1)))
    found = told(workspace(gone, build_error="disk full", build_reason="autostart"), link=retrying)
    assert found["state"] == "lost"
    assert found["agent"] == "main is disconnected, lifecycle ready, last contact 3m ago; it is gone"
    assert found["workspace"] == "kira/api is running: build 1 (autostart), 10h old; disk full"
    assert found["stale"] == "the link to acme is retrying (connection refused); last confirmed 0s ago"
    assert "connecting again" in found["changes"]


def test_clocks_that_disagree_are_named() -> None:
    found = told(workspace(agent(app(said("idle", -5))), deadline=NOW - timedelta(minutes=1)))
    assert "ahead of ours by 5m" in found["age"]
    assert found["due"] == "its deadline passed 1m ago"

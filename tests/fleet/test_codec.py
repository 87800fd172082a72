from __future__ import annotations

import json
from datetime import timedelta

from tests.fleet.build import DUE, NOW, QUIET, agent, ago, app, deployment, said, workspace

from coder_tui.fleet.codec import SCHEMA_VERSION, snapshot_json
from coder_tui.fleet.events import AcksChanged, DeploymentChanged, FleetListed
from coder_tui.fleet.snapshot import Snapshot
from coder_tui.fleet.store import Store


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

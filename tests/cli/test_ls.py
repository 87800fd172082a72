"""What `ls` prints, apart from where it comes from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from coder_tui.cli.ls import age, cells, cut, narrow, table
from coder_tui.errors import UsageError
from coder_tui.fleet.events import DeploymentChanged, FleetListed
from coder_tui.fleet.snapshot import Agent, App, Deployment, Link, LinkState, Snapshot, Status, Workspace
from coder_tui.fleet.store import Store

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)


def workspace(name: str, state: str, message: str, *, needs: bool = False) -> Workspace:
    status = Status(f"{name}-1", NOW - timedelta(seconds=90), state, message, needs_attention=needs)
    app = App(f"{name}-app", "claude", "claude", statuses=(status,))
    agent = Agent(f"{name}-agent", "main", "connected", "ready", apps=(app,))
    return Workspace("acme", name, name, "kira", "running", "start", agents=(agent,))


@pytest.fixture
def fleet() -> Snapshot:
    store = Store(timedelta(minutes=10), timedelta(minutes=30))
    rows = (
        workspace("api", "idle", "May I run alembic?", needs=True),
        workspace("docs", "working", "日本語のドキュメント"),
        Workspace("acme", "old", "old", "kira", "stopped", "stop"),
    )
    store.apply(
        DeploymentChanged(Deployment("acme", "https://dev.example", link=Link(LinkState.LIVE))),
        FleetListed("acme", rows, NOW),
    )
    return store.snapshot


def test_the_table(fleet: Snapshot) -> None:
    assert list(table(fleet, NOW)) == [
        "STATE    AGE  WORKSPACE  APP          MESSAGE",
        "asks     1m   kira/api   main/claude  May I run alembic?",
        "working  1m   kira/docs  main/claude  日本語のドキュメント",
        "stopped       kira/old",
    ]


def test_the_table_fits_the_terminal(fleet: Snapshot) -> None:
    for width in range(10, 70):
        assert all(cells(line) <= width for line in table(fleet, NOW, width))
    assert cut("日本語", 4) == "日…"
    assert cut("日本語", 6) == "日本語"


def test_a_filter_narrows_everything(fleet: Snapshot) -> None:
    found = narrow(fleet, "state:asks", NOW)
    assert [row.workspace.name for row in found.rows] == ["api"]
    assert [one.name for one in found.workspaces] == ["api"]
    assert [alert.key.workspace_id for alert in found.alerts] == ["api"]
    assert narrow(fleet, " ", NOW) is fleet
    assert narrow(fleet, "nothing-like-it", NOW).rows == ()


def test_a_bad_filter(fleet: Snapshot) -> None:
    with pytest.raises(UsageError, match="filter"):
        narrow(fleet, "state:", NOW)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (-5, "0s"), (59, "59s"), (60, "1m"), (7199, "1h"), (9e5, "10d")]
)
def test_ages(seconds: float, text: str) -> None:
    assert age(NOW - timedelta(seconds=seconds), NOW) == text
    assert age(None, NOW) == ""

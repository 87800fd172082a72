"""Which terminal words mean: addresses, filters, and what to say when they mean several."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from coder_tui.cli.what import Place, the_place
from coder_tui.errors import NotFoundError, UsageError
from coder_tui.fleet.events import DeploymentChanged, FleetListed
from coder_tui.fleet.snapshot import Agent, App, Deployment, Snapshot, Workspace
from coder_tui.fleet.store import Store

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)


def workspace(deployment: str, owner: str, name: str, **agents: tuple[str, ...]) -> Workspace:
    """Agents by name, with the slugs of their apps; those of people have no command."""
    made = tuple(
        Agent(
            f"{deployment}-{owner}-{name}-{agent}",
            agent,
            "connected",
            "ready",
            apps=tuple(
                App(f"{name}-{agent}-{slug}", slug, slug, command="" if slug == "editor" else f"run {slug}")
                for slug in slugs
            ),
        )
        for agent, slugs in agents.items()
    )
    return Workspace(deployment, f"{deployment}-{name}", name, owner, "running", "start", agents=made)


@pytest.fixture
def fleet() -> Snapshot:
    store = Store(timedelta(minutes=10), timedelta(minutes=30))
    store.apply(
        DeploymentChanged(Deployment("acme")),
        DeploymentChanged(Deployment("local")),
        FleetListed(
            "acme",
            (
                workspace("acme", "kira", "api", main=("claude", "editor")),
                workspace("acme", "kira", "docs", main=("editor",)),
                workspace("acme", "kira", "web", front=("claude", "codex"), back=()),
                Workspace("acme", "old", "old", "kira", "stopped", "stop"),
            ),
            NOW,
        ),
        FleetListed("local", (workspace("local", "me", "api", main=("bash",)),), NOW),
    )
    return store.snapshot


@pytest.mark.parametrize(
    ("what", "address"),
    [
        ("kira/api", "kira/api.main/claude"),
        ("kira/api.main", "kira/api.main/claude"),
        ("kira/api/claude", "kira/api.main/claude"),
        ("kira/api/editor", "kira/api.main"),
        ("docs", "kira/docs.main"),
        ("docs.main/editor", "kira/docs.main"),
        ("kira/web.back", "kira/web.back"),
        ("web.front/codex", "kira/web.front/codex"),
        ("web/codex", "kira/web.front/codex"),
        ("api/bash", "me/api.main/bash"),
        ("app:codex", "kira/web.front/codex"),
        ("deployment:local", "me/api.main/bash"),
    ],
)
def test_one_is_meant(fleet: Snapshot, what: str, address: str) -> None:
    assert the_place(fleet, what, NOW, shell=False).address == address


def test_a_command_wants_an_agent(fleet: Snapshot) -> None:
    assert the_place(fleet, "web.front", NOW, shell=True).address == "kira/web.front"
    assert the_place(fleet, "kira/api/claude", NOW, shell=True).app is None


@pytest.mark.parametrize(
    ("what", "shell", "candidates"),
    [
        ("api", False, ["kira/api.main/claude (acme)", "me/api.main/bash (local)"]),
        ("api", True, ["kira/api.main (acme)", "me/api.main (local)"]),
        ("kira/web", False, ["kira/web.front/claude (acme)", "kira/web.front/codex (acme)", "kira/web.back (acme)"]),
    ],
)
def test_several_are_listed(fleet: Snapshot, what: str, shell: bool, candidates: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        the_place(fleet, what, NOW, shell=shell)
    assert caught.value.what == f"{what} could be any of {len(candidates)} terminals"
    assert sorted(caught.value.why.split(", ")) == sorted(candidates)


def test_none(fleet: Snapshot) -> None:
    with pytest.raises(NotFoundError, match="no agent matches it"):
        the_place(fleet, "nothing", NOW, shell=False)
    with pytest.raises(NotFoundError, match="kira/old has no agent: it is stopped"):
        the_place(fleet, "old", NOW, shell=False)


def test_addresses_are_safe_to_print() -> None:
    row = workspace("acme", "kira", "a\x1b]0;evil\x07b", main=())
    assert Place("acme", row, row.agents[0]).address == "kira/ab.main"

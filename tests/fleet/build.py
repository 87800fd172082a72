"""Rows for tests, in minutes before `NOW`: `said("working", 5)` is a report of five minutes ago."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from coder_tui.fleet.snapshot import Agent, App, Deployment, Link, LinkState, Status, Workspace

NOW = datetime(2025, 4, 1, 14, 0, tzinfo=UTC)
QUIET = timedelta(minutes=10)
DUE = timedelta(minutes=30)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def said(state: str, minutes: float = 1, message: str = "", *, attention: bool = False, uri: str = "") -> Status:
    return Status(f"{state}-{minutes}", ago(minutes), state, message, uri, attention)


def app(*statuses: Status, slug: str = "claude", since: float | None = 600, **more: Any) -> App:
    begun = None if since is None else ago(since)
    return App(f"id-{slug}", slug, slug.title(), statuses=statuses, since=begun, **more)


def agent(*apps: App, name: str = "main", status: str = "connected", **more: Any) -> Agent:
    return Agent(**{"id": f"id-{name}", "name": name, "status": status, "lifecycle": "ready", "apps": apps} | more)


def workspace(*agents: Agent, name: str = "api", **more: Any) -> Workspace:
    given: dict[str, Any] = {
        "deployment": "acme",
        "id": f"id-{name}",
        "name": name,
        "owner": "kira",
        "build_status": "running",
        "transition": "start",
        "build_id": "build-1",
        "build_number": 1,
        "build_at": ago(600),
        "seen_at": NOW,
        "agents": agents,
    }
    return Workspace(**given | more)


def deployment(name: str = "acme", state: LinkState = LinkState.LIVE, user: str = "kira") -> Deployment:
    return Deployment(name, f"https://{name}.example", user, link=Link(state))

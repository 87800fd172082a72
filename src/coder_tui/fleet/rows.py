"""From workspaces to rows: their keys, their order in every list, and what may be shared with the rows before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from operator import is_
from typing import TypeAlias

from coder_tui.fleet.snapshot import Agent, Alert, App, Key, Workspace

Id: TypeAlias = tuple[str, str]
"""Deployment name and workspace id."""
Place: TypeAlias = tuple[bool, str, str, str, str, str]
AlertPlace: TypeAlias = tuple[bool, int, float, Key]


def place(workspace: Workspace) -> Place:
    """Where a workspace stands: favourites, then deployment, owner, name; unique by deployment and id."""
    return (
        not workspace.favorite,
        workspace.deployment.casefold(),
        workspace.owner.casefold(),
        workspace.name.casefold(),
        workspace.deployment,
        workspace.id,
    )


def alert_place(alert: Alert) -> AlertPlace:
    """Where an alert stands: open first, most urgent first, longest waiting first."""
    return not alert.open, alert.level.rank, alert.since.timestamp(), alert.key


def row_keys(workspace: Workspace) -> Iterator[tuple[Key, Agent | None, App | None]]:
    """The rows of a workspace: one per app; per agent without apps; or one for a workspace without agents.

    A hidden app (no icon on the dashboard) has a row once it has reported, because a person must see it ask.
    Names that occur twice are told apart by a `~`, so that keys are unique.
    """
    if not workspace.agents:
        yield Key(workspace.deployment, workspace.id), None, None
        return
    seen: set[Key] = set()
    for agent in workspace.agents:
        shown: list[App | None] = [app for app in agent.apps if not app.hidden or app.statuses]
        for app in shown or [None]:
            key = Key(workspace.deployment, workspace.id, agent.name, "" if app is None else app.slug)
            while key in seen:
                key = key._replace(agent=key.agent + "~")
            seen.add(key)
            yield key, agent, app


def share(old: Workspace, new: Workspace) -> Workspace:
    """`old` itself if nothing differs, else `new` with every equal agent and app taken from `old`."""
    if old is new or old == new:
        return old
    before = {agent.id: agent for agent in old.agents}
    agents = tuple(_share_agent(before.get(agent.id), agent) for agent in new.agents)
    if all(map(is_, agents, new.agents)):
        return new  # shared already
    return replace(new, agents=agents)


def _share_agent(old: Agent | None, new: Agent) -> Agent:
    if old is None or old == new:
        return old or new
    before = {app.id: app for app in old.apps}
    apps = tuple(known if (known := before.get(app.id)) == app else app for app in new.apps)
    return new if all(map(is_, apps, new.apps)) else replace(new, apps=apps)

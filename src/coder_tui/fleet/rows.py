"""From workspaces to rows: their keys, their order in every list, and what may be shared with the rows before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import is_
from typing import TypeAlias, TypeVar

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


def same_place(one: Workspace, other: Workspace) -> bool:
    """Whether two states of one workspace stand at the same place."""
    return (one.favorite, one.owner, one.name) == (other.favorite, other.owner, other.name)


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
    if old is new:
        return old
    # From the inside out: what differs there differs here too, and is not compared once more.
    agents = tuple(map(_share_agent, _before(old.agents, new.agents), new.agents))
    if _same(agents, old.agents) and old == new:
        return old
    return new if _same(agents, new.agents) else replace(new, agents=agents)


def _share_agent(old: Agent | None, new: Agent) -> Agent:
    if old is None or old is new:
        return new
    apps = tuple([was if was == app else app for was, app in zip(_before(old.apps, new.apps), new.apps, strict=True)])
    if _same(apps, old.apps) and old == new:
        return old
    return new if _same(apps, new.apps) else replace(new, apps=apps)


def _same(one: Sequence[object], other: Sequence[object]) -> bool:
    return len(one) == len(other) and all(map(is_, one, other))


_Part = TypeVar("_Part", Agent, App)


def _before(old: Sequence[_Part], new: Sequence[_Part]) -> Sequence[_Part | None]:
    """Of each part of `new`, the one of `old` with its id."""
    if len(old) == len(new) and all(a.id == b.id for a, b in zip(old, new, strict=True)):
        return old
    known = {part.id: part for part in old}
    return [known.get(part.id) for part in new]

"""Which log the Logs pane shows for a row: its agent's, its workspace's, every agent's, or the build's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable, Iterable
from enum import StrEnum
from typing import NamedTuple, Protocol

from coder_tui.feeds.source import LogEvent
from coder_tui.fleet.snapshot import CHATS, Agent, LogSource, Row, Snapshot
from coder_tui.tui.panes.log_state import Tail

EXTERNAL = LogSource("3b579bf4-1ed8-4b99-87a8-e9a1e3410410", "External")
"""Of lines pushed without a source. An agent that is known from before its first one does not list it."""
MOST = 16
"""Streams that are merged at most."""
_BUILDING = frozenset({"pending", "starting", "stopping", "canceling", "deleting"})


class Feed(Protocol):
    """What the pane needs of a `Source`."""

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot."""

    def follow_logs(self, deployment: str, agent_id: str) -> AsyncIterator[LogEvent]:
        """History, then live lines, of one agent."""

    def follow_build(self, deployment: str, build_id: str) -> AsyncIterator[LogEvent]:
        """The same of one build."""


class Scope(StrEnum):
    """Whose lines."""

    AGENT = "agent"
    WORKSPACE = "workspace"
    ALL = "all"
    BUILD = "build"


class Choice(NamedTuple):
    """A log to show: what names it for good, what it is called, and its streams as of now."""

    key: Hashable
    name: str
    title: str
    tails: tuple[Tail, ...]
    agents: tuple[Agent, ...] = ()


def choose(row: Row, scope: Scope, rows: Iterable[Row]) -> Choice | None:
    """The log for that row; None when there is neither an agent nor a build.

    While a workspace is built, and where it has no agent, that is its build's.
    """
    space, agent = row.workspace, row.agent
    if scope is Scope.ALL:
        every = {one.agent.id: one for one in rows if one.agent and one.agent.status == "connected"}
        chosen = sorted(list(every.values())[:MOST], key=lambda one: one.key)
        tails = tuple(Tail(one.key.deployment, one.agent.id, _short(one)) for one in chosen if one.agent)
        return Choice(
            scope, f"{len(tails)} agents", "the agents", tails, tuple(one.agent for one in chosen if one.agent)
        )
    if scope is Scope.WORKSPACE and len(space.agents) > 1:
        tails = tuple(Tail(space.deployment, one.id, one.name) for one in space.agents)
        return Choice((scope, space.deployment, space.id), space.title, space.title, tails, space.agents)
    if (
        space.build_id
        and space.id != CHATS
        and (scope is Scope.BUILD or agent is None or space.build_status in _BUILDING)
    ):
        tail = Tail(space.deployment, space.build_id, space.title, build=True)
        name = f"build {space.build_number}"
        return Choice((Scope.BUILD, space.deployment, space.build_id), name, f"{space.title}, {name}", (tail,))
    if agent is None:
        return None
    key = row.key._replace(app="")
    return Choice(
        key, agent.name, f"{space.title}/{agent.name}", (Tail(space.deployment, agent.id, agent.name),), (agent,)
    )


def _short(row: Row) -> str:
    several = len(row.workspace.agents) > 1 and row.agent is not None
    return f"{row.workspace.name}.{row.agent.name}" if several and row.agent else row.workspace.name

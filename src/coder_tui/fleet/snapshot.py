"""Frozen rows: all that the screen, the CLI and attention need to know, and nothing of the wire.

Times are aware datetimes in UTC. Text is already made safe to paint (`coder_tui.text`). A `Snapshot` is never
changed: the store makes a new one, sharing every row that stayed the same, so `is` tells what changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from coder_tui.fleet.buckets import Buckets

CHATS = "chats"
"""The id of the workspace that stands for a deployment's chats: no build, no terminal, no log of its own."""


class LinkState(StrEnum):
    """How we stand with a deployment."""

    CONNECTING = "connecting"
    LIVE = "live"  # streams are up and have proved themselves
    POLLING = "polling"  # no stream, but lists work
    RETRYING = "retrying"  # lost; `next_try` says when
    REFUSED = "refused"  # credentials: no retry will help


@dataclass(frozen=True, slots=True)
class Link:
    """The visible link state of one deployment. `latency_ms` is the last REST round trip in milliseconds."""

    state: LinkState = LinkState.CONNECTING
    since: datetime | None = None
    why: str = ""
    next_try: datetime | None = None
    latency_ms: float | None = None
    refreshed_at: datetime | None = None  # last time the whole list was read and believed


@dataclass(frozen=True, slots=True)
class Refused:
    """Reports a hub refused: `count` for an app called `slug` that the agent has not, the last at `at`."""

    agent_id: str
    slug: str
    count: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Deployment:
    """A Coder deployment or the local hub. `name` is unique in the program and shown to people."""

    name: str
    url: str = ""
    user: str = ""
    version: str = ""
    is_hub: bool = False
    link: Link = Link()
    refused: tuple[Refused, ...] = ()  # a hub's
    skew: int = 0  # seconds its clock is ahead of ours, in steps of five; 0 when it is near, or unknown


@dataclass(frozen=True, slots=True)
class Status:
    """One status event as reported. The acknowledgement of an alert belongs to `id`."""

    id: str
    at: datetime
    state: str
    message: str = ""
    uri: str = ""
    needs_attention: bool = False


@dataclass(frozen=True, slots=True)
class App:
    """An app of an agent; `statuses` newest first (sorted by us: time, then id).

    `since` is when the running build was made: older statuses are history and say nothing about the app now
    (Coder never resets statuses). None when the latest build is not a start.
    `command` is raw data for a shell, line breaks and all: paint it through `text.clean` only.
    """

    id: str
    slug: str
    name: str
    command: str = ""
    url: str = ""
    external: bool = False
    hidden: bool = False
    health: str = ""
    statuses: tuple[Status, ...] = ()
    since: datetime | None = None

    @property
    def latest(self) -> Status | None:
        """The newest status of the running build, or None when the app has not reported since it started."""
        return self.statuses[0] if self.statuses and self.current(self.statuses[0]) else None

    def current(self, status: Status) -> bool:
        """Whether that status belongs to the running build, not to history."""
        return self.since is None or status.at >= self.since


@dataclass(frozen=True, slots=True)
class LogSource:
    """Names the origin of log lines."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent of the latest build. `id` changes with every build; `name` does not."""

    id: str
    name: str
    status: str
    lifecycle: str
    parent_id: str | None = None
    healthy: bool = True
    health_reason: str = ""
    directory: str = ""
    os: str = ""
    arch: str = ""
    version: str = ""
    created_at: datetime | None = None
    first_connected_at: datetime | None = None
    last_connected_at: datetime | None = None
    disconnected_at: datetime | None = None
    logs_length: int = 0
    logs_overflowed: bool = False
    log_sources: tuple[LogSource, ...] = ()
    apps: tuple[App, ...] = ()


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace with its latest build. `deployment` is the deployment's name."""

    deployment: str
    id: str
    name: str
    owner: str
    build_status: str
    transition: str
    build_id: str = ""
    build_number: int = 0
    build_at: datetime | None = None
    build_error: str = ""
    build_reason: str = ""  # who or what asked for the build: initiator, autostop, dormancy, ...
    deadline: datetime | None = None
    last_used_at: datetime | None = None
    template: str = ""
    outdated: bool = False
    favorite: bool = False
    dormant: bool = False
    agents: tuple[Agent, ...] = ()
    last_status: Status | None = None  # newest of any app, unless it predates the running build
    # When the deployment first said this. Reading the same again changes nothing here (rows are shared);
    # the link's `refreshed_at` tells when the whole list was last confirmed.
    seen_at: datetime | None = field(default=None, compare=False)

    @property
    def title(self) -> str:
        """`owner/name`, as people say it."""
        return f"{self.owner}/{self.name}" if self.owner else self.name


class Key(NamedTuple):
    """Names a row for good: it survives rebuilds, restarts of the TUI, and changes of agent and app ids.

    `agent` and `app` are names (app: slug), empty for a row of the workspace or of the agent itself.
    """

    deployment: str
    workspace_id: str
    agent: str = ""
    app: str = ""

    def __str__(self) -> str:
        return "/".join(self)


class Level(StrEnum):
    """Attention levels, most urgent first in this order (design: states and attention)."""

    ASKS = "asks"
    FAILED = "failed"
    LOST = "lost"
    DONE = "done"
    QUIET = "quiet"

    @property
    def rank(self) -> int:
        """0 is the most urgent."""
        return _RANK[self]


_RANK = {level: rank for rank, level in enumerate(Level)}


@dataclass(frozen=True, slots=True)
class Alert:
    """A person is needed. One alert for one status event (`event_id`), or one spell of an agent being lost."""

    key: Key
    level: Level
    event_id: str
    since: datetime
    message: str = ""
    why: str = ""  # the evidence, in one sentence, for `explain`
    acked: bool = False
    seen: bool = False  # a person had it before their eyes
    muted: bool = False  # its app is hushed, whatever it says
    snoozed: bool = False  # hushed until `until`, or (None) until the app's next event
    until: datetime | None = None
    seq: int = field(default=0, compare=False)  # the snapshot in which this event was first seen, or its snooze ended

    @property
    def open(self) -> bool:
        """Whether it asks for a person now."""
        return not (self.acked or self.muted or self.snoozed)

    @property
    def standing(self) -> str:
        """Its place in the life cycle: `new`, `seen`, `acked`, `snoozed` or `muted`."""
        if self.acked:
            return "acked"
        if self.muted:
            return "muted"
        return "snoozed" if self.snoozed else "seen" if self.seen else "new"


@dataclass(frozen=True, slots=True)
class Row:
    """One app with all that stands around it, as the lists show it. `app` is None for an agent without apps;
    `agent` is None for a workspace without agents (stopped, building)."""

    key: Key
    workspace: Workspace
    agent: Agent | None
    app: App | None
    alert: Alert | None = None
    due: bool = False  # the workspace's deadline is near while the app is working or asking
    stale: bool = False  # not confirmed since the link was lost
    log_at: datetime | None = None  # when we last saw the agent's log grow; None: not since we look
    muted: bool = False  # all alerts of this row are hushed until a person unmutes it
    _folded: str = field(default="", init=False, repr=False, compare=False)

    @property
    def status(self) -> Status | None:
        """The newest status that belongs to the running build; for a workspace without agents, its last one."""
        if self.app:
            return self.app.latest
        return self.workspace.last_status if self.agent is None else None

    @property
    def texts(self) -> tuple[str, ...]:
        """What a filter's words look at: workspace and owner, agent, app, message."""
        status = self.status
        return (
            self.workspace.title,
            self.agent.name if self.agent else "",
            self.app.name if self.app else "",
            self.app.slug if self.app else "",
            status.message if status else "",
            self.alert.message if self.alert else "",
        )

    @property
    def folded(self) -> str:
        """The texts in one case-folded string, made once: a filter looks at every row at every key typed."""
        if not self._folded:
            object.__setattr__(self, "_folded", "\n".join(self.texts).casefold())
        return self._folded


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole fleet at one moment. `rows` in list order; `alerts` open first, most urgent first."""

    seq: int = 0
    at: datetime | None = None
    deployments: Mapping[str, Deployment] = field(default_factory=lambda: MappingProxyType({}))
    workspaces: tuple[Workspace, ...] = ()
    rows: tuple[Row, ...] = ()
    alerts: tuple[Alert, ...] = ()
    cached: bool = False  # painted from disk; nothing has been confirmed yet
    confirmed: frozenset[str] = frozenset()  # deployments whose list has been read since the start
    # (deployment, workspace id) -> its rows. The store gives it; without it, it is made on first use.
    index: Buckets[tuple[str, str], tuple[Row, ...]] | None = field(default=None, repr=False, compare=False)

    def row(self, key: Key) -> Row | None:
        """The row with that key, or None."""
        index = self.index
        if index is None:
            rows: dict[tuple[str, str], tuple[Row, ...]] = {}
            for row in self.rows:
                rows[row.key[:2]] = (*rows.get(row.key[:2], ()), row)
            index = Buckets[tuple[str, str], tuple[Row, ...]]().changed(rows)
            object.__setattr__(self, "index", index)
        return next((row for row in index.get(key[:2]) or () if row.key == key), None)

    def needing(self) -> Iterator[Row]:
        """Rows with an open alert (not acknowledged, snoozed or muted), most urgent first."""
        for alert in self.alerts:
            if alert.open and (row := self.row(alert.key)):
                yield row

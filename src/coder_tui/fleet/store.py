"""The fleet's memory: events in, frozen snapshots out, everything unchanged shared by identity.

One event costs what it touches, not what is known: lists are kept sorted and patched in place, and time is
followed by a heap of the moments at which a row's judgement may change, so a tick at rest looks at nothing.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from coder_tui.fleet import attention
from coder_tui.fleet.events import (
    AcksChanged,
    DeploymentChanged,
    Event,
    FleetListed,
    Tick,
    WorkspaceChanged,
    WorkspaceGone,
)
from coder_tui.fleet.rows import Id, Place, alert_place, place, row_keys, share
from coder_tui.fleet.snapshot import Alert, Deployment, Key, Link, LinkState, Row, Snapshot, Workspace

_T = TypeVar("_T")
_HEARD = frozenset({LinkState.LIVE, LinkState.POLLING})
_DAWN = datetime.min.replace(tzinfo=UTC)
_BULK = 64
"""From this many changed workspaces on, sorting anew is cheaper than patching."""
_REMEMBERED = 100_000
"""Alert events whose first sight is remembered, so that one that comes back is not announced again."""


class _Log(NamedTuple):
    """The last known length of an agent's log, in bytes, and when it was seen to grow."""

    length: int
    grew_at: datetime | None


@dataclass(slots=True)
class _Known:
    """A workspace, its rows, and the earliest moment in the heap at which they are judged again."""

    workspace: Workspace
    rows: tuple[Row, ...] = ()
    wake: datetime | None = None


class Store:
    """Applies events in order. Not thread-safe: one owner, on one event loop."""

    def __init__(self, quiet_after: timedelta, due_within: timedelta) -> None:
        self._limits = attention.Limits(quiet_after, due_within)
        self._snapshot = Snapshot()
        self._now = _DAWN
        self._known: dict[Id, _Known] = {}
        self._logs: dict[tuple[str, str], _Log] = {}
        self._acked: frozenset[str] = frozenset()
        self._first_seen: dict[str, int] = {}
        self._wakes: list[tuple[datetime, Id]] = []
        # what the next snapshot is made of, in list order
        self._workspaces: list[Workspace] = []
        self._rows: list[Row] = []
        self._alerts: list[Alert] = []
        self._deployments: dict[str, Deployment] = {}
        self._confirmed: frozenset[str] = frozenset()

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot."""
        return self._snapshot

    def apply(self, *events: Event) -> Snapshot:
        """Apply all events, then make one snapshot: the same object as before when nothing visible changed."""
        before = self._deployments, self._confirmed
        changed: dict[Id, Workspace | None] = {}
        judge: set[Id] = set()
        for event in events:
            match event:
                case WorkspaceChanged(workspace, at):
                    self._pass(at)
                    self._learn(workspace, at, changed)
                case FleetListed():
                    self._pass(event.at)
                    self._list(event, changed)
                case WorkspaceGone(deployment, workspace_id):
                    changed[deployment, workspace_id] = None
                case DeploymentChanged(deployment):
                    judge.update(self._relink(deployment))
                case AcksChanged(acked):
                    touched = acked ^ self._acked
                    self._acked = acked
                    judge.update(_id(alert.key) for alert in self._alerts if alert.event_id in touched)
                case Tick(at):
                    if at < self._now:  # the clock was set back: everything timed is wrong
                        judge.update(self._known)
                    self._now = at
        judge.update(self._due_wakes())
        edited = self._settle(changed, judge)
        if edited or before != (self._deployments, self._confirmed):
            self._publish(edited)
        return self._snapshot

    def _pass(self, at: datetime) -> None:
        self._now = max(self._now, at)

    def _learn(self, workspace: Workspace, at: datetime, changed: dict[Id, Workspace | None]) -> None:
        """Note a workspace, unless it is what we know already; remember where a log grew."""
        name = (workspace.deployment, workspace.id)
        known = self._known.get(name)
        old = changed.get(name, known.workspace if known else None)
        if old is not None:
            workspace = share(old, workspace)
            if workspace is old:
                return
        for agent in workspace.agents:
            before = self._logs.get((workspace.deployment, agent.id))
            if before is None or before.length != agent.logs_length:
                grew = before is not None and agent.logs_length > before.length
                self._logs[workspace.deployment, agent.id] = _Log(
                    agent.logs_length, at if grew else before.grew_at if before else None
                )
        changed[name] = workspace

    def _list(self, event: FleetListed, changed: dict[Id, Workspace | None]) -> None:
        if event.cached and event.deployment in self._confirmed:
            return  # the disk was slower than the network
        listed = set()
        for workspace in event.workspaces:
            if workspace.deployment != event.deployment:
                workspace = replace(workspace, deployment=event.deployment)
            listed.add((event.deployment, workspace.id))
            self._learn(workspace, event.at, changed)
        for name in (*self._known, *changed):
            if name[0] == event.deployment and name not in listed:
                changed[name] = None
        if not event.cached:
            self._confirmed |= {event.deployment}

    def _relink(self, deployment: Deployment) -> Iterable[Id]:
        """Store a deployment; the workspaces to judge again because its rows went stale or came back."""
        old = self._deployments.get(deployment.name)
        if old == deployment:
            return ()
        self._deployments = {**self._deployments, deployment.name: deployment}
        was = old is not None and old.link.state in _HEARD
        if was == (deployment.link.state in _HEARD):
            return ()  # latency and the like are no business of rows
        return [name for name in self._known if name[0] == deployment.name]

    def _due_wakes(self) -> Iterable[Id]:
        """Workspaces whose time has come."""
        due = set()
        while self._wakes and self._wakes[0][0] <= self._now:
            when, name = heapq.heappop(self._wakes)
            known = self._known.get(name)
            if known and known.wake == when:
                known.wake = None
                due.add(name)
        return due

    def _settle(self, changed: dict[Id, Workspace | None], judge: set[Id]) -> bool:
        """Bring lists up to date with what changed and what must be judged again. True if anything differs."""
        edits: list[tuple[_Known | None, _Known | None]] = []
        for name, workspace in changed.items():
            old = self._known.get(name)
            if workspace is None:
                if old:
                    del self._known[name]
                    self._forget_logs(old.workspace, None)
                    edits.append((old, None))
            elif old and (workspace := share(old.workspace, workspace)) is old.workspace:
                judge.add(name)  # it changed and changed back
            else:
                judge.discard(name)
                new = _Known(workspace, wake=old.wake if old else None)
                new.rows = self._judge(new, old.rows if old else ())
                if old:
                    self._forget_logs(old.workspace, workspace)
                self._known[name] = new
                edits.append((old, new))
        for name in judge:
            if old := self._known.get(name):
                new = _Known(old.workspace, wake=old.wake)
                new.rows = self._judge(new, old.rows)
                self._known[name] = new
                if any(a is not b for a, b in zip(new.rows, old.rows, strict=True)):
                    edits.append((old, new))
        if len(edits) >= _BULK:
            self._sort()
        else:
            for before, after in edits:
                self._patch(before, after)
        return bool(edits)

    def _judge(self, known: _Known, before: tuple[Row, ...]) -> tuple[Row, ...]:
        """The rows of a workspace as of now; those that come out as before are the same objects."""
        workspace = known.workspace
        deployment = self._deployments.get(workspace.deployment)
        link = deployment.link if deployment else Link()
        stale = link.state not in _HEARD
        as_of = max(filter(None, (workspace.seen_at, link.refreshed_at)), default=None) if stale else None
        old = {row.key: row for row in before}
        wakes = []
        rows = []
        for key, agent, app in row_keys(workspace):
            log = self._logs.get((workspace.deployment, agent.id)) if agent else None
            log_at = log.grew_at if log else None
            verdict = attention.judge(
                key,
                workspace,
                agent,
                app,
                now=self._now,
                limits=self._limits,
                acked=self._acked,
                log_at=log_at,
                as_of=as_of,
            )
            was = old.get(key)
            alert = self._numbered(verdict.alert, was.alert if was else None)
            if not (
                was
                and was.workspace is workspace
                and was.alert is alert
                and (was.due, was.stale, was.log_at) == (verdict.due, stale, log_at)
            ):
                was = Row(key, workspace, agent, app, alert, verdict.due, stale, log_at)
            rows.append(was)
            if verdict.wake:
                wakes.append(verdict.wake)
        if wakes and (known.wake is None or min(wakes) < known.wake):
            known.wake = min(wakes)
            heapq.heappush(self._wakes, (known.wake, (workspace.deployment, workspace.id)))
        return tuple(rows)

    def _numbered(self, alert: Alert | None, before: Alert | None) -> Alert | None:
        """The alert with the snapshot number at which its event was first seen; `before` itself if equal."""
        if alert is None or alert == before:
            return before if alert else None
        if before and before.event_id == alert.event_id:
            return replace(alert, seq=before.seq)
        seq = self._first_seen.setdefault(alert.event_id, self._snapshot.seq + 1)
        if len(self._first_seen) > _REMEMBERED:
            del self._first_seen[next(iter(self._first_seen))]
        return replace(alert, seq=seq)

    def _forget_logs(self, old: Workspace, new: Workspace | None) -> None:
        for agent in {agent.id for agent in old.agents} - {agent.id for agent in (new.agents if new else ())}:
            self._logs.pop((old.deployment, agent), None)

    def _patch(self, before: _Known | None, after: _Known | None) -> None:
        """Put one workspace's change into the sorted lists."""
        start = place(before.workspace) if before else None
        end = place(after.workspace) if after else None
        if before and start != end:
            _splice(self._workspaces, start, place, 1, ())
            _splice(self._rows, start, _row_place, len(before.rows), ())
        if after:
            same = before if before and start == end else None
            _splice(self._workspaces, end, place, 1 if same else 0, (after.workspace,))
            _splice(self._rows, end, _row_place, len(same.rows) if same else 0, after.rows)
        old = [row.alert for row in before.rows if row.alert] if before else []
        new = [row.alert for row in after.rows if row.alert] if after else []
        for alert in old:
            if not any(alert is other for other in new):
                _splice(self._alerts, alert_place(alert), alert_place, 1, ())
        for alert in new:
            if not any(alert is other for other in old):
                _splice(self._alerts, alert_place(alert), alert_place, 0, (alert,))

    def _sort(self) -> None:
        """Make the sorted lists anew."""
        known = sorted(self._known.values(), key=lambda known: place(known.workspace))
        self._workspaces = [one.workspace for one in known]
        self._rows = [row for one in known for row in one.rows]
        self._alerts = sorted((row.alert for row in self._rows if row.alert), key=alert_place)

    def _publish(self, edited: bool) -> None:
        old = self._snapshot
        alerts = tuple(self._alerts) if edited else old.alerts
        self._snapshot = Snapshot(
            seq=old.seq + 1,
            at=self._now if self._now > _DAWN else None,
            deployments=MappingProxyType(self._deployments),
            workspaces=tuple(self._workspaces) if edited else old.workspaces,
            rows=tuple(self._rows) if edited else old.rows,
            alerts=old.alerts if alerts == old.alerts else alerts,
            cached=bool(self._workspaces) and not self._confirmed,
            confirmed=self._confirmed,
        )


def _id(key: Key) -> Id:
    return key.deployment, key.workspace_id


def _row_place(row: Row) -> Place:
    return place(row.workspace)


def _splice(items: list[_T], at: Any, key: Callable[[_T], Any], remove: int, insert: Sequence[_T]) -> None:
    """Replace `remove` items from the first one not before `at` in a list sorted by `key`."""
    start = bisect_left(items, at, key=key)
    items[start : start + remove] = insert

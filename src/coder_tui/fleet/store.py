"""The fleet's memory: events in, frozen snapshots out, everything unchanged shared by identity.

One event costs what it touches, not what is known: lists are kept sorted and patched in place, and time is
followed by a heap of the moments at which a row's judgement may change, so a tick at rest looks at nothing.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from coder_tui.fleet import attention
from coder_tui.fleet.events import (
    AcksChanged,
    DeploymentChanged,
    Event,
    FleetListed,
    Slept,
    StandingsChanged,
    Tick,
    WorkspaceChanged,
    WorkspaceGone,
)
from coder_tui.fleet.lists import Edit, Lists, Placed
from coder_tui.fleet.rows import Id, place, row_keys, same_place, share
from coder_tui.fleet.snapshot import Alert, Deployment, Key, Level, Link, LinkState, Row, Snapshot, Workspace
from coder_tui.fleet.standing import Standings

_HEARD = frozenset({LinkState.LIVE, LinkState.POLLING})
_DAWN = datetime.min.replace(tzinfo=UTC)
_NAPS = 16
"""Times of sleep that are remembered; an older one matters to nobody's silence any more."""
_REMEMBERED = 100_000
"""Alert events whose first sight is remembered, so that one that comes back is not announced again."""


class _Log(NamedTuple):
    """The last known length of an agent's log, in bytes, and when it was seen to grow."""

    length: int
    grew_at: datetime | None


class _Changes(dict[Id, Workspace | None]):
    """Workspaces as they stand after the events so far (None: gone); `again` are those that changed more than once."""

    def __init__(self) -> None:
        super().__init__()
        self.again: set[Id] = set()


@dataclass(slots=True)
class _Known:
    """A workspace with its rows, and the earliest moment in the heap at which they are judged again."""

    placed: Placed
    wake: datetime | None = None


class Store:
    """Applies events in order. Not thread-safe: one owner, on one event loop."""

    def __init__(self, quiet_after: timedelta, due_within: timedelta) -> None:
        self._limits = attention.Limits(quiet_after, due_within)
        self._snapshot = Snapshot()
        self._now = _DAWN
        self._known: dict[Id, _Known] = {}
        self._logs: dict[tuple[str, str], _Log] = {}
        self._standings = Standings()
        self._naps: tuple[attention.Nap, ...] = ()
        self._first_seen: dict[str, int] = {}
        self._wakes: list[tuple[datetime, Id]] = []
        self._lists = Lists()
        self._deployments: dict[str, Deployment] = {}
        self._confirmed: frozenset[str] = frozenset()

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot."""
        return self._snapshot

    def weight(self, *events: Event) -> int:
        """About how many workspaces `apply` would compare or judge, each some 50 us: a caller may take `steps`."""
        total = 0
        for event in events:
            match event:
                case FleetListed():
                    total += len(event.workspaces)
                case DeploymentChanged(deployment):
                    old = self._deployments.get(deployment.name)
                    if (old is not None and old.link.state in _HEARD) != (deployment.link.state in _HEARD):
                        total += len(self._known)
                case AcksChanged(acked):
                    total += len(acked ^ self._standings.acked)
                case StandingsChanged(standings):
                    total += sum(map(len, standings.touched(self._standings)))
                case Tick(at):
                    if at < self._now:
                        total += len(self._known)
                    elif self._wakes and self._wakes[0][0] <= at:
                        total += sum(when <= at for when, _ in self._wakes)
                case _:
                    total += 1
        return total

    def apply(self, *events: Event) -> Snapshot:
        """Apply all events, then make one snapshot: the same object as before when nothing visible changed."""
        for _ in self.steps(*events):
            pass
        return self._snapshot

    def steps(self, *events: Event) -> Iterator[None]:
        """As `apply`, in steps of a fraction of a millisecond, for a caller that has other things to do in between.

        `snapshot` stays the old one until the end. No other events may be applied before that.
        """
        before = self._deployments, self._confirmed
        changed = _Changes()
        judge: set[Id] = set()
        for event in events:
            match event:
                case WorkspaceChanged(workspace, at):
                    self._pass(at)
                    self._learn(workspace, at, changed)
                case FleetListed():
                    self._pass(event.at)
                    yield from self._list(event, changed)
                case WorkspaceGone(deployment, workspace_id):
                    self._drop((deployment, workspace_id), changed)
                case DeploymentChanged(deployment):
                    judge.update(self._relink(deployment))
                case AcksChanged(acked):
                    judge.update(self._stand(replace(self._standings, acked=acked)))
                case StandingsChanged(standings):
                    judge.update(self._stand(standings))
                case Slept(since, until):
                    self._naps = (*self._naps, attention.Nap(since, until))[-_NAPS:]
                    judge.update(_id(alert.key) for alert in self._lists.alerts if alert.level is Level.QUIET)
                case Tick(at):
                    if at < self._now:  # the clock was set back: everything timed is wrong
                        judge.update(self._known)
                    self._now = at
        judge.update(self._due_wakes())
        edited = yield from self._settle(changed, judge)
        if edited or before != (self._deployments, self._confirmed):
            self._publish(edited)

    def _stand(self, standings: Standings) -> Iterable[Id]:
        """Take over what people said; the workspaces to judge again because of it."""
        events, keys = standings.touched(self._standings)
        self._standings = standings
        found = {_id(key) for key in keys}
        if events:
            found.update(_id(alert.key) for alert in self._lists.alerts if alert.event_id in events)
        return found

    def _pass(self, at: datetime) -> None:
        self._now = max(self._now, at)

    def _learn(self, workspace: Workspace, at: datetime, changed: _Changes) -> None:
        """Note a workspace, unless it is what we know already; remember where a log grew."""
        name = (workspace.deployment, workspace.id)
        if name in changed:
            changed.again.add(name)
        old = self._latest(name, changed)
        if old is not None:
            workspace = share(old, workspace)
            if workspace is old:
                return
            self._forget_logs(old, workspace)
        for agent in workspace.agents:
            key = (workspace.deployment, agent.id)
            before = self._logs.get(key)
            if before is None:
                self._logs[key] = _Log(agent.logs_length, None)
            elif agent.logs_length != before.length:
                self._logs[key] = _Log(agent.logs_length, at if agent.logs_length > before.length else before.grew_at)
        changed[name] = workspace

    def _drop(self, name: Id, changed: _Changes) -> None:
        if old := self._latest(name, changed):
            self._forget_logs(old, None)
            changed[name] = None

    def _latest(self, name: Id, changed: _Changes) -> Workspace | None:
        """The workspace as of the events so far."""
        known = self._known.get(name)
        return changed.get(name, known.placed.workspace if known else None)

    def _list(self, event: FleetListed, changed: _Changes) -> Iterator[None]:
        if event.cached and event.deployment in self._confirmed:
            return  # the disk was slower than the network
        listed = set()
        for workspace in event.workspaces:
            if workspace.deployment != event.deployment:
                workspace = replace(workspace, deployment=event.deployment)
            listed.add((event.deployment, workspace.id))
            self._learn(workspace, event.at, changed)
            yield
        for number, name in enumerate((*self._known, *changed)):
            if not number % 256:
                yield
            if name[0] == event.deployment and name not in listed:
                self._drop(name, changed)
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

    def _settle(self, changed: _Changes, judge: set[Id]) -> Generator[None, None, bool]:
        """Bring lists up to date with what changed and what must be judged again. True if anything differs."""
        edits: dict[Id, Edit] = {}
        for name, workspace in changed.items():
            yield
            known = self._known.get(name)
            old = known.placed if known else None
            if workspace is None:
                if old:
                    del self._known[name]
                    edits[name] = (old, None)
            elif old and name in changed.again and (workspace := share(old.workspace, workspace)) is old.workspace:
                judge.add(name)  # it changed and changed back
            else:
                judge.discard(name)
                self._known[name] = known = known or _Known(Placed(workspace, (), place(workspace)))
                known.placed = self._judge(known, workspace)
                edits[name] = (old, known.placed)
        for name in judge:
            yield
            if known := self._known.get(name):
                old = known.placed
                known.placed = self._judge(known, old.workspace)
                if any(new is not row for new, row in zip(known.placed.rows, old.rows, strict=True)):
                    edits[name] = (old, known.placed)
        if edits:
            yield from self._lists.edit(edits, lambda: (known.placed for known in self._known.values()))
        return bool(edits)

    def _judge(self, known: _Known, workspace: Workspace) -> Placed:
        """The rows of a workspace as of now; those that come out as before are the same objects."""
        deployment = self._deployments.get(workspace.deployment)
        link = deployment.link if deployment else Link()
        stale = link.state not in _HEARD
        as_of = max(filter(None, (workspace.seen_at, link.refreshed_at)), default=None) if stale else None
        before = known.placed
        old = {row.key: row for row in before.rows}
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
                log_at=log_at,
                as_of=as_of,
                naps=self._naps,
            )
            was, alert = old.get(key), verdict.alert
            if alert is not None:
                alert, ends = self._standings.stand(alert, self._now)
                if ends:
                    wakes.append(ends)
            alert = self._numbered(alert, was.alert if was else None)
            muted = key in self._standings.muted
            if not (
                was
                and was.workspace is workspace
                and was.alert is alert
                and (was.due, was.stale, was.log_at, was.muted) == (verdict.due, stale, log_at, muted)
            ):
                was = Row(key, workspace, agent, app, alert, verdict.due, stale, log_at, muted)
            rows.append(was)
            if verdict.wake:
                wakes.append(verdict.wake)
        if wakes and (known.wake is None or min(wakes) < known.wake):
            known.wake = min(wakes)
            heapq.heappush(self._wakes, (known.wake, (workspace.deployment, workspace.id)))
        return Placed(
            workspace, tuple(rows), before.place if same_place(before.workspace, workspace) else place(workspace)
        )

    def _numbered(self, alert: Alert | None, before: Alert | None) -> Alert | None:
        """The alert with the snapshot number at which its event was first seen; `before` itself if equal."""
        if alert is None or alert == before:
            return before if alert else None
        if before and before.event_id == alert.event_id:
            woke = before.until is not None and before.until <= self._now and alert.open
            return replace(alert, seq=self._snapshot.seq + 1 if woke else before.seq)
        seq = self._first_seen.setdefault(alert.event_id, self._snapshot.seq + 1)
        if len(self._first_seen) > _REMEMBERED:
            del self._first_seen[next(iter(self._first_seen))]
        return replace(alert, seq=seq)

    def _forget_logs(self, old: Workspace, new: Workspace | None) -> None:
        left = new.agents if new else ()
        for agent in old.agents:
            if not any(agent.id == other.id for other in left):
                self._logs.pop((old.deployment, agent.id), None)

    def _publish(self, edited: bool) -> None:
        old = self._snapshot
        alerts = tuple(self._lists.alerts) if edited else old.alerts
        self._snapshot = Snapshot(
            seq=old.seq + 1,
            at=self._now if self._now > _DAWN else None,
            deployments=MappingProxyType(self._deployments),
            workspaces=tuple(self._lists.workspaces) if edited else old.workspaces,
            rows=tuple(self._lists.rows) if edited else old.rows,
            alerts=old.alerts if alerts == old.alerts else alerts,
            cached=bool(self._known) and not self._confirmed,
            confirmed=self._confirmed,
            index=self._lists.index,
        )


def _id(key: Key) -> Id:
    return key.deployment, key.workspace_id

"""A small fleet, and a source that is a real store driven by the test: events in, snapshots out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from coder_tui.client.events import (
    LogBatch,
    LogEvent,
    LogLine,
    LogMark,
    LogNote,
    PtyEnded,
    PtyEvent,
    PtyOpened,
    PtyOutput,
)
from coder_tui.errors import NotFoundError
from coder_tui.feeds.source import AgentRef, Details, Known, Launch, Network, Ports, PtyTarget, Trouble, Way
from coder_tui.fleet.events import DeploymentChanged, Event, FleetListed, StandingsChanged, WorkspaceChanged
from coder_tui.fleet.snapshot import (
    Agent,
    Alert,
    App,
    Deployment,
    Key,
    Link,
    LinkState,
    Row,
    Snapshot,
    Status,
    Workspace,
)
from coder_tui.fleet.standing import Standings
from coder_tui.fleet.store import Store
from coder_tui.wire.containers import ContainerList

V = TypeVar("V")
NOW = datetime(2026, 3, 14, 14, 2, 51, tzinfo=UTC)
LIVE = Link(state=LinkState.LIVE, since=NOW, latency_ms=23.0, refreshed_at=NOW)


def ago(**kwargs: float) -> datetime:
    return NOW - timedelta(**kwargs)


def status(state: str, message: str, at: datetime, *, uri: str = "", asks: bool = False) -> Status:
    return Status(id=f"{state}-{at.isoformat()}", at=at, state=state, message=message, uri=uri, needs_attention=asks)


def app(slug: str, *statuses: Status, command: str = "") -> App:
    return App(id=f"app-{slug}", slug=slug, name=slug, command=command, statuses=tuple(statuses))


def agent(*apps: App, name: str = "main", state: str = "connected", ident: str = "agent") -> Agent:
    return Agent(
        id=ident, name=name, status=state, lifecycle="ready", apps=tuple(apps), first_connected_at=ago(hours=2)
    )


def workspace(
    owner: str,
    name: str,
    *agents: Agent,
    deployment: str = "acme",
    build: str = "running",
    deadline: datetime | None = None,
) -> Workspace:
    return Workspace(
        deployment=deployment,
        id=f"ws-{owner}-{name}",
        name=name,
        owner=owner,
        build_status=build,
        transition="start" if build == "running" else "stop",
        build_id=f"build-{name}",
        build_number=1,
        build_at=ago(hours=5),
        deadline=deadline,
        agents=tuple(agents),
        seen_at=NOW,
    )


def small_fleet() -> tuple[Workspace, ...]:
    """One that asks, one that failed, one quiet and near its end, one done, some at work, one stopped."""
    return (
        workspace(
            "kira",
            "api-refactor",
            agent(
                app(
                    "claude",
                    status(
                        "working",
                        "May I run `alembic upgrade head` on the staging database?",
                        ago(seconds=40),
                        asks=True,
                    ),
                    status(
                        "working",
                        "Writing migration 0042",
                        ago(minutes=4, seconds=11),
                        uri="https://git.acme.io/api/pull/123",
                    ),
                    status("working", "Reading models", ago(minutes=11, seconds=49)),
                    status("idle", "Session started", ago(minutes=12, seconds=41)),
                    command="claude",
                ),
                app("aider", status("working", "Renaming fields in serializers.py", ago(seconds=8))),
                ident="agent-api",
            ),
        ),
        workspace(
            "ana",
            "ci-flake",
            agent(
                app(
                    "codex",
                    status(
                        "failure",
                        "Tests still fail after 3 attempts: test_retry_budget",
                        ago(minutes=3),
                        uri="https://ci.acme.io/9",
                    ),
                    status("working", "Bisecting between a81f and c02d", ago(minutes=21)),
                ),
                ident="agent-ci",
            ),
        ),
        workspace(
            "bo",
            "docs",
            agent(
                app("claude", status("working", "Rewriting the tutorial, chapter 4 of 9", ago(minutes=31))),
                ident="agent-docs",
            ),
            deadline=NOW + timedelta(minutes=22),
        ),
        workspace(
            "laptop",
            "spike",
            agent(
                app(
                    "claude",
                    status("complete", "Prototype works, see README", ago(minutes=1)),
                    status("working", "Trying uvloop", ago(minutes=9)),
                ),
                ident="agent-spike",
            ),
            deployment="laptop",
        ),
        workspace(
            "mia",
            "search",
            agent(
                app("goose", status("working", "Indexing 1.2 M documents", ago(minutes=2))),
                app("claude", status("idle", "Waiting for work", ago(minutes=48))),
                name="dev",
                ident="agent-search",
            ),
            agent(
                app("claude", status("working", "Tuning the ranker", ago(seconds=25))), name="gpu", ident="agent-gpu"
            ),
        ),
        workspace("mia", "old-thing", build="stopped"),
    )


@dataclass
class Pty:
    """A terminal that shows one screenful."""

    target: PtyTarget
    sent: list[str] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    opened_at: tuple[int, int] = (0, 0)  # the size it began with
    over: asyncio.Event = field(default_factory=asyncio.Event)  # set it to end the program
    text: bytes = b"kira@api:~/api$ git status\r\n \x1b[31mM\x1b[0m migrations/0042_split.py\r\nkira@api:~/api$ "

    async def __aiter__(self) -> AsyncIterator[PtyEvent]:
        self.opened_at = self.sizes[-1]
        yield PtyOpened()
        yield PtyOutput(self.text)
        await self.over.wait()
        yield PtyEnded("the program ended")

    def send(self, data: str) -> None:
        self.sent.append(data)

    def resize(self, columns: int, rows: int) -> None:
        self.sizes.append((columns, rows))

    async def drain(self) -> None:
        pass

    def retry_now(self) -> None:
        pass

    async def close(self) -> None:
        pass


class Look(Generic[V]):
    """What one kind of look says: `tell` it, `end` it; `open` counts who looks now, `asked` who ever did."""

    def __init__(self) -> None:
        self.asked: list[AgentRef] = []
        self.open = 0
        self._said: list[Known[V] | Trouble | None] = []
        self._news = asyncio.Event()

    def tell(self, event: V | Trouble) -> None:
        """Everybody who looks, now or later, hears this (as the newest)."""
        self._said.append(event if isinstance(event, Trouble) else Known(event, NOW))
        self._news.set()

    def end(self) -> None:
        """The stream ends."""
        self._said.append(None)
        self._news.set()

    async def follow(self, agent: AgentRef) -> AsyncIterator[Known[V] | Trouble]:
        self.asked.append(agent)
        self.open += 1
        heard = max(0, len(self._said) - 1)
        try:
            while True:
                self._news.clear()
                while heard < len(self._said):
                    event = self._said[heard]
                    heard += 1
                    if event is None:
                        return
                    yield event
                await self._news.wait()
        finally:
            self.open -= 1


class StoreSource:
    """A `Source` over a real store."""

    def __init__(self, *workspaces: Workspace, link: Link = LIVE, names: Sequence[str] = ("acme", "laptop")) -> None:
        self.store = Store(quiet_after=timedelta(minutes=10), due_within=timedelta(minutes=30))
        self.listeners: list[Callable[[Snapshot], None]] = []
        self.running = asyncio.Event()
        self.error: Exception | None = None
        self.refreshed = 0
        self.watched: list[Key] = []
        self.builds: list[tuple[Key, str]] = []
        self.standings = [Standings()]
        self.seen: set[str] = set()
        self.ptys: list[Pty] = []
        self.kept: list[PtyTarget] = []
        self.followed: list[str] = []
        self.log_lines: list[str] = []
        self.detail_look = Look[Details]()
        self.port_look = Look[Ports]()
        self.container_look = Look[ContainerList]()
        self.network_look = Look[Network]()
        self.measured: list[str] = []
        self.ways: list[Way] = []
        self.replies: list[tuple[Key, Way, str]] = []
        self.launched: list[Launch] = []
        if workspaces:
            self.apply(
                *(DeploymentChanged(Deployment(name=name, url=f"https://{name}.io", link=link)) for name in names)
            )
            for name in names:
                mine = tuple(one for one in workspaces if one.deployment == name)
                self.apply(FleetListed(name, mine, NOW))

    def apply(self, *events: Event) -> None:
        """Something happened."""
        snapshot = self.store.apply(*events)
        for listener in self.listeners:
            listener(snapshot)

    @property
    def snapshot(self) -> Snapshot:
        return self.store.snapshot

    def subscribe(self, listener: Callable[[Snapshot], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    async def run(self) -> None:
        if self.error is not None:
            raise self.error
        self.running.set()
        await asyncio.Event().wait()

    def refresh(self) -> None:
        self.refreshed += 1

    def watch(self, workspaces: Sequence[Key]) -> None:
        self.watched = list(workspaces)

    async def follow_logs(self, deployment: str, agent_id: str) -> AsyncIterator[LogEvent]:
        self.followed.append(agent_id)
        yield LogNote(LogMark.OPEN)
        yield LogBatch(
            tuple(
                LogLine(id=number, at=NOW, level="info", source_id="startup", output=text)
                for number, text in enumerate(self.log_lines, 1)
            )
        )
        yield LogNote(LogMark.LIVE)
        await asyncio.Event().wait()

    async def follow_build(self, deployment: str, build_id: str) -> AsyncIterator[LogEvent]:
        self.followed.append(build_id)
        yield LogNote(LogMark.LIVE)
        await asyncio.Event().wait()

    def open_pty(self, target: PtyTarget, columns: int, rows: int) -> Pty:
        pty = Pty(target)
        pty.resize(columns, rows)
        self.ptys.append(pty)
        return pty

    def terminals(self, deployment: str, agent_id: str) -> Sequence[PtyTarget]:
        return [one for one in self.kept if (one.deployment, one.agent_id) == (deployment, agent_id)]

    def keep_terminal(self, target: PtyTarget) -> None:
        if target not in self.kept:
            self.kept.append(target)

    def forget_terminal(self, reconnect: str) -> None:
        self.kept = [one for one in self.kept if one.reconnect != reconnect]

    def details(self, agent: AgentRef) -> AsyncIterator[Known[Details] | Trouble]:
        return self.detail_look.follow(agent)

    def ports(self, agent: AgentRef) -> AsyncIterator[Known[Ports] | Trouble]:
        return self.port_look.follow(agent)

    def containers(self, agent: AgentRef) -> AsyncIterator[Known[ContainerList] | Trouble]:
        return self.container_look.follow(agent)

    def network(self, agent: AgentRef) -> AsyncIterator[Known[Network] | Trouble]:
        return self.network_look.follow(agent)

    def measure(self, deployment: str) -> None:
        self.measured.append(deployment)

    async def extend(self, key: Key, by: timedelta) -> datetime:
        if self.error is not None:
            raise self.error
        row = self.snapshot.row(key)
        if row is None or row.workspace.deadline is None:
            raise NotFoundError("there is nothing to extend")
        until = row.workspace.deadline + by
        self.apply(WorkspaceChanged(replace(row.workspace, deadline=until), NOW))
        return until

    async def reply_ways(self, row: Row) -> Sequence[Way]:
        if self.error is not None:
            raise self.error
        return self.ways

    async def reply(self, row: Row, way: Way, text: str) -> None:
        if self.error is not None:
            raise self.error
        self.replies.append((row.key, way, text))

    async def launch(self, wanted: Launch) -> Key:
        if self.error is not None:
            raise self.error
        self.launched.append(wanted)
        made = workspace("me", wanted.name or "made", agent(app(wanted.app or "claude"), ident="agent-made"))
        asyncio.get_running_loop().call_later(0.01, self.apply, WorkspaceChanged(made, NOW))  # told of in a moment
        return Key(made.deployment, made.id, "main", wanted.app or "claude")

    async def build(self, key: Key, transition: str) -> None:
        if self.error is not None:
            raise self.error
        self.builds.append((key, transition))

    def acknowledge(self, alerts: Sequence[Alert]) -> None:
        now = self.standings[-1]
        self._stand(replace(now, acked=now.acked | {alert.event_id for alert in alerts}))

    def snooze(self, alerts: Sequence[Alert], until: datetime | None) -> None:
        now = self.standings[-1]
        self._stand(replace(now, snoozed={**now.snoozed, **{alert.event_id: until for alert in alerts}}))

    def mute(self, keys: Sequence[Key], muted: bool = True) -> None:
        now = self.standings[-1]
        self._stand(replace(now, muted=now.muted.union(keys) if muted else now.muted.difference(keys)))

    def saw(self, alerts: Sequence[Alert]) -> None:
        self.seen.update(alert.event_id for alert in alerts)  # changes nothing on the screen

    def undo(self) -> Sequence[Key]:
        if len(self.standings) == 1:
            return ()
        events, keys = self.standings.pop().touched(self.standings[-1])
        found = {alert.key for alert in self.snapshot.alerts if alert.event_id in events} | keys
        self.apply(StandingsChanged(self.standings[-1]))
        return sorted(found)

    def _stand(self, standings: Standings) -> None:
        self.standings.append(standings)
        self.apply(StandingsChanged(standings))

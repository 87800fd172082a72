"""The real `Source`: every deployment's feed, the store, and what is remembered on disk, behind one object.

Constructing one is cheap and paints the last known fleet from disk; the network libraries load when `run()` does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from coder_tui.client.backoff import CLOCK, Clock
from coder_tui.client.credentials import Credentials
from coder_tui.client.events import LogEvent
from coder_tui.errors import NotFoundError, StorageError
from coder_tui.feeds.deployment import DeploymentFeed
from coder_tui.feeds.flow import Flow
from coder_tui.feeds.history import Recorder
from coder_tui.feeds.lastfleet import LastFleet
from coder_tui.feeds.memory import Memory
from coder_tui.feeds.replies import Way, send, ways
from coder_tui.feeds.source import AgentRef, Details, Known, Network, Ports, PtyTarget, Trouble
from coder_tui.fleet.events import DeploymentChanged, Event, Slept, StandingsChanged, Tick
from coder_tui.fleet.snapshot import Alert, Key, Row, Snapshot
from coder_tui.fleet.store import Store

if TYPE_CHECKING:
    from coder_tui.client.pty import PtyStream
    from coder_tui.feeds.launch import Launch
    from coder_tui.feeds.looks import Looks
    from coder_tui.wire.containers import ContainerList

T = TypeVar("T")

TICK = 2.0
"""Seconds between two looks at the clock and at another program's acknowledgements; both cost microseconds."""
NAP = 20.0
"""Seconds: a tick that comes this late was no slow tick, this machine slept (or its clock was put forward)."""


class Cockpit:
    """Implements `feeds.source.Source`; see there for what each method promises. One event loop owns it.

    With `history_days`, what is seen is recorded and kept that long. `again` finds a deployment's credentials anew,
    when they were refused and a person asks to try again; it may raise CoderTuiError, and runs in a thread.
    """

    def __init__(
        self,
        credentials: Sequence[Credentials],
        *,
        state_dir: Path,
        quiet_after: timedelta,
        due_within: timedelta,
        clock: Clock = CLOCK,
        hub_names: Collection[str] = (),
        history_days: int = 0,
        again: Callable[[str], Credentials] | None = None,
    ) -> None:
        self._clock = clock
        self._flow = Flow(store := Store(quiet_after, due_within))
        self._memory = Memory(state_dir, clock.now)
        self._feeds = {
            one.name: DeploymentFeed(
                one,
                self._flow.apply,
                is_hub=one.name in hub_names,
                clock=clock,
                memory=self._memory,
                learned=self._learned,
                again=partial(again, one.name) if again else None,
            )
            for one in credentials
        }
        if len(self._feeds) != len(credentials):
            raise ValueError("two deployments have the same name")
        self._recorder = Recorder(state_dir, history_days, clock.now) if history_days else None
        if self._recorder:
            self._flow.subscribe(self._recorder.saw)
        self._last = LastFleet(self._memory, lambda name: self._feeds[name].deployment, clock, self._warn)
        self._unsaved: set[str] = set()  # events seen that are not on disk yet
        self._running: asyncio.Task[None] | None = None
        self._warnings: list[str] = []
        store.apply(StandingsChanged(self._memory.standings), *self._remembered())

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences a person should read: a corrupt state file, a fleet that cannot be saved."""
        return (*self._memory.warnings, *self._warnings, *(self._recorder.warnings if self._recorder else ()))

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot."""
        return self._flow.snapshot

    def subscribe(self, listener: Callable[[Snapshot], None]) -> Callable[[], None]:
        """Call `listener` for every newer snapshot. Returns unsubscribe."""
        return self._flow.subscribe(listener)

    async def run(self) -> None:
        """Own every feed until cancelled; then save the fleet."""
        self._running = asyncio.current_task()
        try:
            async with asyncio.TaskGroup() as group:
                self._flow.start(group)
                for name, feed in self._feeds.items():
                    group.create_task(feed.run(), name=f"feed:{name}")
                group.create_task(self._tick(), name="cockpit:tick")
                async for event in self._last.large():
                    self._flow.apply([event])
        finally:
            self._running = None
            self._flow.stop()
            self._last.save(self._flow.snapshot)
            if self._unsaved:
                self._save_seen()

    async def aclose(self) -> None:
        """Stop `run()` if it still runs, and close the state file."""
        task = self._running
        if task and task is not asyncio.current_task():
            task.cancel()
            await asyncio.wait([task])
        self._memory.close()
        if self._recorder:
            await asyncio.to_thread(self._recorder.close)

    def refresh(self) -> None:
        """Read everything again now."""
        for feed in self._feeds.values():
            feed.refresh()

    def watch(self, workspaces: Sequence[Key]) -> None:
        """Keep these workspaces' streams open first."""
        for name, feed in self._feeds.items():
            feed.watch([key.workspace_id for key in workspaces if key.deployment == name])

    async def follow_logs(self, deployment: str, agent_id: str) -> AsyncGenerator[LogEvent, None]:
        """History, then live lines, of one agent."""
        async with aclosing(self._feed(deployment).follow_logs(agent_id)) as events:
            async for event in events:
                yield event

    async def follow_build(self, deployment: str, build_id: str) -> AsyncGenerator[LogEvent, None]:
        """The log of one build."""
        async with aclosing(self._feed(deployment).follow_build(build_id)) as events:
            async for event in events:
                yield event

    def open_pty(self, target: PtyTarget, columns: int, rows: int) -> PtyStream:
        """Attach to a terminal."""
        return self._feed(target.deployment).open_pty(target, columns, rows)

    def terminals(self, deployment: str, agent_id: str) -> Sequence[PtyTarget]:
        """The agent's terminals of this run and those before it."""
        try:
            return self._memory.terminals(deployment, agent_id)
        except StorageError as error:
            self._warn(error)
            return ()

    def keep_terminal(self, target: PtyTarget) -> None:
        """Remember it over restarts; where that fails, a warning says so."""
        try:
            self._memory.keep_terminal(target)
        except StorageError as error:
            self._warn(error)

    def forget_terminal(self, reconnect: str) -> None:
        """It ended, or its tab was closed."""
        try:
            self._memory.forget_terminal(reconnect)
        except StorageError as error:
            self._warn(error)

    def _warn(self, error: StorageError) -> None:
        if str(error) not in self._warnings:
            self._warnings.append(str(error))

    def details(self, agent: AgentRef) -> AsyncGenerator[Known[Details] | Trouble, None]:
        """Everything about one agent."""
        return self._look(agent, lambda looks: looks.details(agent.workspace_id, agent.agent_id))

    def ports(self, agent: AgentRef) -> AsyncGenerator[Known[Ports] | Trouble, None]:
        """Its listening ports."""
        return self._look(agent, lambda looks: looks.ports(agent.agent_id))

    def containers(self, agent: AgentRef) -> AsyncGenerator[Known[ContainerList] | Trouble, None]:
        """Its containers."""
        return self._look(agent, lambda looks: looks.containers(agent.agent_id))

    def network(self, agent: AgentRef) -> AsyncGenerator[Known[Network] | Trouble, None]:
        """How it is reached."""
        return self._look(agent, lambda looks: looks.network(agent.agent_id))

    def measure(self, deployment: str) -> None:
        """Measure the way to its relays now."""
        self._feed(deployment).measure()

    async def _look(
        self, agent: AgentRef, choose: Callable[[Looks], AsyncGenerator[T, None]]
    ) -> AsyncGenerator[T, None]:
        async with aclosing(choose(await self._feed(agent.deployment).looks())) as events:
            async for event in events:
                yield event

    async def extend(self, key: Key, by: timedelta) -> datetime:
        """Put a workspace's deadline off."""
        return await self._feed(key.deployment).extend(key.workspace_id, by)

    async def reply_ways(self, row: Row) -> Sequence[Way]:
        """Where an answer can go, besides the terminal."""
        feed = self._feed(row.key.deployment)
        return await ways(await feed.client(), row, is_hub=feed.deployment.is_hub)

    async def reply(self, row: Row, way: Way, text: str) -> None:
        """Answer."""
        await send(await self._feed(row.key.deployment).client(), row, way, text)

    async def launch(self, wanted: Launch) -> Key:
        """A command on the first hub there is."""
        hub = next((feed for feed in self._feeds.values() if feed.deployment.is_hub), None)
        if hub is None:
            raise NotFoundError("no hub is on show", fix="start with --deployment local")
        return await hub.launch(wanted)

    async def build(self, key: Key, transition: str) -> None:
        """Start, stop or restart a workspace."""
        await self._feed(key.deployment).build(key.workspace_id, transition)

    def acknowledge(self, alerts: Sequence[Alert]) -> None:
        """Acknowledge these events, durably, as one step."""
        self._memory.acknowledge([alert.event_id for alert in alerts], [alert.key for alert in alerts])
        self._restand()

    def snooze(self, alerts: Sequence[Alert], until: datetime | None) -> None:
        """Hush these events until then, durably, as one step."""
        self._memory.snooze([alert.event_id for alert in alerts], [alert.key for alert in alerts], until)
        self._restand()

    def mute(self, keys: Sequence[Key], muted: bool = True) -> None:
        """Hush these rows, or hear them again, durably, as one step."""
        self._memory.mute(keys, muted)
        self._restand()

    def saw(self, alerts: Sequence[Alert]) -> None:
        """Note that a person looked; the next tick saves it."""
        fresh = {alert.event_id for alert in alerts} - self._memory.standings.seen
        if fresh:
            self._memory.note_seen(fresh)
            self._unsaved |= fresh
            self._restand()

    def undo(self) -> Sequence[Key]:
        """Take the last step back."""
        keys = self._memory.undo()
        self._restand()
        return keys

    def _learned(self) -> None:
        """Another client of a hub said something about alerts."""
        if self._memory.refresh():
            self._flow.apply([StandingsChanged(self._memory.standings)])

    def _restand(self) -> None:
        for feed in self._feeds.values():
            feed.say_standings()
        self._flow.apply([StandingsChanged(self._memory.standings)])

    def _feed(self, deployment: str) -> DeploymentFeed:
        try:
            return self._feeds[deployment]
        except KeyError:
            raise NotFoundError(f"no deployment is called {deployment!r}") from None

    def _remembered(self) -> list[Event]:
        """The deployments, and the last known fleet of each from disk."""
        events: list[Event] = [DeploymentChanged(feed.deployment) for feed in self._feeds.values()]
        events += filter(None, map(self._last.read, self._feeds))
        return events

    async def _tick(self) -> None:
        before = self._clock.now()
        while True:
            await self._clock.sleep(TICK)
            now = self._clock.now()
            events: list[Event] = [Tick(now)]
            if (now - before).total_seconds() > TICK + NAP:
                events.insert(0, Slept(before, now))
                self.refresh()  # what we know is from before: read again, then trust
            before = now
            if self._memory.refresh():
                events.append(StandingsChanged(self._memory.standings))
                for feed in self._feeds.values():  # another program here may have said it
                    feed.say_standings()
            self._flow.apply(events)
            if self._unsaved:
                await asyncio.to_thread(self._save_seen)
            await self._last.save_soon(self._flow.snapshot)

    def _save_seen(self) -> None:
        unsaved, self._unsaved = self._unsaved, set()
        try:
            self._memory.save_seen(unsaved)
        except StorageError as error:
            self._warn(error)

"""One deployment's feed: who we are there, the whole list, and one watch for each workspace that matters most.

Every loss is answered by reading the whole list again, so nothing that happened meanwhile is missed; a slow list
refresh is the backstop for what no watch tells (new workspaces, agents whose status changes by mere passing of time).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from coder_tui.client.backoff import CLOCK, Backoff, Clock, sleep_or
from coder_tui.client.credentials import Credentials
from coder_tui.client.events import LogEvent, LogMark, LogNote
from coder_tui.errors import CoderTuiError, CredentialsError, UnreachableError, UsageError
from coder_tui.feeds.builds import run_builds
from coder_tui.feeds.chats import ChatFeed
from coder_tui.feeds.hints import Hints
from coder_tui.feeds.shared import HUB, SharedFeed
from coder_tui.feeds.source import PtyTarget
from coder_tui.feeds.usage import Usage
from coder_tui.feeds.watches import Watches
from coder_tui.fleet.events import DeploymentChanged, Event, FleetListed, WorkspaceChanged, WorkspaceGone
from coder_tui.fleet.snapshot import CHATS, Deployment, Key, Link, LinkState, Refused, Workspace
from coder_tui.text import one_line

if TYPE_CHECKING:
    # loaded by run(): the first frame does not wait for httpx and websockets
    from coder_tui.client.pty import PtyStream
    from coder_tui.client.rest import RestClient
    from coder_tui.client.streams import Streams
    from coder_tui.feeds.launch import Launch
    from coder_tui.feeds.looks import Looks
    from coder_tui.feeds.memory import Memory
    from coder_tui.wire import workspaces as wire

REFRESH = 45.0
"""Seconds between two reads of the whole list, give or take a third."""
HINTED_REFRESH = 300.0
"""The same, while hints tell of changes and every workspace has a watch: then the list would say nothing new."""
_HUB_REFRESH = 5.0  # a hub is near and small: new workspaces show sooner
_HUB_SHARE = 1 / 200  # but no more of the time than this goes into reading it
_GAP = 5.0  # seconds between two reads that lost streams asked for: one flaky stream must not make us hammer the list
_QUERY = "owner:me"
_SKEW_STEP = 5  # seconds
_PAGE = 100  # workspaces in one request
_HUB_PAGE = 2000  # a hub is near: its list in one request, which mostly says that nothing changed
_BULK = 50  # workspaces whose rows are made in a thread rather than on the event loop


class _Renewed(Exception):
    """There are other credentials now."""


class DeploymentFeed:
    """Feeds `emit` with fleet events of one deployment for as long as `run()` runs. Cheap to construct.

    With `memory`, the standings of a hub are kept in step with its other clients; `learned` is called when they said
    something.
    """

    def __init__(
        self,
        credentials: Credentials,
        emit: Callable[[Sequence[Event]], None],
        *,
        is_hub: bool = False,
        clock: Clock = CLOCK,
        memory: Memory | None = None,
        learned: Callable[[], None] = lambda: None,
        again: Callable[[], Credentials] | None = None,
    ) -> None:
        self.credentials = credentials
        self._again = again or (lambda: credentials)
        self.deployment = Deployment(credentials.name, credentials.url, is_hub=is_hub, link=Link(since=clock.now()))
        """As last told to `emit`."""
        self._emit, self._clock = emit, clock
        self._rest: RestClient | None = None
        self._streams: Streams | None = None
        self._looks: Looks | None = None
        self._up = asyncio.Event()  # rest, streams and looks are there
        self._chats = ChatFeed(credentials.name, credentials.url, clock, self._tell_chats)
        self._shared = SharedFeed(credentials.name, memory, clock, learned, self._tell_refused) if memory else None
        self.usage = Usage(clock)
        """What was reported of typing in terminals."""
        self._group: asyncio.TaskGroup | None = None
        self._watches = Watches(credentials.name, clock, self._learn, self._stream_changed)
        self._hints = Hints(clock, self)
        self._known: dict[str, Workspace] = {}
        self._told: dict[str, float] = {}  # when a stream last told of a workspace, monotonic seconds
        self._listed = False  # the last read of the list worked
        self._backoff = Backoff(clock)
        self._tags: list[str] = []  # of the list as last read
        self._reread_at = -math.inf  # monotonic seconds: when a lost stream last made us read the list
        self._wake = asyncio.Event()  # read the list soon
        self._now = asyncio.Event()  # read the list now: a person asked

    async def run(self) -> None:
        """Read, watch and recover until cancelled. What is refused is tried again when a person asks, with the
        credentials that are found then."""
        while True:
            try:
                await self._run()
            except* _Renewed:
                self._tell_link(Link())

    async def _run(self) -> None:
        while True:
            try:
                rest = self._rest = await asyncio.to_thread(_prepare, self.credentials, self._clock)
                break
            except CoderTuiError as error:  # a proxy, certificates or credentials that cannot be used
                self._now.clear()
                self._tell_link(Link(LinkState.REFUSED, why=str(error)))
                await self._now.wait()
                await self._look_again()
        from coder_tui.client.streams import Streams
        from coder_tui.feeds.looks import Looks

        self._streams, self._looks = Streams(rest, self._clock), Looks(rest, self._clock)
        self._up.set()
        try:
            async with rest, asyncio.TaskGroup() as group:
                self._group = group
                self.usage.start(rest, group)
                self._watches.start(self._streams, group)
                await self._keep_list(rest)
        finally:
            self.usage.stop()
            self._up.clear()
            self._group = self._rest = self._streams = self._looks = None
            self._hints.stop()
            self._watches.stop()
            if self._shared:
                self._shared.stop()

    def refresh(self) -> None:
        """Read everything again now; lost streams are tried now too."""
        self._tags.clear()
        self._now.set()
        self._wake.set()
        self._backoff.nudge()
        if self._listed and self._rest and self._group:
            self._chats.start(self._rest, self._group, asked=True)
        self._watches.nudge()
        self._watches.forgive()

    def watch(self, workspace_ids: Sequence[str]) -> None:
        """These workspaces are looked at: their streams come first."""
        if self._watches.want(workspace_ids) and self._listed:
            self._watches.choose(self._known.values())

    async def follow_logs(self, agent_id: str) -> AsyncGenerator[LogEvent, None]:
        """See `Streams.follow_logs`; waits for `run()` to be under way. Raises UnreachableError where it cannot be."""
        if agent_id == CHATS:
            yield LogNote(LogMark.FAILED, "a chat has no log of its own")
            return
        async with aclosing((await self._streamed()).follow_logs(agent_id)) as events:
            async for event in events:
                yield event

    async def follow_build(self, build_id: str) -> AsyncGenerator[LogEvent, None]:
        """See `Streams.follow_build`; waits as `follow_logs` does."""
        async with aclosing((await self._streamed()).follow_build(build_id)) as events:
            async for event in events:
                yield event

    async def _streamed(self) -> Streams:
        while self._streams is None:
            if self.deployment.link.state is LinkState.REFUSED:
                raise self._not_running()
            await self._up.wait()
        return self._streams

    async def client(self) -> RestClient:
        """For what a person does now; waits for `run()` to be under way."""
        while self._rest is None or self._looks is None:
            await self._up.wait()
        return self._rest

    async def launch(self, wanted: Launch) -> Key:
        """A command as a workspace of this hub; its row's key. Raises CoderTuiError."""
        from coder_tui.feeds.launch import start

        rest = await self.client()
        made = await rest.workspace((await start(rest, wanted)).id)
        self._learn(made)
        self._watches.choose(self._known.values())
        [agent] = self._known[made.id].agents
        return Key(self.deployment.name, made.id, agent.name, agent.apps[0].slug if agent.apps else "")

    async def looks(self) -> Looks:
        """What may be asked while somebody looks; waits for `run()` to be under way."""
        while self._looks is None:
            await self._up.wait()
        return self._looks

    def measure(self) -> None:
        """See `Looks.measure`; nobody looks while `run()` is not running."""
        if self._looks is not None:
            self._looks.measure()

    def say_standings(self) -> None:
        """Something may have been said about alerts: a hub is told."""
        if self._shared:
            self._shared.say()

    def open_pty(self, target: PtyTarget, columns: int, rows: int) -> PtyStream:
        """Attach to a terminal of this deployment; nothing happens before it is iterated."""
        from coder_tui.client.pty import PtyStream

        return PtyStream(
            self.credentials,
            target.agent_id,
            target.reconnect,
            (columns, rows),
            command=target.command,
            container=target.container,
            tls=self._rest.tls if self._rest else None,
            budget=self._rest.budget if self._rest else None,
            on_typed=lambda: self.usage.typed(target.workspace_id, target.agent_id),
            clock=self._clock,
        )

    async def build(self, workspace_id: str, transition: str) -> None:
        """Start, stop or restart. A restart waits for the stop to finish, then starts. Raises CoderTuiError."""
        if self._rest is None:
            raise self._not_running()
        if workspace_id == CHATS:
            raise UsageError("a chat has no workspace of its own", fix="open it in the browser")
        rest = self._rest
        async for _ in run_builds(rest, workspace_id, transition, self._clock):
            await self.learn_now(rest, workspace_id)

    async def extend(self, workspace_id: str, by: timedelta) -> datetime:
        """See `Looks.extend`. Raises UnreachableError while `run()` is not running."""
        if self._rest is None or self._looks is None:
            raise self._not_running()
        until = await self._looks.extend(workspace_id, by)
        await self.learn_now(self._rest, workspace_id)
        return until

    @property
    def known(self) -> Mapping[str, Workspace]:
        """The rows as they are, by id."""
        return self._known

    def is_told(self, workspace_id: str) -> bool:
        """Whether what changes of this workspace comes by itself."""
        return self._watches.tells(workspace_id)

    def read_soon(self) -> None:
        """Have the whole list read, but not too often."""
        self._wake.set()

    def forget(self, workspace_id: str) -> None:
        """The workspace is gone."""
        self._known.pop(workspace_id, None)
        self._emit([WorkspaceGone(self.deployment.name, workspace_id)])

    async def learn_now(self, rest: RestClient, workspace_id: str) -> None:
        """Read one workspace again. Raises CoderTuiError."""
        self._learn(await rest.workspace(workspace_id))
        self._watches.choose(self._known.values())

    async def _keep_list(self, rest: RestClient) -> None:
        while True:
            self._wake.clear()
            self._now.clear()
            began = self._clock.monotonic()
            try:
                await self._read(rest, began)
            except CredentialsError as error:
                self._listed = False
                self._tell_link(Link(LinkState.REFUSED, why=str(error)))
                await self._now.wait()
                if await self._look_again():
                    raise _Renewed from None
            except CoderTuiError as error:
                self._listed = False
                retry_at = self._backoff.lost()
                self._tell_link(Link(LinkState.RETRYING, why=error.why or error.what, next_try=retry_at))
                await self._backoff.pause()
            else:
                self._backoff = Backoff(self._clock)
                await self._until_next_read(began)

    async def _look_again(self) -> bool:
        """Find the credentials anew: somebody may have logged in elsewhere. Whether they are others."""
        try:
            found = await asyncio.to_thread(self._again)
        except CoderTuiError:  # the refusal stands
            return False
        if found == self.credentials:
            return False
        self.credentials = found
        self.deployment = replace(self.deployment, url=found.url, user="")
        return True

    async def _until_next_read(self, began: float) -> None:
        """Wait for the slow refresh, a lost stream (not too often), or a person."""
        ended = self._clock.monotonic()
        interval = REFRESH
        if self.deployment.is_hub:
            interval = min(REFRESH, max(_HUB_REFRESH, (ended - began) / _HUB_SHARE))
        while True:
            await sleep_or(self._wake, interval * (2 + 2 * self._clock.random()) / 3, self._clock)
            told = self._hints.alive and all(map(self._watches.tells, self._known))
            if self._wake.is_set() or not told or self._clock.monotonic() - ended >= HINTED_REFRESH:
                break
        if self._wake.is_set() and not self._now.is_set():
            too_soon = self._reread_at + _GAP - self._clock.monotonic()
            if too_soon > 0:
                await sleep_or(self._now, too_soon, self._clock)
            self._reread_at = self._clock.monotonic()

    async def _read(self, rest: RestClient, began: float) -> None:
        """Read who we are (once) and the whole list, and tell it. `began` is when, in monotonic seconds."""
        if not self.deployment.user:
            info, me = await asyncio.gather(rest.build_info(), rest.me())
            self.deployment = replace(
                self.deployment, user=one_line(me.username), version=one_line(info.version) or "unknown"
            )
            self._hints.owner_id = me.id
        if self._group:
            self._chats.start(rest, self._group)
            if self._shared and HUB in self.deployment.version:
                self._shared.start(rest, self._group)
        tags = list(self._tags) if self._listed else []
        listed = await rest.workspaces_unless(tags, _QUERY, limit=_HUB_PAGE if self.deployment.is_hub else _PAGE)
        await self._chats.settled()
        at = self._clock.now()
        if listed is None:
            self._trust(at)
            return
        if len(listed) > _BULK:
            rows = await asyncio.to_thread(self._rows, listed, at)
        else:
            rows = self._rows(listed, at)
        # what a stream told while the list was under way is newer than the list
        rows = [
            self._known[row.id] if self._told.get(row.id, -1.0) >= began and row.id in self._known else row
            for row in rows
        ]
        self._known, self._tags = {row.id: row for row in rows}, tags
        self._told = {workspace_id: when for workspace_id, when in self._told.items() if workspace_id in self._known}
        more = [self._chats.row] if self._chats.row else []
        self._trust(at, FleetListed(self.deployment.name, (*rows, *more), at))
        if self._group:
            self._hints.start(rest, self._group)

    def _trust(self, at: datetime, *also: Event) -> None:
        """The list is what we know, as of `at`. Told with `also`."""
        if not self._listed:
            self._watches.nudge()
        self._listed = True
        self._watches.choose(self._known.values())
        self._judge_link(at, *also)

    def _tell_chats(self) -> None:
        row = self._chats.row
        self._emit([WorkspaceChanged(row, self._clock.now()) if row else WorkspaceGone(self.deployment.name, CHATS)])

    def _rows(self, workspaces: Sequence[wire.Workspace], at: datetime) -> list[Workspace]:
        from coder_tui.fleet.convert import workspace_row

        return [workspace_row(self.deployment.name, workspace, at) for workspace in workspaces]

    def _learn(self, workspace: wire.Workspace) -> None:
        """One workspace as it is now, from a stream or a direct read."""
        if self._looks is not None:
            self._looks.heard(workspace)
        at = self._clock.now()
        if workspace.latest_build.status == "deleted":
            self.forget(workspace.id)
            return
        (row,) = self._rows([workspace], at)
        self._told[row.id] = self._clock.monotonic()
        self._known[row.id] = row
        self._emit([WorkspaceChanged(row, at)])

    def _stream_changed(self, lost: bool) -> None:
        if lost:
            self._wake.set()
        self._judge_link()

    def _judge_link(self, refreshed_at: datetime | None = None, *also: Event) -> None:
        """What the streams say of the link, once the list works. Told with `also`."""
        if self._listed:
            self._tell_link(replace(self._watches.link(), refreshed_at=refreshed_at), *also)

    def _tell_link(self, link: Link, *also: Event) -> None:
        """Tell the link's new state, and in the same breath `also`. `refreshed_at` is given by a read that worked."""
        old = self.deployment.link
        link = replace(
            link,
            since=old.since if old.state is link.state else self._clock.now(),
            latency_ms=self._rest.latency_ms if self._rest and link.refreshed_at else old.latency_ms,
            refreshed_at=link.refreshed_at or old.refreshed_at,
        )
        skew = _skew(self._rest.dated) if self._rest and self._rest.dated else 0
        self.deployment = replace(self.deployment, link=link, skew=skew)
        self._emit([DeploymentChanged(self.deployment), *also])

    def _tell_refused(self, refused: tuple[Refused, ...]) -> None:
        self.deployment = replace(self.deployment, refused=refused)
        self._emit([DeploymentChanged(self.deployment)])

    def _not_running(self) -> UnreachableError:
        return UnreachableError(
            f"{self.deployment.name} is not connected yet", fix="wait for the link, or refresh, and try again"
        )


def _skew(dated: tuple[datetime, str]) -> int:
    """Seconds a server's clock is ahead of ours by the `Date` of an answer (RFC 9110), in steps that do not flicker."""
    from email.utils import parsedate_to_datetime

    ours, text = dated
    try:
        ahead = (parsedate_to_datetime(text) - ours).total_seconds()
    except (ValueError, TypeError):  # none, or one without a zone
        return 0
    return round(ahead / _SKEW_STEP) * _SKEW_STEP if abs(ahead) >= 2 * _SKEW_STEP else 0


def _prepare(credentials: Credentials, clock: Clock) -> RestClient:
    """Load the network libraries and make a client; in a thread, because that takes a few hundred milliseconds."""
    from anyio.lowlevel import checkpoint

    from coder_tui.client import pty, rest, streams, tailnet
    from coder_tui.feeds import looks, netreport

    del pty, streams, tailnet, looks, netreport
    asyncio.run(checkpoint())  # httpx loads anyio's backend at its first use: that would be on the event loop
    return rest.RestClient(credentials, clock=clock)

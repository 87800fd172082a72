"""What the hub knows of each app from all sides: reports, hooks, the program's terminal, its exit code.

A report is stored as it is. The other evidence is weighed (`report.evidence`) and stored as a status where it changes
the app's state, at most once in `GAP` seconds.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coder_tui.errors import StorageError
from coder_tui.hub.agents import LiveAgent
from coder_tui.hub.inbox import add_app_event, app_event
from coder_tui.hub.sanitize import ui_text
from coder_tui.report.evidence import Source
from coder_tui.report.witness import Change, Witness

if TYPE_CHECKING:
    from coder_tui.hub.core import Hub

log = logging.getLogger(__name__)

GAP = 0.5
"""Seconds between two statuses made of evidence; a program that changes its mind faster is shown where it ends up."""
DEBOUNCE = 1.0
"""Seconds a hook's question must stand: permissions that are granted automatically are asked and answered at once."""

# What a terminal answers by itself: reports of attributes, positions, modes, colours, focus. Nobody typed that.
_ANSWER = re.compile(rb"(?:\x1b\[[?>=]?[0-9;:$]*[cnRtyu]|\x1b[\]P][^\x07\x1b]*(?:\x07|\x1b\\))+")


@dataclass(frozen=True, slots=True)
class Report:
    """A status to store. All text is clean. `asks`: what a person is needed for, "" for nothing."""

    state: str
    message: str
    link: str
    icon: str
    asks: str = ""


class Watch:
    """One app of a live agent. An `Observer` of its session."""

    def __init__(self, hub: Hub, agent: LiveAgent, slug: str) -> None:
        self._hub, self._agent, self._slug = hub, agent, slug
        self._witness = Witness()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._told_at = float("-inf")
        self._forgotten = False

    def output(self, data: bytes) -> bytes:
        """The program wrote that; what to answer it."""
        reply, signals = self._witness.output(data, self._loop.time())
        if signals:
            self._soon()
        return reply

    def typed(self, data: bytes) -> None:
        """A client wrote to the program."""
        if not _ANSWER.fullmatch(data):
            self._witness.typed(self._loop.time())
            self._soon()

    async def reported(self, report: Report) -> None:
        """The agent itself reported: stored as it is."""
        now = self._loop.time()
        self._witness.reported(report.state, report.message, report.link, report.asks, now)
        await self._store(report)

    async def hooked(self, report: Report) -> None:
        """A hook reported. On disk when this returns, unless it is a question, which must stand for a moment."""
        self._witness.hooked(report.state, report.message, report.asks, self._loop.time())
        if not report.asks:
            self._hub.permissions.moved_on(self._agent.id, self._slug)
        if report.asks:
            self._soon()
        else:
            await self._tell()

    def agentapi(self, state: str, message: str) -> None:
        """AgentAPI told that."""
        self._witness.agentapi(state, message, self._loop.time())
        self._soon()

    def agentapi_lost(self) -> None:
        """AgentAPI is away."""
        self._witness.agentapi_lost()
        self._soon()

    async def ended(self, code: int) -> None:
        """The program ended by itself. Raises StorageError."""
        if not self._forgotten:
            self._witness.ended(code, self._loop.time())
            await self._tell()

    def forget(self) -> None:
        """Nothing more is told."""
        self._forgotten = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _soon(self) -> None:
        """Look for a change once it may be told, or when a look is planned already."""
        if self._forgotten or self._timer is not None:
            return
        verdict = self._witness.verdict
        wait = DEBOUNCE if verdict is not None and verdict.asks and verdict.source is Source.HOOK else 0.0
        self._timer = self._loop.call_later(max(wait, self._told_at + GAP - self._loop.time()), self._look)

    def _look(self) -> None:
        self._timer = None
        self._hub.witnesses.own(self._tell(), f"status:{self._slug}")

    async def _tell(self) -> None:
        change = self._witness.change()
        if change is not None and not self._forgotten:
            self._told_at = self._loop.time()
            await self._store(_report(change))

    async def _store(self, report: Report) -> None:
        hub, agent = self._hub, self._agent
        app_id, now, who = agent.apps[self._slug], hub.clock(), f"{agent.workspace_name}/{self._slug}"

        def work(db: sqlite3.Connection) -> bool:
            db.execute(
                "INSERT INTO statuses (id, app_id, workspace_id, agent_id, created_at, state, message, uri, icon,"
                " needs_user_attention) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(str(uuid.uuid4()), app_id, agent.workspace_id, agent.id, now, report.state, report.message),
                    *(report.link, report.icon, bool(report.asks)),
                ),
            )
            if app_event(report.state, bool(report.asks)) is None:
                return False
            targets = (agent.workspace_id, hub.site.template_id, hub.site.user.id)
            return add_app_event(
                db, now, app_id=app_id, who=who, targets=targets, message=report.message, uri=report.link
            )

        told = await hub.storage.write(work)
        hub.changed(agent.workspace_id)
        if told:
            hub.notified()


class Witnesses:
    """A watch for each app that somebody reported for, or whose program the hub runs."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._watches: dict[str, dict[str, Watch]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def of(self, agent: LiveAgent, slug: str) -> Watch:
        """The watch of one of the agent's apps."""
        watches = self._watches.setdefault(agent.id, {})
        if slug not in watches:
            watches[slug] = Watch(self._hub, agent, slug)
        return watches[slug]

    def forget(self, agent_id: str) -> None:
        """The agent's build is over."""
        for watch in self._watches.pop(agent_id, {}).values():
            watch.forget()

    def close(self) -> None:
        """The hub stops: nothing more is told."""
        for agent_id in list(self._watches):
            self.forget(agent_id)

    async def settled(self) -> None:
        """Wait for what is being stored."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def own(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run that in the background; a full disk is logged."""

        async def run() -> None:
            try:
                await work
            except StorageError as error:
                log.error("a status cannot be stored: %s", error)

        task = asyncio.create_task(run(), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _report(change: Change) -> Report:
    return Report(change.state, ui_text(change.message), change.link, change.icon, change.asks)

"""All terminal sessions of the hub: started, found again by their token, and ended once nobody comes back.

Contract `04-pty`: five minutes after the last detach the program is ended; that of a managed session never is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from coder_tui.hub.attachment import Attachment
from coder_tui.hub.process import child_environment, shell_argv, spawn
from coder_tui.hub.session import HANGUP_GRACE, Observer, Program, Report, Session

GRACE = 300.0
"""Seconds a session outlives its last client."""


class Sessions:
    """All sessions of the hub, by agent and reconnect token."""

    def __init__(self, *, grace: float = GRACE, hangup_grace: float = HANGUP_GRACE) -> None:
        self._grace, self._hangup_grace = grace, hangup_grace
        self._sessions: dict[tuple[str, str], Session] = {}
        self._running: set[Session] = set()
        self._timers: dict[tuple[str, str], asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._starting = asyncio.Lock()

    def pids(self, agent_id: str) -> list[int]:
        """Leaders of an agent's running sessions."""
        return [s.pid for (agent, _), s in self._sessions.items() if agent == agent_id and not s.ended.is_set()]

    async def start_managed(
        self, agent_id: str, token: str, program: Program, report: Report, observer: Observer | None = None
    ) -> Session:
        """Run a workspace's command; `report` gets its exit code. Raises OSError if it cannot be started."""
        async with self._starting:
            return await self._start((agent_id, token), program, report, observer)

    async def attach(self, agent_id: str, token: str, program: Program) -> tuple[Session, Attachment]:
        """Attach to the session, starting `program` if there is none (or it has ended). Raises OSError."""
        key = (agent_id, token)
        async with self._starting:
            session = self._sessions.get(key)
            if session is None or (session.ended.is_set() and not session.managed):
                session = await self._start(key, program)
            timer = self._timers.pop(key, None)
            if timer is not None:
                timer.cancel()
            return session, session.attach()

    def detach(self, agent_id: str, token: str, session: Session, client: Attachment) -> None:
        """The client is gone; the last one starts the five minutes."""
        session.detach(client)
        key = (agent_id, token)
        if session.attached or session.managed or self._sessions.get(key) is not session or session.ended.is_set():
            return
        self._timers[key] = asyncio.get_running_loop().call_later(self._grace, self._expire, key, session)

    async def end_agent(self, agent_id: str) -> None:
        """End every session of an agent and forget them."""
        keys = [key for key in self._sessions if key[0] == agent_id]
        await self._end(keys, 1000, self._hangup_grace)

    async def close(self) -> None:
        """End everything; clients are told that the server goes away (1001)."""
        grace = min(1.0, self._hangup_grace)
        await self._end(list(self._sessions), 1001, grace)
        # those a cancelled stop build was waiting for
        await asyncio.gather(*(session.end(code=1001, grace=grace) for session in self._running))
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _start(
        self,
        key: tuple[str, str],
        program: Program,
        report: Report | None = None,
        observer: Observer | None = None,
    ) -> Session:
        process, master = await spawn(
            program.argv or shell_argv(program.command),
            directory=program.directory,
            env=child_environment(program.env),
            columns=program.columns,
            rows=program.rows,
        )
        session = self._sessions[key] = Session(process, master, report, observer)
        self._running.add(session)
        self._own(self._forget(key, session), f"session:{key[0]}")
        return session

    async def _forget(self, key: tuple[str, str], session: Session) -> None:
        await session.ended.wait()
        self._running.discard(session)
        if self._sessions.get(key) is session and not session.managed:
            del self._sessions[key]
            timer = self._timers.pop(key, None)
            if timer is not None:
                timer.cancel()

    def _expire(self, key: tuple[str, str], session: Session) -> None:
        self._timers.pop(key, None)
        if not session.attached:
            self._own(session.end(grace=self._hangup_grace), "expire")

    async def _end(self, keys: list[tuple[str, str]], code: int, grace: float) -> None:
        sessions = [self._sessions.pop(key) for key in keys]
        for key in keys:
            timer = self._timers.pop(key, None)
            if timer is not None:
                timer.cancel()
        await asyncio.gather(*(session.end(code=code, grace=grace) for session in sessions))

    def _own(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

"""Builds that nobody asks for at the moment: a stop when the deadline has passed, a start when its hour has come."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from typing import TYPE_CHECKING

from coder_tui.errors import StorageError
from coder_tui.hub.clock import from_time, to_time
from coder_tui.hub.problems import Refused
from coder_tui.hub.schedule import parse_schedule
from coder_tui.wire.workspaces import Transition

if TYPE_CHECKING:
    from coder_tui.hub.builds import Builds
    from coder_tui.hub.core import Hub

log = logging.getLogger(__name__)

AUTOSTART, AUTOSTOP = "autostart", "autostop"
_LONGEST = 60.0  # seconds between two looks while something is due some day: a machine that slept lost its timers

_DEADLINES = """
SELECT b.workspace_id, b.deadline FROM builds b JOIN workspaces w ON w.id = b.workspace_id
WHERE NOT w.deleted AND b.deadline IS NOT NULL AND b.transition = 'start'
AND b.number = (SELECT max(number) FROM builds WHERE workspace_id = w.id)
AND b.job_status NOT IN ('pending', 'running', 'canceling')
"""
_SCHEDULES = """
SELECT b.workspace_id, w.autostart_schedule, b.created_at FROM builds b JOIN workspaces w ON w.id = b.workspace_id
WHERE NOT w.deleted AND w.dormant_at IS NULL AND w.autostart_schedule != '' AND b.transition = 'stop'
AND b.number = (SELECT max(number) FROM builds WHERE workspace_id = w.id) AND b.job_status = 'succeeded'
"""


class Timetable:
    """Owns one task, which sleeps until the next deadline or start."""

    def __init__(self, hub: Hub, builds: Builds) -> None:
        self._hub, self._builds = hub, builds
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="timetable")

    async def stop(self) -> None:
        """End."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def changed(self) -> None:
        """A deadline, a schedule or a build changed: look again."""
        self._changed.set()

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            try:
                wait = await self._look()
            except StorageError as error:
                log.error("deadlines cannot be looked at: %s", error)
                wait = _LONGEST
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def _look(self) -> float | None:
        """Create what is due; the seconds until something else is, or None."""
        wait: float | None = None
        for at, workspace_id, transition in await self._hub.storage.read(upcoming):
            left = (at - self._hub.clock()) / 1_000_000
            if left > 0:
                return min(left, _LONGEST)
            try:
                reason = AUTOSTART if transition is Transition.START else AUTOSTOP
                await self._builds.create(workspace_id, transition, reason)
            except Refused:
                wait = _LONGEST  # somebody was faster, or it cannot be done: no hurry to try again
        return wait


def upcoming(db: sqlite3.Connection) -> list[tuple[int, str, Transition]]:
    """When (microseconds), which workspace, and what: the next of each, soonest first."""
    found = [(row["deadline"], row["workspace_id"], Transition.STOP) for row in db.execute(_DEADLINES)]
    for row in db.execute(_SCHEDULES):
        at = parse_schedule(row["autostart_schedule"]).after(to_time(row["created_at"]))
        found.append((from_time(at), row["workspace_id"], Transition.START))
    return sorted(found)

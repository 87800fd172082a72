"""Which workspaces of a deployment have a stream open, and how those streams are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from heapq import nsmallest
from typing import TYPE_CHECKING

from coder_tui.client.backoff import Backoff, Clock
from coder_tui.fleet.snapshot import Link, LinkState, Workspace

if TYPE_CHECKING:
    from coder_tui.client.streams import Streams
    from coder_tui.wire import workspaces as wire

WATCHES = 64
"""Most streams held open at once for one deployment."""
_AGAIN = 30.0  # seconds before a watch that was refused is asked for again
_MINE = frozenset({"pending", "starting", "running", "stopping", "canceling", "deleting"})


@dataclass(slots=True)
class _Watch:
    """One workspace's stream. `up` is None until it delivered or failed for the first time."""

    task: asyncio.Task[None]
    backoff: Backoff
    up: bool | None = None
    why: str = ""
    retry_at: datetime | None = None
    ended_at: float | None = None  # monotonic seconds: refused, no task any more


class Watches:
    """Bounded streams for those workspaces that need one most.

    `learn` gets each workspace as a stream tells it; `changed` is called when a stream came up (False) or was lost
    (True: what happened meanwhile is unknown).
    """

    def __init__(
        self, deployment: str, clock: Clock, learn: Callable[[wire.Workspace], None], changed: Callable[[bool], None]
    ) -> None:
        self._deployment, self._clock, self._learn, self._changed = deployment, clock, learn, changed
        self._streams: Streams | None = None
        self._group: asyncio.TaskGroup | None = None
        self._open: dict[str, _Watch] = {}
        self._wanted: tuple[str, ...] = ()

    def start(self, streams: Streams, group: asyncio.TaskGroup) -> None:
        """From now on streams may be opened, in tasks of `group`."""
        self._streams, self._group = streams, group

    def stop(self) -> None:
        """The group ended, and every task with it."""
        self._streams = self._group = None
        self._open.clear()

    def want(self, workspace_ids: Collection[str]) -> bool:
        """These are looked at and come first, from the next `choose` on. True when they are others than before."""
        wanted = tuple(workspace_ids)
        if wanted == self._wanted:
            return False
        self._wanted = wanted
        return True

    def nudge(self) -> None:
        """Streams that wait to try again do so now."""
        for watch in self._open.values():
            watch.backoff.nudge()

    def forgive(self) -> None:
        """Streams that were refused may be asked for again by the next `choose`."""
        self._open = {key: watch for key, watch in self._open.items() if watch.ended_at is None}

    def choose(self, known: Collection[Workspace]) -> None:
        """Open and close streams so that the most needed of `known` have one."""
        if self._group is None or self._streams is None:
            return
        wanted = set(self._wanted)

        def need(row: Workspace) -> tuple[bool, bool, bool, float]:
            used = row.last_used_at.timestamp() if row.last_used_at else 0.0
            return row.id not in wanted, row.build_status not in _MINE, row.id not in self._open, -used

        chosen = {row.id for row in nsmallest(WATCHES, known, key=need)}
        now = self._clock.monotonic()
        for workspace_id, watch in list(self._open.items()):
            expired = watch.ended_at is not None and now - watch.ended_at >= _AGAIN
            if workspace_id not in chosen or expired:
                watch.task.cancel()
                del self._open[workspace_id]
        for workspace_id in chosen - self._open.keys():
            backoff = Backoff(self._clock)
            task = self._group.create_task(
                self._follow(self._streams, workspace_id, backoff), name=f"watch:{self._deployment}:{workspace_id}"
            )
            self._open[workspace_id] = _Watch(task, backoff)

    def tells(self, workspace_id: str) -> bool:
        """Whether a stream of this workspace is up: what changes there comes by itself."""
        watch = self._open.get(workspace_id)
        return watch is not None and watch.up is True

    def link(self) -> Link:
        """Live while any stream is up, or none is needed; polling while only the list works."""
        watches = self._open.values()
        if not watches or any(watch.up for watch in watches):
            return Link(LinkState.LIVE)
        lost = [watch for watch in watches if watch.up is False]
        next_try = min((watch.retry_at for watch in lost if watch.retry_at), default=None)
        return Link(LinkState.POLLING, why=lost[0].why if lost else "", next_try=next_try)

    async def _follow(self, streams: Streams, workspace_id: str, backoff: Backoff) -> None:
        from coder_tui.client.streams import Watched, WatchLost

        async with aclosing(streams.watch(workspace_id, backoff)) as events:
            async for event in events:
                watch = self._open.get(workspace_id)
                if watch is None or watch.backoff is not backoff:
                    return  # no longer wanted
                match event:
                    case Watched(workspace):
                        self._learn(workspace)
                        if not watch.up:
                            watch.up, watch.why, watch.retry_at = True, "", None
                            self._changed(False)
                        continue
                    case WatchLost(why, retry_at):
                        watch.up, watch.why, watch.retry_at = False, why, retry_at
                    case _:
                        error = event.error
                        watch.up, watch.why, watch.retry_at = False, error.why or error.what, None
                        watch.ended_at = self._clock.monotonic()
                self._changed(True)

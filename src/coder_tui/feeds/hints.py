"""A hint is worth a look: `WorkspaceUpdates` of the tailnet RPC says which workspaces changed, one read says how.

It carries names, builds' states and which agents there are, of all of a user's workspaces at once: new ones, and those
that no watch is open for. So one workspace is read again within a moment, and the whole list need not be read so often.
A deployment that does not offer it is read as before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Set
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol

from coder_tui.client.backoff import Clock
from coder_tui.errors import ApiError, CoderTuiError
from coder_tui.fleet.snapshot import Workspace

if TYPE_CHECKING:
    from coder_tui.client.rest import RestClient
    from coder_tui.wire.tailnet.updates import TailnetWorkspace

MANY = 20
"""Changed workspaces beyond which the whole list is read instead."""


class Rows(Protocol):
    """Whose rows the hints are about: a `DeploymentFeed`."""

    @property
    def known(self) -> Mapping[str, Workspace]:
        """The rows as they are, by id."""

    def is_told(self, workspace_id: str) -> bool:
        """Whether what changes of this workspace comes by itself."""

    def read_soon(self) -> None:
        """Have the whole list read, but not too often."""

    def forget(self, workspace_id: str) -> None:
        """The workspace is gone."""

    async def learn_now(self, rest: RestClient, workspace_id: str) -> None:
        """Read one workspace again. Raises CoderTuiError."""


class Hints:
    """Follows one deployment's `WorkspaceUpdates`; `start` it once the list was read and `owner_id` is known."""

    def __init__(self, clock: Clock, rows: Rows) -> None:
        self._clock, self._rows = clock, rows
        self._running: asyncio.Task[None] | None = None
        self.owner_id = ""
        """The user whose workspaces are followed; empty: nobody's."""
        self.alive = False
        """The stream is open and has delivered."""
        self.off = ""
        """Why this deployment gives no hints; empty while that is not known."""
        self._changed: set[str] = set()
        self._wake = asyncio.Event()

    def start(self, rest: RestClient, group: asyncio.TaskGroup) -> None:
        """Follow in a task of `group`, unless that is so, or it was found that there is nothing to follow."""
        if self._running is None and self.owner_id:
            self._running = group.create_task(self._run(rest), name="hints")

    def stop(self) -> None:
        """The group ended, and the task with it."""
        self._running = None

    async def _run(self, rest: RestClient) -> None:
        reading = asyncio.create_task(self._read_again(rest), name="hints:reread")
        try:
            await self._follow(rest)
        finally:
            self.alive = False
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _follow(self, rest: RestClient) -> None:
        from coder_tui.client.streams import WatchEnded, WatchLost
        from coder_tui.client.streams_more import Got
        from coder_tui.client.tailnet import TailnetStreams

        whole = True  # the next picture says nothing of what changed before it: our rows do
        async with aclosing(TailnetStreams(rest, self._clock).workspace_updates(self.owner_id)) as events:
            async for event in events:
                match event:
                    case Got(told):
                        self._hint(self._unlike(told.picture) if whole else told.changed, told.picture)
                        whole, self.alive = False, True
                    case WatchLost():
                        if self.alive:
                            self._rows.read_soon()
                        whole, self.alive = True, False
                    case WatchEnded(error):
                        if self.alive:
                            self._rows.read_soon()
                        self.off = error.why or error.what

    def _unlike(self, picture: Mapping[str, TailnetWorkspace]) -> Set[str]:
        known = self._rows.known
        changed = set(known.keys() - picture.keys())
        for key, now in picture.items():
            row = known.get(key)
            if row is None or (row.name, row.build_status) != (now.name, now.status):
                changed.add(key)
        return changed

    def _hint(self, changed: Set[str], picture: Mapping[str, TailnetWorkspace]) -> None:
        # what a watch tells of comes by itself, unless it is gone: then the watch may have nothing to say
        changed = {key for key in changed if key not in picture or not self._rows.is_told(key)}
        if not changed:
            return
        self._changed |= changed
        self._wake.set()

    async def _read_again(self, rest: RestClient) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            changed, self._changed = self._changed, set()
            if len(changed) > MANY:
                self._rows.read_soon()
            else:
                await asyncio.gather(*(self._reread(rest, key) for key in changed))

    async def _reread(self, rest: RestClient, workspace_id: str) -> None:
        try:
            await self._rows.learn_now(rest, workspace_id)
        except CoderTuiError as error:
            if isinstance(error, ApiError) and error.status in {404, 410}:
                self._rows.forget(workspace_id)
            else:
                self._rows.read_soon()

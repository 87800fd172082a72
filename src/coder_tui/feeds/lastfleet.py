"""The last known fleet of each deployment: from disk at the start, to disk while things change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime

from coder_tui.client.backoff import Clock
from coder_tui.errors import StorageError
from coder_tui.feeds.flow import for_a_while
from coder_tui.feeds.memory import Memory
from coder_tui.fleet.cache import FleetText, read_workspaces
from coder_tui.fleet.events import FleetListed
from coder_tui.fleet.snapshot import Deployment, Snapshot, Workspace

AT_ONCE = 500
"""Workspaces: a fleet of so many is there before the first frame, some 30 ms; a larger one follows it in slices."""
SAVE_EVERY = 5.0
"""Seconds: it is written at most this often."""
_SHARE = 100  # and no more of the time than one part of this goes into it


class LastFleet:
    """Reads when asked, and writes what changed. `deployment` gives a deployment as it is now, by name; `warn` is told
    what could not be saved."""

    def __init__(
        self,
        memory: Memory,
        deployment: Callable[[str], Deployment],
        clock: Clock,
        warn: Callable[[StorageError], None],
    ) -> None:
        self._memory, self._deployment, self._clock, self._warn = memory, deployment, clock, warn
        self._later: list[tuple[str, datetime, str]] = []
        self._texts: dict[str, FleetText] = {}
        self._next_save = SAVE_EVERY  # on the clock's monotonic seconds

    def read(self, name: str) -> FleetListed | None:
        """What was saved of that deployment; None where there is nothing, and where it is large: see `large`."""
        saved = self._memory.fleet(name, self._deployment(name).url)
        if saved is None:
            return None
        at, text = saved
        if text.count("\n") > AT_ONCE:
            self._later.append((name, at, text))
            return None
        try:
            return FleetListed(name, tuple(read_workspaces(text)), at, cached=True)
        except ValueError:  # written by another version: the network is about to answer
            return None

    async def large(self) -> AsyncIterator[FleetListed]:
        """The large ones, read in slices: the loop never stands still for them."""
        while self._later:
            name, at, text = self._later.pop(0)
            found: list[Workspace] = []
            steps = _collect(read_workspaces(text), found)
            try:
                while for_a_while(steps):
                    await asyncio.sleep(0)
            except ValueError:
                continue
            yield FleetListed(name, tuple(found), at, cached=True)

    async def save_soon(self, snapshot: Snapshot) -> None:
        """Save in a thread, unless that was done a moment ago."""
        began = self._clock.monotonic()
        if began >= self._next_save:
            await asyncio.to_thread(self.save, snapshot)
            self._next_save = began + max(SAVE_EVERY, (self._clock.monotonic() - began) * _SHARE)

    def save(self, snapshot: Snapshot) -> None:
        """Write each confirmed deployment's workspaces, if they changed since."""
        for name in snapshot.confirmed:
            text = self._texts.setdefault(name, FleetText()).of(
                [row for row in snapshot.workspaces if row.deployment == name]
            )
            if text is None:
                continue
            deployment = self._deployment(name)
            try:
                self._memory.save_fleet(name, deployment.url, deployment.link.refreshed_at or self._clock.now(), text)
            except StorageError as error:
                del self._texts[name]  # not on disk: to be tried again
                self._warn(error)


def _collect(workspaces: Iterator[Workspace], into: list[Workspace]) -> Iterator[None]:
    for workspace in workspaces:
        into.append(workspace)
        yield

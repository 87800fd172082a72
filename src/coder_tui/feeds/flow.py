"""Events into the store, snapshots out to whoever listens; the event loop never stands still for either."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable, Iterator, Sequence
from time import perf_counter

from coder_tui.fleet.events import Event
from coder_tui.fleet.snapshot import Snapshot
from coder_tui.fleet.store import Store

PUBLISH_EVERY = 0.1
"""Seconds: listeners hear of changes at most this often, of the first one at once."""
BULK = 50
"""Workspaces: events that touch more of them are applied in slices, fewer take about 3 ms."""
SLICE = 0.002
"""Seconds the loop is kept at once while many changes are applied."""


class Flow:
    """One store and its listeners. Before `start`, and after `stop`, events are applied at once however many."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._listeners: list[Callable[[Snapshot], None]] = []
        self._group: asyncio.TaskGroup | None = None
        self._apart: asyncio.Task[None] | None = None  # applies many changes in slices
        self._waiting: list[Event] = []  # what comes after these
        self._publishing: asyncio.TimerHandle | None = None
        self._published_at = 0.0

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot."""
        return self._store.snapshot

    def start(self, group: asyncio.TaskGroup) -> None:
        """Take many changes in a task of `group`."""
        self._group = group

    def stop(self) -> None:
        """What was not told yet stays untold."""
        self._group = None
        if self._publishing:
            self._publishing.cancel()
            self._publishing = None

    def subscribe(self, listener: Callable[[Snapshot], None]) -> Callable[[], None]:
        """Call `listener` for every newer snapshot. Returns unsubscribe."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            with contextlib.suppress(ValueError):
                self._listeners.remove(listener)

        return unsubscribe

    def apply(self, events: Sequence[Event]) -> None:
        """Apply events in the order in which they come. Many changes at once are taken in slices, and what comes
        meanwhile waits for its turn."""
        if self._apart is not None:
            self._waiting.extend(events)
        elif self._group is not None and self._store.weight(*events) > BULK:
            self._waiting.extend(events)
            self._apart = self._group.create_task(self._apply_apart(), name="cockpit:apply")
        else:
            before = self._store.snapshot
            if self._store.apply(*events) is not before:
                self._publish_soon()

    async def _apply_apart(self) -> None:
        gc.disable()  # a pass over so many new rows takes longer than any slice, and finds nothing: they have no cycles
        try:
            while self._waiting:
                events, self._waiting = self._waiting, []
                before = self._store.snapshot
                steps = self._store.steps(*events)
                try:
                    while for_a_while(steps):
                        await asyncio.sleep(0)
                finally:
                    for _ in steps:  # cancelled: the store is never left half way
                        pass
                if self._store.snapshot is not before:
                    self._publish_soon()
                if self._store.snapshot.confirmed != before.confirmed:
                    gc.freeze()  # these rows stay: no later pass needs to look at them
        finally:
            self._apart = None
            gc.enable()

    def _publish_soon(self) -> None:
        if self._publishing is None:
            loop = asyncio.get_running_loop()
            at = max(loop.time(), self._published_at + PUBLISH_EVERY)
            self._publishing = loop.call_at(at, self._publish)

    def _publish(self) -> None:
        self._publishing = None
        self._published_at = asyncio.get_running_loop().time()
        for listener in tuple(self._listeners):
            listener(self._store.snapshot)


def for_a_while(steps: Iterator[object]) -> bool:
    """Take steps for one slice of time; whether there are more."""
    end = perf_counter() + SLICE
    return any(perf_counter() >= end for _ in steps)

"""One change, many watchers: the frame is made once, and one task writes it to everyone who keeps up.

A watcher that does not keep up is left to its own task, which waits until it can be written to and then sends the
newest state. So there is one writer for a socket at any time, and what is sent is never older than what was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from coder_tui.hub.events import Subscription, Topics

Push = Callable[[bytes], bool]
"""Writes a frame now; False when the socket takes none."""
Load = Callable[[], Awaitable[bytes]]
_TURN = 100
"""Watchers that are written to before the loop gets its turn, some 2 ms."""


class Watcher:
    """One socket. While it is `told`, the fan writes for it; `left` waits until it must see for itself."""

    __slots__ = ("_push", "_wake", "told")

    def __init__(self, push: Push) -> None:
        self._push = push
        self._wake = asyncio.Event()
        self.told = False

    async def left(self) -> None:
        """Have the fan write, until it cannot, or the hub stops."""
        if not self._wake.is_set():
            self.told = True
            await self._wake.wait()
        self._wake.clear()

    def tell(self, frame: bytes | None) -> None:
        """Write `frame`, or leave it to the watcher."""
        if not (self.told and frame is not None and self._push(frame)):
            self.told = False
            self._wake.set()


class Fan:
    """The watchers of each topic, and for each topic with some a task that loads and writes."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self._watchers: dict[str, set[Watcher]] = {}
        self._ends: dict[str, ExitStack] = {}  # of the topic's task and its subscription

    @contextmanager
    def watch(self, topic: str, push: Push, load: Load) -> Iterator[Watcher]:
        """Watch `topic` for the life of the context. `load` gives the newest frame; what it raises, each watcher must
        find out for itself."""
        watchers = self._watchers.setdefault(topic, set())
        if topic not in self._ends:
            # subscribed before the watcher reads anything: what changes from now on is told
            end = self._ends[topic] = ExitStack()
            changes = end.enter_context(self._topics.subscribe(topic))
            end.callback(asyncio.create_task(_tell(changes, watchers, load), name=f"fan:{topic}").cancel)
        watcher = Watcher(push)
        watchers.add(watcher)
        try:
            yield watcher
        finally:
            watchers.discard(watcher)
            if not watchers and self._watchers.get(topic) is watchers:
                del self._watchers[topic]
                self._ends.pop(topic).close()

    @property
    def closing(self) -> bool:
        """The hub stops."""
        return self._topics.closing


async def _tell(changes: Subscription, watchers: set[Watcher], load: Load) -> None:
    while not changes.closing:
        await changes.changed()
        frame = await _newest(changes, load)
        for number, watcher in enumerate(tuple(watchers), 1):
            watcher.tell(frame)
            if not number % _TURN:
                await asyncio.sleep(0)


async def _newest(changes: Subscription, load: Load) -> bytes | None:
    if not changes.closing:
        with suppress(Exception):
            return await load()
    return None

"""What the clients of one hub share: standings both ways, and what the hub could not take of reports.

A word said while the hub is away is kept in the journal, and sent when its stream opens again: the latest stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from coder_tui.client.backoff import Clock
from coder_tui.errors import ApiError, CoderTuiError, StorageError
from coder_tui.feeds.journal import Word
from coder_tui.fleet.snapshot import Refused
from coder_tui.text import one_line

if TYPE_CHECKING:
    from coder_tui.client.rest import RestClient
    from coder_tui.feeds.memory import Memory
    from coder_tui.wire import shared as wire

HUB = "coder-tui"
"""What the version of a hub has in it, and Coder's has not."""


class SharedFeed:
    """Keeps one hub's clients of one mind. `learned` is called when words came, `refused` with reports refused."""

    def __init__(
        self,
        deployment: str,
        memory: Memory,
        clock: Clock,
        learned: Callable[[], None],
        refused: Callable[[tuple[Refused, ...]], None],
    ) -> None:
        self._deployment, self._memory, self._clock = deployment, memory, clock
        self._learned, self._refused = learned, refused
        self._said = asyncio.Event()
        self._following: asyncio.Task[None] | None = None
        self._sending: asyncio.Task[None] | None = None
        self._old = False  # a hub from before these routes

    def start(self, rest: RestClient, group: asyncio.TaskGroup) -> None:
        """Follow the hub in tasks of `group`, unless it is followed."""
        if self._old:
            return
        if self._following is None or self._following.done():  # done: its credentials were refused
            self._following = group.create_task(self._follow(rest), name=f"shared:{self._deployment}")
        if self._sending is None:
            self._sending = group.create_task(self._send(rest), name=f"shared-send:{self._deployment}")

    def stop(self) -> None:
        """The group ended, and its tasks with it."""
        self._following = self._sending = None

    def say(self) -> None:
        """Something may have been said here."""
        self._said.set()

    async def _follow(self, rest: RestClient) -> None:
        from coder_tui.client.streams import WatchEnded
        from coder_tui.client.streams_more import CloserStreams, Got

        async with aclosing(CloserStreams(rest, self._clock).shared()) as events:
            async for event in events:
                if isinstance(event, WatchEnded):
                    self._old = isinstance(event.error, ApiError) and event.error.status == 404
                elif isinstance(event, Got):  # words of ours go out once the hub's are known
                    self._refused(refusals(event.value))
                    try:
                        if await asyncio.to_thread(self._memory.merge, self._deployment, words(event.value.standings)):
                            self._learned()
                    except StorageError:
                        pass  # the memory warns
                    self._said.set()

    async def _send(self, rest: RestClient) -> None:
        while True:
            await self._said.wait()
            self._said.clear()
            try:
                await push(rest, self._deployment, self._memory)
            except CoderTuiError:
                pass  # what could not be sent is kept, and sent when the stream opens again


async def push(rest: RestClient, deployment: str, memory: Memory) -> None:
    """Send the words that the hub has not heard. Raises CoderTuiError."""
    from coder_tui.wire.shared import Standing

    while said := await asyncio.to_thread(memory.unsent, deployment):
        standing = await rest.say(
            [Standing(kind=one.kind, subject=one.subject, on=one.on, until=one.until, at=one.at) for one in said]
        )
        if [(one.kind, one.subject) for one in standing] != [(one.kind, one.subject) for one in said]:
            return  # a hub of another kind: never twice around
        await asyncio.to_thread(memory.heard, deployment, said, words(standing))


def words(standings: Sequence[wire.Standing]) -> list[Word]:
    """Off the wire."""
    return [Word(one.kind, one.subject, one.on, one.at, one.until) for one in standings]


def refusals(shared: wire.Shared) -> tuple[Refused, ...]:
    """Off the wire, safe to paint."""
    return tuple(Refused(one.agent_id, one_line(one.slug), one.count, one.at) for one in shared.refusals)

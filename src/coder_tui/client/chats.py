"""The chats of one user on one deployment: listed, then watched, where the server has them.

Only `chats` and `chats/watch` are ever opened. A chat's own stream moves its owner's read cursor, so that an unread
answer would look read: we never open one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime

from coder_tui.client.backoff import CLOCK, Backoff, Clock
from coder_tui.client.rest import RestClient
from coder_tui.client.sockets import Closed, hopeless, open_socket, protocol_mismatch, receive
from coder_tui.errors import ApiError, CoderTuiError, ProtocolError
from coder_tui.wire.chats import Chat, ChatFrame, ChatWatchEvent

PREFIXES = ("experimental", "v2")
"""Where chats have been: under `/api/experimental` first, under `/api/v2` in the newest servers."""
LIMIT = 50
"""Chats that are read, newest first."""
POLL = 45.0
"""Seconds between two reads of the list where there is no watch, give or take a third."""
_BIG = 1 << 16  # bytes of JSON that are parsed in a thread rather than on the event loop
_ABSENT = frozenset({403, 404, 405})  # no such route; or the experiment is off, or not for this user


@dataclass(frozen=True, slots=True)
class ChatsListed:
    """Every chat there is, as far as we look."""

    chats: tuple[Chat, ...]


@dataclass(frozen=True, slots=True)
class ChatChanged:
    """Something happened to one chat: `event.kind` says what, `event.chat` how it is now."""

    event: ChatWatchEvent


@dataclass(frozen=True, slots=True)
class ChatsLost:
    """The watch broke. What happened meanwhile is unknown until the list is read again."""

    why: str
    retry_at: datetime


@dataclass(frozen=True, slots=True)
class ChatsOff:
    """There are no chats here, or no retry would help. Nothing follows."""

    why: str


ChatsEvent = ChatsListed | ChatChanged | ChatsLost | ChatsOff


class Chats:
    """`follow()` tells of the chats for as long as it is iterated. Close it (`contextlib.aclosing`) to stop."""

    def __init__(self, rest: RestClient, clock: Clock = CLOCK) -> None:
        self._rest, self._clock = rest, clock
        self._watch = True  # until the server says that it has none

    async def follow(self) -> AsyncGenerator[ChatsEvent, None]:
        """The list, then each change; after a break the list again, so no gap."""
        try:
            prefix, chats = await self._find()
        except LookupError as absent:
            yield ChatsOff(str(absent))
            return
        yield ChatsListed(chats)
        backoff = Backoff(self._clock)
        while True:
            try:
                if self._watch:
                    async for event in self._watched(prefix, backoff):
                        yield event
                # there is no watch
                await self._clock.sleep(POLL * (2 + 2 * self._clock.random()) / 3)
                yield ChatsListed(await self._list(prefix))
                continue
            except Closed as closed:
                if closed.hopeless:
                    yield ChatsOff(str(protocol_mismatch(closed)))
                    return
                why = closed.why
            except CoderTuiError as error:
                if hopeless(error):
                    yield ChatsOff(str(error))
                    return
                why = error.why or error.what
            yield ChatsLost(why, backoff.lost())
            await backoff.pause()

    async def _find(self) -> tuple[str, tuple[Chat, ...]]:
        """The prefix under which there are chats, and the chats. Raises LookupError: there are none for us."""
        backoff = Backoff(self._clock)
        while True:
            try:
                for prefix in PREFIXES:
                    try:
                        return prefix, await self._list(prefix)
                    except ApiError as error:
                        if error.status not in _ABSENT:
                            raise
                raise LookupError("the deployment has no chats")
            except CoderTuiError as error:
                if hopeless(error) or isinstance(error, ProtocolError):
                    raise LookupError(str(error)) from None
            backoff.lost()
            await backoff.pause()

    async def _list(self, prefix: str) -> tuple[Chat, ...]:
        return tuple((await self._rest.chats(prefix, LIMIT))[:LIMIT])

    async def _watched(self, prefix: str, backoff: Backoff) -> AsyncGenerator[ChatsEvent, None]:
        """Subscribe first, then read the list: what happens in between is told twice rather than never."""
        path = f"/api/{prefix}/chats/watch"
        try:
            socket = await open_socket(
                self._rest.credentials, path, tls=self._rest.tls, budget=self._rest.budget, max_size=4 << 20
            )
        except ApiError as error:
            if error.status not in _ABSENT:
                raise
            self._watch = False
            return
        async with socket:
            backoff.opened()
            yield ChatsListed(await self._list(prefix))
            while True:
                data = await receive(socket)
                backoff.proved()
                try:
                    frame = ChatFrame.read(data) if len(data) < _BIG else await asyncio.to_thread(ChatFrame.read, data)
                except ProtocolError:
                    continue  # an event of a kind that we do not know; the others still count
                if frame.event:
                    yield ChatChanged(frame.event)

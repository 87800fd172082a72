"""Types into a program's terminal without attaching to it: its size stays as it is. No screen is involved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from coder_tui.errors import NotFoundError, UnreachableError
from coder_tui.feeds.source import PtyEnded, PtyEvent, PtyLost, PtyOutput, PtyStream
from coder_tui.modes import ModeTracker
from coder_tui.terminal.core import Modes
from coder_tui.terminal.keys import encode_key, encode_paste

_REPLAY = 2.0  # seconds to wait for the first output, which says whether the program wants pastes marked
_ECHO = 0.5  # seconds to wait until the program shows what was pasted, before the Return key
_PAUSE = 0.15  # seconds between what it shows and Return: gemini-cli takes one within 40 ms for pasted
_AFTER = 0.02  # seconds in which a terminal that has ended says so
_BRACKETED, _CURSOR_KEYS = 2004, 1


async def type_text(stream: PtyStream, where: str, text: str, *, enter: bool = True) -> None:
    """Paste `text` (marked as a paste where the program wants that), then Return. Ends the stream.

    `where` names the terminal in errors. Raises NotFoundError when its program has ended, UnreachableError.
    """
    listener = _Listener(stream, where)
    try:
        modes = await listener.modes()
        stream.send(encode_paste(text.rstrip("\n"), modes).decode())
        await stream.drain()
        if enter:
            # with the text in one piece, or right behind it, some programs take it for a part of that
            await listener.output(_ECHO)
            await asyncio.sleep(_PAUSE)
            stream.send(encode_key("enter", None, modes).decode())
        await stream.drain()
        await listener.output(_AFTER)
    finally:
        await listener.close()


async def type_keys(stream: PtyStream, where: str, keys: list[str]) -> None:
    """Press keys by name. Ends the stream; raises as `type_text`."""
    listener = _Listener(stream, where)
    try:
        modes = await listener.modes()
        stream.send(b"".join(encode_key(key, None, modes) for key in keys).decode())
        await stream.drain()
        await listener.output(_AFTER)
    finally:
        await listener.close()


class _Listener:
    """Looks at a stream for a while, again and again."""

    def __init__(self, stream: PtyStream, where: str) -> None:
        self._stream, self._where = stream, where
        self._events: AsyncIterator[PtyEvent] = aiter(stream)
        self._next: asyncio.Task[PtyEvent | None] | None = None

    async def modes(self) -> Modes:
        """What the program wants, as its replay says."""
        tracker = ModeTracker()
        tracker.feed(await self.output(_REPLAY))
        return Modes(bracketed_paste=tracker.is_on(_BRACKETED), application_cursor=tracker.is_on(_CURSOR_KEYS))

    async def output(self, seconds: float) -> bytes:
        """The next output, b"" if none comes in time. Raises NotFoundError when it ended, UnreachableError."""
        until = asyncio.get_running_loop().time() + seconds
        while True:
            # not cancelled when time is up: that would end the stream
            self._next = self._next or asyncio.create_task(_next(self._events), name="type:listen")
            left = until - asyncio.get_running_loop().time()
            done, _ = await asyncio.wait([self._next], timeout=max(0.0, left))
            if not done:
                return b""
            event, self._next = self._next.result(), None
            match event:
                case PtyOutput(data):
                    return data
                case PtyEnded(why):
                    raise NotFoundError(f"nothing runs in {self._where}", why=why, fix="start it again")
                case PtyLost(why):
                    raise UnreachableError(f"cannot reach {self._where}", why=why)
                case None:
                    return b""
                case _:
                    pass

    async def close(self) -> None:
        """Detach."""
        await self._stream.close()
        if self._next is not None:
            self._next.cancel()
            await asyncio.wait([self._next])
        if isinstance(self._events, AsyncGenerator):
            await self._events.aclose()


async def _next(events: AsyncIterator[PtyEvent]) -> PtyEvent | None:
    return await anext(events, None)

"""`coder-tui send WHAT TEXT`: type into a program's terminal without attaching to it. Its size stays as it is."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from datetime import UTC, datetime

from coder_tui.cli.agents import tell
from coder_tui.cli.deployments import chosen_or_hub, configuration
from coder_tui.cli.ls import look
from coder_tui.cli.what import Place, the_place
from coder_tui.client.credentials import Credentials
from coder_tui.client.events import PtyEnded, PtyEvent, PtyLost, PtyOutput
from coder_tui.client.pty import PtyStream
from coder_tui.client.rest import RestClient
from coder_tui.errors import NotFoundError, UnreachableError, UsageError
from coder_tui.modes import ModeTracker
from coder_tui.terminal.core import Modes
from coder_tui.terminal.keys import encode_key, encode_paste

LIMIT = 1 << 20
"""Characters of text at most: what a program does not read is lost."""
_REPLAY = 2.0  # seconds to wait for the first output, which says whether the program wants pastes marked
_ECHO = 0.5  # seconds to wait until the program shows what was pasted, before the Return key

_BRACKETED, _CURSOR_KEYS = 2004, 1


def run(arguments: Namespace) -> int:
    """Send text and Return, or keys by name. Raises NotFoundError, UsageError, UnreachableError, ApiError."""
    text = sys.stdin.read(LIMIT + 1) if arguments.text == ["-"] else " ".join(arguments.text)
    if len(text) > LIMIT:
        raise UsageError(f"this is more than {LIMIT} characters", fix="send a file's name instead")
    if not text.strip() and not arguments.no_enter:
        raise UsageError("there is nothing to send", fix="give a text, or --keys enter")
    if arguments.keys:
        for key in text.split():
            if not encode_key(key, None, Modes()):
                raise UsageError(f"there is no key called {key!r}", fix="as in: enter, escape, ctrl+c, up, y")
    return asyncio.run(_run(arguments, text))


async def _run(arguments: Namespace, text: str) -> int:
    config = configuration(arguments)
    every = chosen_or_hub(arguments, config)
    snapshot, errors = await look(every, config)
    try:
        place = the_place(snapshot, arguments.what, datetime.now(UTC), shell=False)
    except NotFoundError:
        if errors:
            raise errors[0] from None
        raise
    tell(errors)
    if place.app is None:
        raise NotFoundError(f"{place.address} runs no command to send to", fix="open a shell with `coder-tui attach`")
    credentials = next(one for one in every if one.name == place.deployment)
    await _send(credentials, place, place.app.id, text, keys=arguments.keys, enter=not arguments.no_enter)
    return 0


async def _send(credentials: Credentials, place: Place, reconnect: str, text: str, *, keys: bool, enter: bool) -> None:
    async with await asyncio.to_thread(RestClient, credentials) as rest:
        command = place.app.command if place.app else ""
        # no size: the one who looks at the terminal keeps his
        stream = PtyStream(credentials, place.agent.id, reconnect, (0, 0), command=command, tls=rest.tls)
        listener = _Listener(stream, place)
        try:
            tracker = ModeTracker()
            tracker.feed(await listener.output(_REPLAY))
            modes = Modes(bracketed_paste=tracker.is_on(_BRACKETED), application_cursor=tracker.is_on(_CURSOR_KEYS))
            if keys:
                stream.send(b"".join(encode_key(key, None, modes) for key in text.split()).decode())
            else:
                stream.send(encode_paste(text.rstrip("\n"), modes).decode())
                await stream.drain()
                if enter:
                    # with the text in one piece, some programs take it for a part of that
                    await listener.output(_ECHO)
                    stream.send(encode_key("enter", None, modes).decode())
            await stream.drain()
        finally:
            await listener.close()


class _Listener:
    """Looks at a stream for a while, again and again."""

    def __init__(self, stream: PtyStream, place: Place) -> None:
        self._stream, self._events, self._place = stream, stream.__aiter__(), place
        self._next: asyncio.Task[PtyEvent | None] | None = None

    async def output(self, seconds: float) -> bytes:
        """The next output, b"" if none comes in time. Raises NotFoundError when it ended, UnreachableError."""
        until = asyncio.get_running_loop().time() + seconds
        while True:
            # not cancelled when time is up: that would end the stream
            self._next = self._next or asyncio.create_task(anext(self._events, None), name="send:listen")
            left = until - asyncio.get_running_loop().time()
            done, _ = await asyncio.wait([self._next], timeout=max(0.0, left))
            if not done:
                return b""
            event, self._next = self._next.result(), None
            match event:
                case PtyOutput(data):
                    return data
                case PtyEnded(why):
                    raise NotFoundError(f"nothing runs in {self._place.address}", why=why, fix="start it again")
                case PtyLost(why):
                    raise UnreachableError(f"cannot reach {self._place.address}", why=why)
                case None:
                    return b""
                case _:
                    pass

    async def close(self) -> None:
        """Detach."""
        await self._stream.close()
        if self._next is not None:
            await asyncio.wait([self._next])
        await self._events.aclose()

"""`attach` without a terminal of its own: stdin is typed, output is printed, as `ssh host command` would.

A session of our own (a shell, or `-- CMD`) ends with stdin and we end with it; an app's terminal is only visited:
we go once stdin has ended and nothing came for a second. What is typed goes through a terminal: text in UTF-8, in
lines of at most 4,095 bytes, where control characters act as keys. A broken connection is an error: a replay in the
middle of the output would corrupt it.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import secrets
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from coder_tui.cli.signals import EndSignals
from coder_tui.client.events import PtyEnded, PtyLost, PtyOpened, PtyOutput
from coder_tui.client.pty import PtyStream
from coder_tui.errors import UnreachableError

QUIET_SECONDS = 1.0
"""How long a visited terminal must say nothing after stdin's end."""
_READ = 16 << 10
_SHELL = "exec sh -c 'cat | \"${SHELL:-sh}\"'"  # a shell that reads a script does not prompt

T = TypeVar("T")


class OwnSession:
    """The command line of a session of our own, and its output without what came before the command ran."""

    def __init__(self, command: str) -> None:
        mark = secrets.token_hex(8)
        # No echo and no carriage returns. The mark is written in two parts, so that no echo of it is taken for it.
        self.command = f"stty -echo -opost -ixon; printf '%s%s\\n' {mark[:8]} {mark[8:]}; {command or _SHELL}"
        self._mark = f"{mark}\n".encode()
        self._before: bytearray | None = bytearray()

    @property
    def begun(self) -> bool:
        """Whether the command runs: what is typed now is not echoed."""
        return self._before is None

    def feed(self, data: bytes) -> bytes:
        """What of the output is the command's."""
        if self._before is None:
            return data
        self._before += data
        _, found, rest = bytes(self._before).partition(self._mark)
        if not found:
            return b""
        self._before = None
        return rest

    def rest(self) -> bytes:
        """The output of a session that ended before its command ran: it says why."""
        return bytes(self._before or b"")


class Piped:
    """One visit. `own` is given for a session of our own."""

    def __init__(self, stream: PtyStream, signals: EndSignals, own: OwnSession | None) -> None:
        self._stream, self._signals, self._own = stream, signals, own
        self._ready = asyncio.Event()
        self._quiet: asyncio.TimerHandle | None = None
        self._stdin_ended = False
        self._over = asyncio.Event()
        self.ended: PtyEnded | None = None
        """How the session ended; None when it was left."""

    async def run(self) -> None:
        """Until the end. Raises UnreachableError when the connection breaks, BrokenPipeError when nobody reads us."""
        self._signals.how = self._over.set
        if self._signals.code:
            return
        typing = asyncio.create_task(self._type(), name="attach:type")
        following = asyncio.create_task(self._follow(), name="attach:follow")
        over = asyncio.create_task(self._over.wait(), name="attach:over")
        try:
            await asyncio.wait([following, over], return_when=asyncio.FIRST_COMPLETED)
            if self._signals.code and self._own:
                self._stream.send("\x03")  # nobody will come back for it
                await self._stream.drain()
        finally:
            for task in (typing, following, over):
                task.cancel()
            await asyncio.wait([typing, following, over])
            await self._stream.close()
            if self._quiet:
                self._quiet.cancel()
        for task in (following, typing):
            if not task.cancelled():
                task.result()

    async def _follow(self) -> None:
        async for event in self._stream:
            match event:
                case PtyOutput(data):
                    await self._print(self._own.feed(data) if self._own else data)
                    if self._own is None or self._own.begun:
                        self._ready.set()
                    self._listen()
                case PtyOpened() if self._own is None:
                    self._ready.set()
                case PtyLost(why):
                    raise UnreachableError("the connection to the terminal broke", why=why)
                case PtyEnded():
                    self.ended = event
                    if self._own:
                        await self._print(self._own.rest())

    async def _type(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        await self._ready.wait()
        last = b"\n"
        while data := await _aside(lambda: os.read(sys.stdin.fileno(), _READ)):
            self._stream.send(decoder.decode(data))
            await self._stream.drain()
            last = data[-1:]
        self._stdin_ended = True
        if self._own:
            # end of file, as typed: the first of two ends a line that has not ended
            self._stream.send("\x04" if last == b"\n" else "\x04\x04")
        self._listen()

    def _listen(self) -> None:
        if self._stdin_ended and self._own is None:
            if self._quiet:
                self._quiet.cancel()
            self._quiet = asyncio.get_running_loop().call_later(QUIET_SECONDS, self._over.set)

    async def _print(self, data: bytes) -> None:
        if data:
            await _aside(lambda: _write_all(memoryview(data)))


def _write_all(data: memoryview) -> None:
    while data:
        data = data[os.write(sys.stdout.fileno(), data) :]


async def _aside(work: Callable[[], T]) -> T:
    """Run what blocks in a thread that nobody waits for at the end: stdin may never say anything again."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            settle = partial(answer.set_result, work())
        except BaseException as error:
            settle = partial(answer.set_exception, error)
        with suppress(RuntimeError):  # the loop is gone, and nobody asks any more
            loop.call_soon_threadsafe(_settle, answer, settle)

    threading.Thread(target=run, name="attach:aside", daemon=True).start()
    return await answer


def _settle(answer: asyncio.Future[T], settle: Callable[[], None]) -> None:
    if not answer.done():
        settle()

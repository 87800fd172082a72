"""The terminal we were started in, lent to a program elsewhere: raw while it is lent, and as it was afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import termios
import tty
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from coder_tui.modes import ModeTracker

_READ = 64 << 10
_PUSH_TITLE, _POP_TITLE = b"\x1b[22;0t", b"\x1b[23;0t"
# Sync, hyperlink, colours, character set, margins (setting them moves the cursor), cursor shape.
_PLAIN = b"\x1b[?2026l\x1b]8;;\x1b\\\x1b[m\x1b(B\x0f\x1b7\x1b[r\x1b8\x1b[0 q"


class OuterTerminal:
    """stdin and stdout as one raw terminal, on the running event loop. Restored by leaving the context, always.

    `on_input` gets what is typed, `on_size` is called for SIGWINCH, `on_gone` once when the terminal has vanished.
    """

    def __init__(
        self, on_input: Callable[[bytes], object], on_size: Callable[[], object], on_gone: Callable[[], object]
    ) -> None:
        self._on_input, self._on_size, self._on_gone = on_input, on_size, on_gone
        self._modes = ModeTracker()
        self._status = False
        self._gone = False
        self._loop = asyncio.get_running_loop()
        self._stdin = sys.stdin.fileno()
        self._fd = -1

    def __enter__(self) -> Self:
        self._before = termios.tcgetattr(self._stdin)
        # An opening of our own: not to block is a property of the opening, and stdin is shared with the shell.
        self._fd = os.open(os.ttyname(sys.stdout.fileno()), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            tty.setraw(self._stdin, termios.TCSANOW)
            self._loop.add_reader(self._fd, self._readable)
            self._loop.add_signal_handler(signal.SIGWINCH, self._on_size)
            self._now(_PUSH_TITLE)
        except BaseException:
            self._restore()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows, at least one each."""
        try:
            size = os.get_terminal_size(self._fd if self._fd >= 0 else self._stdin)
        except OSError:
            return 80, 24
        return max(size.columns, 1), max(size.lines, 1)

    @property
    def alternate(self) -> bool:
        """Whether the program shows the alternate screen."""
        return self._modes.alternate

    async def write(self, data: bytes) -> None:
        """Output of the program, passed on as it is. Waits for the terminal; forgotten once that is gone."""
        self._modes.feed(data)
        rest = memoryview(data)
        while rest and not self._gone:
            rest = rest[self._some(rest) :]
            if rest and not self._gone:
                await self._writable()

    async def clear(self, *, keep: bool) -> None:
        """A fresh screen, in no mode the program chose. `keep` scrolls what is there into the history first."""
        await self.write(self._modes.leave() + _PLAIN)
        self._status = False
        await self.write(b"\n" * self.size[1] + b"\x1b[H" if keep else b"\x1b[H\x1b[2J")

    def status(self, text: str) -> None:
        """One line at the lower edge, over what the program has there; gone with the next `clear`."""
        columns, rows = self.size
        line = text[: columns - 1].ljust(columns - 1).encode("ascii", "replace")
        end = b"\x18\x1b\\" if self._modes.inside else b""
        self._now(end + b"\x1b[?2026l\x1b7\x1b[%d;1H\x1b[0;7m%s\x1b[m\x1b8" % (rows, line))
        self._status = True

    def _restore(self) -> None:
        if self._fd < 0:
            return
        wipe = b"\x1b7\x1b[%d;1H\x1b[2K\x1b8" % self.size[1] if self._status else b""
        line = b"" if self.alternate else b"\r\n"
        self._now(wipe + self._modes.leave() + _PLAIN + line + _POP_TITLE)
        self._loop.remove_reader(self._fd)
        self._loop.remove_signal_handler(signal.SIGWINCH)
        with suppress(termios.error, OSError):
            # Without waiting for a terminal that may be stuck. What is still unread was not typed for the shell:
            # the rest of a paste, or answers to the program's questions.
            termios.tcsetattr(self._stdin, termios.TCSANOW, self._before)
            termios.tcflush(self._stdin, termios.TCIFLUSH)
        os.close(self._fd)
        self._fd = -1

    def _now(self, data: bytes) -> None:
        """Write what fits now; a terminal that takes nothing is not waited for."""
        self._some(memoryview(data))

    def _some(self, data: memoryview) -> int:
        try:
            return os.write(self._fd, data)
        except BlockingIOError:
            return 0
        except OSError:
            self._vanished()
            return 0

    async def _writable(self) -> None:
        ready = asyncio.Event()
        self._loop.add_writer(self._fd, ready.set)
        try:
            await ready.wait()
        finally:
            self._loop.remove_writer(self._fd)

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, _READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._on_input(data)
        else:
            self._loop.remove_reader(self._fd)
            self._vanished()

    def _vanished(self) -> None:
        if not self._gone:
            self._gone = True
            self._on_gone()

"""A PTY of this machine behind the PtyStream protocol: a real program, and a link that can be cut on purpose."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import signal
import struct
import termios
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from coder_tui.feeds.source import PtyEnded, PtyEvent, PtyLost, PtyOpened, PtyOutput, PtyTarget


class LocalPty:
    """One program in a PTY. `cut` loses the link as a dead socket would; the program runs on and its output is kept."""

    def __init__(self, argv: list[str], columns: int, rows: int) -> None:
        self.argv, self.columns, self.rows = argv, columns, rows
        self.sent: list[str] = []
        self.sizes: list[tuple[int, int]] = []
        self.retried = asyncio.Event()
        self.closed = False
        self._events: asyncio.Queue[PtyEvent | Exception | None] = asyncio.Queue()
        self._history = bytearray()
        self._up = True
        self._pid = self._fd = -1

    def _start(self) -> None:
        pid, fd = pty.fork()
        if pid == 0:
            try:
                os.environ.update(TERM="xterm-256color", PS1="$ ", LC_ALL="C.UTF-8")
                os.execvp(self.argv[0], self.argv)
            finally:
                os._exit(127)
        self._pid, self._fd = pid, fd
        self._set_size()
        asyncio.get_running_loop().add_reader(fd, self._readable)

    def _set_size(self) -> None:
        if self._fd >= 0:
            fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", self.rows, self.columns, 0, 0))

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, 65536)
        except OSError:
            data = b""
        if data:
            self._history += data
            if self._up:
                self._events.put_nowait(PtyOutput(data))
        else:
            asyncio.get_running_loop().remove_reader(self._fd)
            self._events.put_nowait(PtyEnded(""))

    async def __aiter__(self) -> AsyncIterator[PtyEvent]:
        self._start()
        yield PtyOpened()
        while (event := await self._events.get()) is not None:
            if isinstance(event, Exception):
                raise event
            yield event
            if isinstance(event, PtyEnded):
                return

    def cut(self, seconds: float = 60) -> None:
        """Lose the link."""
        self._up = False
        self._events.put_nowait(PtyLost("the socket broke", datetime.now(UTC) + timedelta(seconds=seconds)))

    def heal(self) -> None:
        """The link is back: the whole history is replayed."""
        self._up = True
        self._events.put_nowait(PtyOpened(again=True))
        self._events.put_nowait(PtyOutput(bytes(self._history)))

    def fail(self, error: Exception) -> None:
        """Break the stream itself."""
        self._events.put_nowait(error)

    def inject(self, data: bytes) -> None:
        """Output as if the program had written it."""
        self._events.put_nowait(PtyOutput(data))

    def send(self, data: str) -> None:
        """To the program."""
        self.sent.append(data)
        if self._up and self._fd >= 0:
            os.write(self._fd, data.encode())

    def resize(self, columns: int, rows: int) -> None:
        """To the program."""
        self.columns, self.rows = columns, rows
        self.sizes.append((columns, rows))
        self._set_size()

    async def drain(self) -> None:
        """Typing is done at once."""

    def retry_now(self) -> None:
        """Noted, and done."""
        self.retried.set()
        self.heal()

    async def close(self) -> None:
        """End the program too: this is a test."""
        if self.closed:
            return
        self.closed = True
        self._events.put_nowait(None)
        if self._pid > 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)


class LocalSource:
    """Opens local PTYs and keeps them at hand."""

    def __init__(self, argv: list[str] | None = None) -> None:
        self.argv = argv or ["bash", "--norc", "--noprofile"]
        self.opened: list[tuple[PtyTarget, LocalPty]] = []
        self.kept: list[PtyTarget] = []

    def terminals(self, deployment: str, agent_id: str) -> list[PtyTarget]:
        """Those kept of the agent."""
        return [one for one in self.kept if (one.deployment, one.agent_id) == (deployment, agent_id)]

    def keep_terminal(self, target: PtyTarget) -> None:
        """Keep it."""
        if target not in self.kept:
            self.kept.append(target)

    def forget_terminal(self, reconnect: str) -> None:
        """No more."""
        self.kept = [one for one in self.kept if one.reconnect != reconnect]

    def open_pty(self, target: PtyTarget, columns: int, rows: int) -> LocalPty:
        """A PTY with the program, started when iterated."""
        stream = LocalPty(self.argv, columns, rows)
        self.opened.append((target, stream))
        return stream

    @property
    def last(self) -> LocalPty:
        """The newest one."""
        return self.opened[-1][1]

"""A program in a real PTY whose screen is read back by our terminal core: what a person would see."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from coder_tui.terminal.core import Modes, create_core, screen_text

PATIENCE = 20.0
"""Longest wait for anything to appear, in seconds. A bound, never a pause."""


class Term:
    """Runs `argv` in a PTY of `columns` x `rows`; `wait_for` blocks until the screen says so."""

    def __init__(
        self, argv: Sequence[str], *, env: Mapping[str, str], columns: int = 140, rows: int = 40, cwd: str | None = None
    ) -> None:
        self._core = create_core(columns, rows, 1000)
        self._changed = threading.Condition()
        self._raw = bytearray()
        self._master, slave = pty.openpty()
        self._set_size(slave, columns, rows)
        self.process = subprocess.Popen(
            argv,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**env, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
            cwd=cwd,
            start_new_session=True,
            close_fds=True,
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, name="pty-reader", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        os.close(self._master)

    @staticmethod
    def _set_size(fd: int, columns: int, rows: int) -> None:
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # EIO: the last process closed the terminal
                data = b""
            with self._changed:
                if data:
                    self._raw += data
                    self._core.feed(data)
                    self._answer()
                self._changed.notify_all()
            if not data:
                return

    def _answer(self) -> None:
        if replies := self._core.take_replies():
            os.write(self._master, replies)

    @property
    def screen(self) -> str:
        """What is on the screen now, as lines of text."""
        with self._changed:
            return screen_text(self._core)

    @property
    def modes(self) -> Modes:
        """The modes the program left the terminal in."""
        with self._changed:
            return self._core.modes

    @property
    def raw(self) -> bytes:
        """Every byte the program has written."""
        with self._changed:
            return bytes(self._raw)

    def resize(self, columns: int, rows: int) -> None:
        """Change the window's size; the program gets SIGWINCH, and a report (mode 2048) if it asked for one."""
        with self._changed:
            self._core.resize(columns, rows)
            self._set_size(self._master, columns, rows)
            self._answer()

    def send(self, keys: str) -> None:
        """Type. Escape sequences are sent as they are."""
        os.write(self._master, keys.encode())

    def wait_for(self, wanted: str | Callable[[str], bool], patience: float = PATIENCE) -> str:
        """Block until the regular expression is found (or the predicate holds); returns the screen."""
        holds = wanted if callable(wanted) else (lambda text: re.search(wanted, text) is not None)
        deadline = time.monotonic() + patience
        with self._changed:
            while True:
                text = screen_text(self._core)
                if holds(text):
                    return text
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"never saw {wanted!r} on the screen:\n{text}")
                self._changed.wait(left)

    def wait_exit(self, patience: float = PATIENCE) -> int:
        """Block until the program has ended; its exit code."""
        code = self.process.wait(patience)
        self._reader.join(patience)
        return code

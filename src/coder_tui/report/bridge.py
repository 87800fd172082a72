"""Runs a command in a PTY of its own, passes everything through, and reports what its terminal says about it.

For any workspace: the reports go out through the spool and its sender, so that a network that fails, hangs or refuses
is never noticed by the command. Standard library only; one thread.
"""

from __future__ import annotations

import fcntl
import os
import pty
import selectors
import signal
import struct
import termios
import time
import tty
from collections.abc import Callable, Sequence
from contextlib import suppress

from coder_tui.errors import UsageError
from coder_tui.report.witness import Change, Witness

GAP = 0.5
"""Seconds between two reports at least."""
_READ = 64 << 10
_INPUT_LIMIT = 1 << 20  # bytes that wait for a command that does not read
_FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_NOT_FOUND = 127


class Bridge:
    """One command. `report` gets its changes; what it raises (OSError) is ignored."""

    def __init__(self, argv: Sequence[str], report: Callable[[Change], None]) -> None:
        if not argv:
            raise UsageError("there is no command", fix="give it after --")
        self._argv, self._report = list(argv), report
        self._witness = Witness()
        self._told_at = float("-inf")
        self._pending = False  # something was said that may be told later
        self._input = bytearray()
        self._stdin_open = True
        self._pid = self._master = -1

    def run(self) -> int:
        """Until the command ends; its exit code, 128 + the number of a signal."""
        self._pid, self._master = pty.fork()
        if self._pid == 0:
            self._child()
        os.set_blocking(self._master, False)
        os.set_inheritable(self._master, False)
        reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if hasattr(os, "pipe2") else _pipe()
        before = {
            number: signal.signal(number, lambda *_: None) for number in (*_FORWARDED, signal.SIGWINCH, signal.SIGCHLD)
        }
        wakeup = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        is_terminal = os.isatty(0)
        settings = termios.tcgetattr(0) if is_terminal else []
        try:
            if is_terminal:
                tty.setraw(0)
            self._resize()
            code = self._loop(reading)
        finally:
            if is_terminal:
                with suppress(termios.error):
                    termios.tcsetattr(0, termios.TCSADRAIN, settings)
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
            for descriptor in (self._master, reading, writing):
                os.close(descriptor)
        self._witness.ended(code, time.monotonic())
        self._tell()
        return code

    def _child(self) -> None:
        try:
            # Python ignores these two, and an ignored signal would stay so
            for number in (signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_DFL)
            os.execvp(self._argv[0], self._argv)
        except OSError as error:
            os.write(2, f"coder-tui: {self._argv[0]}: {error.strerror}\r\n".encode("utf-8", "replace"))
        finally:
            os._exit(_NOT_FOUND)

    def _loop(self, signals: int) -> int:
        with selectors.DefaultSelector() as selector:
            selector.register(self._master, selectors.EVENT_READ)
            selector.register(signals, selectors.EVENT_READ)
            watched = _watch(selector)
            status: int | None = None
            while True:
                events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._input else 0)
                selector.modify(self._master, events)
                if watched and (not self._stdin_open or len(self._input) >= _INPUT_LIMIT):
                    selector.unregister(0)
                    watched = False
                elif not watched and self._stdin_open and len(self._input) < _INPUT_LIMIT:
                    watched = _watch(selector)
                    self._stdin_open = watched
                for key, mask in selector.select(self._patience()):
                    if key.fd == signals:
                        self._signalled(os.read(signals, 256))
                    elif key.fd == 0:
                        self._type()
                    else:
                        if mask & selectors.EVENT_WRITE:
                            self._write()
                        if mask & selectors.EVENT_READ and not self._output():
                            return _code(os.waitpid(self._pid, 0)[1] if status is None else status)
                if self._pending and self._patience() == 0:
                    self._tell()
                if status is None:
                    pid, ended = os.waitpid(self._pid, os.WNOHANG)
                    status = ended if pid else None
                if status is not None:  # a job left behind may keep the terminal: take what is there, and go
                    while self._output():
                        pass
                    return _code(status)

    def _output(self) -> bool:
        """Pass some output on; False when there is none now, or never again."""
        try:
            data = os.read(self._master, _READ)
        except OSError:  # BlockingIOError too; EIO when the last program closed the terminal
            return False
        if not data:
            return False
        _write_all(1, data)
        reply, signals = self._witness.output(data, time.monotonic())
        if reply and len(self._input) < _INPUT_LIMIT:
            self._input += reply
        self._pending = self._pending or bool(signals)
        return True

    def _type(self) -> None:
        try:
            data = os.read(0, _READ)
        except OSError:
            data = b""
        if data:
            self._witness.typed(time.monotonic())
            self._pending = True
            self._input += data
        else:
            self._stdin_open = False
            self._input += b"\x04"  # VEOF

    def _write(self) -> None:
        try:
            del self._input[: os.write(self._master, self._input[:_READ])]
        except BlockingIOError:
            pass
        except OSError:
            self._input.clear()

    def _signalled(self, numbers: bytes) -> None:
        for number in numbers:
            if number == signal.SIGWINCH:
                self._resize()
            elif number in _FORWARDED:
                with suppress(OSError):
                    os.killpg(os.tcgetpgrp(self._master), number)

    def _resize(self) -> None:
        for descriptor in (1, 0):
            with suppress(OSError):
                size = os.get_terminal_size(descriptor)
                packed = struct.pack("HHHH", size.lines, size.columns, 0, 0)
                fcntl.ioctl(self._master, termios.TIOCSWINSZ, packed)
                return

    def _patience(self) -> float | None:
        """Seconds until a report may go; None while there is none."""
        return max(0.0, self._told_at + GAP - time.monotonic()) if self._pending else None

    def _tell(self) -> None:
        self._pending = False
        change = self._witness.change()
        if change is not None:
            self._told_at = time.monotonic()
            with suppress(OSError):
                self._report(change)


def _watch(selector: selectors.BaseSelector) -> bool:
    """Whether stdin can be waited for; a file cannot (Linux), and need not."""
    try:
        selector.register(0, selectors.EVENT_READ)
    except (OSError, ValueError):
        return False
    return True


def _pipe() -> tuple[int, int]:
    ends = os.pipe()
    for end in ends:
        os.set_blocking(end, False)
    return ends


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    with suppress(BrokenPipeError):
        while rest:
            try:
                rest = rest[os.write(descriptor, rest) :]
            except BlockingIOError:  # somebody made our terminal so; wait for it as others would
                with selectors.DefaultSelector() as selector:
                    selector.register(descriptor, selectors.EVENT_WRITE)
                    selector.select(1.0)
            except OSError:
                return


def _code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code

"""Runs the cockpit on the real terminal: signals and a vanished terminal end it cleanly, a bug leaves no traceback."""

from __future__ import annotations

import asyncio
import codecs
import gc
import io
import os
import select
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from textual._xterm_parser import XTermParser
from textual.app import App
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver

from coder_tui.cli.signals import EndSignals
from coder_tui.feeds.source import Source
from coder_tui.logs.buffer import DEFAULT_LIMIT
from coder_tui.notify.records import QUERY, Sieve
from coder_tui.notify.settings import Settings
from coder_tui.tui import app as tui_app
from coder_tui.tui.panes.terminal import Clipboard

_TICK = 0.1  # seconds after which what looked like the beginning of an answer was typed


class Output(io.TextIOWrapper):
    """Where the screen is written to. When the terminal is gone, calls `lost` once and swallows the rest.

    Textual's writer thread would die of the error, and the next paint wait for it for ever.
    """

    def __init__(self, descriptor: int, lost: Callable[[], object]) -> None:
        super().__init__(io.BufferedWriter(io.FileIO(os.dup(descriptor), "w")), encoding="utf-8", errors="replace")
        self._lost: Callable[[], object] | None = lost

    def write(self, text: str, /) -> int:
        """Write, or learn that nobody can see it."""
        try:
            return super().write(text)
        except OSError:
            self._vanished()
            return len(text)

    def flush(self) -> None:
        """Flush, or learn that nobody can see it."""
        try:
            super().flush()
        except OSError:
            self._vanished()

    def close(self) -> None:
        """Close; what could not be written is forgotten."""
        with suppress(OSError):
            super().close()

    def _vanished(self) -> None:
        lost, self._lost = self._lost, None
        if lost:
            lost()


class Terminal(LinuxDriver):
    """Textual's driver (Linux and macOS), writing to an `Output`, reading through a `Sieve`."""

    def __init__(self, app: Program, **options: Any) -> None:
        super().__init__(app, **options)
        loop = asyncio.get_running_loop()
        self._output = self._file = Output(2, lambda: loop.call_soon_threadsafe(app.hung_up))
        self._answered: Callable[[], object] = lambda: loop.call_soon_threadsafe(app.takes_reports)

    def run_input_thread(self) -> None:
        """As Textual's, but the answer to OSC 7501's query, which its parser would take for keys, is kept from it."""
        parser, sieve = XTermParser(self._debug), Sieve()
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        waiting = True
        while not self.exit_event.is_set():
            ready, _, _ = select.select([self.fileno], [], [], _TICK)
            data = os.read(self.fileno, 4096) if ready else b""
            text = decode(data)
            text = sieve.feed(text) if ready else sieve.release()
            if waiting and sieve.answered:
                waiting = False
                self._answered()
            for event in (*(parser.feed(text) if text else ()), *parser.tick()):
                self.process_message(event)
            if ready and not data:
                break  # the terminal hung up

    def close(self) -> None:
        """Wait for what is still to be written."""
        super().close()
        self._output.close()


class Program(App[None]):
    """An application as a program: what Textual would print about a bug (with local variables) stays unprinted."""

    hung_up: Callable[[], object]
    """What to do when the terminal is gone."""

    def takes_reports(self) -> None:
        """The terminal takes reports of agents: it answered OSC 7501's query."""

    def get_driver_class(self) -> type[Driver]:
        """The terminal, which may vanish."""
        return Terminal

    def _print_error_renderables(self) -> None:
        if self._exit_renderables and self._exception is None:
            self._exception = RuntimeError("the terminal's input could not be understood")
        self._exit_renderables.clear()

    @property
    def fault(self) -> Exception | None:
        """The bug that ended it."""
        return self._exception


class Cockpit(Program, tui_app.CockpitApp):
    """The cockpit as a program."""

    CSS_PATH = str(Path(tui_app.__file__).with_name("app.tcss"))  # a relative one would be looked for beside this file

    def on_ready(self) -> None:
        """Ask whether the terminal takes reports of agents; most never answer."""
        if self.calls.status:
            self.to_terminal(QUERY)

    def takes_reports(self) -> None:
        """Give it some."""
        self.terminal_answered()


async def show(
    source: Source,
    signals: EndSignals,
    *,
    seconds: float | None = None,
    note: str = "",
    read_only: bool,
    theme: str,
    clipboard: Clipboard = "ask",
    log_bytes: int = DEFAULT_LIMIT,
    calls: Settings = Settings(),
    state_dir: Path | None = None,
) -> None:
    """Run the cockpit over `source` until it is left, a signal arrives, or `seconds` passed.

    Raises ConfigError (theme), and whatever bug ended it.
    """
    app = Cockpit(
        source,
        calls=calls,
        title_note=note,
        read_only=read_only,
        theme=theme or None,
        clipboard=clipboard,
        log_bytes=log_bytes,
        state_dir=state_dir,
    )
    await drive(app, signals, seconds)


def settle() -> None:
    """Have the interpreter interrupt a screen less: what is loaded now stays, and threads change often."""
    # Collecting all of it again and again gave pauses that a terminal at full speed shows, and so does every pass over
    # very many young objects.
    gc.freeze()
    gc.set_threshold(10_000, 50, 50)
    gc.enable()
    # A thread that reads or feeds wants the interpreter for microseconds at a time, and waited five milliseconds.
    sys.setswitchinterval(0.0005)


async def drive(app: Program, signals: EndSignals, seconds: float | None = None) -> None:
    """Run `app` until it is left, a signal arrives, or `seconds` passed. Raises whatever bug ended it."""
    signals.how = app.exit
    app.hung_up = partial(signals.end, signal.SIGHUP)
    timer = asyncio.get_running_loop().call_later(seconds, app.exit) if seconds else None
    try:
        if not signals.code:
            settle()
            await app.run_async()
    finally:
        if timer:
            timer.cancel()
    if app.fault:
        raise app.fault

"""Runs the cockpit on the real terminal: signals end it cleanly, a bug leaves a restored terminal and no traceback."""

from __future__ import annotations

import asyncio
from pathlib import Path

from coder_tui.cli.signals import EndSignals
from coder_tui.feeds.source import Source
from coder_tui.tui import app as tui_app


class Cockpit(tui_app.CockpitApp):
    """The application as a program: what Textual would print about a bug (with local variables) stays unprinted."""

    CSS_PATH = str(Path(tui_app.__file__).with_name("app.tcss"))  # a relative one would be looked for beside this file

    def _fatal_error(self) -> None:
        self._close_messages_no_wait()

    @property
    def fault(self) -> Exception | None:
        """The bug that ended it."""
        return self._exception


async def show(
    source: Source, signals: EndSignals, *, seconds: float | None = None, note: str = "", read_only: bool, theme: str
) -> None:
    """Run the cockpit over `source` until it is left, a signal arrives, or `seconds` passed.

    Raises ConfigError (theme), and whatever bug ended it.
    """
    app = Cockpit(source, title_note=note, read_only=read_only, theme=theme or None)
    signals.how = app.exit
    timer = asyncio.get_running_loop().call_later(seconds, app.exit) if seconds else None
    try:
        if not signals.code:
            await app.run_async()
    finally:
        if timer:
            timer.cancel()
    if app.fault:
        raise app.fault

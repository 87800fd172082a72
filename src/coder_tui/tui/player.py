"""Shows a recording: its cells, painted by our own emulator. Nothing in it reaches the terminal as it is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from time import monotonic

from rich.text import Text
from textual.app import App, ComposeResult
from textual.containers import ScrollableContainer
from textual.geometry import Region
from textual.widgets import Static

from coder_tui.terminal.cast import Event, Playback
from coder_tui.terminal.core import create_core
from coder_tui.terminal.turns import Turns
from coder_tui.text import one_line
from coder_tui.tui import actions, ansi, themes
from coder_tui.tui.glyphs import ascii_only
from coder_tui.tui.widgets.screen import TerminalScreen

STEP_SECONDS = 5.0
"""How far an arrow key goes."""
_SLICE = 64 << 10  # characters fed at once: a few milliseconds at most
_SCROLLBACK = 1000


class PlayerApp(App[None], inherit_bindings=False):
    """Plays `playback` once. `theme` is a theme's name, with or without `coder-` (ConfigError if there is none)."""

    BINDINGS = [*actions.bindings("player")]
    TITLE = "coder-tui play"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #stage { align: center middle; width: 1fr; height: 1fr; scrollbar-size: 0 0; }
    #stage > TerminalScreen { border: none; }
    #where { dock: bottom; height: 1; background: $panel; color: $foreground; padding: 0 1; }
    """

    def __init__(self, playback: Playback, *, theme: str | None = None) -> None:
        self.themes, _ = themes.load_themes()  # before Textual's own start asks for variables
        super().__init__()
        for one in self.themes.values():
            self.register_theme(one)
        self.theme = themes.pick(self.themes, theme)
        self.ansi_theme_dark, self.ansi_theme_light = ansi.DARK, ansi.LIGHT
        self._playback = playback
        self._core = create_core(playback.header.columns, playback.header.rows, _SCROLLBACK)
        self._lock = Turns()
        self._screen = TerminalScreen(id="recording")
        self._stage = ScrollableContainer(self._screen, id="stage", can_focus=False)
        self._where = Static(id="where", markup=False)
        self._wake = asyncio.Event()
        self._seek: float | None = None
        self._since = 0.0

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our variables, also before a theme of ours is chosen."""
        return dict(self.themes[themes.DEFAULT].variables)

    def compose(self) -> ComposeResult:
        """The screen as it was recorded, and where we are in it."""
        yield self._stage
        yield self._where

    def on_mount(self) -> None:
        """Begin."""
        self._screen.show(self._core, self._lock)
        self._fit()
        self._since = monotonic()
        self.run_worker(self._play(), name="play")

    @property
    def playback(self) -> Playback:
        """Where we are."""
        return self._playback

    async def _play(self) -> None:
        while True:
            self._wake.clear()
            now = monotonic()
            if self._seek is not None:
                events = self._playback.seek(self._seek, self._reset)
                self._seek = None
            else:
                events = self._playback.advance(now - self._since)
            self._since = now
            await self._show(events)
            self._tell()
            wait = self._playback.wait()
            try:
                # the clock is told once a second
                async with asyncio.timeout(None if wait is None else min(wait, 1.0)):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _show(self, events: Iterable[Event]) -> None:
        loop, pending, size = asyncio.get_running_loop(), list[str](), 0
        for event in events:
            if event.code == "o":
                pending.append(event.data)
                size += len(event.data)
            if event.code == "r" or size >= _SLICE:
                await loop.run_in_executor(None, self._feed, "".join(pending))
                pending, size = [], 0
            if event.code == "r" and all(event.size):
                with self._lock:
                    self._core.resize(*event.size)
                self._fit()
        if size:
            self._feed("".join(pending))
        self._screen.changed()
        if self._core.columns > self._stage.size.width or self._core.rows > self._stage.size.height:
            with self._lock:
                self._core.take_dirty()
                cursor = self._core.cursor  # where things happen, in a recording that is larger than the window
            self._screen.repaint()
            here = Region(cursor.x, cursor.y, 1, 1)
            self.call_after_refresh(self._stage.scroll_to_region, here, animate=False)

    def _feed(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        for start in range(0, len(data), _SLICE):
            with self._lock:
                self._core.feed(data[start : start + _SLICE])
                self._core.take_replies()  # nobody asked who is there

    def _reset(self) -> None:
        header = self._playback.header
        with self._lock:
            self._core.reset()
            self._core.resize(header.columns, header.rows)
        self._fit()

    def _fit(self) -> None:
        self._screen.styles.width, self._screen.styles.height = self._core.columns, self._core.rows
        self._screen.repaint()

    def _tell(self) -> None:
        playback = self._playback
        plain = ascii_only()
        state = "end" if playback.ended else "paused" if playback.paused else "playing" if plain else "▶"
        parts = [state, f"{_clock(playback.at)} / {_clock(playback.length)}"]
        if playback.speed != 1:
            parts.append(f"{playback.speed:g}x")
        parts += [one_line(playback.header.title), self._core.title]
        keys = "  ".join(f"{action.key_text} {action.label}" for action in actions.ACTIONS if action.scope == "player")
        self._where.update(Text("  ".join(part for part in [*parts, keys] if part), no_wrap=True, overflow="ellipsis"))

    def action_pause(self) -> None:
        """Stop, or go on; at the end, from the beginning."""
        if self._playback.ended:
            self._seek, self._playback.paused = 0.0, False
        else:
            self._playback.paused = not self._playback.paused
        self._since = monotonic()
        self._wake.set()

    def action_backward(self) -> None:
        """Five seconds back."""
        self._go(-STEP_SECONDS)

    def action_forward(self) -> None:
        """Five seconds on."""
        self._go(STEP_SECONDS)

    def action_start(self) -> None:
        """To the beginning."""
        self._go(-self._playback.length)

    def _go(self, seconds: float) -> None:
        self._seek = (self._playback.at if self._seek is None else self._seek) + seconds
        self._wake.set()

    async def action_quit(self) -> None:
        """Leave."""
        self.exit()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"

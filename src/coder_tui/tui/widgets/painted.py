"""A terminal core, painted: changed rows only, some thirty times a second, nothing at rest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import TypeVar

from rich.style import Style as RichStyle
from textual import events
from textual.geometry import Offset, Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from coder_tui.terminal.core import Modes, Point, Run, TerminalCore
from coder_tui.terminal.turns import Turns
from coder_tui.tui.widgets.cells import Painter
from coder_tui.tui.widgets.lookback import LookBack
from coder_tui.tui.widgets.marks import marks_in, overlaid, with_cursor
from coder_tui.tui.widgets.rowstrip import Pen, RowStrip

# A little less than a thirtieth: what a machine adds to it stays below that.
FRAME_SECONDS = 1 / 36
# A program that dies between the two halves of a synchronized update (mode 2026) must not freeze its screen.
SYNCHRONIZED_SECONDS = 0.15

_T = TypeVar("_T")


class PaintedCore(Widget):
    """Paints one core and what lies over it. Whoever feeds the core holds `core_lock`, and calls `changed` then."""

    class Resized(Message, namespace="terminal_screen"):
        """The screen has another size, in cells."""

        def __init__(self, size: Size) -> None:
            super().__init__()
            self.size = size

    class Crashed(Message, namespace="terminal_screen"):
        """The core raised: nothing of it is shown any more."""

        def __init__(self, core: TerminalCore, error: Exception) -> None:
            super().__init__()
            self.core, self.error = core, error

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._core: TerminalCore | None = None
        self.core_lock = Turns()
        self._active = False
        self._painter = Painter(RichStyle())
        self._written: Pen | None = None
        # Most rows stay runs until they are written: a strip is many objects.
        self._rows: list[Strip | Sequence[Run]] = []
        self._columns = 0
        self._frame: asyncio.TimerHandle | None = None
        self._next_frame = 0.0
        self._held: asyncio.TimerHandle | None = None
        self._everything = True
        self._cursor_row = 0
        self.top = 0
        """The absolute row at the top of what is painted."""
        self.lines_back = 0
        """How many rows above the live screen that is."""
        self.look: LookBack | None = None
        """Where the person looks back, if they do."""
        self.selection: tuple[Point, Point] | None = None
        """Its first cell, and the one after its last."""
        self.selecting = False
        """Whether the selection still grows."""
        self._chosen = ""  # the selected text, as it was selected

    # What is shown

    @property
    def core(self) -> TerminalCore | None:
        """The core on show."""
        return self._core

    def show(self, core: TerminalCore | None, lock: Turns | None = None) -> None:
        """Show another core (or none), which is fed under `lock`."""
        self._core, self.core_lock = core, lock or Turns()
        self.selection = self.look = None
        self.selecting = False
        self._rows = []
        self._tell_colors()
        self.repaint()

    def _tell_colors(self) -> None:
        """The theme's colours, for programs that ask (OSC 10, 11) whether it is dark."""
        theme = self._painter.theme
        if theme.color and theme.bgcolor and theme.color.triplet and theme.bgcolor.triplet:
            foreground, background = theme.color.triplet, theme.bgcolor.triplet
            self.ask(lambda core: core.set_colors(foreground, background), None)

    def ask(self, work: Callable[[TerminalCore], _T], otherwise: _T) -> _T:
        """What `work` makes of the core, under its lock. A bug in the core costs this terminal, not the program."""
        core = self._core
        if core is None:
            return otherwise
        try:
            with self.core_lock:
                return work(core)
        except Exception as error:
            self._core = self.look = None
            self.post_message(self.Crashed(core, error))
            return otherwise

    @property
    def active(self) -> bool:
        """Whether the cursor is drawn as the one that types."""
        return self._active

    @active.setter
    def active(self, active: bool) -> None:
        if active != self._active:
            self._active = active
            self.changed()

    def changed(self) -> None:
        """The core has something new: paint it when the next frame is due."""
        if self._frame is None and self.is_mounted:
            loop = asyncio.get_running_loop()
            self._frame = loop.call_at(max(loop.time(), self._next_frame), self._paint_frame)

    def repaint(self) -> None:
        """Paint every row anew."""
        self._everything = True
        self.changed()

    def on_mount(self) -> None:
        """Take the theme's colours."""
        self.notify_style_update()

    def on_unmount(self) -> None:
        """No frame after the end."""
        for handle in (self._frame, self._held):
            if handle is not None:
                handle.cancel()

    def on_show(self) -> None:
        """Hidden, nothing was painted."""
        self.repaint()

    def on_resize(self, event: events.Resize) -> None:
        """The program learns its new size from the pane."""
        if event.size.area:
            self.selection = None
            self.post_message(self.Resized(event.size))
            self.repaint()

    def notify_style_update(self) -> None:
        """Another theme: other colours for every cell."""
        super().notify_style_update()
        theme = self.rich_style
        if theme != self._painter.theme:
            self._painter = Painter(theme, self._painter.colors, reverse_screen=self._painter.reverse_screen)
            self._tell_colors()
            self.repaint()

    # Frames

    def _paint_frame(self) -> None:
        self._frame = None
        core = self._core
        if not self.is_mounted or not self.size.area:
            return
        now = asyncio.get_running_loop().time()
        if core is None:
            self._everything = False
            self.refresh()
            return
        rows = self.ask(self._read, None)
        if rows is None:
            return
        if self._held is not None:
            self._held.cancel()
            self._held = None
        self._next_frame = now + FRAME_SECONDS
        self._build(core, rows)

    def _read(self, core: TerminalCore) -> set[int] | None:
        """Take what is new from the core: the rows to paint. None while it should be waited for."""
        modes = core.modes
        if not self._everything and modes.synchronized and self._hold():
            return None
        if self.look is not None:
            self.look.follow()
        dirty: Iterable[int] = core.take_dirty()
        cursor, scroll, reverse = core.cursor, core.scrollback, modes.reverse_screen
        top = scroll.length - scroll.offset
        if core.colors is not self._painter.colors or reverse is not self._painter.reverse_screen:
            self._painter = Painter(self._painter.theme, core.colors, reverse_screen=reverse)
            self._everything = True
        selected = self.selected_rows()
        if top != self.top and (self.selection or self.look):
            self._everything = True
        rows = {*dirty, self._cursor_row, cursor.y}
        # What was selected may be there no more. While one selects, it is read anew anyway.
        selecting = self.selecting or self.look is not None
        if not selecting and (self._everything or rows & selected) and self._text(core) != self._chosen:
            self.selection = None
            rows |= selected
        if self._everything:
            rows = set(range(core.rows))
        self._everything = False
        self._cursor_row, self.top, self.lines_back = cursor.y, top, scroll.offset
        return rows

    def _hold(self) -> bool:
        """Whether a frame being drawn (mode 2026) should be waited for. More output asks again."""
        loop = asyncio.get_running_loop()
        if self._held is None:
            self._held = loop.call_later(SYNCHRONIZED_SECONDS, self.changed)
        return loop.time() < self._held.when()

    def _build(self, core: TerminalCore, rows: set[int]) -> None:
        if len(self._rows) != core.rows or self._columns != core.columns:
            rows, self._columns = set(range(core.rows)), core.columns
            self._rows = [Strip.blank(core.columns, self._painter.base)] * core.rows
        for y in rows:
            if y < core.rows:
                self._rows[y] = self._row(core, y)
        if self._active and core.cursor.visible:
            self.app.cursor_position = self.region.offset + Offset(core.cursor.x, core.cursor.y)
        if len(rows) > core.rows // 2:
            self.refresh()
        else:
            self.refresh(*(Region(0, top, self.size.width, height) for top, height in _spans(rows)))

    def _row(self, core: TerminalCore, y: int) -> Strip | Sequence[Run]:
        runs = core.row(y)
        marks = marks_in(self.top + y, core.columns, self.look, self.selection)
        if marks:
            selecting = self.look is not None and self.look.mark is not None
            return Strip(overlaid(self._painter, runs, marks, selecting=selecting), core.columns)
        cursor = core.cursor
        if cursor.visible and cursor.y == y and cursor.x < core.columns:
            return Strip(with_cursor(self._painter, runs, cursor, active=self._active), core.columns)
        return runs

    def _pen(self) -> Pen:
        """What writes rows now: another one after a change of theme, of the program's colours, or of filters."""
        now = (self._painter, self.app.console, self.get_line_filters(), self.background_colors[1])
        if self._written is None or not self._written.matches(*now):
            self._written = Pen(*now)
        return self._written

    def render_lines(self, crop: Region) -> list[Strip]:
        """The painted rows as they are: styles that would change them are the exception."""
        if self.styles.text_opacity != 1 or self.opacity != 1 or self.styles.tint.a:
            return super().render_lines(crop)
        pen = self._pen()
        strips = []
        for y in crop.line_range:
            row = self._painted(y)
            if isinstance(row, Strip):
                strip = row
                for each in pen.filters:
                    strip = strip.apply_filter(each, pen.background)
            else:
                strip = RowStrip(pen, row, self._columns, filtered=True)
            strips.append(strip if crop.column_span == (0, strip.cell_length) else strip.crop(*crop.column_span))
        return strips

    def render_line(self, y: int) -> Strip:
        """A painted row; the core is not asked here."""
        row = self._painted(y)
        return row if isinstance(row, Strip) else RowStrip(self._pen(), row, self._columns)

    def _painted(self, y: int) -> Strip | Sequence[Run]:
        return self._rows[y] if y < len(self._rows) else Strip.blank(self.size.width, self._painter.base)

    def modes(self) -> Modes:
        """What the program asked of mouse and keys."""
        return self.ask(lambda core: core.modes, Modes())

    def selected_rows(self) -> set[int]:
        """The rows of the view with something selected."""
        if self.selection is None:
            return set()
        (top, _), (bottom, _) = self.selection
        return set(range(max(0, top - self.top), min(bottom - self.top, self.size.height - 1) + 1))

    def _text(self, core: TerminalCore) -> str:
        return core.text(*self.selection) if self.selection else ""


def _spans(rows: set[int]) -> list[tuple[int, int]]:
    """Rows as (first, count) of neighbours."""
    ordered = sorted(rows)
    starts = [ordered[0]] + [b for a, b in pairwise(ordered) if b != a + 1]
    ends = [a for a, b in pairwise(ordered) if b != a + 1] + [ordered[-1]]
    return [(start, end - start + 1) for start, end in zip(starts, ends, strict=True)]

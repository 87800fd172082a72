"""The painted screen of a terminal core: changed rows only, at most thirty times a second, nothing at rest."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from itertools import groupby, pairwise
from typing import TypeVar

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual import events
from textual.geometry import Offset, Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from coder_tui.terminal.core import CursorShape, Match, Modes, MouseTracking, Point, Run, TerminalCore
from coder_tui.terminal.keys import Action, Button, encode_mouse, encode_wheel_as_arrows
from coder_tui.tui.widgets.cells import Painter, marked, split, toggled
from coder_tui.tui.widgets.lookback import LookBack
from coder_tui.tui.widgets.rowstrip import Pen, RowStrip

FRAME_SECONDS = 1 / 30
# A program that dies between the two halves of a synchronized update (mode 2026) must not freeze its screen.
SYNCHRONIZED_SECONDS = 0.15
_WHEEL_ROWS = 3
_BUTTONS: dict[int, Button] = {0: "none", 1: "left", 2: "middle", 3: "right"}

_T = TypeVar("_T")


class _Mark(IntEnum):
    """What is laid over a cell, the stronger the higher."""

    NONE = 0
    FOUND = 1
    CURRENT = 2  # the found one on which one stands
    SELECTED = 3
    SPOT = 4


# Told apart without colours too.
_FOUND = RichStyle(color="black", bgcolor="yellow", underline=True)
_CURRENT = RichStyle(color="black", bgcolor="bright_cyan", bold=True, underline=True)


class TerminalScreen(Widget):
    """Paints one core. Whoever feeds the core holds `core_lock` and calls `changed` afterwards."""

    DEFAULT_CSS = """
    TerminalScreen { width: 1fr; height: 1fr; }
    TerminalScreen.-stale { text-opacity: 50%; }
    """
    ALLOW_SELECT = False

    class Input(Message):
        """The mouse has something to say to the program."""

        def __init__(self, data: bytes) -> None:
            super().__init__()
            self.data = data

    class Resized(Message):
        """The screen has another size, in cells."""

        def __init__(self, size: Size) -> None:
            super().__init__()
            self.size = size

    class Selected(Message):
        """The person marked this text with the mouse."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Scrolled(Message):
        """The view is elsewhere in the history."""

    class Link(Message):
        """The mouse is over a hyperlink (OSC 8) or left it (empty); `opened` if the person asked to open it.

        The target is what the program wrote: judge it before anything is done with it.
        """

        def __init__(self, uri: str, *, opened: bool = False) -> None:
            super().__init__()
            self.uri, self.opened = uri, opened

    class Crashed(Message):
        """The core raised: nothing of it is shown any more."""

        def __init__(self, core: TerminalCore, error: Exception) -> None:
            super().__init__()
            self.core, self.error = core, error

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._core: TerminalCore | None = None
        self.core_lock = threading.Lock()
        self._active = False
        self._painter = Painter(RichStyle())
        self._written: Pen | None = None
        self._strips: list[Strip] = []
        self._frame: asyncio.TimerHandle | None = None
        self._next_frame = 0.0
        self._held: asyncio.TimerHandle | None = None
        self._everything = True
        self._cursor_row = 0
        self._scrolled = False
        self._top = 0  # absolute row at the top of what is painted
        self._look: LookBack | None = None
        self._anchor: Point | None = None
        self._selection: tuple[Point, Point] | None = None
        self._chosen = ""  # the selected text, as it was selected
        self._pressed: Button = "none"
        self._told_at = (-1, -1)  # the cell the program heard of last
        self._link = ""

    # What is shown

    @property
    def core(self) -> TerminalCore | None:
        """The core on show."""
        return self._core

    def show(self, core: TerminalCore | None, lock: threading.Lock | None = None) -> None:
        """Show another core (or none), which is fed under `lock`."""
        self._core, self.core_lock = core, lock or threading.Lock()
        self._selection = self._anchor = self._look = None
        self._scrolled = core is not None
        self._hover("")
        self._strips = []
        self._tell_colors()
        self.repaint()

    def _tell_colors(self) -> None:
        """The theme's colours, for programs that ask (OSC 10, 11) whether it is dark."""
        theme = self._painter.theme
        if theme.color and theme.bgcolor and theme.color.triplet and theme.bgcolor.triplet:
            foreground, background = theme.color.triplet, theme.bgcolor.triplet
            self._ask(lambda core: core.set_colors(foreground, background), None)

    def _ask(self, work: Callable[[TerminalCore], _T], otherwise: _T) -> _T:
        """What `work` makes of the core, under its lock. A bug in the core costs this terminal, not the program."""
        core = self._core
        if core is None:
            return otherwise
        try:
            with self.core_lock:
                return work(core)
        except Exception as error:
            self._core = self._look = None
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
            self._selection = None
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
        if not self._everything and self._modes().synchronized and self._hold(now):
            return
        rows = self._ask(self._read, None)
        if rows is None:
            return
        if self._held is not None:
            self._held.cancel()
            self._held = None
        self._next_frame = now + FRAME_SECONDS
        self._build(core, rows)

    def _read(self, core: TerminalCore) -> set[int]:
        """Take what is new from the core: the rows to paint."""
        if self._look is not None:
            self._look.follow()
        dirty: Iterable[int] = core.take_dirty()
        cursor, scroll, reverse = core.cursor, core.scrollback, core.modes.reverse_screen
        top = scroll.length - scroll.offset
        if core.colors is not self._painter.colors or reverse is not self._painter.reverse_screen:
            self._painter = Painter(self._painter.theme, core.colors, reverse_screen=reverse)
            self._everything = True
        selected = self._selected_rows()
        if top != self._top and (self._selection or self._look):
            self._everything = True
        rows = {*dirty, self._cursor_row, cursor.y}
        # What was selected may be there no more. While one selects, it is read anew anyway.
        selecting = self._anchor is not None or self._look is not None
        if not selecting and (self._everything or rows & selected) and self._text(core) != self._chosen:
            self._selection = None
            rows |= selected
        if self._everything:
            rows = set(range(core.rows))
        self._everything = False
        self._cursor_row, self._top = cursor.y, top
        return rows

    def _hold(self, now: float) -> bool:
        """Whether a frame being drawn (mode 2026) should be waited for. More output asks again."""
        if self._held is None:
            self._held = asyncio.get_running_loop().call_at(now + SYNCHRONIZED_SECONDS, self.changed)
        return now < self._held.when()

    def _build(self, core: TerminalCore, rows: set[int]) -> None:
        if len(self._strips) != core.rows:
            rows = set(range(core.rows))
            self._strips = [Strip.blank(core.columns, self._painter.base)] * core.rows
        pen = self._pen()
        for y in rows:
            if y < core.rows:
                self._strips[y] = self._row(core, y, pen)
        if self._active and core.cursor.visible:
            self.app.cursor_position = self.region.offset + Offset(core.cursor.x, core.cursor.y)
        if len(rows) > core.rows // 2:
            self.refresh()
        else:
            self.refresh(*(Region(0, top, self.size.width, height) for top, height in _spans(rows)))

    def _row(self, core: TerminalCore, y: int, pen: Pen) -> Strip:
        runs = core.row(y)
        marks = self._marks(core, y)
        if marks:
            return Strip(self._marked(runs, marks), core.columns)
        cursor = core.cursor
        if cursor.visible and cursor.y == y and cursor.x < core.columns:
            return Strip(self._with_cursor(runs, cursor.x, cursor.shape), core.columns)
        return RowStrip(pen, runs, core.columns)

    def _with_cursor(self, runs: Sequence[Run], x: int, shape: CursorShape) -> list[Segment]:
        painter = self._painter
        before, rest = split(runs, x)
        head = rest[0]
        width = head.width if head.cluster else head.width // len(head.text)
        under, after = split(rest, width)
        cell = painter.segments(under)
        if not self._active:
            # No cell can be hollow: an underline says where, without saying that keys go there.
            cell = marked(cell, RichStyle(underline2=True, dim=True))
        elif shape is CursorShape.BLOCK:
            cell = marked(cell, painter.cursor) if painter.cursor else toggled(cell)
        elif shape is CursorShape.UNDERLINE:
            cell = marked(cell, RichStyle(underline=True, bold=True))
        elif under[0].text.isspace():
            cell = [Segment("▏" + " " * (width - 1), cell[0].style)]
        else:
            cell = toggled(marked(cell, RichStyle(dim=True)))
        return painter.segments(before) + cell + painter.segments(after)

    def _marks(self, core: TerminalCore, y: int) -> list[_Mark]:
        """What lies over each column of a row; empty if nothing does."""
        row, look = self._top + y, self._look
        spans: list[tuple[int, int, _Mark]] = []
        if look is not None:
            spans = [
                (left, right, _Mark.CURRENT if index == look.current else _Mark.FOUND)
                for left, right, index in look.matches_in(row)
            ]
            if look.spot[0] == row:
                spans.append((look.spot[1], look.spot[1] + 1, _Mark.SPOT))
        if self._selection is not None:
            (top, left), (bottom, right) = self._selection
            if top <= row <= bottom:
                spans.append((left if row == top else 0, right if row == bottom else core.columns, _Mark.SELECTED))
        if not spans:
            return []
        marks = [_Mark.NONE] * core.columns
        for left, right, mark in spans:
            for x in range(left, min(right, core.columns)):
                marks[x] = max(marks[x], mark)
        return marks

    def _marked(self, runs: Sequence[Run], marks: Sequence[_Mark]) -> list[Segment]:
        segments: list[Segment] = []
        rest, owed = list(runs), 0  # a wide character across a border goes to the part after it
        for mark, group in groupby(marks):
            owed += len([*group])
            part, rest = split(rest, owed)
            owed -= sum(run.width for run in part)
            painted = self._painter.segments(part)
            if mark in (_Mark.FOUND, _Mark.CURRENT):
                painted = marked(painted, _FOUND if mark is _Mark.FOUND else _CURRENT)
            elif mark is _Mark.SELECTED or (mark is _Mark.SPOT and not (self._look and self._look.mark)):
                painted = toggled(painted)
            elif mark is _Mark.SPOT:
                painted = marked(painted, RichStyle(underline2=True, bold=True))
            segments += painted
        return segments + self._painter.segments(rest)

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
            strip = self.render_line(y)
            if isinstance(strip, RowStrip):
                strip = strip.through_filters()
            else:
                for each in pen.filters:
                    strip = strip.apply_filter(each, pen.background)
            strips.append(strip if crop.column_span == (0, strip.cell_length) else strip.crop(*crop.column_span))
        return strips

    def render_line(self, y: int) -> Strip:
        """A painted row; the core is not asked here."""
        if y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.size.width, self._painter.base)

    # Scrollback

    def scroll_view(self, rows: int) -> None:
        """Look `rows` further down (negative: up) the history."""
        self._in_core(lambda core: core.scroll(rows))

    def scroll_to_live(self) -> None:
        """Back to where the program writes."""
        if self._scrolled:
            self._in_core(lambda core: core.scroll_to_bottom())

    def _in_core(self, move: Callable[[TerminalCore], None]) -> None:
        def work(core: TerminalCore) -> bool:
            move(core)
            if self._look is not None:
                self._look.scrolled()
            return core.scrollback.offset > 0

        self._scrolled = self._ask(work, False)
        self.repaint()
        self.post_message(self.Scrolled())

    @property
    def lines_back(self) -> int:
        """How many rows above the live screen the view is."""
        return self._ask(lambda core: core.scrollback.offset, 0)

    # Looking back

    @property
    def look(self) -> LookBack | None:
        """Where the person looks back, if they do."""
        return self._look

    def look_back(self) -> None:
        """Begin to look back, where the program's cursor is."""
        if self._look is None:
            self._selection = None
            self._look = self._ask(LookBack, None)
            self.look_at(LookBack.follow)

    def look_no_more(self) -> None:
        """Back to the live screen."""
        if self._look is not None:
            self._look = self._selection = None
            self._in_core(lambda core: core.scroll_to_bottom())

    def look_at(self, move: Callable[[LookBack], None]) -> None:
        """Move the spot, or what is marked from it."""
        look = self._look
        if look is None:
            return

        def work(core: TerminalCore) -> bool:
            move(look)
            self._selection = look.selection
            return core.scrollback.offset > 0

        self._scrolled = self._ask(work, False)
        self.repaint()
        self.post_message(self.Scrolled())

    def find(self, needle: str) -> Sequence[Match]:
        """Where a text stands in the history; may be called in a thread."""
        return self._ask(lambda core: core.find(needle), ())

    def link_at_spot(self) -> str:
        """The hyperlink under the spot."""
        return self.link_at(self._look.spot[1], self._look.spot[0] - self._top) if self._look else ""

    def link_at(self, x: int, y: int) -> str:
        """The hyperlink at a cell of the view, as the program wrote it."""
        core = self._core
        if core is None or not (0 <= y < core.rows and 0 <= x < core.columns):
            return ""
        _, rest = split(core.row(y), x)
        return rest[0].style.link if rest else ""

    # Mouse

    def _modes(self) -> Modes:
        return self._ask(lambda core: core.modes, Modes())

    def _report(self, event: events.MouseEvent, modes: Modes, button: Button, action: Action) -> None:
        x, y = max(0, event.x), max(0, event.y)
        if action == "move" and self._told_at == (y, x):
            return  # motion is told by the cell
        self._told_at = (y, x)
        data = encode_mouse(button, action, x, y, modes, alt=event.meta, ctrl=event.ctrl)
        if data:
            self.post_message(self.Input(data))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """A press belongs to the program if it asked for the mouse; shift keeps it here."""
        modes = self._modes()
        if event.ctrl and event.button == 1 and (uri := self.link_at(event.x, event.y)):
            self.post_message(self.Link(uri, opened=True))
            return
        self.capture_mouse()
        if self._look is None and modes.mouse is not MouseTracking.NONE and not event.shift:
            self._pressed = _BUTTONS.get(event.button, "none")
            self._report(event, modes, self._pressed, "press")
        elif event.button == 1:
            self._anchor = (self._top + event.y, event.x)
            self._select(None)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Drag a selection, or tell the program."""
        if self._anchor is not None:
            here = (self._top + min(max(0, event.y), self.size.height - 1), min(max(0, event.x), self.size.width))
            self._select((min(self._anchor, here), max(self._anchor, here)))
            return
        self._hover(self.link_at(event.x, event.y))
        modes = self._modes()
        if self._look is None and modes.mouse is not MouseTracking.NONE and not event.shift:
            self._report(event, modes, self._pressed, "move")

    def on_leave(self) -> None:
        """The mouse is elsewhere."""
        self._hover("")

    def _hover(self, uri: str) -> None:
        if uri != self._link:
            self._link = uri
            self.post_message(self.Link(uri))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """The selection is complete."""
        self.release_mouse()
        if self._anchor is not None:
            self._anchor = None
            text = self.selected_text
            if text:
                self.post_message(self.Selected(text))
            return
        modes = self._modes()
        if self._pressed != "none" and modes.mouse is not MouseTracking.NONE:
            self._report(event, modes, self._pressed, "release")
        self._pressed = "none"

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """See `_wheel`."""
        self._wheel(event, up=True)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """See `_wheel`."""
        self._wheel(event, up=False)

    def _wheel(self, event: events.MouseEvent, *, up: bool) -> None:
        """To the program if it tracks the mouse, as arrows on the alternate screen, else through the history."""
        event.stop()
        modes = self._modes()
        if self._look is not None:
            self.scroll_view(-_WHEEL_ROWS if up else _WHEEL_ROWS)
        elif modes.mouse is not MouseTracking.NONE and not event.shift:
            self._report(event, modes, "wheel_up" if up else "wheel_down", "press")
        elif modes.alternate_screen:
            if modes.alternate_scroll:
                self.post_message(self.Input(encode_wheel_as_arrows(up, modes)))
        else:
            self.scroll_view(-_WHEEL_ROWS if up else _WHEEL_ROWS)

    # Selection, in absolute rows: it stays on its text, and ends where that changes.

    def _select(self, selection: tuple[Point, Point] | None) -> None:
        core = self._core
        if core is None or selection == self._selection:
            return
        rows = self._selected_rows()
        self._selection = selection
        self._chosen = self._ask(self._text, "")
        self._build(core, rows | self._selected_rows())

    def _selected_rows(self) -> set[int]:
        """The rows of the view with something selected."""
        if self._selection is None:
            return set()
        (top, _), (bottom, _) = self._selection
        return set(range(max(0, top - self._top), min(bottom - self._top, self.size.height - 1) + 1))

    def _text(self, core: TerminalCore) -> str:
        return core.text(*self._selection) if self._selection else ""

    @property
    def selected_text(self) -> str:
        """The marked text, without the blanks at line ends; empty if nothing is marked."""
        return self._ask(self._text, "")


def _spans(rows: set[int]) -> list[tuple[int, int]]:
    """Rows as (first, count) of neighbours."""
    ordered = sorted(rows)
    starts = [ordered[0]] + [b for a, b in pairwise(ordered) if b != a + 1]
    ends = [a for a, b in pairwise(ordered) if b != a + 1] + [ordered[-1]]
    return [(start, end - start + 1) for start, end in zip(starts, ends, strict=True)]

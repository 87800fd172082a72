"""The painted screen of a terminal core: changed rows only, at most thirty times a second, nothing at rest."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual import events
from textual.geometry import Offset, Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from coder_tui.terminal.core import CursorShape, Modes, MouseTracking, Run, TerminalCore
from coder_tui.terminal.keys import Action, Button, encode_mouse, encode_wheel_as_arrows
from coder_tui.tui.widgets.cells import Painter, marked, split, toggled

FRAME_SECONDS = 1 / 30
# A program that dies between the two halves of a synchronized update (mode 2026) must not freeze its screen.
SYNCHRONIZED_SECONDS = 0.15
_WHEEL_ROWS = 3
_BUTTONS: dict[int, Button] = {0: "none", 1: "left", 2: "middle", 3: "right"}

Point = tuple[int, int]  # row, column: compares in reading order


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

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._core: TerminalCore | None = None
        self.core_lock = threading.Lock()
        self._active = False
        self._painter = Painter(RichStyle())
        self._strips: list[Strip] = []
        self._frame: asyncio.TimerHandle | None = None
        self._next_frame = 0.0
        self._held: asyncio.TimerHandle | None = None
        self._everything = True
        self._cursor_row = 0
        self._scrolled = False
        self._anchor: Point | None = None
        self._selection: tuple[Point, Point] | None = None
        self._pressed: Button = "none"

    # What is shown

    @property
    def core(self) -> TerminalCore | None:
        """The core on show."""
        return self._core

    def show(self, core: TerminalCore | None, lock: threading.Lock | None = None) -> None:
        """Show another core (or none), which is fed under `lock`."""
        self._core, self.core_lock = core, lock or threading.Lock()
        self._selection = self._anchor = None
        self._scrolled = core is not None
        self._strips = []
        self._tell_colors()
        self.repaint()

    def _tell_colors(self) -> None:
        """The theme's colours, for programs that ask (OSC 10, 11) whether it is dark."""
        base = self._painter.base
        if self._core and base.color and base.bgcolor and base.color.triplet and base.bgcolor.triplet:
            with self.core_lock:
                self._core.set_colors(base.color.triplet, base.bgcolor.triplet)

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
        base = self.rich_style
        if base != self._painter.base:
            self._painter = Painter(base)
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
            self._strips, self._everything = [], False
            self.refresh()
            return
        with self.core_lock:
            if not self._everything and core.modes.synchronized and self._hold(now):
                return
            dirty: Iterable[int] = core.take_dirty()
            cursor = core.cursor
        if self._held is not None:
            self._held.cancel()
            self._held = None
        self._next_frame = now + FRAME_SECONDS
        rows = set(range(core.rows)) if self._everything else {*dirty, self._cursor_row, cursor.y}
        if self._selection and not rows.isdisjoint(self._selected_rows()):
            rows.update(self._selected_rows())
            self._selection = None
        self._everything = False
        self._cursor_row = cursor.y
        self._build(core, rows)

    def _hold(self, now: float) -> bool:
        """Whether a frame being drawn (mode 2026) should be waited for. More output asks again."""
        if self._held is None:
            self._held = asyncio.get_running_loop().call_at(now + SYNCHRONIZED_SECONDS, self.changed)
        return now < self._held.when()

    def _build(self, core: TerminalCore, rows: set[int]) -> None:
        if len(self._strips) != core.rows:
            rows = set(range(core.rows))
            self._strips = [Strip.blank(core.columns, self._painter.base)] * core.rows
        for y in rows:
            if y < core.rows:
                self._strips[y] = self._row(core, y)
        if self._active and core.cursor.visible:
            self.app.cursor_position = self.region.offset + Offset(core.cursor.x, core.cursor.y)
        if len(rows) > core.rows // 2:
            self.refresh()
        else:
            self.refresh(*(Region(0, top, self.size.width, height) for top, height in _spans(rows)))

    def _row(self, core: TerminalCore, y: int) -> Strip:
        runs = core.row(y)
        painter = self._painter
        columns = self._selected_columns(core, y)
        if columns:
            before, rest = split(runs, columns[0])
            chosen, after = split(rest, columns[1] - sum(run.width for run in before))
            segments = painter.segments(before) + toggled(painter.segments(chosen)) + painter.segments(after)
            return Strip(segments, core.columns)
        cursor = core.cursor
        if cursor.visible and cursor.y == y and cursor.x < core.columns:
            return Strip(self._with_cursor(runs, cursor.x, cursor.shape), core.columns)
        return painter.strip(runs, core.columns)

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
            cell = toggled(cell)
        elif shape is CursorShape.UNDERLINE:
            cell = marked(cell, RichStyle(underline=True, bold=True))
        elif under[0].text.isspace():
            cell = [Segment("▏" + " " * (width - 1), cell[0].style)]
        else:
            cell = toggled(marked(cell, RichStyle(dim=True)))
        return painter.segments(before) + cell + painter.segments(after)

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
        if self._core is not None:
            with self.core_lock:
                move(self._core)
                self._scrolled = self._core.scrollback.offset > 0
            self._selection = None
            self.repaint()

    # Mouse

    def _modes(self) -> Modes:
        if self._core is None:
            return Modes()
        with self.core_lock:
            return self._core.modes

    def _report(self, event: events.MouseEvent, modes: Modes, button: Button, action: Action) -> None:
        x, y = max(0, event.x), max(0, event.y)
        data = encode_mouse(button, action, x, y, modes, alt=event.meta, ctrl=event.ctrl)
        if data:
            self.post_message(self.Input(data))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """A press belongs to the program if it asked for the mouse; shift keeps it here."""
        modes = self._modes()
        self.capture_mouse()
        if modes.mouse is not MouseTracking.NONE and not event.shift:
            self._pressed = _BUTTONS.get(event.button, "none")
            self._report(event, modes, self._pressed, "press")
        elif event.button == 1:
            self._anchor = (event.y, event.x)
            self._select(None)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Drag a selection, or tell the program."""
        if self._anchor is not None:
            here = (min(max(0, event.y), self.size.height - 1), min(max(0, event.x), self.size.width))
            self._select((min(self._anchor, here), max(self._anchor, here)))
            return
        modes = self._modes()
        if modes.mouse is not MouseTracking.NONE and not event.shift:
            self._report(event, modes, self._pressed, "move")

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
        if modes.mouse is not MouseTracking.NONE and self._pressed != "none":
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
        if modes.mouse is not MouseTracking.NONE and not event.shift:
            self._report(event, modes, "wheel_up" if up else "wheel_down", "press")
        elif modes.alternate_screen:
            if modes.alternate_scroll:
                self.post_message(self.Input(encode_wheel_as_arrows(up, modes)))
        else:
            self.scroll_view(-_WHEEL_ROWS if up else _WHEEL_ROWS)

    # Selection, in rows and columns of the view: it ends where the rows under it change.

    def _select(self, selection: tuple[Point, Point] | None) -> None:
        if self._core is None or selection == self._selection:
            return
        rows = self._selected_rows()
        self._selection = selection
        self._build(self._core, rows | self._selected_rows())

    def _selected_rows(self) -> set[int]:
        return set() if self._selection is None else set(range(self._selection[0][0], self._selection[1][0] + 1))

    def _selected_columns(self, core: TerminalCore, y: int) -> tuple[int, int] | None:
        if self._selection is None:
            return None
        (top, left), (bottom, right) = self._selection
        if not top <= y <= bottom:
            return None
        return (left if y == top else 0), (right if y == bottom else core.columns)

    @property
    def selected_text(self) -> str:
        """The marked text, without the blanks at line ends; empty if nothing is marked."""
        core = self._core
        if core is None or self._selection is None:
            return ""
        lines = []
        for y in sorted(self._selected_rows()):
            columns = self._selected_columns(core, y)
            if columns is None or y >= core.rows:
                continue
            before, rest = split(core.row(y), columns[0])
            chosen, _ = split(rest, columns[1] - sum(run.width for run in before))
            lines.append("".join(run.text for run in chosen).rstrip())
        return "\n".join(lines)


def _spans(rows: set[int]) -> list[tuple[int, int]]:
    """Rows as (first, count) of neighbours."""
    ordered = sorted(rows)
    starts = [ordered[0]] + [b for a, b in pairwise(ordered) if b != a + 1]
    ends = [a for a, b in pairwise(ordered) if b != a + 1] + [ordered[-1]]
    return [(start, end - start + 1) for start, end in zip(starts, ends, strict=True)]

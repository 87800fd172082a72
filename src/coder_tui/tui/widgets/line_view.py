"""Lines of items, painted one by one: ten thousand items cost no more than the lines in view.

The view does its own scrolling, so that an update never touches the layout; only lines whose item or age text changed
are painted again.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Hashable, Iterable, Sequence
from datetime import datetime
from typing import Generic, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from coder_tui.fleet.timeline import short_age
from coder_tui.tui.glyphs import Glyphs, glyphs
from coder_tui.tui.paint import NO_VOICES, Voices, wrap

Item = TypeVar("Item")


class LineView(Widget, Generic[Item]):
    """Paints what `items` holds. Subclasses paint one line of one item (`paint`); `LineList` adds the cursor."""

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.items: Sequence[Item] = ()
        self.cursor: int = -1
        self.top = 0
        self.voices: Voices = NO_VOICES
        self.glyphs: Glyphs = glyphs()
        self.now: datetime | None = None
        self._keys: Sequence[Hashable] = ()  # None where the cursor does not stop
        self._starts: list[int] = [0]  # first line of each item, then the number of lines
        self._painted: dict[int, list[tuple[datetime, str]]] = {}  # line -> the moments it shows, and their texts
        self._ages: list[tuple[datetime, str]] = []
        self._note: tuple[tuple[str, str], ...] = ()
        self._note_lines: list[tuple[str, str]] = []

    # --- for subclasses ---

    def paint(self, index: int, line: int, width: int) -> list[Segment]:
        """Line `line` (from 0) of the item at `index` in `width` cells, without background."""
        raise NotImplementedError

    def age(self, at: datetime) -> str:
        """How far `at` is from now, as short text; the line is painted again when that text changes."""
        text = short_age(abs(self.now - at)) if self.now else ""
        self._ages.append((at, text))
        return text

    def say(self, *note: tuple[str, str]) -> None:
        """What to show while there are no items: (text, voice) paragraphs."""
        if note != self._note:
            self._note = note
            self._note_lines.clear()
            if not self.items:
                self.refresh()

    def repaint_items(self, indexes: Iterable[int]) -> None:
        """These items changed their contents, not their keys: paint again those of them that are in view."""
        first, last = self.in_sight
        for index in indexes:
            if first <= index < last:
                self._dirty(self._starts[index], self._starts[index + 1])

    # --- for owners ---

    @property
    def lines(self) -> int:
        """How many lines there are in all."""
        return self._starts[-1]

    @property
    def in_sight(self) -> tuple[int, int]:
        """First and last-plus-one index of the items in view."""
        first = max(0, bisect_right(self._starts, self.top) - 1)
        last = bisect_right(self._starts, self.top + max(0, self.size.height - 1))
        return min(first, len(self.items)), min(last, len(self.items))

    def tick(self, now: datetime) -> float | None:
        """Time passed: paint again the lines whose age text changed. Returns the youngest age in view (s), or None."""
        self.now = now
        youngest: float | None = None
        bottom = self.top + self.size.height
        for line, ages in list(self._painted.items()):
            if not self.top <= line < bottom:
                del self._painted[line]
                continue
            for at, text in ages:
                age = abs(now - at)
                youngest = min(age.total_seconds(), youngest if youngest is not None else math.inf)
                if short_age(age) != text:
                    self._dirty(line, line + 1)
        return youngest

    # --- painting ---

    def render_line(self, y: int) -> Strip:
        """Line `y` of the view."""
        width = self.size.width
        base = self.visual_style.rich_style
        line = self.top + y
        if line >= self.lines:
            return self._say_line(y, width, base)
        index = bisect_right(self._starts, line) - 1
        cursor = index == self.cursor
        bar = self._bar(y)
        room = width - (1 if bar else 0)
        self._ages = []
        segments = self.paint(index, line - self._starts[index], room)
        if self._ages:
            self._painted[line] = self._ages
        else:
            self._painted.pop(line, None)
        if cursor:
            base += self.voices.on("cursor" if self.has_focus else "cursor-blurred")
        strip = Strip(segments).adjust_cell_length(room, Style.null()).apply_style(base)
        return Strip([*strip, bar], width) if bar else strip

    def _say_line(self, y: int, width: int, base: Style) -> Strip:
        if self.items or not self._note:
            return Strip.blank(width, base)
        if not self._note_lines:
            for text, voice in self._note:
                self._note_lines += [(line, voice) for line in wrap(text, width - 2, 6, self.glyphs.ellipsis)]
        if y >= len(self._note_lines):
            return Strip.blank(width, base)
        text, voice = self._note_lines[y]
        segment = Segment(f" {text}", self.voices[voice])
        return Strip([segment]).adjust_cell_length(width, Style.null()).apply_style(base)

    def _bar(self, y: int) -> Segment | None:
        """The scroll bar's cell on view line `y`, if there is one."""
        height, lines = self.size.height, self.lines
        if lines <= height or height < 3:
            return None
        thumb = max(1, height * height // lines)
        start = self.top * (height - thumb) // max(1, lines - height)
        background = self.visual_style.rich_style
        if start <= y < start + thumb:
            return Segment(self.glyphs.thumb, background + self.voices["rule"])
        return Segment(" ", background)

    def _dirty(self, first: int, last: int) -> None:
        top, last = max(first, self.top), min(last, self.top + self.size.height)
        if last > top:
            self.refresh(Region(0, top - self.top, self.size.width, last - top))

    # --- scrolling ---

    def _scroll(self, lines: int) -> None:
        top = min(max(0, self.top + lines), max(0, self.lines - self.size.height))
        if top != self.top:
            self.top = top
            self.refresh()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel moves the view, not the cursor."""
        event.stop()
        self._scroll(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel moves the view, not the cursor."""
        event.stop()
        self._scroll(-3)

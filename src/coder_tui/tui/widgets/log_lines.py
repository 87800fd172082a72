"""Paints a log buffer: only the lines in view, with its own scrolling, so that a new line never touches the layout."""

from __future__ import annotations

from time import monotonic

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from coder_tui.logs.buffer import NOTE, LogBuffer
from coder_tui.logs.search import Filter
from coder_tui.tui.glyphs import glyphs
from coder_tui.tui.paint import wrap
from coder_tui.tui.widgets import log_bar
from coder_tui.tui.widgets.log_looks import CLASSES, RULES
from coder_tui.tui.widgets.log_paint import LogPainter, Times
from coder_tui.tui.widgets.log_place import LogPlace
from coder_tui.tui.widgets.log_rows import LogRows

_SIDEWAYS = 8  # cells per step
_FRAME = 1 / 30  # seconds between two paintings of lines that come in


class LogLines(Widget):
    """The lines of a `LogBuffer`, or those a `Filter` lets through. The owner calls `changed` after appending."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES = CLASSES
    DEFAULT_CSS = RULES

    class Moved(Message):
        """The view moved, or took in what changed: `following`, `unseen` and the hits may be others."""

    def __init__(self) -> None:
        super().__init__()
        self._looks: dict[str, Style] = {}
        self._painter = LogPainter(self._style)
        self._rows = LogRows()
        self._place = LogPlace(self._rows, lambda number: len(self._painter.rows(number)))
        self._page: list[Strip] | None = None
        self._drawn: tuple[int, ...] = ()  # what the page was painted from
        self._bar_shape: tuple[tuple[int, int], set[int]] = ((0, 0), set())
        self._note: tuple[str, ...] = ()
        self._bar, self._mark = glyphs().thumb, glyphs().cursor
        self._painted_at = 0.0  # monotonic seconds
        self._frame: Timer | None = None  # a painting that is due

    # --- for the owner ---

    def attach(self, buffer: LogBuffer, filter: Filter | None, find: Filter | None = None) -> None:
        """Show another buffer, or the same one through another filter (the position stays where the eye is).

        `find`: its hits are marked.
        """
        if buffer is not self._rows.buffer:
            self._place.restart()
            self._rows.folds.restart()
        if filter is not self._rows.filter:
            self._painter.left = 0
        self._rows.buffer, self._rows.filter, self._rows.find = buffer, filter, find
        self._painter.show(buffer)
        self._painter.queries = tuple(one.query for one in (filter, find) if one)
        self.restyle()

    def say(self, *paragraphs: str, voice: str = "logs--time") -> None:
        """What to show while there is no line; the first paragraph in the style of the component class `voice`."""
        if (voice, *paragraphs) != self._note:
            self._note = (voice, *paragraphs)
            if not self._rows.total:
                self._repaint()

    def changed(self) -> bool:
        """Lines or hits were added or dropped. Paints again only when that shows.

        False when that comes with the next frame: a `Moved` tells of it.
        """
        if self._frame is not None:
            return False
        if self._drawn == self._rows.shape:
            return True
        wait = self._painted_at + _FRAME - monotonic()
        if wait > 0:
            self._frame = self.set_timer(wait, self._next_frame, name="frame")
            return False
        self._follow_changes()
        return True

    def _next_frame(self) -> None:
        self._frame = None
        self._follow_changes()
        self.post_message(self.Moved())

    def _follow_changes(self) -> None:
        self._painted_at = monotonic()
        changed = len(self._rows.buffer.sources) != self._painter.sources
        if (
            changed
            or self.following
            or not self._place.full
            or self._place.top < self._rows.oldest
            or self._place_bar() != self._bar_shape
        ):
            self._repaint()
        else:
            self._drawn = self._rows.shape

    def restyle(self) -> None:
        """Everything looks different: theme, width, wrapping, names of sources."""
        self._looks.clear()
        self._painter.width, self._place.height = self.size
        self._painter.reset()
        self._repaint()

    @property
    def following(self) -> bool:
        """The newest line stays in view."""
        return self._place.following

    @property
    def current(self) -> int:
        """Number of the line that keys act on: the marked one while it is in view, else the last one in view, or -1.

        Our own dividers are passed over where there is anything else.
        """
        rows = self._rows
        if not rows.total:
            return -1
        first = rows.index(self._place.top)
        last = min(first + max(1, self.size.height) - 1, rows.total - 1)
        marked = self._painter.current
        if rows.number(first) <= marked <= rows.number(last) and rows.shows(marked):
            return marked
        oldest = rows.buffer.first
        seen = (number for index in range(last, first - 1, -1) if (number := rows.number(index)) >= oldest)
        numbers = [*seen] or [oldest]
        return next((number for number in numbers if rows.buffer.line(number, 0).level != NOTE), numbers[0])

    def mark(self, number: int) -> None:
        """Make that line the current one."""
        self._painter.forget(self._painter.current, number)
        self._painter.current = number
        self._repaint()

    def reveal(self, number: int) -> None:
        """Make that line, or the next one that passes the filter, the current one, and show it."""
        index = self._rows.index(number)
        self.mark(self._rows.number(index))
        first = self._rows.index(self._place.top)
        if not (first <= index < first + self.size.height) or self._painter.wrapped:
            self._moved(self._place.go(max(0, index - self.size.height // 3)))
        else:
            self._place.stop()
            self._moved()

    def step(self, direction: int) -> int:
        """Make the next (1) or previous (-1) line the current one and show it; its number, or -1."""
        number = self.current
        if number >= 0:
            if self._painter.current == number:
                index = self._rows.index(number) + direction
                number = self._rows.number(min(max(index, 0), self._rows.total - 1))
            self.reveal(max(number, self._rows.buffer.first))
        return self.current

    def fold(self, number: int) -> bool:
        """Fold or unfold the stage that begins with that line; False when none does."""
        done = self._rows.folding and self._rows.folds.toggle(self._rows.buffer, number)
        if done:
            self.mark(number)
        return done

    def next_hit(self, direction: int) -> int | None:
        """Number of the next (1) or previous (-1) hit of the search that passes the filter; None: there is none."""
        marked = self._painter.current
        return self._rows.next_hit(marked if marked == self.current else self._place.top - (direction > 0), direction)

    def show_times(self, times: Times) -> None:
        """What stands before the lines."""
        self._painter.times = times
        self.restyle()

    def hide_levels(self) -> None:
        """No column of levels: the lines name them, and are coloured by them."""
        self._painter.levels = False
        self.restyle()

    @property
    def times(self) -> Times:
        """What stands before the lines."""
        return self._painter.times

    @property
    def unseen(self) -> int:
        """Lines that arrived below the view since following stopped."""
        if not self.following and self._page is None and self.size.height:
            self._page = self._make_page()  # moves the mark of what was seen
        return self._place.unseen

    # --- moving ---

    def scroll_rows(self, rows: int) -> None:
        """Move the view down (or up, negative) by rows. At the very end it follows again."""
        self._moved(self._place.scroll(rows))

    def scroll_half_page(self, direction: int) -> None:
        """Half a page down (1) or up (-1)."""
        self.scroll_rows(direction * max(1, self.size.height // 2))

    def scroll_top(self) -> None:
        """To the oldest line."""
        self._moved(self._place.go(0))

    def follow(self) -> None:
        """To the newest line, and stay there."""
        self._place.following = True
        self._moved()

    def scroll_sideways(self, steps: int) -> None:
        """Move the words by steps of eight cells; the time and level stay."""
        left = max(0, self._painter.left + steps * _SIDEWAYS)
        first = self._rows.index(self._place.top)
        visible = range(first, min(first + self.size.height, self._rows.total))
        over = self._painter.overhang(self._rows.number(index) for index in visible)
        left = min(left, max(0, -(-over // _SIDEWAYS) * _SIDEWAYS))
        if left != self._painter.left and not self._painter.wrapped:
            self._painter.left = left
            self.restyle()

    def toggle_wrap(self) -> None:
        """Long lines in several rows, or cut."""
        self._painter.wrapped = self._place.wrapped = not self._painter.wrapped
        self._painter.left = self._place.skip = 0
        self.restyle()

    def _moved(self, changed: bool = True) -> None:
        if changed:
            self._repaint()
            self.post_message(self.Moved())

    # --- painting ---

    def on_resize(self) -> None:
        """Another width: other rows."""
        self.restyle()

    def notify_style_update(self) -> None:
        """Another theme, or other rules."""
        super().notify_style_update()
        self._looks.clear()
        self._painter.reset()
        self._page = None

    def on_click(self, event: events.Click) -> None:
        """The line under the mouse becomes the current one."""
        index, y = self._rows.index(self._place.top), -self._place.skip
        while index < self._rows.total and (y := y + self._place.tall(index)) <= event.y:
            index += 1
        if index < self._rows.total:
            self.mark(self._rows.number(index))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three rows down."""
        event.stop()
        self.scroll_rows(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three rows up."""
        event.stop()
        self.scroll_rows(-3)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Rows of the view, without Textual's styling: ours are painted, and remember what was made of them before."""
        strips = [self.render_line(y) for y in crop.line_range]
        background = self.background_colors[1]
        for filter in self.get_line_filters():
            strips = [strip.apply_filter(filter, background) for strip in strips]
        if crop.column_span != (0, self.size.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def render_line(self, y: int) -> Strip:
        """Row `y` of the view."""
        if self._page is None:
            self._page = self._make_page()
        return self._page[y] if y < len(self._page) else Strip.blank(self.size.width, self._style(""))

    def _repaint(self) -> None:
        self._page = None
        self.refresh()

    def _make_page(self) -> list[Strip]:
        width, height = self.size
        self._place.height = height
        self._drawn = self._rows.shape
        hidden = self._rows.folds.hidden if self._rows.folding else {}
        if hidden != self._painter.hidden:
            self._painter.hidden = hidden
            self._painter.reset()
        if len(self._rows.buffer.sources) != self._painter.sources:
            self._painter.reset()
        if not self._rows.total:
            voices = [self._note[0], *["logs--time"] * len(self._note)] if self._note else []
            return [
                Strip([Segment(f" {row}", self._style(voice))]).adjust_cell_length(width, self._style(""))
                for voice, text in zip(voices, self._note[1:], strict=False)
                for row in wrap(text, max(1, width - 2), 6)
            ][:height]
        index, skip = self._place.settle()
        page: list[Strip] = []
        number, total = self._place.top, self._rows.total
        while index < total and len(page) < height:
            number = self._rows.number(index)
            page += self._painter.rows(number)[skip:]
            index, skip = index + 1, 0
        self._place.saw(number)
        del page[height:]
        self._bar_shape = self._place_bar()
        (start, size), marked = self._bar_shape
        for y in {*range(start, start + size), *marked}:
            if y < len(page):
                style = self._style("logs--hit" if y in marked else "logs--bar")
                glyph = self._bar if start <= y < start + size else self._mark
                page[y] = Strip([*page[y].crop(0, width - 1), Segment(glyph, style)], width)
        return page

    def _place_bar(self) -> tuple[tuple[int, int], set[int]]:
        """Where the thumb is, and beside which rows hits of the search lie."""
        height, total = self.size.height, self._rows.total
        place = log_bar.thumb(height, total, total if self.following else self._rows.index(self._place.top))
        return place, log_bar.hit_rows(height, self._rows.numbers, self._rows.hits) if place[1] else set()

    def _style(self, name: str) -> Style:
        """The Rich style of a component class; of the widget itself without a name."""
        style = self._looks.get(name)
        if style is None:
            visual = self.get_visual_style(name) if name else self.visual_style
            style = self._looks[name] = visual.rich_style
        return style

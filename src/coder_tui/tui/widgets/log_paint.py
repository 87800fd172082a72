"""Paints one line of a log: time, level, source and words, cut or wrapped to a width."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from functools import lru_cache, partial

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from coder_tui.logs import ansi
from coder_tui.logs.buffer import LEVELS, NOTE, LogBuffer, LogView
from coder_tui.logs.search import Query
from coder_tui.logs.written import time_of, written_at
from coder_tui.tui.glyphs import glyphs
from coder_tui.tui.widgets.log_looks import SOURCES


class Times(StrEnum):
    """What stands before a line."""

    CLOCK = "time of day"
    ELAPSED = "since the first line"
    OFF = "no times"


_SHOWN = 64 << 10  # bytes of one line that are painted; the rest is counted
_SOURCE_CELLS = 16
_NARROW = 50  # below, levels are one letter and sources make room for the words
_CACHED = 4096  # painted lines kept


class LogPainter:
    """Makes strips of the lines of a buffer, and keeps them. `style` gives the Rich style of a component class.

    After changing an attribute, call `reset`.
    """

    def __init__(self, style: Callable[[str], Style]) -> None:
        self.buffer = LogBuffer()
        self.queries: tuple[Query, ...] = ()  # whose words are marked: the filter's, the search's
        self.times = Times.CLOCK
        self.current = -1  # number of the line that is marked
        self.width = 0  # cells of a row, the last of them for the scroll bar
        self.levels = True  # a column of them; else a line is coloured by its level, which it names itself
        self.left = 0  # cells that the words are moved to the left
        self.wrapped = False
        self.sources = 0  # how many the buffer had when we last looked
        self.hidden: Mapping[int, int] = {}  # lines folded away below dividers, by their number
        self._style = style
        self._source_cells = 0
        self._origin: float | None = None  # time of the first line
        self._painted: dict[int, list[Strip]] = {}
        self._shapes = glyphs()
        self._dash = "─" if self._shapes.thumb != "|" else "-"

    def reset(self) -> None:
        """Everything looks different now."""
        self._painted.clear()
        self.sources = len(self.buffer.sources)
        names = [cell_len(ansi.plain(self.buffer.name_of(source))) for source in self.buffer.sources if source]
        several = len(names) > 1 and self.width >= _NARROW and not self.buffer.grouped
        self._source_cells = min(_SOURCE_CELLS, max(names)) if several else 0

    def forget(self, *numbers: int) -> None:
        """These lines look different now."""
        for number in numbers:
            self._painted.pop(number, None)

    def show(self, buffer: LogBuffer) -> None:
        """Paint another buffer."""
        if buffer is not self.buffer:
            self.buffer, self._origin, self.current = buffer, None, -1

    def overhang(self, numbers: Iterable[int]) -> int:
        """By how many cells the widest of these lines is too wide."""
        lines = [self.buffer.line(number, _SHOWN) for number in numbers if number >= self.buffer.first]
        return max((strip.cell_length for line in lines for strip in self._body(line)), default=0) - self._room

    def rows(self, number: int) -> list[Strip]:
        """One log line in rows of the full width; a number before the buffer's first stands for what was dropped."""
        if number < self.buffer.first:
            return [self._rule(f"{self.buffer.first:,} older lines dropped")]
        rows = self._painted.get(number)
        if rows is None:
            if len(self._painted) > _CACHED:
                self._painted.clear()
            rows = self._paint(number)
            if number == self.current and (self.buffer.grouped or not self._is_rule(number)):
                rows = [self._lit(row) for row in rows]
            self._painted[number] = rows
        return rows

    def _paint(self, number: int) -> list[Strip]:
        width = self.width
        line = self.buffer.line(number, _SHOWN)
        if line.level == NOTE:
            hidden = self.hidden.get(number)
            more = f" {self._shapes.dot} {hidden:,} line{'s' * (hidden > 1)} (enter)" if hidden else ""
            return [self._rule(f"{clock(int(line.at))} {ansi.plain(line.text)}{more}")]
        prefix = self._prefix(line)
        if not (self.wrapped or self.queries or line.omitted) and line.text.isascii() and line.text.isprintable():
            # most lines: every character is a cell, so that nothing needs to be measured
            words = line.text[self.left : self.left + self._room].ljust(self._room + 1)
            return [Strip([*prefix, Segment(words, self._base(line))], width)]
        indent = [Segment(" " * sum(segment.cell_length for segment in prefix), self._style(""))]
        bodies = self._body(line)
        if not self.wrapped:
            bodies = [bodies[0].crop(self.left, self.left + self._room)]
        return [self._fill([*(indent if i else prefix), *body], width) for i, body in enumerate(bodies)]

    def _prefix(self, line: LogView) -> list[Segment]:
        """Time, level and source, in the same cells for every line."""
        level, cells = LEVELS[line.level], self._level_cells
        prefix = [Segment(f"{level[:cells]:<{cells}} ", self._style(f"logs--{level or 'time'}"))] if cells else []
        if at := self._time(line):
            prefix.insert(0, Segment(at, self._style("logs--time")))
        if self._source_cells:
            name = ansi.plain(self.buffer.name_of(line.source_id))
            index = self.buffer.sources.index(line.source_id) % SOURCES
            prefix.append(Segment(f"{set_cell_size(name, self._source_cells)} ", self._style(f"logs--source-{index}")))
        return prefix

    def _time(self, line: LogView) -> str:
        """In nine cells, or none."""
        if self.times is Times.OFF:
            return ""
        at = line.at or written_at(line.text)
        if at is None:
            return " " * 9
        if self.times is Times.CLOCK:
            return f"{clock(int(at))} "
        if self._origin is None:
            numbers = range(self.buffer.first, min(self.buffer.end, self.buffer.first + _CACHED))
            self._origin = next((at for at in map(partial(time_of, self.buffer), numbers) if at is not None), at)
        return f"{elapsed(at - self._origin):>8.8} "

    @property
    def _time_cells(self) -> int:
        return 0 if self.times is Times.OFF else 9

    @property
    def _level_cells(self) -> int:
        if not self.levels:
            return 0
        return 5 if self.width >= _NARROW else 1

    @property
    def _room(self) -> int:
        """Cells for the words: between the prefix and the scroll bar."""
        sources = self._source_cells + 1 if self._source_cells else 0
        levels = self._level_cells + 1 if self._level_cells else 0
        return max(8, self.width - self._time_cells - levels - sources - 1)

    def _base(self, line: LogView) -> Style:
        level = LEVELS[line.level]
        told = level in ("trace", "debug") or (level in ("warn", "error") and not self.levels)
        return self._style(f"logs--{level}" if told else "")

    def _body(self, line: LogView) -> list[Strip]:
        """The words of a line: one strip of any width, or wrapped ones that fit."""
        base = self._base(line)
        segments = [
            Segment(run.text, base + (self._style("logs--mark") if run.style.mark else _rich(run.style)))
            for run in ansi.runs(line.text)
        ]
        if line.omitted:
            more = f"{self._shapes.ellipsis} {line.omitted:,} bytes more"
            segments.append(Segment(more, self._style("logs--mark")))
        text = "".join(segment.text for segment in segments)
        if marks := sorted(span for query in self.queries for span in query.marks(text)):
            segments = list(_marked(segments, marks, self._style("logs--hit")))
        if not self.wrapped:
            return [Strip(segments)]
        pieces = iter(segments)
        rest: Segment | None = None
        rows: list[Strip] = []
        for row in chop_cells(text, self._room) or [""]:
            wanted, taken = len(row), []
            while wanted and (rest := rest or next(pieces, None)):
                taken.append(Segment(rest.text[:wanted], rest.style))
                wanted -= len(taken[-1].text)
                left_over = rest.text[len(taken[-1].text) :]
                rest = Segment(left_over, rest.style) if left_over else None
            rows.append(Strip(taken))
        return rows

    def _is_rule(self, number: int) -> bool:
        return self.buffer.line(number, 0).level == NOTE

    def _lit(self, row: Strip) -> Strip:
        """A row of the current line: another ground, but for the hits."""
        ground = Style(bgcolor=self._style("logs--current").bgcolor)
        plain = self._style("").bgcolor
        styled = ((text, style or self._style("")) for text, style, _ in row)
        segments = (
            Segment(text, style + ground if style.bgcolor in (None, plain) else style) for text, style in styled
        )
        return Strip(segments, row.cell_length)

    def _rule(self, text: str) -> Strip:
        """A divider: what happened to the stream here."""
        width = self.width - 1
        title = f"{self._dash * 2} {set_cell_size(text, min(cell_len(text), max(1, width - 6)))} "
        rule = Segment(title + self._dash * (width - cell_len(title)), self._style("logs--note"))
        return self._fill([rule], width + 1)

    def _fill(self, segments: list[Segment], width: int) -> Strip:
        return Strip(segments).adjust_cell_length(width, self._style(""))


@lru_cache(maxsize=1024)
def clock(at: int) -> str:
    """Local time of day of POSIX seconds; a time no clock knows is dashes."""
    try:
        return time.strftime("%H:%M:%S", time.localtime(at))
    except (OverflowError, ValueError, OSError):
        return "--:--:--"


def elapsed(seconds: float) -> str:
    """`+1.234`, `+1:02.3`, `+1:02:03`, `+2d 03h`, in at most eight cells."""
    sign, seconds = ("-" if seconds < 0 else "+"), min(abs(seconds), 1e10)
    if seconds < 60:
        return f"{sign}{seconds:.3f}"
    minutes, rest = divmod(seconds, 60)
    if minutes < 60:
        return f"{sign}{int(minutes)}:{int(rest * 10) / 10:04.1f}"
    hours, minutes = divmod(int(minutes), 60)
    if hours < 24:
        return f"{sign}{hours}:{minutes:02}:{int(rest):02}"
    return f"{sign}{hours // 24}d {hours % 24:02}h"


@lru_cache(maxsize=1024)
def _rich(style: ansi.Style) -> Style:
    """A run's own colours as a Rich style to lay over the line's."""
    return Style(
        color=_colour(style.fg),
        bgcolor=_colour(style.bg),
        bold=style.bold or None,
        dim=style.dim or None,
        italic=style.italic or None,
        underline=style.underline or None,
        reverse=style.reverse or None,
        strike=style.strike or None,
    )


def _colour(colour: ansi.Colour) -> Color | None:
    match colour:
        case None:
            return None
        case int(index):
            return Color.from_ansi(index)
        case (red, green, blue):
            return Color.from_rgb(red, green, blue)


def _marked(segments: list[Segment], marks: list[tuple[int, int]], hit: Style) -> Iterator[Segment]:
    """The segments with `hit` laid over the marked characters; marks ascend and may overlap."""
    position, spans = 0, iter(marks)
    start, end = next(spans)
    for text, style, _ in segments:
        done = 0
        while done < len(text):
            while end <= position + done:
                start, end = next(spans, (1 << 62, 1 << 62))
            inside = start <= position + done
            stop = min(len(text), (end if inside else start) - position)
            yield Segment(text[done:stop], style + hit if inside and style else style)
            done = stop
        position += len(text)

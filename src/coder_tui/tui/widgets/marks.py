"""What lies over the cells of a terminal: what is selected, what was found, and the cursors."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from itertools import groupby

from rich.segment import Segment
from rich.style import Style as RichStyle

from coder_tui.terminal.core import Cursor, CursorShape, Point, Run
from coder_tui.tui.widgets.cells import Painter, marked, split, toggled
from coder_tui.tui.widgets.lookback import LookBack


class Mark(IntEnum):
    """What is laid over a cell, the stronger the higher."""

    NONE = 0
    FOUND = 1
    CURRENT = 2  # the found one on which one stands
    SELECTED = 3
    SPOT = 4


# Told apart without colours too.
_FOUND = RichStyle(color="black", bgcolor="yellow", underline=True)
_CURRENT = RichStyle(color="black", bgcolor="bright_cyan", bold=True, underline=True)
_SPOT = RichStyle(underline2=True, bold=True)


def marks_in(row: int, columns: int, look: LookBack | None, selection: tuple[Point, Point] | None) -> list[Mark]:
    """What lies over each column of an absolute row; empty if nothing does."""
    spans: list[tuple[int, int, Mark]] = []
    if look is not None:
        spans = [
            (left, right, Mark.CURRENT if index == look.current else Mark.FOUND)
            for left, right, index in look.matches_in(row)
        ]
        if look.spot[0] == row:
            spans.append((look.spot[1], look.spot[1] + 1, Mark.SPOT))
    if selection is not None:
        (top, left), (bottom, right) = selection
        if top <= row <= bottom:
            spans.append((left if row == top else 0, right if row == bottom else columns, Mark.SELECTED))
    if not spans:
        return []
    marks = [Mark.NONE] * columns
    for left, right, mark in spans:
        for x in range(left, min(right, columns)):
            marks[x] = max(marks[x], mark)
    return marks


def overlaid(painter: Painter, runs: Sequence[Run], marks: Sequence[Mark], *, selecting: bool) -> list[Segment]:
    """A row with its marks. While one selects, the spot is part of the selection and shown within it."""
    segments: list[Segment] = []
    rest, owed = list(runs), 0  # a wide character across a border goes to the part after it
    for mark, group in groupby(marks):
        owed += len([*group])
        part, rest = split(rest, owed)
        owed -= sum(run.width for run in part)
        painted = painter.segments(part)
        if mark in (Mark.FOUND, Mark.CURRENT):
            painted = marked(painted, _FOUND if mark is Mark.FOUND else _CURRENT)
        elif mark is Mark.SELECTED or (mark is Mark.SPOT and not selecting):
            painted = toggled(painted)
        elif mark is Mark.SPOT:
            painted = marked(painted, _SPOT)
        segments += painted
    return segments + painter.segments(rest)


def with_cursor(painter: Painter, runs: Sequence[Run], cursor: Cursor, *, active: bool) -> list[Segment]:
    """A row with the program's cursor; `active` if it is the one that types."""
    before, rest = split(runs, cursor.x)
    head = rest[0]
    width = head.width if head.cluster else head.width // len(head.text)
    under, after = split(rest, width)
    cell = painter.segments(under)
    if not active:
        # No cell can be hollow: an underline says where, without saying that keys go there.
        cell = marked(cell, RichStyle(underline2=True, dim=True))
    elif cursor.shape is CursorShape.BLOCK:
        cell = marked(cell, painter.cursor) if painter.cursor else toggled(cell)
    elif cursor.shape is CursorShape.UNDERLINE:
        cell = marked(cell, RichStyle(underline=True, bold=True))
    elif under[0].text.isspace():
        cell = [Segment("▏" + " " * (width - 1), cell[0].style)]
    else:
        cell = toggled(marked(cell, RichStyle(dim=True)))
    return painter.segments(before) + cell + painter.segments(after)

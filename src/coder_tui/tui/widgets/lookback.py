"""Looking back: a cursor of one's own in a terminal's history, a mark to select from, and places that were found.

Rows are absolute (`core.Point`), so they stay on their text while output arrives. Every method asks the core: call
them under its lock.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from rich.cells import cell_len

from coder_tui.terminal.core import Match, Point, TerminalCore


class LookBack:
    """Begins at the program's cursor, or at the end of the view where that is not seen."""

    def __init__(self, core: TerminalCore) -> None:
        self._core = core
        cursor = core.cursor
        self.spot: Point = (self.top + (cursor.y if cursor.visible else core.rows - 1), cursor.x)
        self.mark: Point | None = None
        self.matches: Sequence[Match] = ()
        self.current = -1  # index of the match one stands on
        self._by_row: dict[int, list[tuple[int, int, int]]] = {}

    @property
    def top(self) -> int:
        """The absolute row at the top of the view."""
        scroll = self._core.scrollback
        return scroll.length - scroll.offset

    def follow(self) -> None:
        """Move the view so that the spot is seen; output that arrives meanwhile does not carry it away."""
        row, top = self.spot[0], self.top
        if row < top:
            self._core.scroll(row - top)
        elif row >= top + self._core.rows:
            self._core.scroll(row - top - self._core.rows + 1)

    def to(self, row: int, column: int) -> None:
        """Go there, or as near as there is anything."""
        last = self._core.scrollback.length + self._core.rows - 1
        self.spot = max(0, min(row, last)), max(0, min(column, self._core.columns - 1))
        self.follow()

    def move(self, rows: int, columns: int = 0) -> None:
        """Go that far."""
        self.to(self.spot[0] + rows, self.spot[1] + columns)

    def scrolled(self) -> None:
        """The view was moved by the wheel: the spot comes along at its edge."""
        row, column = self.spot
        self.to(max(self.top, min(row, self.top + self._core.rows - 1)), column)

    def line_end(self) -> None:
        """Go to the last character of the row."""
        row = self.spot[0]
        self.to(row, cell_len(self._core.text((row, 0), (row + 1, 0))) - 1)

    def toggle_mark(self) -> None:
        """Select from here, or no more."""
        self.mark = None if self.mark else self.spot

    def mark_row(self) -> None:
        """Select the whole row."""
        row = self.spot[0]
        self.mark = (row, 0)
        self.spot = (row, self._core.columns - 1)

    @property
    def selection(self) -> tuple[Point, Point] | None:
        """From the mark to the spot, that cell included."""
        if self.mark is None:
            return None
        row, column = max(self.mark, self.spot)
        return min(self.mark, self.spot), (row, column + 1)

    def found(self, matches: Sequence[Match]) -> None:
        """Show these, and go to the nearest one at or above the spot; where there is none, to the newest."""
        self.matches, self._by_row = matches, {}
        for index, (start, end) in enumerate(matches):
            for row in range(start[0], end[0] + 1):
                left = start[1] if row == start[0] else 0
                right = end[1] + 1 if row == end[0] else self._core.columns
                self._by_row.setdefault(row, []).append((left, right, index))
        self.current = bisect_right([match.start for match in matches], self.spot) - 1
        if matches:
            self.to(*matches[self.current].start)

    def next_match(self, step: int) -> None:
        """Go to another match, `step` further up (negative: down), round the ends."""
        if self.matches:
            self.current = (self.current - step) % len(self.matches)
            self.to(*self.matches[self.current].start)

    def matches_in(self, row: int) -> Sequence[tuple[int, int, int]]:
        """What was found in a row: first column, the one after the last, and which match it is."""
        return self._by_row.get(row, ())

"""Which lines of a buffer are shown, in order: all, or those a filter lets through; and the hits of a search."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from coder_tui.logs.buffer import LogBuffer
from coder_tui.logs.search import Filter
from coder_tui.tui.widgets.log_folds import LogFolds


class LogRows:
    """Rows by index: line numbers in order, before them one that stands for the lines that were dropped."""

    def __init__(self) -> None:
        self.buffer = LogBuffer()
        self.filter: Filter | None = None
        self.find: Filter | None = None
        self.folds = LogFolds()

    @property
    def folding(self) -> bool:
        """Stages may be folded: not while a filter or a search looks into them."""
        return self.buffer.grouped and self.filter is None and self.find is None

    @property
    def numbers(self) -> Sequence[int]:
        """Numbers of the lines, ascending."""
        if self.folding:
            return self.folds.numbers(self.buffer)
        return self.filter.hits if self.filter else range(self.buffer.first, self.buffer.end)

    @property
    def hits(self) -> Sequence[int]:
        """Numbers of the lines that the search hits, shown or not, ascending."""
        return self.find.hits if self.find else ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Changes with every line, hit and source."""
        return self.buffer.first, self.buffer.end, len(self.numbers), len(self.hits), len(self.buffer.sources)

    @property
    def oldest(self) -> int:
        """The number that stands for the line "older lines dropped", or 0."""
        return max(0, self.buffer.first - 1)

    @property
    def total(self) -> int:
        """How many rows there are."""
        return len(self.numbers) + (self.buffer.first > 0)

    def number(self, index: int) -> int:
        """The line of that row."""
        dropped = self.buffer.first > 0
        return self.oldest if dropped and index == 0 else self.numbers[index - dropped]

    def index(self, number: int) -> int:
        """Where that line is now, or the first one after it."""
        if number < self.buffer.first:
            return 0
        return min(bisect_left(self.numbers, number) + (self.buffer.first > 0), max(0, self.total - 1))

    def shows(self, number: int) -> bool:
        """Whether that line is among the rows."""
        return self.total > 0 and self.number(self.index(number)) == number

    def next_hit(self, number: int, direction: int) -> int | None:
        """The first hit after (1) or before (-1) that line which is among the rows; None: there is none."""
        hits = self.hits
        place = bisect_left(hits, number + (direction > 0)) - (direction < 0)
        while 0 <= place < len(hits):
            if self.shows(hits[place]):
                return hits[place]
            place += direction
        return None

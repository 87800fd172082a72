"""Where the view of a log is: on a line's number (and, wrapped, a row of it), so that it stays on the same words."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

from coder_tui.tui.widgets.log_rows import LogRows


class LogPlace:
    """The place of a view of `height` rows. `tall` tells how many rows the line of a number takes."""

    def __init__(self, rows: LogRows, tall: Callable[[int], int]) -> None:
        self._rows, self._tall = rows, tall
        self.height = 0
        self.wrapped = False  # else every line is one row
        self.restart()

    def restart(self) -> None:
        """At the end of another log, and following it."""
        self.following = True
        self.top = 0
        """Number of the line at the top."""
        self.skip = 0
        """Rows of it above the view."""
        self._seen = 0  # lines below this number have been in view, or were there when following stopped

    @property
    def unseen(self) -> int:
        """Lines that arrived below the view since following stopped."""
        return 0 if self.following else len(self._rows.numbers) - bisect_left(self._rows.numbers, self._seen)

    @property
    def full(self) -> bool:
        """There are as many lines as rows in the view, or more."""
        return self._rows.total >= self.height

    def saw(self, number: int) -> None:
        """The lines up to that one are painted."""
        self._seen = self._rows.buffer.end if self.following else max(self._seen, number + 1)

    def stop(self) -> None:
        """Follow no more."""
        if self.following:
            self.following, self._seen = False, self._rows.buffer.end

    def scroll(self, rows: int) -> bool:
        """Move down (or up, negative) by rows; whether that changed anything. At the very end it follows again."""
        total = self._rows.total
        if not total or not self.height:
            return False
        index, skip = self._rows.index(self.top), self.skip + rows
        while skip < 0 and index > 0:
            index -= 1
            skip += self.tall(index)
        while index < total - 1 and skip >= self.tall(index):
            skip -= self.tall(index)
            index += 1
        return self.go(index, max(0, skip))

    def go(self, index: int, skip: int = 0) -> bool:
        """Have that row of that line at the top, or as near to it as the end allows; whether that changed anything."""
        if not self._rows.total:
            return False
        was = self.following, self.top, self.skip
        bottom = self.bottom()
        self.following = (index, skip) >= bottom
        if self.following:
            index, skip = bottom
        elif was[0]:
            self._seen = self._rows.buffer.end
        self.top, self.skip = self._rows.number(index), skip
        return was != (self.following, self.top, self.skip)

    def settle(self) -> tuple[int, int]:
        """Index and skipped rows to paint from: the end when it follows, else the place, if it is not below the end."""
        bottom = self.bottom()
        if self.following:
            index, self.skip = bottom
            self.top = self._rows.number(index)
        else:  # fewer lines than before: a filter, a higher window
            index, self.skip = min((self._rows.index(self.top), self.skip), bottom)
        return index, self.skip

    def bottom(self) -> tuple[int, int]:
        """Index and skipped rows at which the last row is at the foot of the view."""
        index, rows = self._rows.total, 0
        if not self.wrapped:
            return max(0, index - self.height), 0
        while index > 0 and rows < self.height:
            index -= 1
            rows += self.tall(index)
        return index, max(0, rows - self.height)

    def tall(self, index: int) -> int:
        """Rows of the line at that index."""
        return self._tall(self._rows.number(index)) if self.wrapped else 1

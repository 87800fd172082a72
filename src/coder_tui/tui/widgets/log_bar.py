"""The scroll bar of the log: where the view is, and where the hits of a search lie in the whole log."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence


def thumb(height: int, total: int, index: int) -> tuple[int, int]:
    """First row and size of the thumb when row `index` of `total` is at the top; size 0 when everything is in view."""
    if total <= height or height < 3:
        return 0, 0
    size = max(1, height * height // total)
    return min(height - size, index * (height - size) // max(1, total - height)), size


def hit_rows(height: int, rows: Sequence[int], hits: Sequence[int]) -> set[int]:
    """Rows of the bar beside which hits lie. `rows` and `hits` are line numbers, ascending."""
    if not hits or not rows:
        return set()
    marked: set[int] = set()
    low = bisect_left(hits, rows[0])
    for y in range(height):
        begin, stop = y * len(rows) // height, (y + 1) * len(rows) // height
        if begin == stop:
            continue
        low = bisect_left(hits, rows[begin], low)
        if low < len(hits) and hits[low] <= rows[stop - 1]:
            marked.add(y)
    return marked

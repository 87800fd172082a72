"""Log lines as plain text, for a file, a pager or the clipboard: nothing in them can move a cursor."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from coder_tui.logs import ansi
from coder_tui.logs.buffer import LEVELS, NOTE, Block


def texts(blocks: Iterable[Block], hits: Sequence[int] | None = None, *, times: bool = True) -> Iterator[str]:
    """The lines of `blocks` (those of `hits`, line numbers ascending, unless None), without line ends.

    With `times`, the time in RFC 3339 and the level come first. Any thread may iterate: blocks never change.
    """
    for block in blocks:
        rows: Sequence[int] = range(len(block.levels))
        if hits is not None:
            low, high = bisect_left(hits, block.first), bisect_left(hits, block.first + len(rows))
            rows = [number - block.first for number in hits[low:high]]
        lines = block.data.decode("utf-8").split("\n") if rows else []
        for row in rows:
            text = ansi.plain(lines[row])
            if block.levels[row] == NOTE:
                text = f"-- {text}"
            yield f"{stamp(block.times[row])} [{LEVELS[block.levels[row]]}] {text}" if times else text


def stamp(at: float) -> str:
    """RFC 3339 in UTC with milliseconds; dashes for a time no calendar has."""
    try:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return "-"

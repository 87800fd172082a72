"""Times that are written in the lines of a log, for logs whose lines come without one: files and pipes."""

from __future__ import annotations

import re
from datetime import datetime

from coder_tui.logs import ansi
from coder_tui.logs.buffer import LogBuffer

_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,6}))?\d*(Z|[+-]\d\d:?\d\d)?")
_HEAD = 256  # characters (bytes of a line in a buffer) in which it is looked for
_NEAR = 200  # lines that are looked at for one with a time


def written_at(text: str) -> float | None:
    """POSIX seconds of the first date and time (ISO 8601, RFC 3339, local where it has no zone), or None."""
    match = _STAMP.search(ansi.words(text[:_HEAD]) if "\x1b" in text else text, 0, _HEAD)
    if match is None:
        return None
    day, clock, fraction, zone = match.groups()
    try:
        at = datetime.fromisoformat(f"{day}T{clock}.{fraction or '0':0<6}{zone or ''}")
        return at.timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def time_of(buffer: LogBuffer, number: int) -> float | None:
    """When that line was written: as its source says, else as it says itself."""
    line = buffer.line(number, _HEAD)
    return line.at or written_at(line.text)


def since(buffer: LogBuffer, at: float) -> int:
    """Number of the first line that is not older than `at` (POSIX seconds); `buffer.end` when all are.

    Lines without a time belong to the one before them. Times that are written in the lines must ascend.
    """
    if not len(buffer) or buffer.line(buffer.first, 0).at:
        return buffer.since(at)
    low, high = buffer.first, buffer.end
    while low < high:
        middle = (low + high) // 2
        near = ((n, time_of(buffer, n)) for n in range(middle, min(high, middle + _NEAR)))
        number, time = next((one for one in near if one[1] is not None), (middle, None))
        if time is not None and time < at:
            low = number + 1
        else:
            high = middle
    return next((n for n in range(low, min(buffer.end, low + _NEAR)) if time_of(buffer, n) is not None), buffer.end)

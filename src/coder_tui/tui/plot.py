"""Latencies as bars: lying ones beside a name, standing ones over time. Pure: text out, no colours."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime

SLOT = 15.0
"""Seconds that one standing bar stands for: netchecks are at least so far apart."""
SLOTS = 40
"""Bars where there is room: ten minutes."""
PLOT_ROWS = 2
"""Lines of one series of standing bars."""
FAILED = math.inf
"""The value of a slot in which it was measured in vain. None: it was not measured."""

_STANDING = "▁▂▃▄▅▆▇█"
_TOPS = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000)


def top_of(values: Iterable[float | None]) -> float:
    """A round number of milliseconds that no value exceeds (but for those over the last)."""
    most = max((value for value in values if value is not None and value != FAILED), default=0.0)
    return next((float(top) for top in _TOPS if most <= top), float(_TOPS[-1]))


def bar(value: float, top: float, width: int, *, ascii_only: bool = False) -> str:
    """A lying bar of at most `width` cells, `width` for `top`; something of it is always seen."""
    if width <= 0:
        return ""
    share = min(max(value / top, 0.0), 1.0) * width
    if ascii_only:
        return "=" * max(1, round(share))
    halves = max(1, round(share * 2))
    return "━" * (halves // 2) + "╸" * (halves % 2)


def standing(slots: Sequence[float | None], top: float, rows: int, *, ascii_only: bool = False) -> list[str]:
    """Standing bars, one cell wide, in `rows` lines from above; a cross where measuring failed."""
    shapes = ".:|" if ascii_only else _STANDING
    lines = []
    for row in reversed(range(rows)):
        line = ""
        for value in slots:
            if value is None or (value == FAILED and row):
                line += " "
                continue
            if value == FAILED:
                line += "x" if ascii_only else "×"
                continue
            filled = round(min(max(value / top, 0.0), 1.0) * rows * len(shapes)) - row * len(shapes)
            filled = max(filled, 1) if row == 0 else filled  # something of it is always seen
            line += shapes[min(filled, len(shapes)) - 1] if filled > 0 else " "
        lines.append(line)
    return lines


def slots_of(points: Sequence[tuple[datetime, float | None]], count: int) -> tuple[float | None, ...]:
    """The newest `count` slots of what was measured when (None: in vain), oldest first; the last is the newest point's.

    A single slot that nothing fell into is filled with what came next: rounds are a little more than a slot apart.
    """
    if not points or count <= 0:
        return (None,) * max(count, 0)
    newest = points[-1][0]
    slots: list[float | None] = [None] * count
    for at, value in points:
        place = count - 1 - round((newest - at).total_seconds() / SLOT)
        if 0 <= place < count:
            slots[place] = FAILED if value is None else value
    for place in range(1, count - 1):
        if slots[place] is None and slots[place - 1] is not None and slots[place + 1] is not None:
            slots[place] = slots[place + 1]
    return tuple(slots)


def digits(ms: float) -> str:
    """Milliseconds as people read them: near ones with a decimal."""
    return f"{ms:.1f}" if ms < 9.95 else f"{ms:.0f}"

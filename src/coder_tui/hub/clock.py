"""Time as the hub stores it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Clock = Callable[[], int]
"""Microseconds since the epoch; never the same value twice, never backwards."""


def rising_clock() -> Clock:
    """The system's clock made strictly rising, so that newest-first has one answer whatever NTP does."""
    last = 0

    def now() -> int:
        nonlocal last
        last = max(last + 1, time.time_ns() // 1000)
        return last

    return now


def to_time(microseconds: int) -> datetime:
    """Microseconds since the epoch as an aware UTC time."""
    return _EPOCH + timedelta(microseconds=microseconds)


def maybe_time(microseconds: int | None) -> datetime | None:
    """Like `to_time`; None stays None."""
    return None if microseconds is None else to_time(microseconds)


def from_time(value: datetime) -> int:
    """An aware time as microseconds since the epoch."""
    return (value - _EPOCH) // _MICROSECOND

"""Moments as people write them: `14:02`, `14:02:11`, `2026-03-01`, `2026-03-01 14:02`, RFC 3339, or `1h30m` (ago)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from coder_tui.errors import UsageError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*([smhd])")
_AGO = re.compile(rf"-?((?:{_SPAN.pattern}\s*){{1,4}})(?:ago)?")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")


def parse_moment(text: str, now: datetime) -> datetime:
    """The moment meant, aware. `now` is aware; times without a zone are in `now`'s.

    A time of day is the last one that is not in the future. Raises UsageError.
    """
    words = text.strip()
    if match := _AGO.fullmatch(words):
        seconds = sum(float(count) * _UNITS[unit] for count, unit in _SPAN.findall(match[1]))
        if seconds < 3e9:  # before that there is no calendar
            return now - timedelta(seconds=seconds)
    try:
        if match := _CLOCK.fullmatch(words):
            hour, minute, second = (int(part or 0) for part in match.groups())
            at = now.replace(hour=hour, minute=minute, second=second, microsecond=0)
            return at if at <= now else at - timedelta(days=1)
        at = datetime.fromisoformat(words)
    except ValueError:
        raise UsageError(
            f"{words[:40]!r} is no moment", fix="write 14:02, 14:02:11, 2026-03-01 14:02, or 10m for ten minutes ago"
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=now.tzinfo)

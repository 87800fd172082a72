"""Weekly schedules as Coder has them: five fields of cron, day and month always `*`, with an optional time zone.

Source: crontab(5); Coder takes minute, hour and day of week, and a `CRON_TZ=` prefix (UTC without one).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

_FIELD = re.compile(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?")
_DAYS = {name: str(number) for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))}
_PREFIXES = ("CRON_TZ=", "TZ=")


@dataclass(frozen=True, slots=True)
class Schedule:
    """Minutes, hours and days of the week (0 is Sunday) at which something happens, in a time zone."""

    zone: ZoneInfo
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]

    def after(self, moment: datetime) -> datetime:
        """The first time of the schedule after `moment` (aware), in UTC."""
        today = moment.astimezone(self.zone).date()
        for ahead in range(9):
            day = today + timedelta(days=ahead)
            if day.isoweekday() % 7 not in self.days:
                continue
            for hour in self.hours:
                for minute in self.minutes:
                    found = datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone).astimezone(UTC)
                    if found > moment:
                        return found
        raise AssertionError("a schedule has a time in every week")


@cache
def parse_schedule(text: str) -> Schedule:
    """Raises ValueError saying what is wrong."""
    fields = text.split()
    zone = "UTC"
    for prefix in _PREFIXES:
        if fields and fields[0].startswith(prefix):
            zone = fields.pop(0).removeprefix(prefix)
            break
    if len(fields) != 5:
        raise ValueError("expected five fields, with an optional CRON_TZ=<time zone> before them")
    if fields[2:4] != ["*", "*"]:
        raise ValueError("day of month and month must be *")
    try:
        where = ZoneInfo(zone)
    except (ValueError, OSError, KeyError):
        raise ValueError(f"unknown time zone {zone[:40]!r}") from None
    days = re.sub("[A-Z]{3}", lambda found: _DAYS.get(found[0], found[0]), fields[4].upper())
    return Schedule(where, _numbers(fields[0], 59), _numbers(fields[1], 23), frozenset(_numbers(days, 6)))


def _numbers(field: str, most: int) -> tuple[int, ...]:
    found: set[int] = set()
    for part in field.split(","):
        match = _FIELD.fullmatch(part)
        if match is None:
            raise ValueError(f"not a field of a schedule: {part[:20]!r}")
        first, last, step = match.groups()
        start = int(first or 0)
        end = int(last) if last else (start if first and not step else most)
        if end > most or start > end or step == "0":
            raise ValueError(f"out of range, 0 to {most}: {part[:20]!r}")
        found.update(range(start, end + 1, int(step or 1)))
    return tuple(sorted(found))

"""What an app said over time, and how long each word stood; and ages as people read them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from coder_tui.fleet.attention import asks
from coder_tui.fleet.snapshot import App, Status

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_LOOKS = tuple(timedelta(minutes=minutes) for minutes in (10, 60, 180, 360, 720, 1440))
_URGENT = ("failure", "working", "complete", "idle")  # after what asks


@dataclass(frozen=True, slots=True)
class Span:
    """One state with one message, reported once or `count` times in a row.

    `status` is the newest of these reports, `since` the time of the oldest, `until` that of the next newer status
    (None: it still stands). `history` marks what was said before the running build began.
    """

    status: Status
    since: datetime
    until: datetime | None = None
    count: int = 1
    history: bool = False

    def lasted(self, now: datetime) -> timedelta:
        """Time in this state, up to `now` if it still stands; never negative, whatever the clocks say."""
        return max(timedelta(0), (self.until or now) - self.since)


def timeline(app: App) -> tuple[Span, ...]:
    """The app's spans, newest first. Repeats with the same state and message are one span with a count.

    The last word before a rebuild stands until the build began, not until the next report.
    """
    spans: list[Span] = []
    until: datetime | None = None
    for status in app.statuses:
        history = not app.current(status)
        if history and (not spans or not spans[-1].history):
            until = app.since  # the build ended what was said before it
        last = spans[-1] if spans else None
        if last and _same(last.status, status) and last.history == history:
            link = last.status if last.status.uri or not status.uri else _linked(last.status, status.uri)
            spans[-1] = Span(link, status.at, last.until, last.count + 1, history)
        else:
            spans.append(Span(status, status.at, until, 1, history))
        until = status.at
    return tuple(spans)


def _same(newer: Status, older: Status) -> bool:
    return (newer.state, newer.message, newer.needs_attention) == (older.state, older.message, older.needs_attention)


def _linked(status: Status, uri: str) -> Status:
    return Status(status.id, status.at, status.state, status.message, uri, status.needs_attention)


def short_age(delta: timedelta) -> str:
    """The largest unit alone: `40s`, `3m`, `2h`, `4d`. Negative ages (clock skew) are `0s`."""
    seconds = max(0, int(delta.total_seconds()))
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def exact_age(delta: timedelta) -> str:
    """The two largest units: `40s`, `3m31s`, `2h05m`, `4d03h`; a second unit of zero is left out."""
    seconds = max(0, int(delta.total_seconds()))
    for size, unit, part, name in ((_DAY, "d", _HOUR, "h"), (_HOUR, "h", _MINUTE, "m"), (_MINUTE, "m", 1, "s")):
        if seconds >= size:
            rest = seconds % size // part
            return f"{seconds // size}{unit}{rest:02d}{name}" if rest else f"{seconds // size}{unit}"
    return f"{seconds}s"


class Told(NamedTuple):
    """A span, and which app said it."""

    span: Span
    app: App


def merged(apps: Iterable[App]) -> tuple[Told, ...]:
    """The spans of several apps as one timeline, newest first."""
    found = [Told(span, app) for app in apps for span in timeline(app)]
    return tuple(sorted(found, key=lambda told: (told.span.status.at, told.span.since), reverse=True))


class Bucket(NamedTuple):
    """A stretch of time: how many reports fell into it, and the most urgent status that stood in it, if any."""

    reports: int = 0
    status: Status | None = None


def reach(apps: Iterable[App], now: datetime) -> timedelta:
    """How far back a look at these apps pays: ten minutes, 1, 3, 6, 12 or 24 hours."""
    ages = [now - status.at for app in apps for status in app.statuses]
    oldest = max((age for age in ages if age <= _LOOKS[-1]), default=_LOOKS[0])
    return next(span for span in _LOOKS if oldest <= span)


def density(apps: Iterable[App], now: datetime, span: timedelta, count: int) -> list[Bucket]:
    """The last `span` in `count` buckets, oldest first, the last one up to `now`."""
    width = span / count
    start = now - span
    reports = [0] * count
    standing: list[Status | None] = [None] * count

    def stand(index: int, status: Status) -> None:
        known = standing[index]
        if known is None or _urgency(status) < _urgency(known):
            standing[index] = status

    for app in apps:
        for one in timeline(app):
            until = min(one.until or now, now)
            first = max(0, (one.since - start) // width)
            end = max(first + 1, -((start - until) // width))  # what ends with a bucket is not in the next
            for index in range(first, min(count, end)) if until > start else ():
                stand(index, one.status)
        for status in app.statuses:
            if start <= status.at <= now:
                reports[min(count - 1, (status.at - start) // width)] += 1
    return [Bucket(*pair) for pair in zip(reports, standing, strict=True)]


def _urgency(status: Status) -> int:
    if asks(status):
        return 0
    return _URGENT.index(status.state) + 1 if status.state in _URGENT else len(_URGENT) + 1

"""What an app said over time, and how long each word stood; and ages as people read them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from coder_tui.fleet.snapshot import App, Status

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


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

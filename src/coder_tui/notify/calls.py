"""What is worth a call, and when: policy, focus, quiet hours, one call for a burst. Pure: time comes from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from coder_tui.fleet.codec import SCHEMA_VERSION, alert_json, time_json
from coder_tui.fleet.news import News
from coder_tui.fleet.snapshot import Alert, Key, Level, Row, Snapshot
from coder_tui.notify.settings import Settings

BURST = 5.0
"""Shortest time between two calls, in seconds: what becomes news meanwhile is one call at the end of it."""
_NAMED = 3  # agents named in one call
_LONGEST = 240  # characters of a message in a call

_WORDS = {
    Level.ASKS: "asks you",
    Level.FAILED: "failed",
    Level.LOST: "is lost",
    Level.DONE: "is done",
    Level.QUIET: "is quiet",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `level` is the most urgent of `rows`; `channels` are those that any of their levels has."""

    title: str
    body: str
    level: str
    channels: frozenset[str]
    rows: tuple[Row, ...] = ()


class Calls:
    """Give it snapshots by `update`; it says whom to call for, each event once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._news = News()
        self._waiting: dict[str, Key] = {}  # events that are to be told with the next call
        self._called = float("-inf")

    def update(
        self,
        snapshot: Snapshot,
        seconds: float,
        local: datetime,
        *,
        looked_at: Key | None = None,
        looking: bool = False,
    ) -> Call | None:
        """A newer snapshot (or the same, when `wake` has come) at `seconds` (monotonic) and `local` time.

        `looking` is whether the person is there, `looked_at` then the row under their eyes. What is no news to them, or
        falls into quiet hours, is dropped and never told later.
        """
        before_eyes = looked_at if looking else None
        for alert in self._news.update(snapshot, seconds, before_eyes):
            if self._calls(alert, local, looking):
                self._waiting[alert.event_id] = alert.key
        if not self._waiting or seconds < self._called + BURST:
            return None
        rows = [row for event, key in self._waiting.items() if (row := _standing(snapshot, key, event, before_eyes))]
        self._waiting.clear()
        if not rows:
            return None
        self._called = seconds
        return self._call(rows)

    @property
    def wake(self) -> float | None:
        """When `update` should be called again though nothing changed, in its seconds; None: never."""
        burst = self._called + BURST if self._waiting else None
        return min((when for when in (self._news.wake, burst) if when is not None), default=None)

    def _calls(self, alert: Alert, local: datetime, looking: bool) -> bool:
        settings = self._settings
        if settings.when == "never" or not settings.channels(alert.level):
            return False
        if settings.when == "unfocused" and looking:
            return False
        return settings.quiet_hours is None or not settings.quiet_hours.covers(local.time())

    def _call(self, rows: Sequence[Row]) -> Call:
        ordered = sorted(rows, key=lambda row: _level(row).rank)
        channels = frozenset().union(*(self._settings.channels(_level(row)) for row in rows))
        return Call(*_text(ordered), _level(ordered[0]), channels, tuple(ordered))


def trial(settings: Settings) -> Call:
    """A call that shows by every channel in use what calls look like."""
    return Call("coder-tui calls you like this", "A test of notifications.", Level.ASKS, settings.used)


def call_json(call: Call, open_alerts: int, now: datetime) -> dict[str, Any]:
    """What the command hook gets on stdin; the form is documented in docs/json.md."""
    return {
        "schema": SCHEMA_VERSION,
        "at": time_json(now),
        "title": call.title,
        "body": call.body,
        "level": str(call.level),
        "open": open_alerts,
        "alerts": [
            {
                "key": str(row.key),
                "deployment": row.key.deployment,
                "workspace": row.workspace.title,
                "agent": row.key.agent,
                "app": row.key.app,
                **(alert_json(row.alert, now) if row.alert else {}),
            }
            for row in call.rows
        ],
    }


def _standing(snapshot: Snapshot, key: Key, event: str, before_eyes: Key | None) -> Row | None:
    """The row, if what was to be told of it is still so and still unseen."""
    row = snapshot.row(key)
    alert = row.alert if row else None
    fits = alert is not None and alert.event_id == event and alert.open and not alert.seen and key != before_eyes
    return row if fits else None


def _level(row: Row) -> Level:
    return row.alert.level if row.alert else Level.QUIET


def _text(rows: Sequence[Row]) -> tuple[str, str]:
    """Title and body; rows most urgent first."""
    if len(rows) == 1:
        [row] = rows
        message = row.alert.message if row.alert else ""
        return f"{_name(row)} {_WORDS[_level(row)]}", _cut(message)
    said = [f"{_name(row)} {_WORDS[_level(row)]}" for row in rows[:_NAMED]]
    more = len(rows) - _NAMED
    return f"{len(rows)} agents need you", _cut(", ".join(said) + (f", and {more} more" if more > 0 else ""))


def _name(row: Row) -> str:
    return " ".join(part for part in (row.workspace.title, row.key.app or row.key.agent) if part)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip() + "…"

"""Calling a person who looks elsewhere: one bell for what is new, and the terminal's title with the count."""

from __future__ import annotations

from collections.abc import Callable

from coder_tui.fleet.news import News
from coder_tui.fleet.snapshot import Alert, Key, Level, Snapshot

BELL_SECONDS = 5.0  # shortest time between two bells: a burst is one call
_CALLING = frozenset({Level.ASKS, Level.FAILED, Level.LOST, Level.DONE})  # quiet is shown, it does not call


class Notifier:
    """Compares snapshots. `bell` rings, `title` sets the terminal's title, `monotonic` tells seconds."""

    def __init__(self, bell: Callable[[], None], title: Callable[[str], None], monotonic: Callable[[], float]) -> None:
        self._bell, self._title, self._monotonic = bell, title, monotonic
        self._news = News()
        self._rang = float("-inf")
        self._shown = ""

    def update(self, snapshot: Snapshot, count: int, looked_at: Key | None) -> list[Alert]:
        """A newer snapshot with `count` open alerts; `looked_at` is the row the person has before them. Returns what
        was worth a call."""
        self._retitle(count)
        now = self._monotonic()
        news = [alert for alert in self._news.update(snapshot, now, looked_at) if alert.level in _CALLING]
        if news and now - self._rang >= BELL_SECONDS:
            self._rang = now
            self._bell()
        return news

    @property
    def wait(self) -> float | None:
        """Seconds until `update` should be called again though nothing changed; None: never."""
        wake = self._news.wake
        return None if wake is None else wake - self._monotonic()

    def _retitle(self, count: int) -> None:
        title = f"({count}) coder-tui" if count else "coder-tui"
        if title != self._shown:
            self._shown = title
            self._title(title)

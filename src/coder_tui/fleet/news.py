"""What is worth calling a person for, once it has stood a moment: what flashes and is gone again calls nobody."""

from __future__ import annotations

from coder_tui.fleet.attention import fresh
from coder_tui.fleet.snapshot import Alert, Key, Snapshot

HOLD = 1.5
"""Seconds an alert must stand before it is news."""


class News:
    """Compares snapshots, holds what is new back for `hold` seconds, and tells each event once."""

    def __init__(self, hold: float = HOLD) -> None:
        self._hold = hold
        self._last: Snapshot | None = None
        self._held: dict[str, tuple[float, Key]] = {}

    @property
    def wake(self) -> float | None:
        """When `update` should be called again though nothing changed, in its seconds; None: never."""
        return min((since for since, _ in self._held.values()), default=None)

    def update(self, snapshot: Snapshot, now: float, looked_at: Key | None = None) -> list[Alert]:
        """What became news by `now` (monotonic seconds). `looked_at` is the row the person has before them: it is
        no news to them, also while it was held back. The first snapshot is none."""
        old, self._last = self._last, snapshot
        if old is not None and old is not snapshot:
            for one in fresh(old, snapshot):
                self._held.setdefault(one.event_id, (now + self._hold, one.key))
        news: list[Alert] = []
        for event, (since, key) in list(self._held.items()):
            alert = row.alert if (row := snapshot.row(key)) else None
            if alert is None or alert.event_id != event or not alert.open or alert.seen or key == looked_at:
                del self._held[event]
            elif now >= since:
                del self._held[event]
                news.append(alert)
        return news

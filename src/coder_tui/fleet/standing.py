"""Where a person stands with an alert: new, seen, acknowledged, snoozed or muted. Kept by event, a mute by row.

An acknowledgement and a snooze belong to one status event: whatever the app reports next alerts anew. A mute belongs
to the app and hushes all its alerts until it is taken back. An alert whose cause is gone is resolved: there is no
alert any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from coder_tui.fleet.snapshot import Alert, Key

_NONE: Mapping[str, datetime | None] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Standings:
    """Everything people said about alerts. `snoozed` maps an event to the end of its snooze (aware, None: until the
    next event); `muted` holds the keys of rows; `acked` and `seen` hold event ids."""

    acked: frozenset[str] = frozenset()
    snoozed: Mapping[str, datetime | None] = field(default_factory=lambda: _NONE)
    muted: frozenset[Key] = frozenset()
    seen: frozenset[str] = frozenset()

    def touched(self, other: Standings) -> tuple[frozenset[str], frozenset[Key]]:
        """Events and rows about which the two say different things."""
        events = (self.acked ^ other.acked) | (self.seen ^ other.seen)
        if self.snoozed is not other.snoozed:
            events |= {event for event, _ in self.snoozed.items() ^ other.snoozed.items()}
        return events, self.muted ^ other.muted

    def stand(self, alert: Alert, now: datetime) -> tuple[Alert, datetime | None]:
        """The alert as people left it, and when its snooze ends by itself (None: never)."""
        event = alert.event_id
        acked, seen, muted = event in self.acked, event in self.seen, alert.key in self.muted
        snoozed = event in self.snoozed
        until = self.snoozed.get(event)
        if snoozed and until is not None and until <= now:
            snoozed, until, seen = False, None, False  # it comes back as new
        if not (acked or seen or muted or snoozed):
            return alert, None
        return replace(alert, acked=acked, seen=seen, muted=muted, snoozed=snoozed, until=until), until


def tomorrow(now: datetime) -> datetime:
    """Eight in the morning of the next local day, for a snooze `until tomorrow`; aware, as `now` is."""
    day = now.astimezone() + timedelta(days=1)
    return day.replace(hour=8, minute=0, second=0, microsecond=0, tzinfo=None).astimezone(now.tzinfo)

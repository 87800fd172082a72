"""What the header and Needs you show of a fleet, kept up to date by what changed: a change costs what it touches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import compress, count
from operator import is_not

from coder_tui.fleet.snapshot import Alert, Key, Level, Row, Snapshot


def differing(old: Sequence[Row], new: Sequence[Row]) -> list[int] | None:
    """The places at which two lists of the same keys hold other rows; None when the keys or their order differ."""
    if len(old) != len(new):
        return None
    places = list(compress(count(), map(is_not, old, new)))
    if any(old[place].key != new[place].key for place in places):
        return None
    return places


class Overview:
    """Counts over all rows, and who of the shown rows needs a person."""

    def __init__(self) -> None:
        self.agents = 0  # rows with an agent
        self.working = 0  # of them, those whose newest report says so
        self.snoozed = 0  # alerts that are hushed for a while
        self.muted = 0  # alerts of apps that are hushed
        self.levels: dict[Level, int] = {}  # open alerts
        self.needing: list[Key] = []  # shown rows with an open alert, most urgent first, then those that stop soon
        self.open: list[Alert] = []  # the alerts of these rows
        self._all: Sequence[Row] = ()
        self._shown: Sequence[Row] = ()
        self._alerts: Sequence[Alert] = ()
        self._due: dict[Key, None] = {}

    def update(self, snapshot: Snapshot, shown: Sequence[Row]) -> list[int] | None:
        """Take over a newer snapshot of which `shown` passes the filter. Returns `differing` for the shown rows."""
        unfiltered = self._shown is self._all and shown is snapshot.rows
        everywhere = differing(self._all, snapshot.rows)
        self._count(snapshot.rows, everywhere)
        places = everywhere if unfiltered else differing(self._shown, shown)
        due_changed = self._note_due(shown, places)
        if snapshot.alerts is not self._alerts or places is None or due_changed:
            self._alerts = snapshot.alerts
            self._collect(snapshot, shown)
        self._shown = shown
        return places

    @property
    def alerts(self) -> int:
        """Open alerts, shown or not."""
        return sum(self.levels.values())

    def _count(self, rows: Sequence[Row], places: list[int] | None) -> None:
        if places is None:
            self.agents = sum(row.agent is not None for row in rows)
            self.working = _working(rows)
        else:
            self.working += _working(rows[place] for place in places) - _working(self._all[place] for place in places)
            self.agents += sum(rows[place].agent is not None for place in places)
            self.agents -= sum(self._all[place].agent is not None for place in places)
        self._all = rows

    def _note_due(self, shown: Sequence[Row], places: list[int] | None) -> bool:
        if places is None:
            self._due = {row.key: None for row in shown if row.due}
            return True
        flipped = [shown[place] for place in places if shown[place].due != self._shown[place].due]
        for row in flipped:
            if row.due:
                self._due[row.key] = None
            else:
                self._due.pop(row.key, None)
        return bool(flipped)

    def _collect(self, snapshot: Snapshot, shown: Sequence[Row]) -> None:
        found = [alert for alert in snapshot.alerts if alert.open]
        standings = [alert.standing for alert in snapshot.alerts[len(found) :]]  # the open ones stand first
        self.snoozed, self.muted = standings.count("snoozed"), standings.count("muted")
        self.levels = dict.fromkeys(Level, 0)
        for alert in found:
            self.levels[alert.level] += 1
        if shown is not snapshot.rows:
            keys = {row.key for row in shown}
            found = [alert for alert in found if alert.key in keys]
        self.open = found
        self.needing = [alert.key for alert in found]
        if self._due:  # one line for a workspace that stops, unless one of its alerts says so already
            named = set(self.needing)
            warned = {key.workspace_id for key in self._due if key in named}
            for key in self._due:
                if key.workspace_id not in warned:
                    warned.add(key.workspace_id)
                    self.needing.append(key)


def _working(rows: Iterable[Row]) -> int:
    return sum(1 for row in rows if row.app is not None and row.app.statuses and row.app.statuses[0].state == "working")

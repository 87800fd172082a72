"""What the history says: the fleet as it was, what happened since, and how long agents waited for a person."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from coder_tui.errors import NotFoundError
from coder_tui.feeds.history import FILE, millis, open_file
from coder_tui.fleet.moments import snapshot_of
from coder_tui.fleet.snapshot import Deployment, Key, Level, Link, LinkState, Snapshot

CALLS = (Level.ASKS, Level.FAILED, Level.LOST, Level.DONE)
"""Alerts a person should have read; `quiet` is only a suspicion."""
_LEFT = 120_000  # milliseconds: after this long without a word from the recorder nobody watched


@dataclass(frozen=True, slots=True)
class Call:
    """One alert of the past. `ended` is `answered` (a newer report), `passed`, `gone`, or empty: it still stands."""

    key: Key
    title: str
    level: Level
    event_id: str
    since: datetime
    message: str
    acked_at: datetime | None
    ended_at: datetime | None
    ended: str

    @property
    def met_at(self) -> datetime | None:
        """When a person acknowledged it or the app went on, whatever came first; None: nobody did."""
        answered = self.ended_at if self.ended == "answered" else None
        return min((at for at in (self.acked_at, answered) if at), default=None)

    @property
    def missed(self) -> bool:
        """Whether nobody reacted: it stands unacknowledged, or ended without an answer."""
        return self.met_at is None and self.level in CALLS


@dataclass(frozen=True, slots=True)
class Waits:
    """One app: seconds it waited for a person, shortest first, and seconds in each state."""

    key: Key
    title: str
    waits: tuple[float, ...]
    states: dict[str, float]


class Past:
    """Reads the history of `state_dir`. Raises NotFoundError when there is none, StorageError when it is unusable."""

    def __init__(self, state_dir: Path) -> None:
        if not (state_dir / FILE).exists():
            raise NotFoundError("there is no history yet", fix="run `coder-tui` or `coder-tui watch`: they record it")
        self._file = open_file(state_dir)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def at(self, moment: datetime) -> Snapshot:
        """The fleet as it stood then. Raises NotFoundError when nothing was recorded before."""
        return self._file.read(lambda db: _snapshot(db, moment))

    def watched(self, moment: datetime) -> datetime | None:
        """The last time before or at `moment` that somebody watched; `moment` itself if somebody did then."""
        when = millis(moment)
        row = self._file.read(
            lambda db: db.execute("SELECT max(until) FROM watch WHERE since <= ?", (when,)).fetchone()
        )
        return None if row[0] is None else moment if row[0] + _LEFT >= when else _time(row[0])

    def calls(self, since: datetime, now: datetime) -> list[Call]:
        """Alerts that began in that time, and those from before that stand unacknowledged; oldest first."""
        found = self._file.read(
            lambda db: db.execute(
                "SELECT deployment, workspace_id, agent, app, title, level, event_id, since, message, acked_at,"
                " ended_at, ended FROM alert JOIN place ON place.id = alert.place"
                " WHERE since <= ?2 AND (since >= ?1 OR (ended_at IS NULL AND acked_at IS NULL)) ORDER BY since",
                (millis(since), millis(now)),
            ).fetchall()
        )
        return [_call(row) for row in found]

    def waits(self, since: datetime, now: datetime) -> list[Waits]:
        """Every app that reported or called in that time, by name."""
        return self._file.read(lambda db: _waits(db, self.calls(since, now), millis(since), millis(now)))

    def links(self, since: datetime, now: datetime) -> list[tuple[str, datetime, str, str]]:
        """Deployment, when, state and why: every change of a link in that time, oldest first."""
        found = self._file.read(
            lambda db: db.execute(
                "SELECT deployment, at, state, why FROM link WHERE at BETWEEN ? AND ? ORDER BY at",
                (millis(since), millis(now)),
            ).fetchall()
        )
        return [(str(name), _time(at), str(state), str(why)) for name, at, state, why in found]


def percentile(values: tuple[float, ...], share: float) -> float | None:
    """The nearest-rank percentile of sorted values; None of none."""
    return values[max(0, -(-len(values) * int(share * 100) // 100) - 1)] if values else None


def _snapshot(db: sqlite3.Connection, moment: datetime) -> Snapshot:
    when = millis(moment)
    rows = db.execute(
        "SELECT deployment, workspace_id, agent, app, body, max(at) FROM moment JOIN place ON place.id = moment.place"
        " WHERE at <= ? GROUP BY place.id",
        (when,),
    ).fetchall()
    if not rows:
        raise NotFoundError(f"nothing is known of {moment.astimezone():%Y-%m-%d %H:%M:%S}", why="nobody watched then")
    links = db.execute("SELECT deployment, state, why, max(at) FROM link WHERE at <= ? GROUP BY deployment", (when,))
    deployments = {
        str(name): Deployment(str(name), link=Link(LinkState(state), _time(at), str(why)))
        for name, state, why, at in links
    }
    return snapshot_of(moment, [(Key(*map(str, row[:4])), str(row[4])) for row in rows if row[4]], deployments)


def _call(row: tuple[str | int | None, ...]) -> Call:
    key, (title, level, event, since, message, acked, ended_at, ended) = row[:4], row[4:]
    return Call(
        Key(*map(str, key)),
        str(title),
        Level(str(level)),
        str(event),
        _time(since),
        str(message),
        _time(acked) if acked else None,
        _time(ended_at) if ended_at else None,
        str(ended or ""),
    )


def _waits(db: sqlite3.Connection, calls: list[Call], since: int, now: int) -> list[Waits]:
    titles: dict[Key, str] = {}
    states: dict[Key, dict[str, float]] = {}
    found = db.execute(
        "SELECT deployment, workspace_id, agent, app, title, state, status.at,"
        " lead(status.at) OVER (PARTITION BY place ORDER BY status.at, status.id)"
        " FROM status JOIN place ON place.id = status.place"
    )
    for deployment, workspace, agent, app, title, state, start, end in found:
        lasted = min(end or now, now) - max(start, since)
        if lasted > 0:
            key = Key(deployment, workspace, agent, app)
            titles[key] = title
            spent = states.setdefault(key, {})
            spent[state] = spent.get(state, 0.0) + lasted / 1000
    waits: dict[Key, list[float]] = {}
    for call in calls:
        if call.level in (Level.ASKS, Level.FAILED) and call.met_at:
            titles.setdefault(call.key, call.title)
            waits.setdefault(call.key, []).append(max(0.0, (call.met_at - call.since).total_seconds()))
    return [
        Waits(key, title, tuple(sorted(waits.get(key, ()))), states.get(key, {}))
        for key, title in sorted(titles.items(), key=lambda one: (one[1], one[0]))
    ]


def _time(value: object) -> datetime:
    return datetime.fromtimestamp(int(str(value)) / 1000, UTC)

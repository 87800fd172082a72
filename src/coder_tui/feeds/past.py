"""What the history says: the fleet as it was, what happened since, and how long agents waited for a person."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from coder_tui.errors import NotFoundError
from coder_tui.feeds.history import FILE, millis, open_file
from coder_tui.fleet.moments import snapshot_of
from coder_tui.fleet.snapshot import Deployment, Key, Level, Link, LinkState, Row, Snapshot, Status
from coder_tui.fleet.timeline import exact_age

CALLS = (Level.ASKS, Level.FAILED, Level.LOST, Level.DONE)
"""Alerts a person should have read; `quiet` is only a suspicion."""
_PARTS = (("asked", Level.ASKS), ("failed", Level.FAILED), ("lost", Level.LOST), ("finished", Level.DONE))
_NEXT = (
    "SELECT min(at) FROM (SELECT min(at) AS at FROM moment WHERE at > ?1"
    " UNION ALL SELECT min(at) FROM link WHERE at > ?1)"
)
_LAST = (
    "SELECT max(at) FROM (SELECT max(at) AS at FROM moment WHERE at < ?1"
    " UNION ALL SELECT max(at) FROM link WHERE at < ?1)"
)
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

    def met(self, now: datetime) -> str:
        """How it ended, in words, and after how long; or since when it stands."""
        if self.met_at:
            word = "acknowledged" if self.met_at == self.acked_at else "went on"
            return f"{word} after {exact_age(self.met_at - self.since)}"
        if self.ended_at:
            return f"{'gone' if self.ended == 'gone' else 'over'} after {exact_age(self.ended_at - self.since)}"
        return f"stands for {exact_age(now - self.since)}"


@dataclass(frozen=True, slots=True)
class Digest:
    """What happened from `since` to `at`. `links`: deployment, when, state and why of each change of a link."""

    since: datetime
    at: datetime
    calls: tuple[Call, ...]
    links: tuple[tuple[str, datetime, str, str], ...]

    @property
    def parts(self) -> dict[str, list[Call]]:
        """The calls by what they said: asked, failed, lost, finished."""
        return {name: [call for call in self.calls if call.level is level] for name, level in _PARTS}

    @property
    def missed(self) -> list[Call]:
        """Those that nobody reacted to."""
        return [call for call in self.calls if call.missed]


@dataclass(frozen=True, slots=True)
class Scene:
    """The fleet as it stood at `moment`. `watched` is when somebody watched last before, `moment` itself if somebody
    did then; `changed` are the rows that came to stand so in that very moment."""

    moment: datetime
    snapshot: Snapshot
    watched: datetime | None
    changed: tuple[Key, ...]


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
        self._known: dict[Key, tuple[str, Row]] = {}

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def at(self, moment: datetime) -> Snapshot:
        """The fleet as it stood then, with the rows of the call before that are the same. Raises NotFoundError when
        nothing was recorded before."""
        return self._file.read(lambda db: _snapshot(db, moment, self._known))

    def next_change(self, moment: datetime, step: int = 1) -> datetime | None:
        """When a row or a link changed next after `moment` (`step` 1), or last before it (-1); None: never."""
        query = _NEXT if step > 0 else _LAST
        found = self._file.read(lambda db: db.execute(query, (millis(moment),)).fetchone())
        return None if found[0] is None else _time(found[0])

    def scene(self, moment: datetime) -> Scene:
        """All that a replay shows of that moment. Raises NotFoundError when nothing was recorded before."""
        snapshot = self.at(moment)
        snapshot.row(Key("", ""))  # finding a row needs an index, which is made here rather than on a screen's loop
        return Scene(moment, snapshot, self.watched(moment), tuple(self._changed(moment)))

    def _changed(self, moment: datetime) -> list[Key]:
        found = self._file.read(
            lambda db: db.execute(
                "SELECT deployment, workspace_id, agent, app FROM moment JOIN place ON place.id = moment.place"
                " WHERE at = ?",
                (millis(moment),),
            ).fetchall()
        )
        return [Key(*map(str, row)) for row in found]

    def statuses(self, key: Key, moment: datetime, limit: int = 500) -> dict[str, tuple[Status, ...]]:
        """What each app of the agent of `key` had reported by then, newest first, by the app's slug."""
        found = self._file.read(
            lambda db: db.execute(
                "SELECT app, status.id, at, state, message, uri, attention FROM status JOIN place"
                " ON place.id = status.place WHERE deployment = ? AND workspace_id = ? AND agent = ? AND at <= ?"
                " ORDER BY at DESC, status.id DESC LIMIT ?",
                (*key[:3], millis(moment), limit),
            ).fetchall()
        )
        told: dict[str, list[Status]] = {}
        for app, ident, at, state, message, uri, attention in found:
            told.setdefault(str(app), []).append(Status(ident, _time(at), state, message, uri, bool(attention)))
        return {app: tuple(some) for app, some in told.items()}

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

    def digest(self, since: datetime, now: datetime) -> Digest:
        """What asked, failed, got lost and finished in that time, what of it was missed, and how links stood."""
        return Digest(since, now, tuple(self.calls(since, now)), tuple(self.links(since, now)))

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


def _snapshot(db: sqlite3.Connection, moment: datetime, known: dict[Key, tuple[str, Row]]) -> Snapshot:
    when = millis(moment)
    rows = db.execute(
        "SELECT deployment, workspace_id, agent, app, (SELECT body FROM moment WHERE place = place.id AND at <= ?"
        " ORDER BY at DESC LIMIT 1) AS body FROM place WHERE body IS NOT NULL",
        (when,),
    ).fetchall()
    if not rows:
        raise NotFoundError(f"nothing is known of {moment.astimezone():%Y-%m-%d %H:%M:%S}", why="nobody watched then")
    links = db.execute("SELECT deployment, state, why, max(at) FROM link WHERE at <= ? GROUP BY deployment", (when,))
    deployments = {
        str(name): Deployment(str(name), link=Link(LinkState(state), _time(at), str(why)))
        for name, state, why, at in links
    }
    found = [(Key(*map(str, row[:4])), str(row[4])) for row in rows if row[4]]
    return snapshot_of(moment, found, deployments, known)


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

"""Everything seen, kept for a while: status events, alerts with their end, every row as it stood, link states.

One SQLite file in the state directory, written by a thread of its own in batches; the screen never waits for it. What
is written is the difference between the last snapshot that reached the disk and the newest: a disk that was full for
a while costs nothing but moments in between. Times are milliseconds since 1970, UTC.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from coder_tui.errors import StorageError
from coder_tui.feeds.statefile import StateFile
from coder_tui.fleet.moments import body_of
from coder_tui.fleet.snapshot import Alert, Key, Row, Snapshot

FILE = "history.db"
_EPOCH = datetime.fromtimestamp(0, UTC)
SIZE_LIMIT = 256 * 1024 * 1024
"""Bytes: a larger file loses its oldest tenth, whatever its age."""
_BATCH = 1.0  # seconds of changes in one transaction
_BEAT = 60_000  # milliseconds: how often it is noted that we watch, when nothing else is
_TIDY = 3600.0  # seconds between two looks for what is too old
_FIRST_SIGHT = 50  # statuses kept of an app that was never seen before
SCHEMAS = (
    """
CREATE TABLE place (
    id INTEGER PRIMARY KEY,
    deployment TEXT NOT NULL, workspace_id TEXT NOT NULL, agent TEXT NOT NULL, app TEXT NOT NULL,
    title TEXT NOT NULL,
    UNIQUE (deployment, workspace_id, agent, app)
);
CREATE TABLE status (
    place INTEGER NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL,
    state TEXT NOT NULL, message TEXT NOT NULL, uri TEXT NOT NULL, attention INTEGER NOT NULL,
    PRIMARY KEY (place, id)
) WITHOUT ROWID;
CREATE INDEX status_at ON status (at);
CREATE TABLE alert (
    place INTEGER NOT NULL, event_id TEXT NOT NULL, level TEXT NOT NULL, since INTEGER NOT NULL,
    message TEXT NOT NULL, acked_at INTEGER, ended_at INTEGER, ended TEXT,
    PRIMARY KEY (place, event_id)
) WITHOUT ROWID;
CREATE INDEX alert_since ON alert (since);
CREATE TABLE moment (
    place INTEGER NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (place, at)
) WITHOUT ROWID;
CREATE INDEX moment_at ON moment (at);
CREATE TABLE link (
    deployment TEXT NOT NULL, at INTEGER NOT NULL, state TEXT NOT NULL, why TEXT NOT NULL,
    PRIMARY KEY (deployment, at)
) WITHOUT ROWID;
CREATE TABLE watch (id INTEGER PRIMARY KEY AUTOINCREMENT, since INTEGER NOT NULL, until INTEGER NOT NULL);
""",
)


def millis(moment: datetime) -> int:
    """Whole milliseconds since 1970, exactly."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def open_file(state_dir: Path) -> StateFile:
    """The history's file; it is made when it is first used."""
    return StateFile(state_dir / FILE, SCHEMAS, lost="the history", synchronous="NORMAL")


class Recorder:
    """Give it snapshots by `saw`; `close` writes the rest and waits for it. `days` is how long things are kept.

    Trouble is a sentence in `warnings` and never more: no history is better than no cockpit.
    """

    def __init__(self, state_dir: Path, days: int, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.warnings: list[str] = []
        self._file = open_file(state_dir)
        self._days, self._now = days, now
        self._queue: queue.SimpleQueue[Snapshot | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._written = Snapshot()
        self._places: dict[Key, int] = {}
        self._newest: dict[Key, str] = {}  # the newest status written of each app
        self._watch = 0  # row of this run in `watch`
        self._beat = 0
        self._tidied = 0.0

    def saw(self, snapshot: Snapshot) -> None:
        """A newer snapshot. Costs nothing here."""
        if snapshot.confirmed:
            self._queue.put(snapshot)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="history", daemon=True)
                self._thread.start()

    def close(self, patience: float = 5.0) -> None:
        """Write what is left, for at most `patience` seconds."""
        if self._thread:
            self._queue.put(None)
            self._thread.join(patience)

    def _run(self) -> None:
        going = True
        while going:
            batch = [self._queue.get()]
            end = time.monotonic() + _BATCH
            while batch[-1] is not None and (left := end - time.monotonic()) > 0:
                try:
                    batch.append(self._queue.get(timeout=left))
                except queue.Empty:
                    break
            going = batch[-1] is not None
            self._save([snapshot for snapshot in batch if snapshot is not None])
        self._file.close()

    def _save(self, snapshots: list[Snapshot]) -> None:
        """Write what happened from the last snapshot written to the last of these, in one transaction."""
        if not snapshots:
            return
        places, known = dict(self._places), dict(self._newest)
        try:
            self._file.write(lambda db: self._write_all(db, snapshots))
            if time.monotonic() - self._tidied > _TIDY or not self._tidied:
                self._tidied = time.monotonic()
                self._file.read(lambda db: tidy(db, self._now() - timedelta(days=self._days)))
        except StorageError as error:
            self._places, self._newest = places, known  # rolled back: the next batch tells it again
            if str(error) not in self.warnings:
                self.warnings.append(str(error))
        else:
            self._written = snapshots[-1]
        for warning in self._file.warnings:
            if warning not in self.warnings:
                self.warnings.append(warning)

    def _write_all(self, db: sqlite3.Connection, snapshots: list[Snapshot]) -> None:
        old = self._written
        for new in snapshots:
            self._write(db, old, new)
            old = new

    def _write(self, db: sqlite3.Connection, old: Snapshot, new: Snapshot) -> None:
        at = millis(new.at or self._now())
        busy = False
        for before, after in changed_rows(old, new):
            busy = True
            self._write_row(db, before, after, at)
        for name in new.confirmed - old.confirmed:
            self._end_unseen(db, name, new, at)
        for name, deployment in new.deployments.items():
            was = old.deployments.get(name)
            if was is None or was.link.state is not deployment.link.state:
                busy = True
                row = (name, at, str(deployment.link.state), deployment.link.why)
                db.execute("INSERT OR REPLACE INTO link VALUES (?, ?, ?, ?)", row)
        if not self._watch:
            self._watch = db.execute("INSERT INTO watch (since, until) VALUES (?, ?)", (at, at)).lastrowid or 0
        elif busy or at - self._beat >= _BEAT:
            db.execute("UPDATE watch SET until = ? WHERE id = ?", (at, self._watch))
        else:
            return
        self._beat = at

    def _write_row(self, db: sqlite3.Connection, before: Row | None, after: Row | None, at: int) -> None:
        row = after or before
        if row is None:
            return
        place = self._place(db, row)
        body = body_of(after) if after else ""
        _write_moment(db, place, at, body)
        if after:
            self._write_statuses(db, place, after)
        old, new = before.alert if before else None, after.alert if after else None
        if old and (new is None or new.event_id != old.event_id):
            _end(db, (place, old.event_id), old.since, after, at)
        if new:
            _write_alert(db, place, new, at)

    def _write_statuses(self, db: sqlite3.Connection, place: int, row: Row) -> None:
        known = self._newest.get(row.key)
        for count, status in enumerate(row.app.statuses if row.app else ()):
            if status.id == known or (known is None and count >= _FIRST_SIGHT):
                break
            values = (place, status.id, millis(status.at), status.state, status.message, status.uri)
            db.execute("INSERT OR IGNORE INTO status VALUES (?, ?, ?, ?, ?, ?, ?)", (*values, status.needs_attention))
        if row.app and row.app.statuses:
            self._newest[row.key] = row.app.statuses[0].id

    def _end_unseen(self, db: sqlite3.Connection, name: str, new: Snapshot, at: int) -> None:
        """Rows that went, and alerts that ended, while nobody watched."""
        places = db.execute("SELECT id, workspace_id, agent, app FROM place WHERE deployment = ?", (name,)).fetchall()
        for place, *key in places:
            if new.row(Key(name, *key)) is None:
                _write_moment(db, place, at, "")
        found = db.execute(
            "SELECT place.id, agent, app, workspace_id, event_id, since FROM alert JOIN place ON place.id = alert.place"
            " WHERE deployment = ? AND ended_at IS NULL",
            (name,),
        ).fetchall()
        for place, agent, app, workspace, event, since in found:
            row = new.row(Key(name, workspace, agent, app))
            if row is None or row.alert is None or row.alert.event_id != event:
                _end(db, (place, event), datetime.fromtimestamp(since / 1000, UTC), row, at)

    def _place(self, db: sqlite3.Connection, row: Row) -> int:
        if (place := self._places.get(row.key)) is None:
            db.execute(
                "INSERT INTO place (deployment, workspace_id, agent, app, title) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (deployment, workspace_id, agent, app) DO UPDATE SET title = excluded.title",
                (*row.key, row.workspace.title),
            )
            found = db.execute(
                "SELECT id FROM place WHERE deployment = ? AND workspace_id = ? AND agent = ? AND app = ?", row.key
            )
            place = self._places[row.key] = int(found.fetchone()[0])
        return place


def changed_rows(old: Snapshot, new: Snapshot) -> Iterator[tuple[Row | None, Row | None]]:
    """Rows that differ, as before and after (None: not there). Only of deployments that were read; staleness is the
    link's, not the row's."""
    if len(old.rows) == len(new.rows) and all(a.key == b.key for a, b in zip(old.rows, new.rows, strict=True)):
        yield from (
            (a, b) for a, b in zip(old.rows, new.rows, strict=True) if a is not b and b.key.deployment in new.confirmed
        )
        return
    before = {row.key: row for row in old.rows if row.key.deployment in old.confirmed}
    for row in new.rows:
        if row.key.deployment in new.confirmed:
            was = before.pop(row.key, None)
            if was is not row:
                yield was, row
    for row in before.values():
        yield row, None


def _write_moment(db: sqlite3.Connection, place: int, at: int, body: str) -> None:
    """How a row stands from `at` on, unless that is how it stood already; empty: it is gone."""
    db.execute(
        "INSERT OR REPLACE INTO moment SELECT ?1, ?2, ?3 WHERE ?3 IS NOT"
        " (SELECT body FROM moment WHERE place = ?1 AND at <= ?2 ORDER BY at DESC LIMIT 1)",
        (place, at, body),
    )


def _end(db: sqlite3.Connection, alert: tuple[int, str], since: datetime, row: Row | None, at: int) -> None:
    """An alert (place, event) is over: `answered` by a newer report, `gone` with its row, or `passed` by itself."""
    how, ended = "gone" if row is None else "passed", at
    later = [one for one in (row.app.statuses if row and row.app else ()) if one.at > since and one.id != alert[1]]
    if later:
        how, ended = "answered", max(millis(later[-1].at), millis(since))
    db.execute(
        "UPDATE alert SET ended_at = ?, ended = ? WHERE place = ? AND event_id = ? AND ended_at IS NULL",
        (ended, how, *alert),
    )


def _write_alert(db: sqlite3.Connection, place: int, alert: Alert, at: int) -> None:
    since = millis(alert.since)
    db.execute(
        "INSERT INTO alert (place, event_id, level, since, message, acked_at) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (place, event_id) DO UPDATE SET ended_at = NULL, ended = NULL, level = excluded.level,"
        " acked_at = CASE WHEN excluded.acked_at IS NULL THEN NULL ELSE coalesce(acked_at, excluded.acked_at) END",
        (place, alert.event_id, str(alert.level), since, alert.message, at if alert.acked else None),
    )


def tidy(db: sqlite3.Connection, before: datetime, limit: int = SIZE_LIMIT) -> None:
    """Drop what is older than `before`, and from a file of more than `limit` bytes its oldest tenth."""
    _drop(db, millis(before))
    (pages,), (size,) = (db.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
    if pages * size > limit:
        oldest, newest = db.execute("SELECT min(at), max(at) FROM moment").fetchone()
        if oldest is not None:
            _drop(db, oldest + max(1, (newest - oldest) // 10))
    db.execute("PRAGMA incremental_vacuum").fetchall()


def _drop(db: sqlite3.Connection, before: int) -> None:
    # how a row stood at the border is kept: it may not have changed since
    db.execute(
        "DELETE FROM moment WHERE at < ?1 AND EXISTS (SELECT 1 FROM moment AS later"
        " WHERE later.place = moment.place AND later.at > moment.at AND later.at <= ?1)",
        (before,),
    )
    db.execute("DELETE FROM moment WHERE at < ? AND body = ''", (before,))
    for statement in (
        "DELETE FROM status WHERE at < ?",
        "DELETE FROM alert WHERE coalesce(ended_at, since) < ?",
        "DELETE FROM link WHERE at < ?",
        "DELETE FROM watch WHERE until < ?",
    ):
        db.execute(statement, (before,))

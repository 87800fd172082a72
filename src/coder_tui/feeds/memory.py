"""What the program remembers between runs: acknowledgements with their undo steps, the last known fleet, terminals.

One SQLite file in the state directory (WAL, `synchronous=FULL`: an acknowledgement is on disk when it returns). Any
number of programs may use it at once. A corrupt file is moved aside, never deleted, and said so in `warnings`; a
file that cannot be used at all is a warning too, and makes `acknowledge` raise rather than forget.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn, TypeVar

from coder_tui.errors import StorageError
from coder_tui.feeds.source import PtyTarget
from coder_tui.fleet.snapshot import Key
from coder_tui.paths import ensure_private

FILE = "state.db"
_VERSION = 2
_KEEP = timedelta(days=180)
"""How long an acknowledgement is kept; its event has left every list long before."""
_KEEP_TERMINALS = timedelta(days=30)
"""How long the tab of a terminal is kept that nobody looks at: its agent is long gone."""
# One entry per version of the file; what is missing is done in order.
_SCHEMAS = (
    """
CREATE TABLE step (id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, keys TEXT NOT NULL);
CREATE TABLE ack (
    event_id TEXT PRIMARY KEY,
    at TEXT NOT NULL,
    step INTEGER NOT NULL REFERENCES step ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX ack_step ON ack (step);
CREATE TABLE fleet (deployment TEXT PRIMARY KEY, url TEXT NOT NULL, at TEXT NOT NULL, body TEXT NOT NULL);
""",
    """
CREATE TABLE terminal (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    reconnect TEXT NOT NULL UNIQUE,
    deployment TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    title TEXT NOT NULL,
    command TEXT NOT NULL,
    container TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE INDEX terminal_agent ON terminal (agent_id);
""",
)

_MAGIC = b"SQLite format 3\0"  # https://www.sqlite.org/fileformat.html

_T = TypeVar("_T")


class Memory:
    """Opened at once and cheaply. Call from one thread, except `save_fleet`, which may run in any."""

    def __init__(self, state_dir: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.path = state_dir / FILE
        self.warnings: list[str] = []
        """Sentences for the person: what could not be used, and where it was put."""
        self._now = now
        self._db: sqlite3.Connection | None = None
        self._acked: frozenset[str] = frozenset()
        self._seen = -1  # SQLite's data_version when _acked was read
        try:
            self._acked = self._use(self._read_acks)
        except StorageError as error:
            self.warnings.append(str(error))

    @property
    def acked(self) -> frozenset[str]:
        """The acknowledged event ids as last read; `refresh()` looks for another program's."""
        return self._acked

    def refresh(self) -> bool:
        """Read again if another program wrote. True if the acknowledgements differ. Costs microseconds at rest."""
        if self._db is None:
            return False
        before = self._acked
        try:
            self._acked = self._use(self._read_acks_if_written)
        except StorageError as error:
            self._warn(str(error))
        return self._acked != before

    def acknowledge(self, event_ids: Sequence[str], keys: Sequence[Key]) -> None:
        """Acknowledge these events as one undoable step, on disk when it returns. Raises StorageError."""
        at = self._now()
        fresh = [event_id for event_id in event_ids if event_id not in self._acked]
        if not fresh:
            return

        def write(db: sqlite3.Connection) -> None:
            with _writing(db):
                step = db.execute(
                    "INSERT INTO step (at, keys) VALUES (?, ?)",
                    (at.isoformat(), json.dumps([list(key) for key in keys])),
                ).lastrowid
                db.executemany(
                    "INSERT OR IGNORE INTO ack (event_id, at, step) VALUES (?, ?, ?)",
                    [(event_id, at.isoformat(), step) for event_id in fresh],
                )

        self._use(write)
        self._acked = self._use(self._read_acks)

    def undo(self) -> list[Key]:
        """Take the newest step back, on disk when it returns; the keys it was about. Raises StorageError."""

        def write(db: sqlite3.Connection) -> list[Key]:
            with _writing(db):
                row = db.execute("SELECT id, keys FROM step ORDER BY id DESC LIMIT 1").fetchone()
                if row is None:
                    return []
                db.execute("DELETE FROM step WHERE id = ?", (row[0],))
                return [Key(*map(str, key)) for key in json.loads(row[1])]

        keys = self._use(write)
        self._acked = self._use(self._read_acks)
        return keys

    def fleet(self, deployment: str, url: str) -> tuple[datetime, str] | None:
        """The last fleet saved for that deployment and URL: when it was true, and its text. Never raises."""

        def read(db: sqlite3.Connection) -> tuple[datetime, str] | None:
            row = db.execute(
                "SELECT at, body FROM fleet WHERE deployment = ? AND url = ?", (deployment, url)
            ).fetchone()
            return (datetime.fromisoformat(row[0]), str(row[1])) if row else None

        try:
            return self._use(read)
        except (StorageError, ValueError):
            return None  # warned about already, or not worth a word: the network is about to answer

    def save_fleet(self, deployment: str, url: str, at: datetime, body: str) -> None:
        """Save the last known fleet. On a connection of its own, so it may run in a thread. Raises StorageError."""
        try:
            with contextlib.closing(_connect(self.path)) as db, _writing(db):
                db.execute("INSERT OR REPLACE INTO fleet VALUES (?, ?, ?, ?)", (deployment, url, at.isoformat(), body))
        except sqlite3.Error as error:
            raise StorageError(f"cannot save the fleet to {self.path}", why=str(error)) from None

    def terminals(self, deployment: str, agent_id: str) -> list[PtyTarget]:
        """The terminals kept of one agent, in the order they were first attached. Raises StorageError."""

        def read(db: sqlite3.Connection) -> list[PtyTarget]:
            rows = db.execute(
                "SELECT deployment, workspace_id, agent_id, reconnect, title, command, container FROM terminal"
                " WHERE deployment = ? AND agent_id = ? ORDER BY id",
                (deployment, agent_id),
            )
            return [PtyTarget(*map(str, row)) for row in rows]

        return self._use(read)

    def keep_terminal(self, target: PtyTarget) -> None:
        """Keep it, or note that it was attached again. Raises StorageError."""

        def write(db: sqlite3.Connection) -> None:
            with _writing(db):
                db.execute(
                    "INSERT INTO terminal"
                    " (deployment, workspace_id, agent_id, reconnect, title, command, container, at)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (reconnect) DO UPDATE SET at = excluded.at",
                    (*astuple(target), self._now().isoformat()),
                )

        self._use(write)

    def forget_terminal(self, reconnect: str) -> None:
        """It ended, or its tab was closed. Raises StorageError."""

        def write(db: sqlite3.Connection) -> None:
            with _writing(db):
                db.execute("DELETE FROM terminal WHERE reconnect = ?", (reconnect,))

        self._use(write)

    def close(self) -> None:
        """Close the file."""
        if self._db:
            self._db.close()
            self._db = None

    def _use(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do `work` on the file, opening it first. Corruption found on the way is put aside, and `work` done again."""
        try:
            return work(self._open())
        except sqlite3.Error as error:
            if not _corrupt(error):
                self._fail(error)
        self.close()
        try:
            # another program may have dealt with it: then the file at that path is a good one
            return work(self._open())
        except sqlite3.Error as error:
            if not _corrupt(error):
                self._fail(error)
        self.close()
        self._put_aside()
        try:
            return work(self._open())
        except sqlite3.Error as error:
            self._fail(error)

    def _fail(self, error: sqlite3.Error) -> NoReturn:
        raise StorageError(
            f"cannot use {self.path}",
            why=str(error),
            fix="free the disk or fix its permissions, or set CODER_TUI_STATE_DIR elsewhere",
        ) from None

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            ensure_private(self.path.parent)
            try:
                with os.fdopen(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600), "rb") as file:
                    head = file.read(len(_MAGIC))
            except OSError as error:
                raise StorageError(f"cannot use {self.path}", why=error.strerror or str(error)) from None
            if head not in {b"", _MAGIC}:
                raise _NotADatabaseError("file is not a database")  # SQLite would overwrite a very short one
            db = _connect(self.path)
            try:
                self._migrate(db)
            except BaseException:
                db.close()
                raise
            self._db, self._seen = db, -1
        return self._db

    def _migrate(self, db: sqlite3.Connection) -> None:
        if _version(db) < _VERSION:
            with _writing(db):
                known = _version(db)  # as another program may have left it meanwhile
                for schema in _SCHEMAS[known:]:
                    for statement in schema.split(";"):
                        db.execute(statement)
                if known < _VERSION:
                    db.execute(f"PRAGMA user_version = {_VERSION}")
                    if self._acked and not known:  # put aside while we ran: what we know is not lost
                        self._restore(db)
        if _version(db) > _VERSION:
            raise StorageError(
                f"cannot use {self.path}",
                why="a newer coder-tui wrote it",
                fix="update coder-tui, or set CODER_TUI_STATE_DIR elsewhere",
            )
        with contextlib.suppress(sqlite3.OperationalError):  # locked: the other program does it
            db.execute("PRAGMA journal_mode = WAL")
        old = (self._now() - _KEEP).isoformat()
        if db.execute("SELECT 1 FROM step WHERE at < ? LIMIT 1", (old,)).fetchone():
            with _writing(db):
                db.execute("DELETE FROM step WHERE at < ?", (old,))
        old = (self._now() - _KEEP_TERMINALS).isoformat()
        if db.execute("SELECT 1 FROM terminal WHERE at < ? LIMIT 1", (old,)).fetchone():
            with _writing(db):
                db.execute("DELETE FROM terminal WHERE at < ?", (old,))

    def _restore(self, db: sqlite3.Connection) -> None:
        at = self._now().isoformat()
        step = db.execute("INSERT INTO step (at, keys) VALUES (?, '[]')", (at,)).lastrowid
        db.executemany("INSERT INTO ack VALUES (?, ?, ?)", [(event_id, at, step) for event_id in self._acked])

    def _put_aside(self) -> None:
        name = f"{self.path.name}.corrupt-{self._now():%Y%m%dT%H%M%S}-{os.getpid()}"
        aside = self.path.with_name(name)
        for suffix in ("", "-wal", "-shm"):
            source = self.path.with_name(self.path.name + suffix)
            try:
                source.rename(aside.with_name(aside.name + suffix))
            except FileNotFoundError:
                continue
            except OSError as error:
                raise StorageError(f"cannot move the corrupt {source} aside", why=error.strerror or "") from None
        self._warn(
            f"{self.path} was corrupt: it was moved to {aside.name} beside it, and acknowledgements in it are gone"
        )

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)

    def _read_acks(self, db: sqlite3.Connection) -> frozenset[str]:
        self._seen = _data_version(db)
        return frozenset(str(row[0]) for row in db.execute("SELECT event_id FROM ack"))

    def _read_acks_if_written(self, db: sqlite3.Connection) -> frozenset[str]:
        return self._acked if _data_version(db) == self._seen else self._read_acks(db)


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=2.0, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA synchronous = FULL")
    return db


class _NotADatabaseError(sqlite3.DatabaseError):
    sqlite_errorcode = sqlite3.SQLITE_NOTADB


def _corrupt(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _data_version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA data_version").fetchone()[0])


@contextmanager
def _writing(db: sqlite3.Connection) -> Iterator[None]:
    """One transaction that takes the write lock first, so two programs wait rather than fail."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")

"""One SQLite file of ours: made, migrated, shared with other programs, put aside when it is corrupt.

WAL; any number of programs may use it at once. A corrupt file is moved aside, never deleted, and said so in
`warnings`. A file that a newer version of this program wrote is read as far as it can be, and never written.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn, TypeVar

from coder_tui.errors import StorageError
from coder_tui.paths import ensure_private

_MAGIC = b"SQLite format 3\0"  # https://www.sqlite.org/fileformat.html
_T = TypeVar("_T")


def _nothing(db: sqlite3.Connection) -> None:
    pass


class StateFile:
    """`schemas` has one entry of SQL statements per version of the file; what is missing is done in order.

    `lost` says what goes with a corrupt file. `refill` runs in the transaction that makes a new file, `tidy` when it
    was opened for writing. Use from one thread at a time.
    """

    def __init__(
        self,
        path: Path,
        schemas: Sequence[str],
        *,
        lost: str,
        synchronous: str = "FULL",
        refill: Callable[[sqlite3.Connection], None] = _nothing,
        tidy: Callable[[sqlite3.Connection], None] = _nothing,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.path, self.warnings = path, list[str]()
        self._schemas, self._lost, self._synchronous = schemas, lost, synchronous
        self._refill, self._tidy, self._now = refill, tidy, now
        self._db: sqlite3.Connection | None = None
        self._newer = False

    @property
    def opened(self) -> bool:
        """Whether it was used, with success."""
        return self._db is not None

    def read(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do `work` on the file, opening it first. Corruption found on the way is put aside, and `work` done again.

        Raises StorageError.
        """
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

    def write(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """As `read`, in one transaction, on disk when it returns. Raises StorageError, also for a newer file."""

        def transaction(db: sqlite3.Connection) -> _T:
            if self._newer:
                raise self._too_new()
            with writing(db):
                return work(db)

        return self.read(transaction)

    def close(self) -> None:
        """Close the file."""
        if self._db:
            self._db.close()
            self._db = None

    def connect(self) -> sqlite3.Connection:
        """A connection of the caller's own, for another thread, to a file that was opened before."""
        return _connect(self.path, self._synchronous)

    def warn(self, text: str) -> None:
        """Say it once."""
        if text not in self.warnings:
            self.warnings.append(text)

    def _fail(self, error: sqlite3.Error) -> NoReturn:
        raise StorageError(
            f"cannot use {self.path}",
            why=str(error),
            fix="free the disk or fix its permissions, or set CODER_TUI_STATE_DIR elsewhere",
        ) from None

    def _too_new(self) -> StorageError:
        return StorageError(
            f"cannot write {self.path}",
            why="a newer coder-tui wrote it; it is only read",
            fix="update coder-tui, or set CODER_TUI_STATE_DIR elsewhere",
        )

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
            db = _connect(self.path, self._synchronous)
            try:
                self._newer = self._migrate(db)
            except BaseException:
                db.close()
                raise
            self._db = db
        return self._db

    def _migrate(self, db: sqlite3.Connection) -> bool:
        """Bring it up to date; True when it is from the future, and left as it is."""
        version = len(self._schemas)
        if _version(db) == 0:
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of an empty file: it can shrink later
        if _version(db) < version:
            with writing(db):
                known = _version(db)  # as another program may have left it meanwhile
                for schema in self._schemas[known:]:
                    for statement in schema.split(";"):
                        db.execute(statement)
                if known < version:
                    db.execute(f"PRAGMA user_version = {version}")
                    if not known:
                        self._refill(db)
        if _version(db) > version:
            db.execute("PRAGMA query_only = ON")
            self.warn(str(self._too_new()))
            return True
        with contextlib.suppress(sqlite3.OperationalError):  # locked: the other program does it
            db.execute("PRAGMA journal_mode = WAL")
        self._tidy(db)
        return False

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
        self.warn(f"{self.path} was corrupt: it was moved to {aside.name} beside it, and {self._lost} in it are gone")


def data_version(db: sqlite3.Connection) -> int:
    """Changes when another connection wrote to the file."""
    return int(db.execute("PRAGMA data_version").fetchone()[0])


@contextmanager
def writing(db: sqlite3.Connection) -> Iterator[None]:
    """One transaction that takes the write lock first, so two programs wait rather than fail."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with contextlib.suppress(sqlite3.OperationalError):  # a full disk rolled it back already
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _connect(path: Path, synchronous: str) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=2.0, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA foreign_keys = ON")
    db.execute(f"PRAGMA synchronous = {synchronous}")
    return db


class _NotADatabaseError(sqlite3.DatabaseError):
    sqlite_errorcode = sqlite3.SQLITE_NOTADB


def _corrupt(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])

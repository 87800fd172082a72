"""SQLite for an event loop: one writer thread with group commit, readers beside it.

Whoever awaits a write resumes only after the commit that holds it reached the disk (WAL, synchronous=FULL), so
an answer sent afterwards survives a kill. Writes that arrive while a commit is under way share the next one.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from coder_tui.errors import StorageError
from coder_tui.hub.schema import migrate

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

MAX_BATCH = 512
"""Writes that share one commit at most, so that the first of them never waits long."""
READERS = 2
BUSY_MS = 5000


class Storage:
    """An open database. Use from one event loop; `close` from anywhere, once."""

    def __init__(self, path: Path) -> None:
        """Open or create the file (0600). Raises StorageError saying what is wrong with it and what to do."""
        self.path = path
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._writer = self._connect()
            mode = self._writer.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            if mode != "wal":
                raise StorageError(
                    f"cannot use {path}",
                    why="its file system has no shared memory for SQLite's WAL mode",
                    fix="put the data directory on a local disk (CODER_TUI_DATA_DIR)",
                )
            self._writer.execute("PRAGMA synchronous = FULL")
            migrate(self._writer)
        except (sqlite3.Error, OSError) as error:
            raise explain(error, path) from None
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="hub-reader")
        self._thread = threading.Thread(target=self._run, name="hub-writer", daemon=True)
        self._thread.start()

    async def write(self, work: Work[T]) -> T:
        """Run `work` in the writer's transaction and resume after its commit is on disk.

        What `work` raises undoes its own writes only and comes back to the caller; a database that cannot be written
        (full disk) raises StorageError. Cancelling the caller does not take a queued write back.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._queue.put(_Write(work, future, loop))
        return await future

    async def read(self, work: Work[T]) -> T:
        """Run `work` off the event loop, on one consistent snapshot of everything committed."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, work)

    def close(self) -> None:
        """Finish what is queued, fold the WAL into the file, and close. Blocks."""
        self._queue.put(None)
        self._thread.join()
        self._pool.shutdown()
        for reader in self._readers:
            reader.close()
        try:
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error:
            pass  # the WAL stays and is folded in by the next open
        self._writer.close()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000)
        db.row_factory = sqlite3.Row
        return db

    def _read(self, work: Work[T]) -> T:
        try:
            db: sqlite3.Connection | None = getattr(self._local, "db", None)
            if db is None:
                db = self._local.db = self._connect()
                db.execute("PRAGMA query_only = ON")
                self._readers.append(db)
            db.execute("BEGIN")
            try:
                return work(db)
            finally:
                db.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise explain(error, self.path) from None

    def _run(self) -> None:
        more = True
        while more:
            batch: list[_Write] = []
            item = self._queue.get()
            while item is not None:
                batch.append(item)
                if len(batch) == MAX_BATCH:
                    break
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
            more = item is not None
            if batch:
                _resume(batch, self._commit(batch))

    def _commit(self, batch: Sequence[_Write]) -> list[_Outcome]:
        db = self._writer
        outcomes: list[_Outcome] = []
        try:
            db.execute("BEGIN IMMEDIATE")
            for item in batch:
                db.execute("SAVEPOINT one")
                try:
                    outcomes.append((item.work(db), None))
                except sqlite3.Error as error:
                    # a full disk ends the whole transaction: then nobody's write is there
                    if not db.in_transaction:
                        raise
                    db.execute("ROLLBACK TO one")
                    outcomes.append((None, explain(error, self.path)))
                except Exception as error:
                    db.execute("ROLLBACK TO one")
                    outcomes.append((None, error))
                db.execute("RELEASE one")
            db.execute("COMMIT")
        except sqlite3.Error as error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            return [(None, explain(error, self.path))] * len(batch)
        return outcomes


class _Write:
    """One queued write and who waits for it."""

    __slots__ = ("future", "loop", "work")

    def __init__(self, work: Work[Any], future: asyncio.Future[Any], loop: asyncio.AbstractEventLoop) -> None:
        self.work, self.future, self.loop = work, future, loop


_Outcome = tuple[Any, Exception | None]


def _resume(batch: Sequence[_Write], outcomes: Sequence[_Outcome]) -> None:
    def settle() -> None:
        for item, (result, error) in zip(batch, outcomes, strict=True):
            if item.future.done():
                continue  # the caller was cancelled
            if error is not None:
                item.future.set_exception(error)
            else:
                item.future.set_result(result)

    try:
        batch[0].loop.call_soon_threadsafe(settle)
    except RuntimeError:
        pass  # the loop is closed: nobody waits any more


_CAUSES = {
    "SQLITE_FULL": ("the disk is full", "free some space; nothing that was answered is lost"),
    "SQLITE_NOTADB": ("the file is not a database, or it is damaged", "move it away and start again"),
    "SQLITE_CORRUPT": ("the file is damaged", "move it away and start again, or restore a copy"),
    "SQLITE_READONLY": ("the file may not be written", "fix its permissions, or set CODER_TUI_DATA_DIR elsewhere"),
    "SQLITE_CANTOPEN": ("it cannot be opened", "fix its permissions, or set CODER_TUI_DATA_DIR elsewhere"),
    "SQLITE_BUSY": ("another program holds its lock", "close that program"),
    "SQLITE_IOERR": ("the disk reports an error", "check the disk"),
}


def explain(error: sqlite3.Error | OSError, path: Path) -> StorageError:
    """One sentence for what SQLite or the system says about the file."""
    if isinstance(error, OSError):
        return StorageError(
            f"cannot open {path}",
            why=error.strerror or str(error),
            fix="fix its permissions, or set CODER_TUI_DATA_DIR elsewhere",
        )
    name: str = getattr(error, "sqlite_errorname", "")
    for prefix, (why, fix) in _CAUSES.items():
        if name.startswith(prefix):
            return StorageError(f"cannot use {path}", why=why, fix=fix)
    return StorageError(f"cannot use {path}", why=str(error))

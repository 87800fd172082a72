"""The database: group commit, isolation of failures, and sentences for what can be wrong with the file."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from coder_tui.errors import StorageError
from coder_tui.hub.schema import MIGRATIONS
from coder_tui.hub.storage import Storage


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    opened = Storage(tmp_path / "hub.db")
    yield opened
    opened.close()


def keys(db: sqlite3.Connection) -> set[str]:
    return {row[0] for row in db.execute("SELECT key FROM settings")}


async def save(storage: Storage, key: str, value: str = "") -> None:
    await storage.write(lambda db: db.execute("INSERT INTO settings VALUES (?, ?)", (key, value)))


async def test_what_was_awaited_is_there_for_another_connection(storage: Storage) -> None:
    await save(storage, "a")
    other = sqlite3.connect(storage.path)
    assert keys(other) == {"a"}
    other.close()
    assert await storage.read(keys) == {"a"}


async def test_writes_that_wait_share_one_commit(storage: Storage) -> None:
    held, commits = threading.Event(), []
    storage._writer.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
    blocker = asyncio.create_task(storage.write(lambda db: held.wait(10)))
    await storage.read(keys)  # the writer has taken the blocker by now or takes it first anyway
    writes = [asyncio.create_task(save(storage, str(n))) for n in range(100)]
    await asyncio.sleep(0)
    held.set()
    await asyncio.gather(blocker, *writes)
    assert len(await storage.read(keys)) == 100
    assert len(commits) <= 2


async def test_a_failing_write_takes_nobody_with_it(storage: Storage) -> None:
    def fail(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO settings VALUES ('half', '')")
        raise KeyError("mine")

    results = await asyncio.gather(
        save(storage, "a"), storage.write(fail), save(storage, "a"), save(storage, "b"), return_exceptions=True
    )
    assert results[0] is None
    assert isinstance(results[1], KeyError)
    assert isinstance(results[2], StorageError)
    assert results[3] is None
    assert await storage.read(keys) == {"a", "b"}


async def test_a_cancelled_caller_does_not_stop_the_writer(storage: Storage) -> None:
    task = asyncio.create_task(save(storage, "a"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await save(storage, "b")
    assert await storage.read(keys) >= {"b"}


async def test_a_full_disk_is_an_error_for_all_that_were_not_stored_and_heals(storage: Storage) -> None:
    pages = await storage.read(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
    await storage.write(lambda db: db.execute(f"PRAGMA max_page_count = {pages + 2}").fetchone())
    stored = set()
    refused = 0
    outcomes = await asyncio.gather(*(save(storage, str(n), "x" * 3000) for n in range(20)), return_exceptions=True)
    for n, outcome in enumerate(outcomes):
        if outcome is None:
            stored.add(str(n))
        else:
            assert isinstance(outcome, StorageError)
            assert "the disk is full" in str(outcome)
            refused += 1
    assert refused
    assert await storage.read(keys) == stored
    await storage.write(lambda db: db.execute("PRAGMA max_page_count = 100000").fetchone())
    await save(storage, "again")


async def test_reads_see_one_state(storage: Storage) -> None:
    await save(storage, "a")
    loop = asyncio.get_running_loop()
    begun, written = threading.Event(), threading.Event()

    def twice(db: sqlite3.Connection) -> tuple[set[str], set[str]]:
        first = keys(db)
        begun.set()
        assert written.wait(10)
        return first, keys(db)

    reading = asyncio.create_task(storage.read(twice))
    await loop.run_in_executor(None, begun.wait, 10)
    await save(storage, "b")
    written.set()
    assert await reading == ({"a"}, {"a"})


async def test_readers_cannot_write(storage: Storage) -> None:
    with pytest.raises(StorageError):
        await storage.read(lambda db: db.execute("INSERT INTO settings VALUES ('a', '')"))


def test_the_file_is_private_and_closes_without_a_wal(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    Storage(path).close()
    assert path.stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob("hub.db-wal"))


def test_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(StorageError, match=r"damaged\. Move it away"):
        Storage(path)
    assert path.read_bytes().startswith(b"this is no database")


def test_a_file_of_a_newer_version(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    Storage(path).close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    with pytest.raises(StorageError, match=r"newer coder-tui .* Update coder-tui"):
        Storage(path)


def test_a_directory_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "hub.db").mkdir()
    with pytest.raises(StorageError, match="cannot open"):
        Storage(tmp_path / "hub.db")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_directory(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match=r"[Pp]ermission"):
        Storage(tmp_path / "hub.db")

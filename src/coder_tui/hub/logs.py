"""Log lines of agents and builds: appending under the quota, and reading them as frames.

Contract `03-agents` (quota, levels, sources, cut) and `00-transport` (frames under 32 KiB).
"""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from coder_tui.hub.problems import Refused
from coder_tui.hub.storage import Storage
from coder_tui.hub.views import agent_log
from coder_tui.wire.base import ZERO_UUID, encode
from coder_tui.wire.logs import (
    EXTERNAL_SOURCE_ICON,
    EXTERNAL_SOURCE_ID,
    EXTERNAL_SOURCE_NAME,
    LOGS_QUOTA,
    LogLevel,
    PatchLogs,
)

MAX_LINE = 1024
"""Characters of a line that are stored."""
MAX_FRAME = 32 << 10
"""A Go peer refuses larger messages unless told otherwise."""
PAGE = 2000
"""Lines read from disk at once."""

_LEVELS = {level.value for level in LogLevel}


@dataclass(frozen=True, slots=True)
class Line:
    """A checked line: its level is known, its output has no NUL."""

    level: str
    output: str


class Pushed(StrEnum):
    """What became of a batch."""

    STORED = "stored"
    FIRST = "first"  # the agent had none before
    OVERFLOWED = "overflowed"  # rejected, and the flag is now set
    REFUSED = "refused"  # rejected, the flag was set before


def checked_lines(batch: PatchLogs) -> list[Line]:
    """The lines of a push. Raises Refused (400) for none, or for an unknown level."""
    if not batch.logs:
        raise Refused(400, "No logs provided.")
    lines = []
    for log in batch.logs:
        level = log.level.lower() or LogLevel.INFO.value
        if level not in _LEVELS:
            raise Refused(400, "Invalid log level provided.", f"invalid log level: {log.level[:80]!r}")
        lines.append(Line(level, log.output.replace("\0", "\ufffd")))
    return lines


def push(db: sqlite3.Connection, agent_id: str, source_id: str, lines: Sequence[Line], now: int) -> Pushed:
    """Store a batch from outside, whole or not at all (work for `Storage.write`)."""
    row = db.execute("SELECT logs_length, logs_overflowed FROM agents WHERE id = ?", (agent_id,)).fetchone()
    length = sum(len(line.output.encode()) for line in lines)
    if row["logs_overflowed"]:
        return Pushed.REFUSED
    if row["logs_length"] + length > LOGS_QUOTA:
        db.execute("UPDATE agents SET logs_overflowed = 1, updated_at = ? WHERE id = ?", (now, agent_id))
        return Pushed.OVERFLOWED
    if source_id in {ZERO_UUID, EXTERNAL_SOURCE_ID}:
        source_id = EXTERNAL_SOURCE_ID
        add_source(db, now, agent_id, source_id, EXTERNAL_SOURCE_NAME, icon=EXTERNAL_SOURCE_ICON)
    first = row["logs_length"] == 0
    append(db, agent_id, source_id, lines, now)
    db.execute("UPDATE agents SET logs_length = logs_length + ? WHERE id = ?", (length, agent_id))
    return Pushed.FIRST if first else Pushed.STORED


def append(db: sqlite3.Connection, agent_id: str, source_id: str, lines: Sequence[Line], now: int) -> None:
    """Store lines without asking for the quota: the hub's own."""
    db.executemany(
        "INSERT INTO agent_logs (agent_id, created_at, level, source_id, output) VALUES (?, ?, ?, ?, ?)",
        [(agent_id, now, line.level, source_id, line.output[:MAX_LINE]) for line in lines],
    )


def add_source(db: sqlite3.Connection, now: int, agent_id: str, source_id: str, name: str, *, icon: str = "") -> None:
    """Add a log source; one that is there already stays as it is."""
    db.execute(
        "INSERT OR IGNORE INTO log_sources (agent_id, id, created_at, display_name, icon) VALUES (?, ?, ?, ?, ?)",
        (agent_id, source_id, now, name, icon),
    )


def hub_source_id(agent_id: str) -> str:
    """The source `coder-tui` of an agent: what the hub itself says."""
    return str(uuid.uuid5(uuid.UUID(agent_id), "coder-tui"))


def agent_lines(db: sqlite3.Connection, agent_id: str, after: int, limit: int = -1) -> list[sqlite3.Row]:
    """Rows with a larger id than `after`, oldest first."""
    return db.execute(
        "SELECT * FROM agent_logs WHERE agent_id = ? AND id > ? ORDER BY id LIMIT ?", (agent_id, after, limit)
    ).fetchall()


def build_lines(db: sqlite3.Connection, build_id: str, after: int) -> list[sqlite3.Row]:
    """Rows with a larger id than `after`, oldest first."""
    return db.execute(
        "SELECT * FROM build_logs WHERE build_id = ? AND id > ? ORDER BY id", (build_id, after)
    ).fetchall()


@dataclass(frozen=True, slots=True)
class Page:
    """Lines as text frames, the id of the last one (or of what was asked for), and whether there may be more."""

    frames: tuple[str, ...]
    last: int
    full: bool


class Tails:
    """Reads pages for followers; those that ask for the same page at the same moment share one read and encoding."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._reading: dict[tuple[str, int], asyncio.Task[Page]] = {}

    def changed(self, agent_id: str) -> None:
        """New lines were committed: a read under way may have missed them, so nobody joins it any more."""
        for key in [key for key in self._reading if key[0] == agent_id]:
            del self._reading[key]

    async def page(self, agent_id: str, after: int) -> Page:
        """The lines after the given id."""
        key = (agent_id, after)
        task = self._reading.get(key)
        if task is None:
            task = asyncio.create_task(self._storage.read(lambda db: _page(db, agent_id, after)), name="log-page")
            self._reading[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(task)

    def _forget(self, key: tuple[str, int], task: asyncio.Task[Page]) -> None:
        if self._reading.get(key) is task:
            del self._reading[key]


def _page(db: sqlite3.Connection, agent_id: str, after: int) -> Page:
    rows = agent_lines(db, agent_id, after, PAGE)
    frames: list[str] = []
    parts: list[bytes] = []
    size = 0
    for row in rows:
        part = encode(agent_log(row))[:-1]
        if parts and size + len(part) + 3 > MAX_FRAME:
            frames.append(_array(parts))
            parts, size = [], 0
        parts.append(part)
        size += len(part) + 1
    if parts:
        frames.append(_array(parts))
    return Page(tuple(frames), rows[-1]["id"] if rows else after, len(rows) == PAGE)


def _array(parts: Sequence[bytes]) -> str:
    return (b"[" + b",".join(parts) + b"]\n").decode()

"""What `WorkspaceUpdates` tells of: all workspaces' names, states and agents, kept for everybody who follows them.

A report changes nothing here, and there may be hundreds of them a second: so followers look ten times a second at most,
which costs two small queries for what was touched, once for all of them, and nothing while nobody follows.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Collection

from coder_tui.hub.events import FLEET, Topics
from coder_tui.hub.storage import Storage
from coder_tui.wire.tailnet.updates import Picture, TailnetWorkspace
from coder_tui.wire.workspaces import JobStatus, build_status

PAUSE = 0.1
"""Seconds between two looks of a follower."""


class Pictures:
    """The newest picture. `changed` after every commit that a client could see."""

    def __init__(self, storage: Storage, topics: Topics) -> None:
        self._storage, self._topics = storage, topics
        self._picture: Picture | None = None
        self._stale: set[str] = set()
        self._reading = asyncio.Lock()

    def changed(self, workspace_id: str) -> None:
        """What is known of this workspace is out of date."""
        if self._picture is not None:
            self._stale.add(workspace_id)
        self._topics.publish(FLEET)

    async def current(self) -> Picture:
        """The newest one: the same object as before when nothing in it changed. Raises StorageError."""
        async with self._reading:
            before, stale = self._picture, self._stale
            if before is not None and not stale:
                return before
            self._stale = set()
            if before is None:
                self._picture = {}  # changes are noted from here on
            try:
                found = await self._storage.read(lambda db: _load(db, stale if before is not None else None))
            except BaseException:
                self._picture = before
                self._stale |= stale
                raise
            if before is None:
                self._picture = found
            elif any(before.get(key) != found.get(key) for key in stale):
                kept = {key: value for key, value in before.items() if key not in stale}
                self._picture = kept | found
            else:
                self._picture = before
            return self._picture


_ALL = (
    "SELECT w.id, w.name, b.id AS build, b.transition, b.job_status FROM workspaces w JOIN builds b"
    " ON b.workspace_id = w.id AND b.number = (SELECT max(number) FROM builds WHERE workspace_id = w.id)"
    " WHERE NOT w.deleted"
)
_SOME = (
    "SELECT w.id, w.name, b.id AS build, b.transition, b.job_status FROM json_each(?) k"
    " JOIN workspaces w ON w.id = k.value JOIN builds b"
    " ON b.workspace_id = w.id AND b.number = (SELECT max(number) FROM builds WHERE workspace_id = w.id)"
    " WHERE NOT w.deleted"
)


def _load(db: sqlite3.Connection, among: Collection[str] | None) -> Picture:
    """Workspaces that are not deleted: all, or those of the given ones."""
    rows = (db.execute(_ALL) if among is None else db.execute(_SOME, (json.dumps(list(among)),))).fetchall()
    done = [row["build"] for row in rows if row["job_status"] == JobStatus.SUCCEEDED]
    agents: dict[str, dict[str, str]] = {}
    for agent in db.execute(
        "SELECT id, build_id, name FROM agents WHERE build_id IN (SELECT value FROM json_each(?))", (json.dumps(done),)
    ):
        agents.setdefault(agent["build_id"], {})[agent["id"]] = agent["name"]
    return {
        row["id"]: TailnetWorkspace(
            row["name"], build_status(row["transition"], row["job_status"]), agents.get(row["build"], {})
        )
        for row in rows
    }

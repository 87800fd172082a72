"""Workspaces as clients see them, assembled and encoded once per change and shared by everyone who asks."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from coder_tui.hub.identity import Site
from coder_tui.hub.pending import Pending, with_waiting
from coder_tui.hub.protocols import text_frame
from coder_tui.hub.storage import Storage
from coder_tui.hub.views import app_status, live_workspace_ids, load_workspaces
from coder_tui.wire.base import encode
from coder_tui.wire.sse import DATA, encode_event
from coder_tui.wire.workspaces import Workspace

_NO_STATUSES = b'"statuses":[]'


@dataclass(frozen=True)
class Shared:
    """One state of one workspace. `json` has no newline at its end; the frames are made when first needed.

    The apps of `workspace` have no statuses: those are in `json` only.
    """

    workspace: Workspace
    json: bytes
    deleted: bool

    @cached_property
    def message(self) -> str:
        """A `data` message of the one-way event socket."""
        return '{"type":"data","data":' + self.json.decode() + "}\n"

    @cached_property
    def frame(self) -> bytes:
        """The frame that carries it."""
        return text_frame(self.message.encode())

    @cached_property
    def event(self) -> bytes:
        """A `data` server-sent event."""
        return encode_event(DATA, self.json)


class Snapshots:
    """The cache. `changed` after every commit that a client could see makes the next reader load again."""

    def __init__(self, storage: Storage, site: Site, pending: Pending) -> None:
        self._storage, self._site, self._pending = storage, site, pending
        self._statuses = _Statuses()
        self._versions: dict[str, int] = {}
        self._run, self._changes = secrets.token_hex(4), 0
        self._ready: dict[str, tuple[int, Shared]] = {}
        self._loading: dict[str, tuple[int, asyncio.Task[Shared | None]]] = {}

    def changed(self, workspace_id: str) -> None:
        """What was assembled of this workspace is out of date."""
        self._versions[workspace_id] = self._versions.get(workspace_id, 0) + 1
        self._changes += 1

    @property
    def tag(self) -> str:
        """An `ETag` of all workspaces together. Take it before they are read: it may be too old, never too new."""
        return f'"{self._run}-{self._changes}"'

    async def get(self, workspace_id: str) -> Shared | None:
        """The newest state, deleted workspaces included; None if there never was one."""
        version = self._versions.get(workspace_id, 0)
        ready = self._ready.get(workspace_id)
        if ready is not None and ready[0] == version:
            return ready[1]
        loading = self._loading.get(workspace_id)
        if loading is None or loading[0] != version:
            task = asyncio.create_task(self._load_one(workspace_id, version), name=f"load:{workspace_id}")
            self._loading[workspace_id] = loading = (version, task)
        # one reader that goes away must not take the answer from the others
        return await asyncio.shield(loading[1])

    async def list(self) -> Sequence[Shared]:
        """The newest state of every workspace that is not deleted."""
        versions = dict(self._versions)
        known = {key for key, (version, _) in self._ready.items() if version == versions.get(key, 0)}

        def work(db: sqlite3.Connection) -> tuple[list[str], dict[str, Shared]]:
            ids = live_workspace_ids(db)
            return ids, self._assemble(db, [key for key in ids if key not in known])

        ids, loaded = await self._storage.read(work)
        for key, shared in loaded.items():
            self._keep(key, versions.get(key, 0), shared)
        return [self._ready[key][1] for key in ids if key in self._ready]

    async def _load_one(self, workspace_id: str, version: int) -> Shared | None:
        try:
            loaded = await self._storage.read(lambda db: self._assemble(db, [workspace_id]))
            shared = loaded.get(workspace_id)
            if shared is not None:
                self._keep(workspace_id, version, shared)
            return shared
        finally:
            if self._loading.get(workspace_id, (None,))[0] == version:
                del self._loading[workspace_id]

    def _keep(self, workspace_id: str, version: int, shared: Shared) -> None:
        # reads overlap: an older one must not replace what a younger one found
        if self._ready.get(workspace_id, (-1,))[0] <= version:
            self._ready[workspace_id] = (version, shared)

    def _assemble(self, db: sqlite3.Connection, ids: Sequence[str]) -> dict[str, Shared]:
        if not ids:
            return {}
        workspaces = load_workspaces(db, ids, self._site)
        live = set(live_workspace_ids(db, ids))
        waiting = self._pending.current
        return {
            key: self._shared(db, *with_waiting(value, waiting), key not in live) for key, value in workspaces.items()
        }

    def _shared(self, db: sqlite3.Connection, workspace: Workspace, more: Mapping[str, bytes], deleted: bool) -> Shared:
        """`more`: statuses that are not in the database, by app id."""
        # inside a JSON string the quotes would be escaped: this text is found where apps have it, and nowhere else
        pieces = encode(workspace)[:-1].split(_NO_STATUSES)
        apps = [app.id for r in workspace.latest_build.resources for agent in r.agents for app in agent.apps]
        whole = [pieces[0]]
        for app_id, piece in zip(apps, pieces[1:], strict=True):
            statuses = more[app_id] if app_id in more else self._statuses.of_app(db, app_id)
            whole += (b'"statuses":[', statuses, b"]", piece)
        return Shared(workspace, b"".join(whole), deleted)


class _Statuses:
    """The statuses of each app as JSON, newest first. Rows are never changed, so only new ones are encoded."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, bytes]] = {}
        self._lock = threading.Lock()  # readers run on several threads

    def of_app(self, db: sqlite3.Connection, app_id: str) -> bytes:
        """The items of the array. Rows come into the table in the order of their times."""
        with self._lock:
            last, text = self._known.get(app_id, (0, b""))
            rows = db.execute(
                "SELECT rowid, * FROM statuses WHERE app_id = ? AND rowid > ? ORDER BY rowid DESC", (app_id, last)
            ).fetchall()
            if rows:
                new = b",".join(encode(app_status(row))[:-1] for row in rows)
                text = new + b"," + text if text else new
                self._known[app_id] = (rows[0]["rowid"], text)
            return text

"""Reporter tokens: each may report for one app and push log lines, and do nothing else. Only hashes are stored.

They live in the database alone, so that the command line makes and revokes them beside a running hub.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from dataclasses import dataclass

from starlette.requests import Request

from coder_tui.errors import NotFoundError, UsageError
from coder_tui.hub.agents import LiveAgent
from coder_tui.hub.core import Hub
from coder_tui.hub.identity import presented_token, unknown_agent
from coder_tui.hub.problems import Refused
from coder_tui.hub.web import caller

PREFIX = "report-"


@dataclass(frozen=True, slots=True)
class ReporterToken:
    """What is known of one. `app` is WORKSPACE.AGENT/SLUG; times are microseconds since the epoch."""

    name: str
    app: str
    created_at: int
    used_at: int


def create(db: sqlite3.Connection, now: int, name: str, app: str) -> str:
    """A new token for `app` (WORKSPACE/SLUG or WORKSPACE.AGENT/SLUG); its only appearance in clear.

    Raises NotFoundError for no such app, UsageError for several, or for a name in use.
    """
    place, _, slug = app.rpartition("/")
    place = place.rpartition("/")[2]
    workspace, _, agent = place.partition(".")
    rows = db.execute(
        "SELECT DISTINCT apps.id, apps.slug, w.id AS workspace_id, w.name AS workspace, a.name AS agent FROM apps"
        " JOIN agents a ON a.id = apps.agent_id JOIN workspaces w ON w.id = a.workspace_id"
        " WHERE NOT w.deleted AND w.name = ? AND apps.slug = ? AND (? = '' OR a.name = ?)",
        (workspace, slug, agent, agent),
    ).fetchall()
    if not rows:
        raise NotFoundError(f"there is no app {app}", fix="name it as WORKSPACE/SLUG; see `coder-tui ls`")
    if len(rows) > 1:
        raise UsageError(f"{app} is not one app", fix="name its agent too: WORKSPACE.AGENT/SLUG")
    [row] = rows
    token = PREFIX + secrets.token_urlsafe(24)
    title = f"{row['workspace']}.{row['agent']}/{row['slug']}"
    try:
        db.execute(
            "INSERT INTO reporter_tokens (name, hash, workspace_id, app_id, slug, title, created_at, used_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
            (name, _hash(token), row["workspace_id"], row["id"], row["slug"], title, now),
        )
    except sqlite3.IntegrityError:
        raise UsageError(f"there is a reporter token called {name}", fix="choose another name, or revoke it") from None
    return token


def every(db: sqlite3.Connection) -> list[ReporterToken]:
    """All of them, oldest first."""
    rows = db.execute("SELECT name, title, created_at, used_at FROM reporter_tokens ORDER BY created_at, name")
    return [ReporterToken(*row) for row in rows]


def revoke(db: sqlite3.Connection, name: str) -> None:
    """From now on it opens nothing. Raises NotFoundError."""
    if not db.execute("DELETE FROM reporter_tokens WHERE name = ?", (name,)).rowcount:
        raise NotFoundError(f"there is no reporter token called {name}", fix="see `coder-tui hub token list`")


async def reporting(hub: Hub, request: Request) -> tuple[LiveAgent, str]:
    """The agent a request reports for, and the one app it may report for ("" for any: an agent's own token).

    Raises Refused (401).
    """
    given = presented_token(request)
    if not given.startswith(PREFIX):
        return caller(hub, request), ""
    row = await hub.storage.read(
        lambda db: db.execute("SELECT * FROM reporter_tokens WHERE hash = ?", (_hash(given),)).fetchone()
    )
    if row is None:
        raise Refused(401, "Reporter token invalid.")
    for agent in hub.agents.of_workspace(row["workspace_id"]):
        if agent.apps.get(row["slug"]) == row["app_id"]:
            await _used(hub, row)
            return agent, row["slug"]
    raise unknown_agent()  # the workspace does not run


async def _used(hub: Hub, row: sqlite3.Row) -> None:
    """Note the use, once an hour."""
    now = hub.clock()
    if now - row["used_at"] > 3_600_000_000:
        await hub.storage.write(
            lambda db: db.execute("UPDATE reporter_tokens SET used_at = ? WHERE name = ?", (now, row["name"]))
        )


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()

"""The hub's tables and how an older file becomes a newer one. Times are microseconds since the epoch."""

from __future__ import annotations

import sqlite3

from coder_tui.errors import StorageError

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

    CREATE TABLE workspaces (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
        last_used_at INTEGER NOT NULL, favorite INTEGER NOT NULL DEFAULT 0, ttl_ms INTEGER,
        deleted INTEGER NOT NULL DEFAULT 0
    );
    CREATE UNIQUE INDEX workspaces_name ON workspaces (name) WHERE NOT deleted;

    CREATE TABLE builds (
        id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL, number INTEGER NOT NULL, transition TEXT NOT NULL,
        reason TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, deadline INTEGER,
        parameters TEXT NOT NULL, job_id TEXT NOT NULL, job_status TEXT NOT NULL, job_error TEXT NOT NULL DEFAULT '',
        started_at INTEGER, completed_at INTEGER,
        UNIQUE (workspace_id, number)
    );
    CREATE INDEX builds_active ON builds (job_status) WHERE job_status IN ('pending', 'running');

    CREATE TABLE build_logs (
        id INTEGER PRIMARY KEY AUTOINCREMENT, build_id TEXT NOT NULL, created_at INTEGER NOT NULL, source TEXT NOT NULL,
        level TEXT NOT NULL, stage TEXT NOT NULL, output TEXT NOT NULL
    );
    CREATE INDEX build_logs_build ON build_logs (build_id, id);

    CREATE TABLE agents (
        id TEXT PRIMARY KEY, build_id TEXT NOT NULL, workspace_id TEXT NOT NULL, resource_id TEXT NOT NULL,
        name TEXT NOT NULL, token TEXT NOT NULL UNIQUE, directory TEXT NOT NULL, environment TEXT NOT NULL,
        lifecycle TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, first_connected_at INTEGER,
        disconnected_at INTEGER, started_at INTEGER, ready_at INTEGER,
        logs_length INTEGER NOT NULL DEFAULT 0, logs_overflowed INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX agents_build ON agents (build_id);

    -- An app's id outlives its agent, the row says what it is under that agent.
    CREATE TABLE apps (
        agent_id TEXT NOT NULL, slug TEXT NOT NULL, id TEXT NOT NULL, display_name TEXT NOT NULL, command TEXT NOT NULL,
        PRIMARY KEY (agent_id, slug)
    ) WITHOUT ROWID;

    CREATE TABLE statuses (
        id TEXT NOT NULL, app_id TEXT NOT NULL, workspace_id TEXT NOT NULL, agent_id TEXT NOT NULL,
        created_at INTEGER NOT NULL, state TEXT NOT NULL, message TEXT NOT NULL, uri TEXT NOT NULL, icon TEXT NOT NULL,
        needs_user_attention INTEGER NOT NULL
    );
    CREATE INDEX statuses_app ON statuses (app_id, created_at DESC, id DESC);
    CREATE INDEX statuses_workspace ON statuses (workspace_id, created_at DESC, id DESC);

    CREATE TABLE log_sources (
        agent_id TEXT NOT NULL, id TEXT NOT NULL, created_at INTEGER NOT NULL, display_name TEXT NOT NULL,
        icon TEXT NOT NULL,
        PRIMARY KEY (agent_id, id)
    ) WITHOUT ROWID;

    CREATE TABLE agent_logs (
        id INTEGER PRIMARY KEY AUTOINCREMENT, agent_id TEXT NOT NULL, created_at INTEGER NOT NULL, level TEXT NOT NULL,
        source_id TEXT NOT NULL, output TEXT NOT NULL
    );
    CREATE INDEX agent_logs_agent ON agent_logs (agent_id, id)
    """,
    """
    -- Of a secret only its SHA-256 is here. Names are unique among tokens, sessions have none.
    CREATE TABLE api_keys (
        id TEXT PRIMARY KEY, hash BLOB NOT NULL, login_type TEXT NOT NULL, name TEXT NOT NULL,
        created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, last_used INTEGER NOT NULL,
        expires_at INTEGER NOT NULL, lifetime_seconds INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE UNIQUE INDEX api_keys_name ON api_keys (name) WHERE login_type = 'token';

    ALTER TABLE agents ADD COLUMN instance_id TEXT NOT NULL DEFAULT '';
    CREATE INDEX agents_instance ON agents (instance_id) WHERE instance_id != ''
    """,
    """
    ALTER TABLE builds ADD COLUMN canceled_at INTEGER;
    DROP INDEX builds_active;
    CREATE INDEX builds_active ON builds (job_status) WHERE job_status IN ('pending', 'running', 'canceling');

    ALTER TABLE workspaces ADD COLUMN autostart_schedule TEXT NOT NULL DEFAULT '';
    ALTER TABLE workspaces ADD COLUMN dormant_at INTEGER;

    -- targets and actions are JSON arrays
    CREATE TABLE notifications (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, template_id TEXT NOT NULL,
        targets TEXT NOT NULL, title TEXT NOT NULL, content TEXT NOT NULL, icon TEXT NOT NULL, actions TEXT NOT NULL,
        created_at INTEGER NOT NULL, read_at INTEGER
    );
    CREATE INDEX notifications_unread ON notifications (seq) WHERE read_at IS NULL;

    CREATE TABLE port_shares (
        workspace_id TEXT NOT NULL, agent_name TEXT NOT NULL, port INTEGER NOT NULL, share_level TEXT NOT NULL,
        protocol TEXT NOT NULL,
        PRIMARY KEY (workspace_id, agent_name, port)
    ) WITHOUT ROWID
    """,
    """
    -- Tokens that may only report, each for one app. Of the token only its SHA-256 is here.
    CREATE TABLE reporter_tokens (
        name TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, workspace_id TEXT NOT NULL, app_id TEXT NOT NULL,
        slug TEXT NOT NULL, title TEXT NOT NULL, created_at INTEGER NOT NULL, used_at INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE standings (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, subject TEXT NOT NULL, value INTEGER NOT NULL,
        until INTEGER, at INTEGER NOT NULL,
        UNIQUE (kind, subject)
    )
    """,
)
"""Each script takes the file from version n (its index) to n + 1. Never change one that was released."""


def migrate(db: sqlite3.Connection) -> None:
    """Bring the file to the newest version, each step in one transaction. Raises StorageError for a newer file."""
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise StorageError(
            "cannot use the hub's database",
            why=f"it was written by a newer coder-tui (format {version}, this one knows {len(MIGRATIONS)})",
            fix="update coder-tui, or use another data directory",
        )
    for number, script in enumerate(MIGRATIONS[version:], version + 1):
        db.execute("BEGIN IMMEDIATE")
        try:
            for statement in script.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {number}")
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise

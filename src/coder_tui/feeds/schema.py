"""The tables of the state file."""

from __future__ import annotations

from coder_tui.feeds import journal

# One entry per version of the file. What people said is a list of steps, newest last: taking one back leaves what
# the steps before it said.
SCHEMAS = (
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
    """
CREATE TABLE snooze (
    event_id TEXT NOT NULL,
    step INTEGER NOT NULL REFERENCES step ON DELETE CASCADE,
    until TEXT,
    PRIMARY KEY (event_id, step)
) WITHOUT ROWID;
CREATE INDEX snooze_step ON snooze (step);
CREATE TABLE mute (
    deployment TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    agent TEXT NOT NULL,
    app TEXT NOT NULL,
    step INTEGER NOT NULL REFERENCES step ON DELETE CASCADE,
    muted INTEGER NOT NULL,
    PRIMARY KEY (deployment, workspace_id, agent, app, step)
) WITHOUT ROWID;
CREATE INDEX mute_step ON mute (step);
CREATE TABLE seen (event_id TEXT PRIMARY KEY, at TEXT NOT NULL) WITHOUT ROWID;
""",
    journal.SCHEMA,
)

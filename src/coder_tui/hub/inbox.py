"""Notifications of the hub's one user: what happened while nobody looked. The newest thousand are kept.

They are written in the transaction that makes the event true. Template ids are Coder's where it has one.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from coder_tui.hub.clock import maybe_time, to_time
from coder_tui.wire.notifications import InboxAction, InboxNotification
from coder_tui.wire.statuses import AppState

KEPT = 1000
PAGE = 25

APP_COMPLETE = "8c5a4d12-9f7e-4b3a-a1c8-6e4f2d9b5a7c"
APP_FAILURE = "3b7e8f1a-4c2d-49a6-b5e9-7f3a1c8d6b4e"
APP_ASKS = "d4a6271c-cced-4ed0-84ad-afd02a9c7799"
BUILD_FAILED = "2faeee0f-26cb-4e96-821c-85ccb9f71513"
AUTOBUILD_FAILED = "381df2a9-c0c0-4749-420f-80a9280c66f9"
AUTOSTOPPED = "65911c8b-c852-548d-af58-118bdaf6d442"
"""Ours: Coder tells nobody of an autostop."""

_ICON = "DEFAULT_ICON_WORKSPACE"
_APP_EVENTS = {
    AppState.COMPLETE.value: (APP_COMPLETE, "is complete"),
    AppState.FAILURE.value: (APP_FAILURE, "failed"),
    AppState.IDLE.value: (APP_ASKS, "waits for you"),
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list or a watch is limited to: all of these targets, any of these templates."""

    targets: Collection[str] = ()
    templates: Collection[str] = ()
    read_status: str = "all"

    def match(self, notification: InboxNotification) -> bool:
        """Whether it belongs."""
        return (
            set(self.targets) <= set(notification.targets)
            and (not self.templates or notification.template_id in self.templates)
            and (self.read_status == "all" or (notification.read_at is not None) == (self.read_status == "read"))
        )


def add(
    db: sqlite3.Connection,
    now: int,
    template_id: str,
    targets: Sequence[str],
    *,
    title: str,
    content: str,
    actions: Sequence[InboxAction] = (),
) -> None:
    """Store a notification and forget the oldest over `KEPT`. The caller publishes `events.INBOX` after the commit."""
    db.execute(
        "INSERT INTO notifications (id, template_id, targets, title, content, icon, actions, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            str(uuid.uuid4()),
            template_id,
            json.dumps(list(targets)),
            title,
            content,
            _ICON,
            json.dumps([action.model_dump() for action in actions]),
            now,
        ),
    )
    db.execute(
        "DELETE FROM notifications WHERE seq <= (SELECT seq FROM notifications ORDER BY seq DESC LIMIT 1 OFFSET ?)",
        (KEPT,),
    )


def app_event(state: str, attention: bool) -> tuple[str, str] | None:
    """The template and the words for a state that somebody wants to hear of."""
    if attention and state == AppState.WORKING:
        state = AppState.IDLE
    return _APP_EVENTS.get(state)


def add_app_event(
    db: sqlite3.Connection, now: int, *, app_id: str, who: str, targets: Sequence[str], message: str, uri: str
) -> bool:
    """A notification for the app's newest status, if that differs from the one before in what it says to people.

    `who` names workspace and app. Work for the transaction that inserted the status.
    """
    newest, *before = db.execute(
        "SELECT state, needs_user_attention FROM statuses WHERE app_id = ? ORDER BY created_at DESC, id DESC LIMIT 2",
        (app_id,),
    ).fetchall()
    event = app_event(newest["state"], bool(newest["needs_user_attention"]))
    if event is None or (before and app_event(before[0]["state"], bool(before[0]["needs_user_attention"])) == event):
        return False
    template_id, words = event
    actions = [InboxAction(label="Open link", url=uri)] if uri else []
    add(db, now, template_id, targets, title=f"{who} {words}", content=message, actions=actions)
    return True


def page(db: sqlite3.Connection, user_id: str, filters: Filters, before: str | None) -> list[InboxNotification]:
    """Newest first, older than the notification `before`; an id that is not known (any more) does not limit."""
    last = db.execute("SELECT seq FROM notifications WHERE id = ?", (before,)).fetchone()
    rows = db.execute("SELECT * FROM notifications WHERE ?1 IS NULL OR seq < ?1 ORDER BY seq DESC", (last and last[0],))
    found: list[InboxNotification] = []
    for row in rows:
        if len(found) == PAGE:
            break
        notification = read(row, user_id)
        if filters.match(notification):
            found.append(notification)
    return found


def newer(db: sqlite3.Connection, seq: int) -> list[sqlite3.Row]:
    """Rows that came after the one with that `seq`, oldest first."""
    return db.execute("SELECT * FROM notifications WHERE seq > ? ORDER BY seq", (seq,)).fetchall()


def newest_seq(db: sqlite3.Connection) -> int:
    """Of the newest row; 0 without any."""
    found: int = db.execute("SELECT coalesce(max(seq), 0) FROM notifications").fetchone()[0]
    return found


def unread(db: sqlite3.Connection) -> int:
    """How many were not read."""
    found: int = db.execute("SELECT count(*) FROM notifications WHERE read_at IS NULL").fetchone()[0]
    return found


def read(row: sqlite3.Row, user_id: str) -> InboxNotification:
    """A row as the wire has it."""
    return InboxNotification(
        id=row["id"],
        user_id=user_id,
        template_id=row["template_id"],
        targets=json.loads(row["targets"]),
        title=row["title"],
        content=row["content"],
        icon=row["icon"],
        actions=[InboxAction(**action) for action in json.loads(row["actions"])],
        read_at=maybe_time(row["read_at"]),
        created_at=to_time(row["created_at"]),
    )

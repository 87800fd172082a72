"""The notification inbox (contract `06`). Query parameters that are not known are refused here, as Coder does."""

from __future__ import annotations

import sqlite3
import uuid

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.websockets import WebSocket

from coder_tui.hub import inbox
from coder_tui.hub.core import Hub
from coder_tui.hub.events import INBOX
from coder_tui.hub.problems import invalid_query, not_found
from coder_tui.hub.web import Socket, answer, no_content, one_way, path_uuid, query_uuid, read_json, route
from coder_tui.wire.base import encode
from coder_tui.wire.notifications import Inbox, InboxEvent, SetRead

_FILTERS = {"targets", "templates", "read_status"}
_READ_STATUS = ("all", "read", "unread")
_FORMATS = ("", "plaintext", "markdown")


def routes(hub: Hub) -> list[Route]:
    """The family's routes."""
    return [
        route(hub, "GET", "/notifications/inbox", list_inbox),
        route(hub, "GET", "/notifications/inbox/watch", watch),
        route(hub, "PUT", "/notifications/inbox/mark-all-as-read", mark_all),
        route(hub, "PUT", "/notifications/inbox/{notification}/read-status", set_read),
    ]


async def list_inbox(hub: Hub, request: Request) -> Response:
    """GET /notifications/inbox: 25 at most, newest first."""
    _check_keys(request, _FILTERS | {"starting_before"})
    filters, before = _filters(request), query_uuid(request, "starting_before")

    def work(db: sqlite3.Connection) -> Inbox:
        found = inbox.page(db, hub.site.user.id, filters, before)
        return Inbox(notifications=found, unread_count=inbox.unread(db))

    return answer(await hub.storage.read(work))


async def watch(hub: Hub, request: Request) -> Response:
    """GET /notifications/inbox/watch: a text frame for each new notification; nothing at connection."""
    _check_keys(request, _FILTERS | {"format"})
    filters = _filters(request)
    # our notifications are plain text, which both formats can say
    if request.query_params.get("format", "") not in _FORMATS:
        raise invalid_query(format='Query param "format" must be one of: plaintext, markdown')
    last = await hub.storage.read(inbox.newest_seq)
    return Socket(lambda socket: one_way(socket, _new(hub, filters, last, socket), 1008))


async def _new(hub: Hub, filters: inbox.Filters, last: int, socket: WebSocket) -> tuple[int, str]:
    def work(db: sqlite3.Connection) -> tuple[list[sqlite3.Row], int]:
        return inbox.newer(db, last), inbox.unread(db)

    with hub.topics.subscribe(INBOX) as changes:
        while not changes.closing:
            rows, unread = await hub.storage.read(work)
            for row in rows:
                last = row["seq"]
                notification = inbox.read(row, hub.site.user.id)
                if filters.match(notification):
                    event = InboxEvent(notification=notification, unread_count=unread)
                    await socket.send_text(encode(event).decode())
            await changes.changed()
        return 1001, "the hub stops"


async def set_read(hub: Hub, request: Request) -> Response:
    """PUT /notifications/inbox/{id}/read-status."""
    notification_id = path_uuid(request, "notification")
    body = await read_json(request, SetRead)
    read_at = hub.clock() if body.is_read else None

    def work(db: sqlite3.Connection) -> InboxEvent:
        db.execute("UPDATE notifications SET read_at = ? WHERE id = ?", (read_at, notification_id))
        row = db.execute("SELECT * FROM notifications WHERE id = ?", (notification_id,)).fetchone()
        if row is None:
            raise not_found()
        return InboxEvent(notification=inbox.read(row, hub.site.user.id), unread_count=inbox.unread(db))

    return answer(await hub.storage.write(work))


async def mark_all(hub: Hub, request: Request) -> Response:
    """PUT /notifications/inbox/mark-all-as-read: 204."""
    now = hub.clock()
    await hub.storage.write(lambda db: db.execute("UPDATE notifications SET read_at = ? WHERE read_at IS NULL", (now,)))
    return no_content()


def _check_keys(request: Request, known: set[str]) -> None:
    for key in request.query_params:
        if key not in known:
            raise invalid_query(**{key[:80] or "query": f'"{key[:80]}" is not a valid query param'})


def _filters(request: Request) -> inbox.Filters:
    status = request.query_params.get("read_status", "") or "all"
    if status not in _READ_STATUS:
        raise invalid_query(read_status=f'Query param "read_status" must be one of: {", ".join(_READ_STATUS)}')
    return inbox.Filters(_uuids(request, "targets"), _uuids(request, "templates"), status)


def _uuids(request: Request, name: str) -> list[str]:
    """UUIDs, separated by commas or as several parameters. Raises Refused (400)."""
    found = []
    for text in ",".join(request.query_params.getlist(name)).split(","):
        if not text.strip():
            continue
        try:
            found.append(str(uuid.UUID(text.strip())))
        except ValueError:
            raise invalid_query(**{name: f'Query param "{name}" has invalid values: "{text[:80]}"'}) from None
    return found

"""What agents tell: app statuses, log sources, log lines. Each is on disk before it is answered."""

from __future__ import annotations

import sqlite3

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from coder_tui.hub.core import Hub
from coder_tui.hub.logs import Pushed, add_source, checked_lines, push
from coder_tui.hub.problems import Refused
from coder_tui.hub.reporters import reporting
from coder_tui.hub.reporting import report
from coder_tui.hub.views import log_source
from coder_tui.hub.web import answer, body_uuid, read_json, route
from coder_tui.wire.logs import PatchLogs, PostLogSource
from coder_tui.wire.statuses import PatchHubAppStatus


def routes(hub: Hub) -> list[Route]:
    """The family's routes; the caller is an agent, or holds a reporter token."""
    return [
        route(hub, "PATCH", "/workspaceagents/me/app-status", app_status, user=False),
        route(hub, "POST", "/workspaceagents/me/log-source", create_log_source, user=False),
        route(hub, "PATCH", "/workspaceagents/me/logs", push_logs, user=False),
    ]


async def app_status(hub: Hub, request: Request) -> Response:
    """PATCH /workspaceagents/me/app-status."""
    agent, only = await reporting(hub, request)
    await report(hub, agent, await read_json(request, PatchHubAppStatus), only)
    return answer(None)


async def create_log_source(hub: Hub, request: Request) -> Response:
    """POST /workspaceagents/me/log-source: 201; repeating an id echoes the request."""
    agent, _ = await reporting(hub, request)
    body = await read_json(request, PostLogSource)
    source_id, now = body_uuid(body.id, "id"), hub.clock()

    def work(db: sqlite3.Connection) -> sqlite3.Row:
        add_source(db, now, agent.id, source_id, body.display_name, icon=body.icon)
        row: sqlite3.Row = db.execute(
            "SELECT * FROM log_sources WHERE agent_id = ? AND id = ?", (agent.id, source_id)
        ).fetchone()
        return row

    stored = log_source(await hub.storage.write(work))
    hub.changed(agent.workspace_id)
    return answer(stored.model_copy(update={"display_name": body.display_name, "icon": body.icon}), 201)


async def push_logs(hub: Hub, request: Request) -> Response:
    """PATCH /workspaceagents/me/logs: the whole batch or, over the quota, nothing of it (413)."""
    agent, _ = await reporting(hub, request)
    body = await read_json(request, PatchLogs)
    lines, source_id, now = checked_lines(body), body_uuid(body.log_source_id, "log_source_id"), hub.clock()
    outcome = await hub.storage.write(lambda db: push(db, agent.id, source_id, lines, now))
    if outcome in {Pushed.OVERFLOWED, Pushed.REFUSED}:
        if outcome is Pushed.OVERFLOWED:
            hub.changed(agent.workspace_id)
        raise Refused(413, "Logs limit exceeded", "the agent's logs may hold 1048576 bytes of output")
    hub.changed(agent.workspace_id, quietly=outcome is not Pushed.FIRST)
    hub.logged(agent.id)
    return answer(None)

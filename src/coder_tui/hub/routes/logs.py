"""The log of an agent: everything, plain text, or followed over a socket."""

from __future__ import annotations

import sqlite3

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.websockets import WebSocket

from coder_tui.hub.core import Hub
from coder_tui.hub.events import agent_logs_topic
from coder_tui.hub.logs import agent_lines
from coder_tui.hub.routes.agents import the_agent
from coder_tui.hub.views import agent_log
from coder_tui.hub.web import Socket, one_way, path_uuid, query_format, query_int, raw_answer, route
from coder_tui.wire.agents import WorkspaceAgent
from coder_tui.wire.base import encode, format_time


def routes(hub: Hub) -> list[Route]:
    """The family's routes; `startup-logs` is the older name of the same."""
    return [
        route(hub, "GET", "/workspaceagents/{agent}/logs", agent_logs),
        route(hub, "GET", "/workspaceagents/{agent}/startup-logs", agent_logs),
    ]


async def agent_logs(hub: Hub, request: Request) -> Response:
    """GET /workspaceagents/{id}/logs: `after` exclusive, `follow` by presence, `format` json or text."""
    agent_id = path_uuid(request, "agent")
    after, form = query_int(request, "after"), query_format(request)
    agent = await the_agent(hub, agent_id)
    if "follow" in request.query_params:
        return Socket(lambda socket: one_way(socket, _follow(hub, agent_id, after, socket), 1008))
    if form == "text":
        return PlainTextResponse(await hub.storage.read(lambda db: _text(db, agent, after)))
    return raw_answer(
        await hub.storage.read(lambda db: encode([agent_log(row) for row in agent_lines(db, agent_id, after)]))
    )


def _text(db: sqlite3.Connection, agent: WorkspaceAgent, after: int) -> str:
    names = {source.id: f"{agent.name}.{source.display_name}" for source in agent.log_sources}
    lines = [agent_log(row) for row in agent_lines(db, agent.id, after)]
    return "".join(
        f"{format_time(line.created_at)} [{line.level}] [{names.get(line.source_id, agent.name)}] {line.output}\n"
        for line in lines
    )


async def _follow(hub: Hub, agent_id: str, after: int, socket: WebSocket) -> tuple[int, str]:
    first = True
    with hub.topics.subscribe(agent_logs_topic(agent_id)) as changes:
        while True:
            # looked at before reading: what was logged before the end is still sent
            over = changes.ended or hub.agents.get(agent_id) is None
            page = await hub.tails.page(agent_id, after)
            for frame in page.frames or (("[]\n",) if first else ()):
                await socket.send_text(frame)
            first, after = False, page.last
            if page.full:
                continue
            if over:
                return 1000, ""
            if changes.closing:
                return 1001, "the hub stops"
            await changes.changed()

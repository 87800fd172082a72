"""Agent metadata: server-sent events and the one-way event socket carry the same (contract `06`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.websockets import WebSocket

from coder_tui.hub.core import Hub
from coder_tui.hub.events import agent_metadata_topic
from coder_tui.hub.routes.agents import the_agent
from coder_tui.hub.routes.watch import event_stream
from coder_tui.hub.web import Socket, one_way, path_uuid, route
from coder_tui.wire.agents import WorkspaceAgent
from coder_tui.wire.base import encode
from coder_tui.wire.sse import DATA, encode_event

AT_MOST = 1.0
"""Seconds between two events at least."""
AT_LEAST = 5.0
"""Seconds after which an event comes though nothing changed: no ping is needed beside it."""


def routes(hub: Hub) -> list[Route]:
    """The family's routes."""
    return [
        route(hub, "GET", "/workspaceagents/{agent}/watch-metadata", watch),
        route(hub, "GET", "/workspaceagents/{agent}/watch-metadata-ws", watch_ws),
    ]


async def watch(hub: Hub, request: Request) -> Response:
    """GET /workspaceagents/{id}/watch-metadata."""
    agent = await the_agent(hub, path_uuid(request, "agent"))
    return event_stream(request, _events(hub, agent))


async def watch_ws(hub: Hub, request: Request) -> Response:
    """GET /workspaceagents/{id}/watch-metadata-ws. Data from the client closes 1002."""
    agent = await the_agent(hub, path_uuid(request, "agent"))
    return Socket(lambda socket: one_way(socket, _frames(hub, agent, socket), 1002))


async def _events(hub: Hub, agent: WorkspaceAgent) -> AsyncIterator[bytes]:
    async for payload in _payloads(hub, agent):
        yield encode_event(DATA, payload)


async def _frames(hub: Hub, agent: WorkspaceAgent, socket: WebSocket) -> tuple[int, str]:
    async for payload in _payloads(hub, agent):
        await socket.send_text('{"type":"data","data":' + payload.decode() + "}\n")
    return 1001, "the hub stops"


async def _payloads(hub: Hub, agent: WorkspaceAgent) -> AsyncIterator[bytes]:
    """The items as JSON, until the hub stops: at once, then at most every second and at least every five."""
    loop = asyncio.get_running_loop()
    with (
        hub.topics.subscribe(agent_metadata_topic(agent.id)) as changes,
        hub.gauges.watch(agent.id, agent.expanded_directory) as gauge,
    ):
        await gauge.ready.wait()
        while not changes.closing:
            sent = loop.time()
            yield encode(gauge.sample.items(datetime.now(UTC)))[:-1]
            await changes.changed_within(AT_LEAST)
            await changes.rest(sent + AT_MOST - loop.time())

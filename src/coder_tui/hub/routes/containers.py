"""Containers of the machine an agent runs on (contract `03-agents`)."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.websockets import WebSocket

from coder_tui.hub import engine
from coder_tui.hub.core import Hub
from coder_tui.hub.events import CONTAINERS
from coder_tui.hub.problems import Refused, invalid_query
from coder_tui.hub.routes.agents import check_connected, the_agent
from coder_tui.hub.web import Socket, answer, one_way, path_uuid, route
from coder_tui.wire.base import encode
from coder_tui.wire.containers import ContainerList

LIMIT = 30.0
"""Seconds the engine has for an answer."""
CHECK_SECONDS = 5.0
"""Between two looks, while somebody watches."""


def routes(hub: Hub) -> list[Route]:
    """The family's routes."""
    return [
        route(hub, "GET", "/workspaceagents/{agent}/containers", get_containers),
        route(hub, "GET", "/workspaceagents/{agent}/containers/watch", watch),
    ]


async def get_containers(hub: Hub, request: Request) -> Response:
    """GET /workspaceagents/{id}/containers: those with every `label` (`key=value`); 408 when the engine hangs."""
    agent_id = path_uuid(request, "agent")
    labels = []
    for label in request.query_params.getlist("label"):
        key, sign, value = label.partition("=")
        if not key or not sign:
            raise invalid_query(label=f'Query param "label" must be key=value, not "{label[:80]}"')
        labels.append((key, value))
    check_connected(await the_agent(hub, agent_id))
    try:
        async with asyncio.timeout(LIMIT):
            return answer(await engine.listing(labels))
    except TimeoutError:
        raise Refused(408, "Failed to fetch containers.", f"the engine did not answer in {LIMIT:g} s") from None
    except engine.EngineError as error:
        raise Refused(500, "Internal error fetching containers.", str(error)) from None


async def watch(hub: Hub, request: Request) -> Response:
    """GET /workspaceagents/{id}/containers/watch: the whole list at once, and again when it changed."""
    check_connected(await the_agent(hub, path_uuid(request, "agent")))
    return Socket(lambda socket: one_way(socket, _lists(hub, socket), 1008))


async def _lists(hub: Hub, socket: WebSocket) -> tuple[int, str]:
    sent = b""
    with hub.topics.subscribe(CONTAINERS) as changes:
        while not changes.closing:
            frame = encode(await _look())
            if frame != sent:
                await socket.send_text(frame.decode())
                sent = frame
            await changes.changed_within(CHECK_SECONDS)
        return 1001, "the hub stops"


async def _look() -> ContainerList:
    """What can be said now: a watcher is not cut off because the engine has trouble."""
    try:
        async with asyncio.timeout(LIMIT):
            return await engine.listing()
    except TimeoutError:
        return ContainerList(warnings=[f"the container engine did not answer in {LIMIT:g} s"])
    except engine.EngineError as error:
        return ContainerList(warnings=[str(error)])

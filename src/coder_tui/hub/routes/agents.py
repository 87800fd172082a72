"""One agent, and the ports its programs listen on."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from coder_tui.hub.core import Hub
from coder_tui.hub.ports import listening_ports
from coder_tui.hub.problems import Refused, not_found
from coder_tui.hub.views import load_agent
from coder_tui.hub.web import answer, path_uuid, route
from coder_tui.wire.agents import AgentStatus, ListeningPorts, WorkspaceAgent


def routes(hub: Hub) -> list[Route]:
    """The family's routes."""
    return [
        route(hub, "GET", "/workspaceagents/{agent}", get_agent),
        route(hub, "GET", "/workspaceagents/{agent}/listening-ports", get_listening_ports),
    ]


async def the_agent(hub: Hub, agent_id: str) -> WorkspaceAgent:
    """Raises Refused (404)."""
    agent = await hub.storage.read(lambda db: load_agent(db, agent_id))
    if agent is None:
        raise not_found()
    return agent


def check_connected(agent: WorkspaceAgent) -> None:
    """Raises Refused (400)."""
    if agent.status != AgentStatus.CONNECTED:
        raise Refused(400, f'Agent state is "{agent.status}", it must be in the "connected" state.')


async def get_agent(hub: Hub, request: Request) -> Response:
    """GET /workspaceagents/{id}."""
    return answer(await the_agent(hub, path_uuid(request, "agent")))


async def get_listening_ports(hub: Hub, request: Request) -> Response:
    """GET /workspaceagents/{id}/listening-ports."""
    agent = await the_agent(hub, path_uuid(request, "agent"))
    check_connected(agent)
    leaders = hub.sessions.pids(agent.id)
    return answer(ListeningPorts(ports=await asyncio.to_thread(listening_ports, leaders)))

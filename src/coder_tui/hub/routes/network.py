"""How agents are reached: DERP maps, connection info, and the watch that waits for an agent to be reachable."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.websockets import WebSocket

from coder_tui.hub.core import Hub
from coder_tui.hub.events import DERP_MAP, workspace_topic
from coder_tui.hub.routes.agents import the_agent
from coder_tui.hub.routes.workspaces import the_workspace
from coder_tui.hub.web import Socket, answer, one_way, path_uuid, route
from coder_tui.wire.base import encode
from coder_tui.wire.network import AgentConnectionInfo, AgentUpdate, BuildUpdate, ConnectionWatchEvent, WatchError
from coder_tui.wire.workspaces import JobStatus, Transition, Workspace

CHECK_SECONDS = 5.0
"""Between two looks for a new DERP map, while somebody watches."""

_SEVERAL, _UNKNOWN_NAME, _NONE, _SHUTDOWN = 1, 2, 3, 4


def routes(hub: Hub) -> list[Route]:
    """The family's routes. `connection` must come before the routes that take an agent's id in its place."""
    return [
        route(hub, "GET", "/derp-map", derp_map, user=False),
        route(hub, "GET", "/workspaceagents/connection", connection),
        route(hub, "GET", "/workspaceagents/{agent}/connection", agent_connection),
        route(hub, "GET", "/workspaces/{workspace}/agent-connection-watch", watch_connection),
    ]


async def derp_map(hub: Hub, request: Request) -> Response:
    """GET /derp-map, anonymous: binary frames, each one map as JSON; the first at once, others when it changed."""
    return Socket(lambda socket: one_way(socket, _maps(hub, socket), 1008))


async def _maps(hub: Hub, socket: WebSocket) -> tuple[int, str]:
    sent = b""
    with hub.topics.subscribe(DERP_MAP) as changes:
        while not changes.closing:
            frame = encode(hub.derp.current())
            if frame != sent:
                await socket.send_bytes(frame)
                sent = frame
            await changes.changed_within(CHECK_SECONDS)
        return 1001, "the hub stops"


async def connection(hub: Hub, request: Request) -> Response:
    """GET /workspaceagents/connection."""
    return answer(AgentConnectionInfo(derp_map=hub.derp.current()))


async def agent_connection(hub: Hub, request: Request) -> Response:
    """GET /workspaceagents/{id}/connection: the same for every agent."""
    await the_agent(hub, path_uuid(request, "agent"))
    return await connection(hub, request)


async def watch_connection(hub: Hub, request: Request) -> Response:
    """GET /workspaces/{id}/agent-connection-watch: each step of the build, then the agent's lifecycle."""
    workspace_id, name = path_uuid(request, "workspace"), request.query_params.get("agent_name", "")
    await the_workspace(hub, workspace_id)
    return Socket(lambda socket: one_way(socket, _steps(hub, workspace_id, name, socket), 1008))


async def _steps(hub: Hub, workspace_id: str, name: str, socket: WebSocket) -> tuple[int, str]:
    build_seen: tuple[int, str] | None = None
    agent_seen: AgentUpdate | None = None
    with hub.topics.subscribe(workspace_topic(workspace_id)) as changes:
        while not changes.closing:
            workspace = (await the_workspace(hub, workspace_id, deleted=True)).workspace
            build = workspace.latest_build
            if build_seen != (build.build_number, build.job.status):
                build_seen, agent_seen = (build.build_number, build.job.status), None
                await _send(socket, build_update=BuildUpdate(transition=build.transition, job_status=build.job.status))
            if build.transition == Transition.START and build.job.status == JobStatus.SUCCEEDED:
                found = _target(workspace, name)
                if isinstance(found, WatchError):
                    await _send(socket, error=found)
                    return 1000, "error"
                if found != agent_seen:
                    await _send(socket, agent_update=found)
                    agent_seen = found
            await changes.changed()
        await _send(socket, error=WatchError(code=_SHUTDOWN, retryable=True, message="the hub stops"))
        return 1000, "error"


def _target(workspace: Workspace, name: str) -> AgentUpdate | WatchError:
    """The agent of that name, or the only one."""
    agents = [agent for resource in workspace.latest_build.resources for agent in resource.agents]
    if not agents:
        return WatchError(code=_NONE, message="no agents found for workspace")
    if not name and len(agents) > 1:
        return WatchError(code=_SEVERAL, message="the workspace has several agents, and none was named")
    for agent in agents:
        if name in {"", agent.name}:
            return AgentUpdate(lifecycle=agent.lifecycle_state, id=agent.id)
    return WatchError(code=_UNKNOWN_NAME, message="no agent of that name")


async def _send(
    socket: WebSocket,
    *,
    error: WatchError | None = None,
    build_update: BuildUpdate | None = None,
    agent_update: AgentUpdate | None = None,
) -> None:
    event = ConnectionWatchEvent(error=error, build_update=build_update, agent_update=agent_update)
    await socket.send_text(encode(event).decode())

"""Watching one workspace: server-sent events and the one-way event socket carry the same."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.websockets import WebSocket

from coder_tui.errors import StorageError
from coder_tui.hub.core import Hub
from coder_tui.hub.events import workspace_topic
from coder_tui.hub.problems import Refused
from coder_tui.hub.protocols import PUSH
from coder_tui.hub.routes.workspaces import the_workspace
from coder_tui.hub.web import UPGRADE, Socket, one_way, path_uuid, route
from coder_tui.wire.base import encode
from coder_tui.wire.problems import Problem
from coder_tui.wire.sse import ERROR, PING, encode_event

PING_SECONDS = 15.0

PING_EVENT = encode_event(PING)
PING_FRAME = '{"type":"ping","data":null}\n'


def routes(hub: Hub) -> list[Route]:
    """The family's routes."""
    return [
        route(hub, "GET", "/workspaces/{workspace}/watch", watch),
        route(hub, "GET", "/workspaces/{workspace}/watch-ws", watch_ws),
    ]


async def watch(hub: Hub, request: Request) -> Response:
    """GET /workspaces/{id}/watch."""
    workspace_id = await _checked(hub, request)
    return event_stream(request, _events(hub, workspace_id))


def event_stream(request: Request, events: AsyncIterator[bytes]) -> Response:
    """Server-sent events. Raises Refused (400) for an upgrade."""
    if UPGRADE in request.scope:
        raise Refused(400, "This route is a stream of events, not a WebSocket.")
    headers = {
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-cache",
        "Connection": "keep-alive",
        "X-Accel-Buffering": "no",
    }
    return StreamingResponse(events, 200, headers)


async def watch_ws(hub: Hub, request: Request) -> Response:
    """GET /workspaces/{id}/watch-ws. Data from the client closes 1002."""
    workspace_id = await _checked(hub, request)
    return Socket(lambda socket: one_way(socket, _frames(hub, workspace_id, socket), 1002))


async def _checked(hub: Hub, request: Request) -> str:
    workspace_id = path_uuid(request, "workspace")
    await the_workspace(hub, workspace_id, deleted=True)
    return workspace_id


async def _frames(hub: Hub, workspace_id: str, socket: WebSocket) -> tuple[int, str]:
    async def newest() -> bytes:
        return (await the_workspace(hub, workspace_id, deleted=True)).frame

    push = socket.scope["extensions"][PUSH]
    with hub.fan.watch(workspace_topic(workspace_id), push, newest) as watcher:
        await socket.send_text(PING_FRAME)
        while not hub.fan.closing:
            try:
                message = (await the_workspace(hub, workspace_id, deleted=True)).message
            except (Refused, StorageError) as error:
                message = '{"type":"error","data":' + _failure(error).decode() + "}\n"
            await socket.send_text(message)
            await watcher.left()
        return 1001, "the hub stops"


async def _events(hub: Hub, workspace_id: str) -> AsyncIterator[bytes]:
    with hub.topics.subscribe(workspace_topic(workspace_id)) as changes:
        yield PING_EVENT
        while not changes.closing:
            try:
                event = (await the_workspace(hub, workspace_id, deleted=True)).event
            except (Refused, StorageError) as error:
                event = encode_event(ERROR, _failure(error))
            yield event
            while not await changes.changed_within(PING_SECONDS):
                yield PING_EVENT


def _failure(error: Refused | StorageError) -> bytes:
    known = error.problem if isinstance(error, Refused) else Problem(message="Internal error.", detail=str(error))
    return encode(known)[:-1]

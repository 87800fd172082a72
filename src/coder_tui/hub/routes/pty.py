"""Terminals: GET /workspaceagents/{id}/pty (contract `04-pty`)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.websockets import WebSocket

from coder_tui.errors import ProtocolError
from coder_tui.hub.attachment import Attachment
from coder_tui.hub.core import Hub
from coder_tui.hub.engine import NAME, USER, EngineError, exec_argv
from coder_tui.hub.problems import Refused
from coder_tui.hub.routes.agents import check_connected, the_agent
from coder_tui.hub.session import Program, Session
from coder_tui.hub.signed import PARAMETER
from coder_tui.hub.web import Socket, cancelled, path_uuid, query_int, query_uuid, receive_data, route
from coder_tui.wire.pty import MAX_CELLS, PtyRequestDecoder


def routes(hub: Hub) -> list[Route]:
    """The family's routes."""
    return [route(hub, "GET", "/workspaceagents/{agent}/pty", pty, user=False)]


async def pty(hub: Hub, request: Request) -> Response:
    """Attach to the session named by `reconnect`, starting it if there is none."""
    query = request.query_params
    if not hub.tickets.accept(query.get(PARAMETER, ""), request.path_params["agent"]):
        request.state.key = await hub.keys.authenticate(request)
    agent_id = path_uuid(request, "agent")
    row = await the_agent(hub, agent_id)
    try:
        token = query_uuid(request, "reconnect")
        columns = query_int(request, "width", 80, most=MAX_CELLS) or 80
        rows = query_int(request, "height", 80, most=MAX_CELLS) or 80
    except Refused as refused:
        refused.problem = refused.problem.model_copy(update={"message": "Invalid query parameters."})
        raise
    if token is None:
        rule = 'Query param "reconnect" is required and cannot be empty'
        raise Refused(400, "Invalid query parameters.", fields={"reconnect": rule})
    check_connected(row)
    agent, command = hub.agents.get(agent_id), query.get("command", "")
    if agent is None or "\0" in command:
        raise Refused(400, "Agent is not part of the workspace's latest build.")

    socket = hub.agent_sockets.path(agent.id)
    program = agent.program(command, url=hub.url, owner=hub.site.user.username, socket=socket)
    sized = replace(program, columns=columns, rows=rows)
    if container := query.get("container", ""):
        try:
            sized = _in_container(sized, container, query.get("container_user", ""))
        except EngineError as error:
            text = str(error)
            return Socket(lambda socket: _say(socket, text))
    return Socket(lambda socket: _session(hub, agent_id, token, sized, socket))


def _in_container(program: Program, container: str, user: str) -> Program:
    """The program inside a container. Raises EngineError, and Refused (400) for names that no engine gives."""
    for field, text, form in (("container", container, NAME), ("container_user", user, USER)):
        if text and not form.fullmatch(text):
            rule = f'Query param "{field}" is no name: "{text[:80]}"'
            raise Refused(400, "Invalid query parameters.", fields={field: rule})
    argv, env = exec_argv(container, user, program.command)
    return replace(program, argv=tuple(argv), env={**program.env, **env})


async def _say(socket: WebSocket, text: str) -> None:
    """In place of a terminal that cannot be had whatever is tried: its only output."""
    await socket.send_bytes(f"{text}\r\n".encode())
    await socket.close(1000)


async def _session(hub: Hub, agent_id: str, token: str, program: Program, socket: WebSocket) -> None:
    try:
        session, client = await hub.sessions.attach(agent_id, token, program)
    except OSError as error:
        await socket.close(1011, f"dial: cannot start a terminal: {error.strerror or error}"[:120])
        return
    output = asyncio.create_task(_output(client, socket), name=f"pty-out:{token}")
    typing = asyncio.create_task(_input(session, socket), name=f"pty-in:{token}")
    try:
        await asyncio.wait({output, typing}, return_when=asyncio.FIRST_COMPLETED)
        if output.done():
            await socket.close(output.result(), "the hub stops" if output.result() == 1001 else "")
        elif typing.result():
            await cancelled(output)
            await socket.close(*typing.result())
    finally:
        hub.sessions.detach(agent_id, token, session, client)
        await cancelled(output)
        await cancelled(typing)


async def _output(client: Attachment, socket: WebSocket) -> int:
    """Send until the session ends; how to close then."""
    while (data := await client.next()) is not None:
        await socket.send_bytes(data)
    return client.close_code or 1000


async def _input(session: Session, socket: WebSocket) -> tuple[int, str]:
    """Take keystrokes and sizes until the peer goes (code 0) or breaks the contract: how to close then."""
    decoder = PtyRequestDecoder()
    while (message := await receive_data(socket)) is not None:
        if isinstance(message, str):
            return 1003, "unexpected text message"
        try:
            requests = decoder.feed(message)
        except ProtocolError as error:
            return 1007, str(error)[:120]
        for request in requests:
            await session.write(request.data.encode())
            if request.resizes:
                session.resize(request.width, request.height)
    return 0, ""

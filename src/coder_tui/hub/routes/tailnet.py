"""The tailnet RPC: all of it on GET /tailnet, one agent's part on GET /workspaceagents/{id}/coordinate."""

from __future__ import annotations

import re
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from coder_tui.hub.coordination import coordinate
from coder_tui.hub.core import Hub
from coder_tui.hub.events import DERP_MAP, FLEET
from coder_tui.hub.pictures import PAUSE
from coder_tui.hub.problems import Refused
from coder_tui.hub.resume import LIFETIME
from coder_tui.hub.routes.agents import the_agent
from coder_tui.hub.routes.network import CHECK_SECONDS
from coder_tui.hub.rpc import Fault, Incoming, Method, answer_calls
from coder_tui.hub.web import Socket, path_uuid, query_text, route
from coder_tui.wire.tailnet import messages
from coder_tui.wire.tailnet import tailnet_pb2 as pb
from coder_tui.wire.tailnet.derp import to_message
from coder_tui.wire.tailnet.drpc import UNIMPLEMENTED
from coder_tui.wire.tailnet.messages import uuid_text
from coder_tui.wire.tailnet.updates import Picture, difference

MAJOR, MINOR = 2, 11
"""The version of the RPC that is spoken here; nothing was added to this service since 2.3."""
_VERSION = re.compile(r"(\d{1,9})\.(\d{1,9})", re.ASCII)


def routes(hub: Hub) -> list[Route]:
    """The family's routes."""
    return [
        route(hub, "GET", "/tailnet", tailnet),
        route(hub, "GET", "/workspaceagents/{agent}/coordinate", coordinate_agent),
    ]


async def tailnet(hub: Hub, request: Request) -> Response:
    """GET /tailnet. Refused before the upgrade: 400 for a version that is not spoken, 401 for a bad resume token."""
    _check(hub, request)
    methods: dict[str, Method] = {
        messages.WORKSPACE_UPDATES: partial(_workspace_updates, hub),
        messages.STREAM_DERP_MAPS: partial(_derp_maps, hub),
        messages.REFRESH_RESUME_TOKEN: partial(_resume_token, hub),
        messages.COORDINATE: partial(coordinate, hub),
        messages.POST_TELEMETRY: _telemetry,
    }
    return Socket(lambda socket: answer_calls(socket, methods, hub.topics))


async def coordinate_agent(hub: Hub, request: Request) -> Response:
    """GET /workspaceagents/{id}/coordinate: the same service, with tunnels to that agent only and no updates."""
    agent_id = path_uuid(request, "agent")
    await the_agent(hub, agent_id)
    _check(hub, request)
    methods: dict[str, Method] = {
        messages.WORKSPACE_UPDATES: _not_here,
        messages.STREAM_DERP_MAPS: partial(_derp_maps, hub),
        messages.REFRESH_RESUME_TOKEN: partial(_resume_token, hub),
        messages.COORDINATE: partial(coordinate, hub, only=agent_id),
        messages.POST_TELEMETRY: _telemetry,
    }
    return Socket(lambda socket: answer_calls(socket, methods, hub.topics))


def _check(hub: Hub, request: Request) -> None:
    if fault := version_fault(query_text(request, "version") or f"{MAJOR}.0"):
        raise Refused(400, "Unknown or unsupported API version", fields={"version": fault})
    token = query_text(request, "resume_token")
    if token and not hub.resume.accept(token):
        raise Refused(
            401,
            "Workspace agent coordination resume token is invalid or expired.",
            fields={"resume_token": "the token is not of this hub, or it expired"},
        )


def version_fault(text: str) -> str:
    """What is wrong with the version a client asks for; nothing where it is spoken here."""
    found = _VERSION.fullmatch(text)
    if found is None:
        return f"invalid version string: {text[:80]}"
    major, minor = int(found[1]), int(found[2])
    if major < MAJOR:
        return f"version {text} is no longer supported"
    if (major, minor) > (MAJOR, MINOR):
        return f"server is at version {MAJOR}.{MINOR}, behind requested version {text}"
    return ""


async def _workspace_updates(hub: Hub, incoming: Incoming) -> None:
    """All workspaces first, even none; then what changed, at the caller's pace."""
    request = await incoming.only_request(pb.WorkspaceUpdatesRequest)
    owner = request.workspace_owner_id
    if len(owner) != 16:
        raise Fault("parse owner ID: it must have 16 bytes")
    if uuid_text(owner) != hub.site.user.id:
        raise Fault("no such user, or you may not see their workspaces")
    told: Picture | None = None
    with hub.topics.subscribe(FLEET) as changes:
        while not changes.closing:
            picture = await hub.pictures.current()
            if picture is not told:
                update = difference(told or {}, picture)
                if update is not None or told is None:
                    await incoming.send(update or pb.WorkspaceUpdate())
                told = picture
            await changes.settled(PAUSE)


async def _derp_maps(hub: Hub, incoming: Incoming) -> None:
    await incoming.only_request(pb.StreamDERPMapsRequest)
    sent: pb.DERPMap | None = None
    with hub.topics.subscribe(DERP_MAP) as changes:
        while not changes.closing:
            derp = to_message(hub.derp.current())
            if derp != sent:
                await incoming.send(derp)
                sent = derp
            await changes.changed_within(CHECK_SECONDS)


async def _resume_token(hub: Hub, incoming: Incoming) -> None:
    await incoming.only_request(pb.RefreshResumeTokenRequest)
    token, expires_at = hub.resume.issue()
    answer = pb.RefreshResumeTokenResponse(token=token)
    answer.refresh_in.FromSeconds(LIFETIME // 2)
    answer.expires_at.FromSeconds(expires_at)
    await incoming.send(answer)


async def _telemetry(incoming: Incoming) -> None:
    """Taken, and thrown away."""
    await incoming.only_request(pb.TelemetryRequest)
    await incoming.send(pb.TelemetryResponse())


async def _not_here(incoming: Incoming) -> None:
    raise Fault("workspace updates are not offered on an agent's route", UNIMPLEMENTED)

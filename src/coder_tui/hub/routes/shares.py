"""Ports that the owner of a workspace lets others reach (contract `06`). The hub keeps the list; it proxies nothing."""

from __future__ import annotations

import sqlite3

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from coder_tui.hub.core import Hub
from coder_tui.hub.problems import Refused, not_found
from coder_tui.hub.routes.workspaces import the_workspace
from coder_tui.hub.web import answer, path_uuid, read_json, route
from coder_tui.wire.shares import HIGHEST_PORT, LOWEST_PORT, PortShare, PortShares, SharePort, UnsharePort

_LEVELS = {"authenticated", "organization", "public"}
_PROTOCOLS = {"http", "https"}


def routes(hub: Hub) -> list[Route]:
    """The family's routes."""
    path = "/workspaces/{workspace}/port-share"
    return [
        route(hub, "GET", path, list_shares),
        route(hub, "POST", path, share),
        route(hub, "DELETE", path, unshare),
    ]


async def list_shares(hub: Hub, request: Request) -> Response:
    """GET /workspaces/{id}/port-share."""
    workspace_id = path_uuid(request, "workspace")
    await the_workspace(hub, workspace_id)
    rows = await hub.storage.read(
        lambda db: db.execute(
            "SELECT * FROM port_shares WHERE workspace_id = ? ORDER BY agent_name, port", (workspace_id,)
        ).fetchall()
    )
    return answer(PortShares(shares=[PortShare(**dict(row)) for row in rows]))


async def share(hub: Hub, request: Request) -> Response:
    """POST /workspaces/{id}/port-share: insert, or change level and protocol."""
    workspace_id = path_uuid(request, "workspace")
    build = (await the_workspace(hub, workspace_id)).workspace.latest_build
    body = await read_json(request, SharePort)
    if body.agent_name not in {agent.name for resource in build.resources for agent in resource.agents}:
        raise Refused(400, "Agent not found.", fields={"agent_name": "is no agent of the workspace's latest build"})
    if not LOWEST_PORT <= body.port <= HIGHEST_PORT:
        rule = f"must be from {LOWEST_PORT} to {HIGHEST_PORT}"
        raise Refused(400, "Port is out of range.", fields={"port": rule})
    if body.share_level not in _LEVELS:
        rule = f"must be one of {', '.join(sorted(_LEVELS))}"
        raise Refused(400, "Port sharing level not allowed.", fields={"share_level": rule})
    if body.protocol not in _PROTOCOLS:
        raise Refused(400, "Port protocol not allowed.", fields={"protocol": "must be one of http, https"})
    shared = PortShare(workspace_id=workspace_id, **body.model_dump())
    await hub.storage.write(
        lambda db: db.execute(
            "INSERT OR REPLACE INTO port_shares (workspace_id, agent_name, port, share_level, protocol)"
            " VALUES (:workspace_id, :agent_name, :port, :share_level, :protocol)",
            shared.model_dump(),
        )
    )
    return answer(shared)


async def unshare(hub: Hub, request: Request) -> Response:
    """DELETE /workspaces/{id}/port-share: 200 without a body; 404 when it was not shared."""
    workspace_id = path_uuid(request, "workspace")
    await the_workspace(hub, workspace_id)
    body = await read_json(request, UnsharePort)

    def work(db: sqlite3.Connection) -> int:
        return db.execute(
            "DELETE FROM port_shares WHERE workspace_id = ? AND agent_name = ? AND port = ?",
            (workspace_id, body.agent_name, body.port),
        ).rowcount

    if not -(1 << 63) <= body.port < 1 << 63 or not await hub.storage.write(work):
        raise not_found()
    return Response(status_code=200)

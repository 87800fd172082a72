"""Settings of a workspace: its name, when it stops and starts by itself, whether it is dormant."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from coder_tui.hub.core import Hub
from coder_tui.hub.problems import Refused, name_taken
from coder_tui.hub.routes.workspaces import check_ttl, the_workspace
from coder_tui.hub.schedule import parse_schedule
from coder_tui.hub.template import check_name
from coder_tui.hub.web import answer, no_content, path_uuid, raw_answer, read_json, route
from coder_tui.wire.workspaces import UpdateAutostart, UpdateDormancy, UpdateTTL, UpdateWorkspace


def routes(hub: Hub) -> list[Route]:
    """The family's routes."""
    return [
        route(hub, "PATCH", "/workspaces/{workspace}", rename),
        route(hub, "PUT", "/workspaces/{workspace}/ttl", set_ttl),
        route(hub, "PUT", "/workspaces/{workspace}/autostart", set_autostart),
        route(hub, "GET", "/workspaces/{workspace}/resolve-autostart", resolve_autostart),
        route(hub, "PUT", "/workspaces/{workspace}/dormant", set_dormant),
    ]


async def rename(hub: Hub, request: Request) -> Response:
    """PATCH /workspaces/{id}: 204; 409 when the name is taken. Running programs keep the name they were given."""
    workspace_id = path_uuid(request, "workspace")
    current = (await the_workspace(hub, workspace_id)).workspace.name
    name, now = (await read_json(request, UpdateWorkspace)).name, hub.clock()
    if name in {"", current}:
        return no_content()
    check_name("name", name)

    def work(db: sqlite3.Connection) -> None:
        if db.execute("SELECT 1 FROM workspaces WHERE name = ? AND NOT deleted", (name,)).fetchone():
            raise name_taken(name)
        db.execute("UPDATE workspaces SET name = ?, updated_at = ? WHERE id = ?", (name, now, workspace_id))

    await hub.storage.write(work)
    for agent in hub.agents.of_workspace(workspace_id):
        hub.agents.add(replace(agent, workspace_name=name))
    hub.changed(workspace_id)
    return no_content()


async def set_ttl(hub: Hub, request: Request) -> Response:
    """PUT /workspaces/{id}/ttl: 204. For the next start; without one, a running workspace loses its deadline."""
    workspace_id = path_uuid(request, "workspace")
    await the_workspace(hub, workspace_id)
    ttl = (await read_json(request, UpdateTTL)).ttl_ms or None
    check_ttl(ttl, "Invalid workspace TTL.")

    def work(db: sqlite3.Connection) -> None:
        db.execute("UPDATE workspaces SET ttl_ms = ? WHERE id = ?", (ttl, workspace_id))
        if ttl is None:
            db.execute(
                "UPDATE builds SET deadline = NULL WHERE workspace_id = ?1"
                " AND number = (SELECT max(number) FROM builds WHERE workspace_id = ?1)",
                (workspace_id,),
            )

    await hub.storage.write(work)
    hub.changed(workspace_id)
    hub.builds.deadline_changed()
    return no_content()


async def set_autostart(hub: Hub, request: Request) -> Response:
    """PUT /workspaces/{id}/autostart: 204. The hub starts the workspace by it while it is stopped."""
    workspace_id = path_uuid(request, "workspace")
    await the_workspace(hub, workspace_id)
    schedule = ((await read_json(request, UpdateAutostart)).schedule or "").strip()
    if schedule:
        try:
            parse_schedule(schedule)
        except ValueError as error:
            raise Refused(400, "Invalid autostart schedule.", fields={"schedule": str(error)}) from None
    await hub.storage.write(
        lambda db: db.execute("UPDATE workspaces SET autostart_schedule = ? WHERE id = ?", (schedule, workspace_id))
    )
    hub.changed(workspace_id)
    hub.builds.deadline_changed()
    return no_content()


async def resolve_autostart(hub: Hub, request: Request) -> Response:
    """GET /workspaces/{id}/resolve-autostart: the one template version asks for nothing new."""
    await the_workspace(hub, path_uuid(request, "workspace"))
    return answer({"parameter_mismatch": False})


async def set_dormant(hub: Hub, request: Request) -> Response:
    """PUT /workspaces/{id}/dormant: the workspace; 304 when it is so already. A dormant one does not autostart."""
    workspace_id = path_uuid(request, "workspace")
    known = (await the_workspace(hub, workspace_id)).workspace
    dormant, now = (await read_json(request, UpdateDormancy)).dormant, hub.clock()
    if dormant == (known.dormant_at is not None):
        return Response(status_code=304)
    await hub.storage.write(
        lambda db: db.execute(
            "UPDATE workspaces SET dormant_at = CASE WHEN ?1 THEN ?2 END,"
            " last_used_at = CASE WHEN ?1 THEN last_used_at ELSE ?2 END WHERE id = ?3",
            (dormant, now, workspace_id),
        )
    )
    hub.changed(workspace_id)
    hub.builds.deadline_changed()
    return raw_answer((await the_workspace(hub, workspace_id)).json + b"\n")

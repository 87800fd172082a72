"""Workspaces: list, get, create, and the small writes on one."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from coder_tui.hub.builds import deadline_text
from coder_tui.hub.clock import from_time
from coder_tui.hub.core import Hub
from coder_tui.hub.problems import Refused, invalid, not_found
from coder_tui.hub.routes.system import check_user
from coder_tui.hub.search import parse_search
from coder_tui.hub.snapshots import Shared
from coder_tui.hub.template import Parameters, check_name
from coder_tui.hub.web import (
    INT32,
    answer,
    no_content,
    parse_json,
    path_uuid,
    query_bool,
    query_int,
    raw_answer,
    read_body,
    read_json,
    route,
)
from coder_tui.wire.base import ZERO_TIME, Time, WireModel
from coder_tui.wire.problems import Problem
from coder_tui.wire.workspaces import CreateWorkspace, JobStatus, Transition, WorkspaceUsage

_MINUTE_MS = 60_000
_MAX_TTL_MS = 30 * 24 * 60 * _MINUTE_MS
_USAGE_APPS = {"vscode", "jetbrains", "reconnecting-pty", "ssh"}
_SOON = timedelta(minutes=29)  # Coder says thirty and allows for a minute of delay


class ExtendWorkspace(WireModel):
    """Body of `PUT /workspaces/{id}/extend` (`codersdk.PutExtendWorkspaceRequest`)."""

    deadline: Time = ZERO_TIME


def routes(hub: Hub) -> list[Route]:
    """The family's routes."""
    return [
        route(hub, "GET", "/workspaces", list_workspaces),
        route(hub, "GET", "/workspaces/{workspace}", get_workspace),
        route(hub, "GET", "/users/{user}/workspace/{name}", get_workspace_by_name),
        route(hub, "POST", "/users/{user}/workspaces", create_workspace),
        route(hub, "POST", "/organizations/{organization}/members/{user}/workspaces", create_workspace),
        route(hub, "POST", "/workspaces/{workspace}/usage", usage),
        route(hub, "PUT", "/workspaces/{workspace}/favorite", favorite),
        route(hub, "DELETE", "/workspaces/{workspace}/favorite", unfavorite),
        route(hub, "PUT", "/workspaces/{workspace}/extend", extend),
        route(hub, "GET", "/workspaces/{workspace}/external-agent/{agent}/credentials", credentials),
    ]


async def the_workspace(hub: Hub, workspace_id: str, *, deleted: bool = False) -> Shared:
    """Its newest state. Raises Refused: 404, and 410 for a deleted one unless `deleted` is asked for."""
    shared = await hub.snapshots.get(workspace_id)
    if shared is None:
        raise not_found()
    if shared.deleted and not deleted:
        name = shared.workspace.name
        raise Refused(
            410,
            f'Workspace "{workspace_id}" was deleted, you can view this workspace by specifying "?deleted=true"',
            f"the workspace was called {name}",
        )
    return shared


async def list_workspaces(hub: Hub, request: Request) -> Response:
    """GET /workspaces. `count` counts all pages, and is 0 past the end (as Coder's).

    304 to an `If-None-Match` with the tag of the newest answer, which Coder does not give.
    """
    limit, offset = query_int(request, "limit", most=INT32), query_int(request, "offset", most=INT32)
    matches = parse_search(request.query_params.get("q", ""), hub.site)
    tag = hub.snapshots.tag
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"etag": tag})
    found = await hub.snapshots.list()
    if matches:
        values = await hub.storage.read(_parameters)
        default = Parameters()
        found = [
            shared
            for shared in found
            if all(match(shared.workspace, values.get(shared.workspace.id, default)) for match in matches)
        ]
    page = sorted(found, key=_order)[offset : offset + limit if limit else None]
    body = b",".join(shared.json for shared in page)
    response = raw_answer(b'{"workspaces":[%b],"count":%d}\n' % (body, len(found) if page else 0))
    response.headers["etag"] = tag
    return response


def _order(shared: Shared) -> tuple[bool, bool, str, str]:
    workspace = shared.workspace
    build = workspace.latest_build
    started = build.transition == Transition.START and build.job.status == JobStatus.SUCCEEDED
    return not workspace.favorite, not started, workspace.owner_name.lower(), workspace.name.lower()


def _parameters(db: sqlite3.Connection) -> dict[str, Parameters]:
    rows = db.execute(
        "SELECT workspace_id, parameters FROM builds b WHERE number ="
        " (SELECT max(number) FROM builds WHERE workspace_id = b.workspace_id)"
    )
    return {row["workspace_id"]: Parameters.load(row["parameters"]) for row in rows}


async def get_workspace(hub: Hub, request: Request) -> Response:
    """GET /workspaces/{id}."""
    deleted = query_bool(request, "include_deleted")
    shared = await the_workspace(hub, path_uuid(request, "workspace"), deleted=deleted)
    return raw_answer(shared.json + b"\n")


async def get_workspace_by_name(hub: Hub, request: Request) -> Response:
    """GET /users/{user}/workspace/{name}; with `include_deleted` the newest deleted one of that name is tried."""
    check_user(hub, request)
    name, deleted = request.path_params["name"].lower(), query_bool(request, "include_deleted")
    rows = await hub.storage.read(
        lambda db: db.execute(
            "SELECT id FROM workspaces WHERE name = ? AND (NOT deleted OR ?) ORDER BY deleted, created_at DESC LIMIT 1",
            (name, deleted),
        ).fetchall()
    )
    if not rows:
        raise not_found()
    shared = await the_workspace(hub, rows[0]["id"], deleted=deleted)
    return raw_answer(shared.json + b"\n")


async def create_workspace(hub: Hub, request: Request) -> Response:
    """POST /users/{user}/workspaces and the older route under an organisation: 201 with the pending first build."""
    check_user(hub, request)
    organization = request.path_params.get("organization")
    if organization not in {None, "default", hub.site.organization_id}:
        raise not_found()
    body = await read_json(request, CreateWorkspace)
    check_name("name", body.name)
    if body.template_id and body.template_id != hub.site.template_id:
        raise Refused(
            400, f"Template {body.template_id[:80]!r} doesn't exist.", fields={"template_id": "template not found"}
        )
    check_ttl(body.ttl_ms or None, "Invalid Workspace Time to Shutdown.")
    parameters = Parameters().with_values(body.rich_parameter_values)
    workspace_id = await hub.builds.create_workspace(body.name, parameters, body.ttl_ms or None)
    return raw_answer((await the_workspace(hub, workspace_id)).json + b"\n", 201)


def check_ttl(ttl_ms: int | None, message: str) -> None:
    """Coder's rule for the time until shutdown; None is never. Raises Refused (400) with that message."""
    if ttl_ms is not None and not _MINUTE_MS <= ttl_ms < _MAX_TTL_MS:
        why = "must be at least one minute" if ttl_ms < _MINUTE_MS else "must be less than 30 days"
        raise Refused(400, message, fields={"ttl_ms": f"time until shutdown {why}"})


async def usage(hub: Hub, request: Request) -> Response:
    """POST /workspaces/{id}/usage: the workspace is being used."""
    workspace_id = path_uuid(request, "workspace")
    shared = await the_workspace(hub, workspace_id)
    body = await read_body(request)
    if body:
        _check_usage(parse_json(body, WorkspaceUsage), shared)
    now = hub.clock()
    await hub.storage.write(
        lambda db: db.execute("UPDATE workspaces SET last_used_at = ? WHERE id = ?", (now, workspace_id))
    )
    hub.changed(workspace_id)
    return no_content()


def _check_usage(body: WorkspaceUsage, shared: Shared) -> None:
    if bool(body.agent_id) != bool(body.app_name):
        raise invalid(**{"agent_id" if body.app_name else "app_name": "must be set if the other one is"})
    if not body.app_name:
        return
    if body.app_name not in _USAGE_APPS:
        raise invalid(app_name=f"must be one of {', '.join(sorted(_USAGE_APPS))}")
    agents = {agent.id for resource in shared.workspace.latest_build.resources for agent in resource.agents}
    if body.agent_id.lower() not in agents:
        raise invalid(agent_id="is no agent of the workspace's latest build")


async def favorite(hub: Hub, request: Request) -> Response:
    """PUT /workspaces/{id}/favorite."""
    return await _favorite(hub, request, 1)


async def unfavorite(hub: Hub, request: Request) -> Response:
    """DELETE /workspaces/{id}/favorite."""
    return await _favorite(hub, request, 0)


async def _favorite(hub: Hub, request: Request, value: int) -> Response:
    workspace_id = path_uuid(request, "workspace")
    await the_workspace(hub, workspace_id)
    await hub.storage.write(
        lambda db: db.execute("UPDATE workspaces SET favorite = ? WHERE id = ?", (value, workspace_id))
    )
    hub.changed(workspace_id)
    return no_content()


async def extend(hub: Hub, request: Request) -> Response:
    """PUT /workspaces/{id}/extend: a new deadline for a running workspace that has one."""
    workspace_id = path_uuid(request, "workspace")
    build = (await the_workspace(hub, workspace_id)).workspace.latest_build
    body = await read_json(request, ExtendWorkspace)
    if build.transition != Transition.START:
        raise Refused(409, f"workspace must be started, current status: {build.transition}")
    if build.job.status != JobStatus.SUCCEEDED:
        raise Refused(409, "Workspace is still provisioning, its deadline cannot be extended yet.")
    if build.deadline is None:
        raise Refused(409, "Workspace shutdown is manual.")
    try:
        new = body.deadline if body.deadline.tzinfo else body.deadline.replace(tzinfo=UTC)
        deadline = from_time(new)
    except OverflowError:
        raise invalid(deadline="is out of range") from None
    if new < datetime.now(UTC) + _SOON:
        raise Refused(
            400,
            "Cannot extend workspace: new deadline must be at least 30 minutes in the future",
            fields={"deadline": "new deadline must be at least 30 minutes in the future"},
        )
    await hub.storage.write(
        lambda db: db.execute(
            "UPDATE builds SET deadline = ?, updated_at = ? WHERE id = ?", (deadline, hub.clock(), build.id)
        )
    )
    hub.changed(workspace_id)
    hub.builds.deadline_changed()
    return answer(Problem(message=f"Deadline updated to {deadline_text(deadline)}."))


async def credentials(hub: Hub, request: Request) -> Response:
    """GET /workspaces/{id}/external-agent/{agent}/credentials: what a program needs to report as this agent."""
    workspace_id = path_uuid(request, "workspace")
    await the_workspace(hub, workspace_id)
    name = request.path_params["agent"]
    agent = next((agent for agent in hub.agents.of_workspace(workspace_id) if agent.name == name), None)
    if agent is None:
        raise not_found()
    variables = f"CODER_AGENT_URL={hub.url} CODER_AGENT_TOKEN={agent.token}"
    return answer(
        {
            "agent_token": agent.token,
            "command": f"export {variables} CODER_MCP_APP_STATUS_SLUG={agent.slug}",
        }
    )

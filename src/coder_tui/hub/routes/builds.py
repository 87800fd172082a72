"""Builds of a workspace and their logs."""

from __future__ import annotations

from datetime import datetime

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.websockets import WebSocket

from coder_tui.hub.clock import from_time
from coder_tui.hub.core import Hub
from coder_tui.hub.events import build_logs_topic
from coder_tui.hub.logs import build_lines
from coder_tui.hub.problems import Refused, invalid, invalid_query, not_found
from coder_tui.hub.routes.workspaces import the_workspace
from coder_tui.hub.views import build_log, load_builds
from coder_tui.hub.web import (
    INT32,
    Socket,
    answer,
    one_way,
    path_uuid,
    query_format,
    query_int,
    query_text,
    query_uuid,
    read_json,
    route,
)
from coder_tui.wire.base import encode, format_time
from coder_tui.wire.logs import ProvisionerJobLog
from coder_tui.wire.workspaces import CreateWorkspaceBuild, JobStatus, Transition, WorkspaceBuild

_REASONS = {
    "dashboard",
    "cli",
    "ssh_connection",
    "vscode_connection",
    "jetbrains_connection",
    "task_manual_pause",
}


def routes(hub: Hub) -> list[Route]:
    """The family's routes."""
    return [
        route(hub, "GET", "/workspaces/{workspace}/builds", list_builds),
        route(hub, "POST", "/workspaces/{workspace}/builds", create_build),
        route(hub, "GET", "/workspacebuilds/{build}", get_build),
        route(hub, "GET", "/workspacebuilds/{build}/logs", build_logs),
    ]


async def list_builds(hub: Hub, request: Request) -> Response:
    """GET /workspaces/{id}/builds: newest first, `after_id` exclusive, `since` for their creation."""
    workspace_id = path_uuid(request, "workspace")
    limit, offset = query_int(request, "limit", most=INT32), query_int(request, "offset", most=INT32)
    after, since = query_uuid(request, "after_id"), _query_time(request, "since")
    await the_workspace(hub, workspace_id, deleted=True)
    builds = await hub.storage.read(lambda db: load_builds(db, hub.site, workspace_id=workspace_id, since=since))
    if after is not None:
        ids = [build.id for build in builds]
        if after not in ids:
            raise Refused(400, f'Record at "after_id" ("{after}") does not exist.')
        builds = builds[ids.index(after) + 1 :]
    return answer(builds[offset : offset + limit if limit else None])


def _query_time(request: Request, name: str) -> int:
    text = query_text(request, name)
    if not text:
        return 0
    try:
        # a plus sign in a query is a space
        return from_time(datetime.fromisoformat(text.replace(" ", "+")))
    except (ValueError, TypeError, OverflowError):
        raise invalid_query(**{name: f'Query param "{name}" must be a valid time in RFC 3339'}) from None


async def create_build(hub: Hub, request: Request) -> Response:
    """POST /workspaces/{id}/builds: 201 with the pending build; 409 while another is active."""
    workspace_id = path_uuid(request, "workspace")
    shared = await the_workspace(hub, workspace_id, deleted=True)
    body = await read_json(request, CreateWorkspaceBuild)
    if body.transition not in {transition.value for transition in Transition}:
        raise invalid(transition=f'Validation failed for tag "oneof" with value: "{body.transition[:80]}"')
    if body.reason and body.reason not in _REASONS:
        raise invalid(reason=f'Validation failed for tag "oneof" with value: "{body.reason[:80]}"')
    if shared.deleted:
        raise Refused(409, "Workspace is deleted.")
    if body.dry_run:
        raise invalid(dry_run="this deployment has no dry runs")
    build = await hub.builds.create(
        workspace_id, body.transition, body.reason or "initiator", body.rich_parameter_values
    )
    return answer(build, 201)


async def the_build(hub: Hub, build_id: str) -> WorkspaceBuild:
    """Raises Refused (404)."""
    found = await hub.storage.read(lambda db: load_builds(db, hub.site, build_id=build_id))
    if not found:
        raise not_found()
    return found[0]


async def get_build(hub: Hub, request: Request) -> Response:
    """GET /workspacebuilds/{id}."""
    return answer(await the_build(hub, path_uuid(request, "build")))


async def build_logs(hub: Hub, request: Request) -> Response:
    """GET /workspacebuilds/{id}/logs: an array, plain text, or with `follow` a socket of one object per frame."""
    build_id = path_uuid(request, "build")
    after, form = query_int(request, "after"), query_format(request)
    await the_build(hub, build_id)
    if "follow" in request.query_params:
        return Socket(lambda socket: one_way(socket, _follow(hub, build_id, after, socket), 1008))
    lines = await _lines(hub, build_id, after)
    if form == "text":
        return PlainTextResponse("".join(f"{_text(line)}\n" for line in lines))
    return answer(lines)


async def _lines(hub: Hub, build_id: str, after: int) -> list[ProvisionerJobLog]:
    return await hub.storage.read(lambda db: [build_log(row) for row in build_lines(db, build_id, after)])


def _text(line: ProvisionerJobLog) -> str:
    return f"{format_time(line.created_at)} [{line.log_level}] [{line.log_source}|{line.stage}] {line.output}"


async def _follow(hub: Hub, build_id: str, after: int, socket: WebSocket) -> tuple[int, str]:
    with hub.topics.subscribe(build_logs_topic(build_id)) as changes:
        # the job may have ended before we subscribed, then nobody will tell us
        status = (await the_build(hub, build_id)).job.status
        over = status not in {JobStatus.PENDING, JobStatus.RUNNING}
        while True:
            over = over or changes.ended
            for line in await _lines(hub, build_id, after):
                await socket.send_text(encode(line).decode())
                after = line.id
            if over:
                return 1000, ""
            if changes.closing:
                return 1001, "the hub stops"
            await changes.changed()

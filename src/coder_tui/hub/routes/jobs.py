"""Builds seen as jobs: cancel one, what it was given, what it made; a build by its number."""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from coder_tui.hub.core import Hub
from coder_tui.hub.problems import Refused, not_found
from coder_tui.hub.routes.builds import the_build
from coder_tui.hub.routes.system import check_user
from coder_tui.hub.template import Parameters
from coder_tui.hub.views import load_builds
from coder_tui.hub.web import answer, path_uuid, query_text, route
from coder_tui.wire.problems import Problem
from coder_tui.wire.workspaces import JobStatus, WorkspaceBuildParameter


def routes(hub: Hub) -> list[Route]:
    """The family's routes."""
    return [
        route(hub, "PATCH", "/workspacebuilds/{build}/cancel", cancel),
        route(hub, "GET", "/workspacebuilds/{build}/parameters", parameters),
        route(hub, "GET", "/workspacebuilds/{build}/resources", resources),
        route(hub, "GET", "/users/{user}/workspace/{name}/builds/{number}", by_number),
    ]


async def cancel(hub: Hub, request: Request) -> Response:
    """PATCH /workspacebuilds/{id}/cancel: 400 when ended or cancelled, 412 when not in the expected state."""
    build_id, expect = path_uuid(request, "build"), query_text(request, "expect_status")
    if expect not in {"", JobStatus.PENDING, JobStatus.RUNNING}:
        raise Refused(400, f"Invalid expect_status {json.dumps(expect[:80])}. Only 'running' or 'pending' are allowed.")
    await hub.builds.cancel(build_id, expect)
    return answer(Problem(message="Job has been marked as canceled..."))


async def parameters(hub: Hub, request: Request) -> Response:
    """GET /workspacebuilds/{id}/parameters."""
    build_id = path_uuid(request, "build")
    row = await hub.storage.read(
        lambda db: db.execute("SELECT parameters FROM builds WHERE id = ?", (build_id,)).fetchone()
    )
    if row is None:
        raise not_found()
    texts = Parameters.load(row["parameters"]).texts()
    return answer([WorkspaceBuildParameter(name=name, value=value) for name, value in texts.items()])


async def resources(hub: Hub, request: Request) -> Response:
    """GET /workspacebuilds/{id}/resources (deprecated): those that the build itself has."""
    return answer((await the_build(hub, path_uuid(request, "build"))).resources)


async def by_number(hub: Hub, request: Request) -> Response:
    """GET /users/{user}/workspace/{name}/builds/{number}."""
    check_user(hub, request)
    text, name = request.path_params["number"], request.path_params["name"].lower()
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Refused(400, "Failed to parse build number as integer.", f"not a number: {json.dumps(text[:80])}")
    row = await hub.storage.read(
        lambda db: db.execute(
            "SELECT b.id FROM builds b JOIN workspaces w ON w.id = b.workspace_id"
            " WHERE w.name = ? AND NOT w.deleted AND b.number = ?",
            (name, int(text)),
        ).fetchone()
    )
    if row is None:
        raise not_found()
    found = await hub.storage.read(lambda db: load_builds(db, hub.site, build_id=row["id"]))
    return answer(found[0])

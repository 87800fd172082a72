"""Build info, users, templates: who the deployment is."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from coder_tui.hub.core import Hub
from coder_tui.hub.identity import ORGANIZATION_NAME, TEMPLATE_NAME, VERSION
from coder_tui.hub.problems import not_found
from coder_tui.hub.views import AGENT_API_VERSION
from coder_tui.hub.web import answer, route
from coder_tui.wire.base import format_time
from coder_tui.wire.identity import BuildInfo


def routes(hub: Hub) -> list[Route]:
    """The family's routes."""
    return [
        route(hub, "GET", "/buildinfo", buildinfo, user=False),
        route(hub, "GET", "/users/{user}", user),
        route(hub, "GET", "/templates", templates),
    ]


async def buildinfo(hub: Hub, request: Request) -> Response:
    """GET /buildinfo, anonymous."""
    return answer(
        BuildInfo(
            external_url="https://github.com/coder/coder",
            version=VERSION,
            dashboard_url=hub.url,
            agent_api_version=AGENT_API_VERSION,
            provisioner_api_version="1.6",
            deployment_id=hub.site.deployment_id,
        )
    )


def check_user(hub: Hub, request: Request) -> None:
    """Only one user is here: `me`, by name or by id. Raises Refused (404)."""
    given = request.path_params["user"].lower()
    if given not in {"me", hub.site.user.username, hub.site.user.id}:
        raise not_found()


async def user(hub: Hub, request: Request) -> Response:
    """GET /users/{user}."""
    check_user(hub, request)
    return answer(hub.site.user)


async def templates(hub: Hub, request: Request) -> Response:
    """GET /templates: the one there is."""
    site = hub.site
    created = format_time(site.user.created_at)
    return answer(
        [
            {
                "id": site.template_id,
                "created_at": created,
                "updated_at": created,
                "organization_id": site.organization_id,
                "organization_name": ORGANIZATION_NAME,
                "organization_display_name": "Local",
                "name": TEMPLATE_NAME,
                "display_name": "Local",
                "provisioner": "echo",
                "active_version_id": site.template_version_id,
                "description": "A directory of this machine and, if wanted, a command to run in it.",
                "icon": "",
                "created_by_id": site.user.id,
                "created_by_name": site.user.username,
            }
        ]
    )

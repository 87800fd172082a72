"""What clients ask a deployment about itself, beside `system`: regions, experiments, updates, SSH, tickets."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from coder_tui.hub.core import Hub
from coder_tui.hub.identity import VERSION
from coder_tui.hub.problems import Refused
from coder_tui.hub.routes.agents import the_agent
from coder_tui.hub.web import answer, body_uuid, read_json, route
from coder_tui.wire.auth import PtyToken, PtyTokenRequest


def routes(hub: Hub) -> list[Route]:
    """The family's routes. `/latency-check` is beside the API, as `/healthz` is."""
    return [
        Route("/latency-check", latency_check),
        route(hub, "GET", "/regions", regions),
        route(hub, "GET", "/experiments", experiments),
        route(hub, "GET", "/updatecheck", updatecheck, user=False),
        route(hub, "GET", "/deployment/ssh", ssh),
        route(hub, "POST", "/applications/reconnecting-pty-signed-token", issue_ticket),
    ]


async def latency_check(request: Request) -> Response:
    """GET /latency-check: as little as can be answered."""
    return PlainTextResponse("OK", headers={"Cache-Control": "no-cache", "Timing-Allow-Origin": "*"})


async def regions(hub: Hub, request: Request) -> Response:
    """GET /regions: the hub itself; it has no proxies."""
    region = {
        "id": hub.site.deployment_id,
        "name": "primary",
        "display_name": "Default",
        "icon_url": "",
        "healthy": True,
        "path_app_url": hub.url,
        "wildcard_hostname": "",
    }
    return answer({"regions": [region]})


async def experiments(hub: Hub, request: Request) -> Response:
    """GET /experiments: none."""
    return answer([])


async def updatecheck(hub: Hub, request: Request) -> Response:
    """GET /updatecheck: the hub asks nobody, so this version is the current one."""
    return answer({"current": True, "version": VERSION, "url": ""})


async def ssh(hub: Hub, request: Request) -> Response:
    """GET /deployment/ssh: Coder's defaults."""
    return answer({"hostname_prefix": "coder.", "hostname_suffix": "coder", "ssh_config_options": {}})


async def issue_ticket(hub: Hub, request: Request) -> Response:
    """POST /applications/reconnecting-pty-signed-token: a ticket for the terminals of one agent."""
    body = await read_json(request, PtyTokenRequest)
    agent_id = body_uuid(body.agentID, "agentID")
    try:
        url = urlsplit(body.url)
        host = url.netloc
    except ValueError:
        raise Refused(400, "Invalid URL.", fields={"url": "must be a valid URL"}) from None
    if url.scheme not in {"ws", "wss"}:
        raise Refused(400, "Invalid URL scheme.", fields={"url": 'must have the scheme "ws" or "wss"'})
    if host.lower() != request.headers.get("host", "").lower():
        raise Refused(400, "Invalid hostname in URL.", fields={"url": "must be a terminal of this deployment"})
    await the_agent(hub, agent_id)
    return answer(PtyToken(signed_token=hub.tickets.issue(agent_id)))

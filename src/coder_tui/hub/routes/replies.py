"""How a person answers an app: text to its AgentAPI, and decisions that a hook waits for. Routes of ours alone.

Asking takes an agent's token; deciding takes the user's, so that no reporter answers itself.
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from coder_tui.hub.agents import LiveAgent
from coder_tui.hub.core import Hub
from coder_tui.hub.problems import Refused, invalid, missing, not_found
from coder_tui.hub.reporters import reporting
from coder_tui.hub.sanitize import ui_text
from coder_tui.hub.web import answer, cancelled, no_content, path_uuid, query_text, read_json, route
from coder_tui.wire.replies import ALLOW, DENY, AskPermission, Decision, ReplyWays, SendReply

ASKED = 600.0
"""Seconds a hook may wait: agents give theirs no longer."""
MESSAGE_LIMIT = 2000
"""Characters of a question that are kept."""


def routes(hub: Hub) -> list[Route]:
    """The family's routes."""
    return [
        route(hub, "POST", "/workspaceagents/me/permission", ask, user=False),
        route(hub, "GET", "/workspaceagents/{agent}/reply", ways),
        route(hub, "POST", "/workspaceagents/{agent}/reply", send),
        route(hub, "POST", "/workspaceagents/{agent}/permissions/{permission}", decide),
    ]


async def ask(hub: Hub, request: Request) -> Response:
    """POST /workspaceagents/me/permission: answered when a person decided, or nobody will."""
    agent, only = await reporting(hub, request)
    body = await read_json(request, AskPermission)
    if body.app_slug not in ({only} if only else agent.apps):
        raise Refused(400, "Failed to get workspace app.", f'No app found with slug "{body.app_slug[:80]}"')
    if fields := missing(message=body.message.strip()):
        raise invalid(**fields)
    question = hub.permissions.ask(agent.id, body.app_slug, ui_text(body.message[:MESSAGE_LIMIT]))
    gone = asyncio.create_task(_gone(request), name="permission-gone")
    waiting: set[asyncio.Future[Any]] = {question.answer, gone}
    try:
        await asyncio.wait(waiting, timeout=ASKED, return_when=asyncio.FIRST_COMPLETED)
    finally:
        hub.permissions.forget(question)
        await cancelled(gone)
    return answer(Decision(behavior=question.answer.result()))


async def ways(hub: Hub, request: Request) -> Response:
    """GET /workspaceagents/{id}/reply?app_slug=: what takes an answer besides the terminal."""
    agent = _live(hub, request)
    slug = query_text(request, "app_slug") or agent.slug
    agentapi = await hub.agentapis.way(agent) if slug == agent.slug else None
    return answer(ReplyWays(agentapi=agentapi, permissions=hub.permissions.of(agent.id, slug)))


async def send(hub: Hub, request: Request) -> Response:
    """POST /workspaceagents/{id}/reply: a message for the app's AgentAPI."""
    agent = _live(hub, request)
    body = await read_json(request, SendReply)
    if body.app_slug not in {"", agent.slug}:
        raise not_found()
    if fields := missing(content=body.content.strip()):
        raise invalid(**fields)
    await hub.agentapis.send(agent, body.content)
    return no_content()


async def decide(hub: Hub, request: Request) -> Response:
    """POST /workspaceagents/{id}/permissions/{permission}: allow or deny."""
    agent, permission = _live(hub, request), path_uuid(request, "permission")
    body = await read_json(request, Decision)
    if body.behavior not in {ALLOW, DENY}:
        raise invalid(behavior=f"must be {ALLOW} or {DENY}")
    hub.permissions.decide(agent.id, permission, body.behavior)
    return no_content()


def _live(hub: Hub, request: Request) -> LiveAgent:
    agent = hub.agents.get(path_uuid(request, "agent"))
    if agent is None:
        raise not_found()
    return agent


async def _gone(request: Request) -> None:
    """Until who asks has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass

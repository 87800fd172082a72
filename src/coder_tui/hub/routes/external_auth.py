"""GET /workspaceagents/me/external-auth and its older name `gitauth` (contract `03-agents`)."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from coder_tui.hub.agents import LiveAgent
from coder_tui.hub.core import Hub
from coder_tui.hub.events import agent_logs_topic
from coder_tui.hub.external_auth import Provider
from coder_tui.hub.identity import unknown_agent
from coder_tui.hub.problems import Refused
from coder_tui.hub.web import answer, caller, cancelled, no_content, route
from coder_tui.wire.auth import ExternalAuth

_AGAIN = 1.0  # seconds between two looks while an agent waits


def routes(hub: Hub) -> list[Route]:
    """The family's routes; the caller is an agent."""
    return [
        route(hub, "GET", f"/workspaceagents/me/{name}", external_auth, user=False)
        for name in ("external-auth", "gitauth")
    ]


async def external_auth(hub: Hub, request: Request) -> Response:
    """A token, or only the `url` where a person signs in; with `listen` not before there is a token."""
    agent = caller(hub, request)
    provider = _provider(hub, request)
    found = await provider.look()
    if found.token:
        return answer(provider.linked(found.token))
    if "listen" in request.query_params:
        return await _listen(hub, request, agent, provider, found.why)
    if provider.url:
        return answer(ExternalAuth(url=provider.url))
    raise Refused(502, f'External auth provider "{provider.id}" has no token.', found.why)


def _provider(hub: Hub, request: Request) -> Provider:
    query = request.query_params
    match, provider_id = query.get("match") or query.get("url", ""), query.get("id", "")
    if not match and not provider_id:
        raise Refused(400, "'url' or 'id' must be provided!")
    if match and provider_id:
        raise Refused(400, "'url' and 'id' cannot be provided together!")
    for provider in hub.providers:
        if provider.id == provider_id or (match and provider.matches(match)):
            return provider
    known = ", ".join(provider.id for provider in hub.providers)
    detail = f"The hub's providers are: {known}." if known else "hub.toml names no [[external_auth]]."
    raise Refused(404, "External auth provider not found.", detail)


async def _listen(hub: Hub, request: Request, agent: LiveAgent, provider: Provider, why: str) -> Response:
    """Look once a second until there is a token. Whoever asked may leave; so may its agent, or the hub."""
    gone = asyncio.create_task(_gone(request), name=f"external-auth:{provider.id}:{agent.id}")
    try:
        with (
            hub.topics.subscribe(agent_logs_topic(agent.id)) as changes,  # ends with the agent
            hub.pending.waiting(agent, provider.id, provider.url, why),
        ):
            while not gone.done():
                if changes.closing:
                    raise Refused(503, "The hub stops.")
                if hub.agents.get(agent.id) is None:
                    raise unknown_agent()
                found = await provider.look()
                if found.token:
                    return answer(provider.linked(found.token))
                woken = asyncio.create_task(changes.changed(), name=f"external-auth-wait:{agent.id}")
                await asyncio.wait({gone, woken}, timeout=_AGAIN, return_when=asyncio.FIRST_COMPLETED)
                await cancelled(woken)
            return no_content()  # nobody reads it
    finally:
        await cancelled(gone)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass

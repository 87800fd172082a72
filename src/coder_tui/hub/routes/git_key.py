"""The user's SSH key for Git: both halves for his agents, the public one for him."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from coder_tui.hub.core import Hub
from coder_tui.hub.git_key import KeyPair
from coder_tui.hub.routes.system import check_user
from coder_tui.hub.web import answer, caller, route
from coder_tui.wire.auth import AgentGitSSHKey, UserGitSSHKey


def routes(hub: Hub) -> list[Route]:
    """The family's routes."""
    return [
        route(hub, "GET", "/workspaceagents/me/gitsshkey", of_agent, user=False),
        route(hub, "GET", "/users/{user}/gitsshkey", of_user),
        route(hub, "PUT", "/users/{user}/gitsshkey", renew),
    ]


async def of_agent(hub: Hub, request: Request) -> Response:
    """GET /workspaceagents/me/gitsshkey."""
    caller(hub, request)
    pair = await asyncio.to_thread(hub.git_key.get)
    return answer(AgentGitSSHKey(public_key=pair.public, private_key=pair.private))


async def of_user(hub: Hub, request: Request) -> Response:
    """GET /users/{user}/gitsshkey."""
    check_user(hub, request)
    return _public(hub, await asyncio.to_thread(hub.git_key.get))


async def renew(hub: Hub, request: Request) -> Response:
    """PUT /users/{user}/gitsshkey: a new key instead of the old one."""
    check_user(hub, request)
    return _public(hub, await asyncio.to_thread(hub.git_key.renew))


def _public(hub: Hub, pair: KeyPair) -> Response:
    return answer(
        UserGitSSHKey(
            user_id=hub.site.user.id, created_at=pair.made_at, updated_at=pair.made_at, public_key=pair.public
        )
    )

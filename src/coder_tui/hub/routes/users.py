"""Signing in and out, and the keys of the one user (contract `01-auth`)."""

from __future__ import annotations

import asyncio
import re
import secrets

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from coder_tui.hub.core import Hub
from coder_tui.hub.identity import COOKIE
from coder_tui.hub.keys import DAY, MAX_LIFETIME, OWN_STAYS, PASSWORD, TOKEN, WEEK, Key
from coder_tui.hub.limits import Limit
from coder_tui.hub.passwords import LONGEST, check_password, has_password
from coder_tui.hub.problems import Refused, invalid, missing
from coder_tui.hub.routes.system import check_user
from coder_tui.hub.web import answer, no_content, query_bool, read_json, route
from coder_tui.wire.auth import AuthMethod, AuthMethods, CreateFirstUser, LoginWithPassword, SessionToken
from coder_tui.wire.keys import CreateToken, GeneratedKey, TokenConfig
from coder_tui.wire.problems import Problem

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,253}")
_NAME = re.compile(r"[A-Za-z0-9]+(?:[_.-]?[A-Za-z0-9]+)*")
_NANOSECONDS = 1_000_000_000
_ALL = {"", "all", "coder:all"}
_EXISTS = Problem(message="The initial user has already been created!")


def routes(hub: Hub) -> list[Route]:
    """The family's routes."""
    door = _Door()
    user = "/users/{user}"
    return [
        route(hub, "GET", "/users/first", first_user, user=False),
        route(hub, "POST", "/users/first", create_first_user, user=False),
        route(hub, "GET", "/users/authmethods", auth_methods, user=False),
        route(hub, "POST", "/users/login", door.login, user=False),
        route(hub, "POST", "/users/logout", logout),
        route(hub, "POST", f"{user}/keys", create_session_key),
        route(hub, "GET", f"{user}/keys/tokens", list_tokens),
        route(hub, "POST", f"{user}/keys/tokens", create_token),
        route(hub, "GET", f"{user}/keys/tokens/tokenconfig", token_config),
        route(hub, "GET", f"{user}/keys/tokens/{{name}}", get_token),
        route(hub, "GET", f"{user}/keys/{{key}}", get_key),
        route(hub, "DELETE", f"{user}/keys/{{key}}", delete_key),
        route(hub, "PUT", f"{user}/keys/{{key}}/expire", expire_key),
    ]


async def first_user(hub: Hub, request: Request) -> Response:
    """GET /users/first, anonymous: a hub has its user from the start."""
    return answer(_EXISTS)


async def create_first_user(hub: Hub, request: Request) -> Response:
    """POST /users/first, anonymous: always 409, or 400 for a body that no deployment would take."""
    body = await read_json(request, CreateFirstUser)
    _check_pair(body.email, body.password, username=body.username)
    raise Refused(409, _EXISTS.message)


async def auth_methods(hub: Hub, request: Request) -> Response:
    """GET /users/authmethods, anonymous."""
    return answer(AuthMethods(password=AuthMethod(enabled=has_password(hub.data_dir))))


def _check_pair(email: str, password: str, **others: str) -> None:
    faults = missing(email=email, password=password, **others)
    if email and not _EMAIL.fullmatch(email):
        faults["email"] = f'Validation failed for tag "email" with value: "{email[:80]}"'
    if faults:
        raise invalid(**faults)


class _Door:
    """Signing in with a password: not often from one address, and one at a time, since checking costs memory."""

    def __init__(self) -> None:
        self._limit = Limit()
        self._lock = asyncio.Lock()

    async def login(self, hub: Hub, request: Request) -> Response:
        """POST /users/login, anonymous: 201 with a session key, in a cookie too."""
        self._limit.check(request)
        body = await read_json(request, LoginWithPassword)
        _check_pair(body.email, body.password)
        if not has_password(hub.data_dir):
            raise Refused(403, "Password authentication is disabled.", "set a password with coder-tui hub password")
        good = len(body.password.encode("utf-8", "replace")) <= LONGEST
        if good:
            async with self._lock:
                good = await asyncio.to_thread(check_password, hub.data_dir, body.password)
        if not good or body.email.lower() != hub.site.user.email:
            raise Refused(401, "Incorrect email or password.")
        key = await hub.keys.create(PASSWORD, "", DAY)
        response = answer(SessionToken(session_token=key), 201)
        response.set_cookie(COOKIE, key, path="/", httponly=True, samesite="lax")
        return response


async def logout(hub: Hub, request: Request) -> Response:
    """POST /users/logout: the key that was presented is deleted, the cookie cleared."""
    key: Key = request.state.key
    if hub.keys.is_own(key.id):
        response = answer(Problem(message="Logged out!", detail=OWN_STAYS))
    else:
        await hub.keys.delete(key.id)
        response = answer(Problem(message="Logged out!"))
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
    return response


async def create_session_key(hub: Hub, request: Request) -> Response:
    """POST /users/{user}/keys: 201 with a key for a week; what `coder login --token` stores."""
    check_user(hub, request)
    return answer(GeneratedKey(key=await hub.keys.create(PASSWORD, "", WEEK)), 201)


async def create_token(hub: Hub, request: Request) -> Response:
    """POST /users/{user}/keys/tokens: 201; 400 for a lifetime or a scope we cannot give, 409 for a name in use."""
    check_user(hub, request)
    body = await read_json(request, CreateToken)
    if not {body.scope, *body.scopes} <= _ALL or any((t.type, t.id) != ("*", "*") for t in body.allow_list):
        raise invalid(scope="this deployment has only keys that may do all that their owner may")
    name = body.token_name or f"token-{secrets.token_hex(4)}"
    if len(name) > 64 or not _NAME.fullmatch(name):
        raise invalid(token_name="must be letters, digits and single hyphens, dots or underscores, at most 64")
    lifetime = body.lifetime // _NANOSECONDS if body.lifetime else WEEK
    if not 1 <= lifetime <= MAX_LIFETIME:
        rule = f"lifetime must be from one second to {MAX_LIFETIME // DAY} days"
        raise Refused(400, "Failed to validate create API key request.", rule, fields={"lifetime": rule})
    return answer(GeneratedKey(key=await hub.keys.create(TOKEN, name, lifetime)), 201)


async def list_tokens(hub: Hub, request: Request) -> Response:
    """GET /users/{user}/keys/tokens: named tokens; with `include_expired` those of no use too."""
    check_user(hub, request)
    user = hub.site.user
    keys = hub.keys.tokens(expired=query_bool(request, "include_expired"))
    return answer([key.wire(user.id).model_copy(update={"username": user.username}) for key in keys])


async def token_config(hub: Hub, request: Request) -> Response:
    """GET /users/{user}/keys/tokens/tokenconfig."""
    check_user(hub, request)
    return answer(TokenConfig(max_token_lifetime=MAX_LIFETIME * _NANOSECONDS))


async def get_token(hub: Hub, request: Request) -> Response:
    """GET /users/{user}/keys/tokens/{name}."""
    check_user(hub, request)
    return answer(hub.keys.named(request.path_params["name"]).wire(hub.site.user.id))


async def get_key(hub: Hub, request: Request) -> Response:
    """GET /users/{user}/keys/{id}."""
    check_user(hub, request)
    return answer(hub.keys.get(request.path_params["key"]).wire(hub.site.user.id))


async def delete_key(hub: Hub, request: Request) -> Response:
    """DELETE /users/{user}/keys/{id}: 204."""
    check_user(hub, request)
    await hub.keys.delete(request.path_params["key"])
    return no_content()


async def expire_key(hub: Hub, request: Request) -> Response:
    """PUT /users/{user}/keys/{id}/expire: 204; the key stays in the list of expired ones."""
    check_user(hub, request)
    await hub.keys.expire(request.path_params["key"])
    return no_content()

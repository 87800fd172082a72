"""The hub as an ASGI application."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coder_tui.hub.core import Hub
from coder_tui.hub.problems import Refused
from coder_tui.hub.protocols import HEADERS
from coder_tui.hub.routes import (
    agents,
    builds,
    containers,
    external_auth,
    git_key,
    inbox,
    jobs,
    logs,
    machines,
    metadata,
    network,
    pty,
    replies,
    reports,
    settings,
    shared,
    shares,
    site,
    system,
    tailnet,
    users,
    watch,
    workspaces,
)
from coder_tui.hub.web import UPGRADE, problem

_FAMILIES = (
    users,
    network,
    system,
    workspaces,
    watch,
    builds,
    reports,
    replies,
    agents,
    logs,
    pty,
    tailnet,
    git_key,
    machines,
    external_auth,
    inbox,
    metadata,
    containers,
    jobs,
    settings,
    shared,
    shares,
    site,
)
"""`users` before `system`: `/users/first` is no user; `network` before `agents`: `connection` is no agent."""


def create_app(hub: Hub) -> Starlette:
    """All routes of an open hub. The caller stops the hub when the server has stopped."""
    routes = [Route("/healthz", _healthz)]
    for family in _FAMILIES:
        routes += family.routes(hub)
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Edge)],
        exception_handlers={HTTPException: _http_exception},
    )
    app.router.redirect_slashes = False
    return app


async def _healthz(request: Request) -> Response:
    return PlainTextResponse("OK")


def _http_exception(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return problem(Refused(status, {404: "Route not found.", 405: "Method not allowed."}.get(status, "Error.")))


class Edge:
    """Adds the headers of every answer, and lets upgrade requests go through the same routes as all others.

    An upgrade becomes a GET whose answer, unless a route turns it into a socket, is an ordinary HTTP answer: so the
    checks, the 401 and the 404 are the same on both.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""

        async def marked(message: Message) -> None:
            if message["type"] in {"http.response.start", "websocket.accept", "websocket.http.response.start"}:
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
            await send(message)

        if scope["type"] != "websocket":
            await self._app(scope, receive, marked if scope["type"] == "http" else send)
            return

        async def refuse(message: Message) -> None:
            await marked({**message, "type": f"websocket.{message['type']}"})

        plain = {**scope, "type": "http", "method": "GET", UPGRADE: (scope, receive, marked)}
        await self._app(plain, _empty_body, refuse)


async def _empty_body() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}

"""Coder deployments of other years on real sockets, with the habits and defects that each release has.

`async with old_coder(V2_21) as coder:` serves one user with one workspace; the test reports, rebuilds and breaks it.
Facts: contract, changes by release; transport; app status rules. JSON is written by hand, not by our own types, so
that what the types would hide is on the wire: nulls for arrays, zero values, unknown words.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.client.support import TOKEN, serving

Json = dict[str, Any]
ZERO = "00000000-0000-0000-0000-000000000000"
ZERO_TIME = "0001-01-01T00:00:00Z"
PTY_PAGE = "<!doctype html><html><title>502 - Workspace agent unreachable</title><script>alert(1)</script></html>"


@dataclass(frozen=True, slots=True)
class Release:
    """What a release does, by behaviour."""

    version: str
    watch_ws: bool = True  # since v2.22
    list_has_latest: bool = True  # false at the seed commit only
    status_has_workspace: bool = True  # false at the seed commit only
    newest_first: bool = True  # since v2.30; before that no order at all
    stable_apps: bool = True  # since v2.24
    cleans: bool = True  # since v2.25: control characters never reach the list
    keeps_attention: bool = False  # until v2.22: `icon` and `needs_user_attention` are stored
    knows_idle: bool = True  # since v2.24
    shares: bool = True  # since v2.30: `shared_with`, `task_id`, `is_prebuild` and other newer keys

    def __str__(self) -> str:
        return self.version


_SPRING_2025 = {
    "watch_ws": False,
    "newest_first": False,
    "stable_apps": False,
    "cleans": False,
    "keeps_attention": True,
    "knows_idle": False,
    "shares": False,
}
SEED = Release("v2.20.2-devel+8ea956fc1", list_has_latest=False, status_has_workspace=False, **_SPRING_2025)
V2_21 = Release("v2.21.0+9f0c6cb", **_SPRING_2025)
V2_30 = Release("v2.30.0+5c9a1f2", newest_first=True)
V2_36 = Release("v2.36.0+b1d0e77")
RELEASES = (SEED, V2_21, V2_30, V2_36)


class OldCoder:
    """One deployment of `release` with the workspace `kira/dev`, whose one agent has the app `claude`."""

    def __init__(self, release: Release) -> None:
        self.release = release
        self.workspace_id = str(uuid4())
        self.build_number = 0
        self.statuses: list[Json] = []
        self.logs: list[Json] = []
        self.agent_words = {"status": "connected", "lifecycle_state": "ready"}
        self.busy: list[str] = []
        """`Retry-After` values of the next answers: those are 429."""
        self.requests: list[str] = []
        self.typed = bytearray()
        self.pty_page = False
        self._watchers: set[asyncio.Queue[None]] = set()
        self.url = ""
        self.rebuild()

    def rebuild(self) -> None:
        """A restart: a new build and agent, and before v2.24 new apps; statuses of old apps are kept."""
        self.build_number += 1
        self.build_id, self.agent_id = str(uuid4()), str(uuid4())
        seed = "app" if self.release.stable_apps else f"app-{self.build_number}"
        self.app_id = str(uuid5(NAMESPACE_URL, f"{self.workspace_id}/{seed}"))
        self.build_at = datetime.now(UTC)
        self._changed()

    def report(self, state: str, message: str, *, attention: bool = False, age: timedelta = timedelta()) -> None:
        """What an agent's report leaves behind in this release."""
        if state == "idle" and not self.release.knows_idle:
            raise ValueError(f"{self.release} has no idle")
        self.statuses.append(
            {
                "id": str(uuid4()),
                "created_at": (datetime.now(UTC) - age).isoformat().replace("+00:00", "123Z"),  # nine digits, as Go
                "workspace_id": self.workspace_id if self.release.status_has_workspace else ZERO,
                "agent_id": self.agent_id,
                "app_id": self.app_id,
                "state": state,
                "message": "".join(c for c in message if c.isprintable()) if self.release.cleans else message,
                "uri": "",
                "icon": "/emojis/1f40c.png" if self.release.keeps_attention else "",
                "needs_user_attention": attention and self.release.keeps_attention,
            }
        )
        self._changed()

    def workspace(self, *, listed: bool = False) -> Json:
        """The workspace as this release writes it, null where Go has a nil slice."""
        statuses = [one for one in self.statuses if one["app_id"] == self.app_id]
        if self.release.newest_first:
            statuses.reverse()
        else:
            random.Random(len(statuses)).shuffle(statuses)
        latest = self.statuses[-1] if self.statuses else None
        body: Json = {
            "id": self.workspace_id,
            "created_at": ZERO_TIME,
            "owner_name": "kira",
            "name": "dev",
            "template_name": "docker",
            "latest_build": self._build(statuses),
            "latest_app_status": None if listed and not self.release.list_has_latest else latest,
            "outdated": False,
            "ttl_ms": None,
            "dormant_at": None,
            "deleting_at": None,
            "last_used_at": ZERO_TIME,
            "health": {"healthy": True, "failing_agents": None},
            "automatic_updates": "sometimes",  # a word of the future
            "favorite": False,
        }
        if self.release.shares:
            body |= {"task_id": None, "is_prebuild": False, "shared_with": None, "a_key_of_the_future": {"x": [1]}}
        return body

    def _build(self, statuses: list[Json]) -> Json:
        app = {
            "id": self.app_id,
            "slug": "claude",
            "display_name": "Claude Code",
            "url": "",
            "sharing_level": "galaxy",
            "health": "disabled",
            "healthcheck": {"url": "", "interval": 0, "threshold": 0},
            "statuses": statuses or None,
        }
        agent = {
            "id": self.agent_id,
            "name": "main",
            "created_at": self.build_at.isoformat(),
            "last_connected_at": self.build_at.isoformat(),
            "environment_variables": None,
            "apps": [app],
            "scripts": None,
            "log_sources": None,
            "display_apps": None,
            "subsystems": None,
            "latency": None,
            "health": {"healthy": True},
        } | self.agent_words
        return {
            "id": self.build_id,
            "created_at": self.build_at.isoformat(),
            "build_number": self.build_number,
            "transition": "start",
            "status": "running",
            "reason": "a_reason_of_the_future",
            "deadline": None,
            "max_deadline": None,
            "job": {"id": ZERO, "status": "succeeded", "tags": None, "available_workers": None, "error": None},
            "resources": [
                {"id": ZERO, "type": "null_resource", "agents": None, "metadata": None},
                {"id": ZERO, "type": "docker_container", "agents": [agent], "metadata": None},
            ],
        }

    def _changed(self) -> None:
        for queue in self._watchers:
            queue.put_nowait(None)

    @property
    def routes(self) -> list[BaseRoute]:
        api = "/api/v2"
        watch_ws = (
            [WebSocketRoute(f"{api}/workspaces/{{id}}/watch-ws", self._watch_ws)] if self.release.watch_ws else []
        )
        return [
            Route(f"{api}/buildinfo", self._build_info),
            Route(f"{api}/users/me", self._me),
            Route(f"{api}/workspaces", self._list),
            Route(f"{api}/workspaces/{{id}}", self._get),
            Route(f"{api}/workspaces/{{id}}/watch", self._watch),
            *(watch_ws if self.release.watch_ws else []),
            WebSocketRoute(f"{api}/workspaceagents/{{id}}/logs", self._follow_logs),
            WebSocketRoute(f"{api}/workspaceagents/{{id}}/pty", self._pty),
            Route("/{path:path}", self._no_route),
            WebSocketRoute("/{path:path}", self._no_socket),
        ]

    def _refusal(self, headers: Any, path: str) -> Response | None:
        self.requests.append(path)
        if self.busy:
            return JSONResponse({"message": "slow down"}, 429, headers={"Retry-After": self.busy.pop(0)})
        if headers.get("coder-session-token") != TOKEN:
            return JSONResponse({"message": "You are signed out.", "detail": "Cookie expired."}, 401)
        return None

    def _answer(self, request: Request, body: Json | list[Json]) -> Response:
        refusal = self._refusal(request.headers, request.url.path)
        return refusal or Response(json.dumps(body) + "\n", media_type="application/json; charset=utf-8")

    async def _build_info(self, request: Request) -> Response:
        self.requests.append(request.url.path)
        return JSONResponse({"version": self.release.version, "external_url": "https://github.com/coder/coder"})

    async def _me(self, request: Request) -> Response:
        return self._answer(request, {"id": str(uuid4()), "username": "kira", "roles": None, "status": "hibernating"})

    async def _list(self, request: Request) -> Response:
        past = int(request.query_params.get("offset", 0)) > 0  # a page past the end: null, and a count of zero
        found = None if past else [self.workspace(listed=True)]
        return self._answer(request, {"workspaces": found, "count": 0 if past else 1})

    async def _get(self, request: Request) -> Response:
        return self._answer(request, self.workspace())

    async def _changes(self) -> AsyncIterator[Json]:
        queue: asyncio.Queue[None] = asyncio.Queue()
        self._watchers.add(queue)
        try:
            while True:
                yield self.workspace()
                await queue.get()
        finally:
            self._watchers.discard(queue)

    async def _watch(self, request: Request) -> Response:
        if refusal := self._refusal(request.headers, request.url.path):
            return refusal

        async def events() -> AsyncIterator[str]:
            yield "event: ping\n\n"
            async for workspace in self._changes():
                yield f"event: data\ndata: {json.dumps(workspace)}\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")

    async def _watch_ws(self, socket: WebSocket) -> None:
        if refusal := self._refusal(socket.headers, socket.url.path):
            await socket.send_denial_response(refusal)
            return
        await socket.accept()
        await socket.send_text('{"type":"ping","data":null}\n')

        async def push() -> None:
            async for workspace in self._changes():
                await socket.send_text(json.dumps({"type": "data", "data": workspace}) + "\n")

        await _while_open(socket, push())

    async def _follow_logs(self, socket: WebSocket) -> None:
        after = int(socket.query_params.get("after", 0))
        await socket.accept()

        async def push() -> None:
            history = [line for line in self.logs if line["id"] > after]
            await socket.send_text(json.dumps(history or None) + "\n")  # all of it, in one frame

        await _while_open(socket, push())

    async def _pty(self, socket: WebSocket) -> None:
        self.requests.append(socket.url.path)
        if self.pty_page:
            await socket.send_denial_response(HTMLResponse(PTY_PAGE, 502))
            return
        await socket.accept()
        try:
            while True:
                message = await socket.receive()
                if message.get("text") is not None:
                    await socket.close(1003)
                    return
                if message["type"] == "websocket.disconnect":
                    return
                self.typed += message["bytes"]
                await socket.send_bytes(message["bytes"])
        except WebSocketDisconnect:
            pass

    async def _no_route(self, request: Request) -> Response:
        self.requests.append(request.url.path)
        return JSONResponse({"message": "Route not found."}, 404)

    async def _no_socket(self, socket: WebSocket) -> None:
        self.requests.append(socket.url.path)
        await socket.send_denial_response(JSONResponse({"message": "Route not found."}, 404))


async def _while_open(socket: WebSocket, work: Any) -> None:
    """Do `work` until the client goes; one that talks on a one-way socket is thrown out (1008)."""
    working = asyncio.ensure_future(work)
    try:
        await socket.receive_text()
        await socket.close(1008, "unexpected data message")
    except WebSocketDisconnect:
        pass
    finally:
        working.cancel()
        await asyncio.wait([working])


@asynccontextmanager
async def old_coder(release: Release) -> AsyncIterator[OldCoder]:
    """That release on a free port; `url` says where."""
    coder = OldCoder(release)
    async with serving(*coder.routes) as url:
        coder.url = url
        yield coder

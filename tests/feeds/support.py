"""A small deployment on a real socket whose faults a test chooses, and helpers to wait for what a cockpit says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from coder_tui.client.backoff import CLOCK, Clock
from coder_tui.client.credentials import Credentials
from coder_tui.feeds.cockpit import Cockpit
from coder_tui.fleet.snapshot import Deployment, Snapshot
from coder_tui.wire.agents import WorkspaceAgent, WorkspaceApp
from coder_tui.wire.base import encode
from coder_tui.wire.statuses import WorkspaceAppStatus
from coder_tui.wire.workspaces import ProvisionerJob, Workspace, WorkspaceBuild, WorkspaceResource
from tests.client.support import TOKEN

BORN = datetime.now(UTC) - timedelta(hours=1)


def uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


def workspace(
    number: int, state: str = "working", message: str = "", *, status: str = "running", event: int = 0
) -> Workspace:
    """Workspace `ws<number>` with one agent and one app that last reported `state`."""
    reported = WorkspaceAppStatus(
        id=uuid(event or number * 100),
        created_at=datetime.now(UTC),
        state=state,
        message=message,
        workspace_id=uuid(number),
        app_id=uuid(number + 2000),
        agent_id=uuid(number + 1000),
    )
    app = WorkspaceApp(id=reported.app_id, slug="claude", statuses=[reported])
    agent = WorkspaceAgent(
        id=reported.agent_id, name="main", status="connected", lifecycle_state="ready", apps=[app], created_at=BORN
    )
    transition = "stop" if status in {"stopping", "stopped"} else "start"
    return Workspace(
        id=uuid(number),
        name=f"ws{number}",
        owner_name="kira",
        latest_app_status=reported,
        latest_build=WorkspaceBuild(
            id=uuid(number + 3000),
            created_at=BORN,
            transition=transition,
            status=status,
            job=ProvisionerJob(status="succeeded"),
            resources=[WorkspaceResource(agents=[agent] if transition == "start" else [])],
        ),
    )


class FakeCoder:
    """Lists, watches and builds workspaces. `requests` notes what was asked; the flags inject faults."""

    def __init__(self, *workspaces: Workspace) -> None:
        self.workspaces = {one.id: one for one in workspaces}
        self.requests: list[str] = []
        self.token = TOKEN
        self.list_answer: Response | None = None
        self.list_gate: asyncio.Event | None = None
        self.tagged = False  # the list has an ETag, as a hub's
        self.watch_status = 101
        self.builds: dict[str, WorkspaceBuild] = {}
        self.polls = 0
        self._watchers: dict[str, set[asyncio.Queue[Workspace]]] = {}

    def change(self, one: Workspace) -> None:
        """A workspace changed: the watchers are told."""
        self.workspaces[one.id] = one
        for queue in self._watchers.get(one.id, ()):
            queue.put_nowait(one)

    @property
    def watched(self) -> set[str]:
        return {workspace_id for workspace_id, queues in self._watchers.items() if queues}

    @property
    def routes(self) -> list[Route | WebSocketRoute]:
        return [
            Route("/api/v2/buildinfo", self._build_info),
            Route("/api/v2/users/me", self._me),
            Route("/api/v2/workspaces", self._list),
            Route("/api/v2/workspaces/{id}", self._get),
            Route("/api/v2/workspaces/{id}/builds", self._create_build, methods=["POST"]),
            Route("/api/v2/workspacebuilds/{id}", self._build),
            WebSocketRoute("/api/v2/workspaces/{id}/watch-ws", self._watch),
            WebSocketRoute("/{path:path}", self._no_route),
        ]

    def _refused(self, headers: Headers) -> bool:
        return headers.get("coder-session-token") != self.token

    async def _build_info(self, request: Request) -> Response:
        return JSONResponse({"version": "v2.36.0"})

    async def _me(self, request: Request) -> Response:
        if self._refused(request.headers):
            self.requests.append("refused")
            return JSONResponse({"message": "You are signed out."}, 401)
        return JSONResponse({"username": "kira", "id": uuid(7000)})

    async def _list(self, request: Request) -> Response:
        tag = f'"{hash(tuple(map(id, self.workspaces.values())))}"'
        if self.tagged and request.headers.get("if-none-match") == tag:
            self.requests.append("unchanged")
            return Response(status_code=304, headers={"etag": tag})
        self.requests.append("list")
        workspaces = list(self.workspaces.values())  # as of now, however long the answer takes
        if self.list_gate:
            await self.list_gate.wait()
        if self._refused(request.headers):
            return JSONResponse({"message": "You are signed out."}, 401)
        if self.list_answer:
            return self.list_answer
        body = encode({"workspaces": workspaces, "count": len(workspaces)})
        return Response(body, media_type="application/json", headers={"etag": tag} if self.tagged else None)

    async def _get(self, request: Request) -> Response:
        return Response(encode(self.workspaces[request.path_params["id"]]), media_type="application/json")

    async def _create_build(self, request: Request) -> Response:
        transition = (await request.json())["transition"]
        self.requests.append(transition)
        build = WorkspaceBuild(
            id=uuid(9000 + len(self.builds)), transition=transition, job=ProvisionerJob(status="running")
        )
        self.builds[build.id] = build
        return Response(encode(build), 201, media_type="application/json")

    async def _build(self, request: Request) -> Response:
        self.polls += 1
        build = self.builds[request.path_params["id"]]
        if self.polls >= 3:
            build = build.model_copy(update={"job": ProvisionerJob(status="succeeded")})
        return Response(encode(build), media_type="application/json")

    async def _no_route(self, socket: WebSocket) -> None:
        await socket.send_denial_response(JSONResponse({"message": "Route not found."}, 404))

    async def _watch(self, socket: WebSocket) -> None:
        if self.watch_status != 101 or self._refused(socket.headers):
            status = self.watch_status if self.watch_status != 101 else 401
            await socket.send_denial_response(JSONResponse({"message": "no"}, status))
            return
        workspace_id = socket.path_params["id"]
        queue: asyncio.Queue[Workspace] = asyncio.Queue()
        self._watchers.setdefault(workspace_id, set()).add(queue)
        await socket.accept()
        await socket.send_text('{"type":"ping","data":null}')
        queue.put_nowait(self.workspaces[workspace_id])

        async def push() -> None:
            while True:
                await socket.send_text(encode({"type": "data", "data": await queue.get()}).decode())

        pushing = asyncio.create_task(push())
        try:
            await socket.receive_text()
        except WebSocketDisconnect:
            pass
        finally:
            self._watchers[workspace_id].discard(queue)
            pushing.cancel()
            await asyncio.wait([pushing])


def cockpit(
    state_dir: Path,
    *credentials: Credentials,
    clock: Clock = CLOCK,
    hub: str = "",
    again: Callable[[str], Credentials] | None = None,
) -> Cockpit:
    return Cockpit(
        credentials,
        state_dir=state_dir,
        quiet_after=timedelta(minutes=10),
        due_within=timedelta(minutes=30),
        clock=clock,
        hub_names=[hub] if hub else (),
        again=again,
    )


@asynccontextmanager
async def running(source: Cockpit) -> AsyncIterator[Cockpit]:
    task = asyncio.create_task(source.run(), name="cockpit")
    try:
        yield source
    finally:
        await source.aclose()
        assert task.cancelled() or task.exception() is None


async def shows(source: Cockpit, condition: Callable[[Snapshot], object], limit: float = 10.0) -> Snapshot:
    """Wait until a published snapshot satisfies `condition`."""
    changed = asyncio.Event()
    unsubscribe = source.subscribe(lambda _: changed.set())
    try:
        async with asyncio.timeout(limit):
            while not condition(source.snapshot):
                await changed.wait()
                changed.clear()
    finally:
        unsubscribe()
    return source.snapshot


def state_of(snapshot: Snapshot, name: str = "acme") -> str:
    return snapshot.deployments[name].link.state


def link_of(snapshot: Snapshot, name: str = "acme") -> Deployment:
    return snapshot.deployments[name]


def messages(snapshot: Snapshot) -> dict[str, str]:
    """Workspace name -> newest message."""
    return {row.workspace.name: row.status.message for row in snapshot.rows if row.status}

"""Requests a minute that the cockpit sends to a deployment of 500 workspaces, against the deployment's limit.

A real server on a real socket counts every request and every upgrade; time is simulated, so that ten minutes at rest
take seconds. Then every stream is closed at once, as when the server restarts, and the minute after is counted too.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import socket
import uuid
from datetime import UTC, datetime, timedelta

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from _bench import emit
from coder_tui.client.backoff import Clock
from coder_tui.client.budget import LIMIT
from coder_tui.client.credentials import Credentials
from coder_tui.feeds.deployment import DeploymentFeed
from coder_tui.feeds.watches import WATCHES
from coder_tui.fleet.snapshot import LinkState
from coder_tui.wire.agents import WorkspaceAgent, WorkspaceApp
from coder_tui.wire.base import encode
from coder_tui.wire.workspaces import ProvisionerJob, Workspace, WorkspaceBuild, WorkspaceResource

WORKSPACES = 500
MINUTES = 10


class Time:
    """Moves only by `advance`."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self.clock = Clock(self.now, lambda: self.seconds, self.sleep, random.Random(7).random)

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.seconds + seconds, future))
        await future

    def asleep(self) -> int:
        self._sleepers = [one for one in self._sleepers if not one[1].done()]
        return len(self._sleepers)

    def advance(self, seconds: float) -> None:
        self.seconds += seconds
        for at, future in self._sleepers:
            if at <= self.seconds and not future.done():
                future.set_result(None)


class Deployment:
    """500 workspaces, paged as Coder pages them. `at` notes when each request came, in simulated seconds."""

    def __init__(self, time: Time) -> None:
        self.time, self.at, self.busy = time, [], 0
        self.sockets: set[WebSocket] = set()
        self.workspaces = [self._workspace(number) for number in range(WORKSPACES)]

    @staticmethod
    def _workspace(number: int) -> Workspace:
        agent = WorkspaceAgent(
            id=str(uuid.UUID(int=number + 1_000_000)),
            name="main",
            status="connected",
            apps=[WorkspaceApp(id=str(uuid.UUID(int=number + 2_000_000)), slug="agent")],
        )
        build = WorkspaceBuild(
            transition="start",
            status="running",
            job=ProvisionerJob(status="succeeded"),
            resources=[WorkspaceResource(agents=[agent])],
        )
        return Workspace(id=str(uuid.UUID(int=number + 1)), name=f"ws-{number}", owner_name="kira", latest_build=build)

    @property
    def routes(self) -> list[Route | WebSocketRoute]:
        return [
            Route("/api/v2/buildinfo", self._simple({"version": "v2.36.0"})),
            Route("/api/v2/users/me", self._simple({"username": "kira"})),
            Route("/api/v2/workspaces", self._list),
            WebSocketRoute("/api/v2/workspaces/{id}/watch-ws", self._watch),
            Route("/{path:path}", self._simple({"message": "Route not found."}, 404)),
        ]

    def _simple(self, body: dict[str, str], status: int = 200):
        async def answer(request: Request) -> Response:
            self.at.append(self.time.seconds)
            return JSONResponse(body, status)

        return answer

    async def _list(self, request: Request) -> Response:
        self.at.append(self.time.seconds)
        first, limit = int(request.query_params["offset"]), int(request.query_params["limit"])
        page = self.workspaces[first : first + limit]
        return Response(encode({"workspaces": page, "count": len(self.workspaces)}), media_type="application/json")

    async def _watch(self, socket: WebSocket) -> None:
        self.at.append(self.time.seconds)
        await socket.accept()
        one = self.workspaces[uuid.UUID(socket.path_params["id"]).int - 1]
        await socket.send_text(encode({"type": "data", "data": one}).decode())
        self.sockets.add(socket)
        try:
            await socket.receive_text()
        except WebSocketDisconnect:
            pass
        finally:
            self.sockets.discard(socket)

    def most(self, start: float, end: float) -> int:
        """Most requests in any 60 seconds from `start` to `end`."""
        times = [at for at in self.at if start < at <= end]
        return max((sum(at <= other < at + 60 for other in times) for at in times), default=0)


async def measure(minutes: int) -> dict[str, int]:
    time = Time()
    deployment = Deployment(time)
    config = uvicorn.Config(Starlette(routes=deployment.routes), log_level="critical", ws="websockets-sansio")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        feed = DeploymentFeed(Credentials("bench", url, "token", "a benchmark"), lambda _: None, clock=time.clock)
        running = asyncio.create_task(feed.run())

        async def settle() -> None:
            """Until everything is said: the list is read, and each stream is open or waits for its turn."""
            async with asyncio.timeout(60):
                while time.asleep() < 1 + WATCHES - len(deployment.sockets):
                    await asyncio.sleep(0.001)

        async with asyncio.timeout(60):
            while feed.deployment.link.state is not LinkState.LIVE or len(deployment.sockets) < WATCHES:
                await asyncio.sleep(0.001)
        start = len(deployment.at)

        async def pass_time(seconds: int) -> None:
            for _ in range(seconds):
                time.advance(1)
                await settle()

        await pass_time(60)  # the start is over
        rest_from = time.seconds
        await pass_time(60 * minutes)
        rest_to = time.seconds
        for one in list(deployment.sockets):
            await one.close(1001)
        while deployment.sockets:
            await asyncio.sleep(0.001)
        await pass_time(60)
        found = {
            "start": start,
            "at_rest": deployment.most(rest_from, rest_to),
            "after_restart": deployment.most(rest_to, time.seconds),
        }
        running.cancel()
        await asyncio.wait([running])
        server.should_exit = True
        await serving
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=int, default=MINUTES, help="simulated minutes at rest")
    minutes = parser.parse_args().minutes
    found = asyncio.run(measure(minutes))
    emit(
        "rest_budget",
        found["at_rest"] / LIMIT,
        "<= 0.25",
        "the deployment's limit of 512 requests a minute",
        requests_per_minute_at_rest=found["at_rest"],
        requests_of_the_start=found["start"],
        requests_per_minute_after_a_restart=found["after_restart"],
        workspaces=WORKSPACES,
        streams=WATCHES,
        simulated_minutes=minutes,
    )


if __name__ == "__main__":
    main()

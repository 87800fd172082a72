"""Typing keeps a workspace awake: one report a minute, only while somebody types, and no failure in the way."""

from __future__ import annotations

import asyncio
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from coder_tui.client.events import PtyOpened
from coder_tui.feeds.deployment import DeploymentFeed
from coder_tui.feeds.source import PtyTarget
from tests.client.support import ManualTime, credentials, serving, until
from tests.feeds.support import FakeCoder, uuid, workspace


async def test_a_minute_of_typing(tmp_path: Path) -> None:
    reports: list[dict[str, str]] = []
    broken = False

    async def usage(request: Request) -> Response:
        reports.append(await request.json() | {"workspace": request.path_params["id"]})
        return JSONResponse({"message": "boom"}, 500) if broken else Response(status_code=204)

    async def pty(socket: WebSocket) -> None:
        await socket.accept()
        try:
            while True:
                await socket.receive_bytes()
        except WebSocketDisconnect:
            pass

    routes = [
        Route("/api/v2/workspaces/{id}/usage", usage, methods=["POST"]),
        WebSocketRoute("/api/v2/workspaceagents/{id}/pty", pty),
        *FakeCoder(workspace(1)).routes,
    ]
    time = ManualTime()
    async with serving(*routes) as url:
        feed = DeploymentFeed(credentials(url), lambda _: None, clock=time.clock)
        run = asyncio.create_task(feed.run())
        await until(lambda: feed.deployment.user)
        stream = feed.open_pty(PtyTarget("acme", uuid(1), uuid(1001), uuid(7), "shell"), 80, 24)
        opened = asyncio.Event()

        async def read() -> None:
            async for event in stream:
                if isinstance(event, PtyOpened):
                    opened.set()

        reading = asyncio.create_task(read())
        stream.send("typed too early")
        await opened.wait()
        stream.resize(100, 30)
        assert (feed.usage.sent, reports) == (0, []), "looking is not typing"
        for key in "hello":
            stream.send(key)
        await until(lambda: feed.usage.sent == 1)
        assert reports == [{"workspace": uuid(1), "agent_id": uuid(1001), "app_name": "reconnecting-pty"}]
        time.advance(59)
        stream.send("x")
        time.advance(2)
        assert len(reports) == 1
        broken = True
        stream.send("y")
        await until(lambda: feed.usage.failures == 1)
        stream.send("z")
        assert len(reports) == 2
        await stream.close()
        await reading
        run.cancel()
        await asyncio.wait([run])
        feed.usage.typed(uuid(2), uuid(1002))
        assert len(reports) == 2

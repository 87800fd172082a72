"""A real hub for tests, of this room and of others: `async with a_hub(tmp_path) as hub`, or the fixture `hub`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from websockets.asyncio.client import ClientConnection

from coder_tui.hub.clock import Clock
from coder_tui.hub.core import Hub
from coder_tui.hub.serve import running
from coder_tui.wire.pty import encode_request

Json = Any
BOUND = 10.0
"""Seconds anything may take before a test fails."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A hub and a client of it. `core` is the hub's inside, for faults and for time."""

    url: str
    token: str
    data_dir: Path
    http: httpx.AsyncClient
    core: Hub

    async def get(self, path: str, status: int = 200) -> Json:
        """The JSON of a GET under /api/v2."""
        return self._json(await self.http.get(f"/api/v2{path}"), status)

    async def send(self, method: str, path: str, body: Json = None, status: int = 200, token: str = "") -> Json:
        """The JSON of a request with a body; None where there is no answer body."""
        headers = {"Coder-Session-Token": token} if token else {}
        return self._json(await self.http.request(method, f"/api/v2{path}", json=body, headers=headers), status)

    def _json(self, response: httpx.Response, status: int) -> Json:
        assert response.status_code == status, response.text
        return response.json() if response.content else None

    def socket(self, path: str, *, token: str = "", **options: Any) -> websockets.connect:
        """A WebSocket under /api/v2 as an async context manager."""
        headers = {"Coder-Session-Token": token or self.token}
        uri = f"{self.url.replace('http', 'ws', 1)}/api/v2{path}"
        return websockets.connect(
            uri, additional_headers=headers, max_size=64 << 20, open_timeout=BOUND, close_timeout=1, **options
        )

    def terminal(self, agent_id: str, reconnect: str, query: str = "", **options: Any) -> websockets.connect:
        """The terminal socket of an agent."""
        return self.socket(f"/workspaceagents/{agent_id}/pty?reconnect={reconnect}&{query}", **options)

    async def workspace(self, name: str = "dev", *, expect: str = "running", **parameters: str) -> Json:
        """A new workspace, once its first build has got to `expect`."""
        values = [{"name": key, "value": value} for key, value in parameters.items()]
        made = await self.send("POST", "/users/me/workspaces", {"name": name, "rich_parameter_values": values}, 201)
        return await self.until(made["id"], lambda found: found["latest_build"]["status"] == expect)

    async def build(self, workspace_id: str, transition: str, expect: str, **parameters: str) -> Json:
        """A build, once it has got to `expect`; the workspace then."""
        values = [{"name": key, "value": value} for key, value in parameters.items()]
        body = {"transition": transition, "rich_parameter_values": values}
        await self.send("POST", f"/workspaces/{workspace_id}/builds", body, 201)
        return await self.until(workspace_id, lambda found: found["latest_build"]["status"] == expect)

    async def until(self, workspace_id: str, condition: Callable[[Json], bool]) -> Json:
        """The first state of a workspace that fulfils the condition, as its watch shows it."""
        async with asyncio.timeout(BOUND), self.socket(f"/workspaces/{workspace_id}/watch-ws") as socket:
            async for frame in socket:
                event = json.loads(frame)
                if event["type"] == "data" and condition(event["data"]):
                    return event["data"]
        raise AssertionError("the watch ended first")


def the_agent(workspace: Json) -> Json:
    """The one agent of a running workspace."""
    return workspace["latest_build"]["resources"][0]["agents"][0]


async def agent_token(hub: Peer, workspace: Json) -> str:
    """The token its agent reports with."""
    answer = await hub.get(f"/workspaces/{workspace['id']}/external-agent/{the_agent(workspace)['name']}/credentials")
    token: str = answer["agent_token"]
    return token


async def read_until(socket: ClientConnection, wanted: bytes) -> bytes:
    """Terminal output up to and including the frame that completes `wanted`."""
    seen = bytearray()
    async with asyncio.timeout(BOUND):
        while True:
            frame = await socket.recv()
            assert isinstance(frame, bytes)
            seen += frame
            if seen.find(wanted, max(0, len(seen) - len(frame) - len(wanted))) >= 0:
                return bytes(seen)


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait for something that has no event to wait for."""
    async with asyncio.timeout(BOUND):
        while not condition():
            await asyncio.sleep(0.005)


async def close_code(socket: ClientConnection) -> int | None:
    """The code the server closes with, whatever it sends before."""
    with suppress(websockets.ConnectionClosedError):
        async with asyncio.timeout(BOUND):
            async for _ in socket:
                pass
    return socket.close_code


async def type_line(socket: ClientConnection, text: str) -> None:
    """Type a line into a terminal."""
    await socket.send(encode_request(text + "\r"))


@asynccontextmanager
async def a_hub(
    data_dir: Path, *, clock: Clock | None = None, grace: float = 300.0, hangup_grace: float = 0.5
) -> AsyncIterator[Peer]:
    """A hub on the test's event loop, on a free port, and a client that holds its token."""
    async with running(data_dir, clock=clock, grace=grace, hangup_grace=hangup_grace) as hub:
        headers = {"Coder-Session-Token": hub.token}
        async with httpx.AsyncClient(base_url=hub.url, headers=headers, timeout=BOUND, verify=False) as http:
            yield Peer(hub.url, hub.token, data_dir, http, hub.hub)


@pytest.fixture
async def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Peer]:
    """A hub whose user has a plain shell."""
    monkeypatch.setenv("SHELL", "/bin/sh")
    async with a_hub(tmp_path / "hub") as peer:
        yield peer

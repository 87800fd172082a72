"""A scripted deployment of the tailnet RPC on a real socket: a test pushes what it says, and injects its faults."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from google.protobuf.message import Message
from starlette.responses import Response
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from coder_tui.wire.tailnet import messages
from coder_tui.wire.tailnet import tailnet_pb2 as pb
from coder_tui.wire.tailnet.callee import Asked, Callee
from coder_tui.wire.tailnet.messages import read
from coder_tui.wire.tailnet.rpc import Called, Cancelled, Drained, Request, RequestsOver


class Line:
    """One connection. `calls` maps a call to its path; `left` is set once the peer has gone."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket, self.callee = socket, Callee(0.0)
        self.calls: dict[int, str] = {}
        self.left = asyncio.Event()

    async def say(self, path: str, *answers: Message, end: bool = False) -> None:
        """Answer every open call of a method."""
        for call in [call for call, of in self.calls.items() if of == path]:
            for answer in answers:
                self.callee.message(call, answer.SerializeToString())
            if end:
                self.callee.end(call)
                self.calls.pop(call)
        await self.flush()

    async def raw(self, data: bytes) -> None:
        """Bytes of no session."""
        await self.socket.send_bytes(data)

    async def flush(self) -> None:
        # in crumbs: messages of a WebSocket have no meaning here
        data = self.callee.take()
        for start in range(0, len(data), 7):
            await self.socket.send_bytes(data[start : start + 7])


class FakeTailnet:
    """`refusals` answer the next upgrades. `heard` notes requests; `answers` may say how a method is answered."""

    def __init__(self) -> None:
        self.refusals: list[Response] = []
        self.queries: list[dict[str, str]] = []
        self.lines: list[Line] = []
        self.heard: list[tuple[str, bytes]] = []
        self.happened = asyncio.Event()
        self.snapshot = pb.WorkspaceUpdate()
        self.deaf = False
        self.expires = 4_000_000_000
        self.fail: dict[str, tuple[int, str]] = {}
        self.on_request: Callable[[Line, int, bytes], None] | None = None

    @property
    def routes(self) -> list[WebSocketRoute]:
        return [
            WebSocketRoute("/api/v2/tailnet", self._serve),
            WebSocketRoute("/api/v2/workspaceagents/{id}/coordinate", self._serve),
        ]

    async def until(self, condition: Callable[[], object], limit: float = 10.0) -> None:
        """Wait for something heard."""
        async with asyncio.timeout(limit):
            while not condition():
                await self.happened.wait()
                self.happened.clear()

    async def _serve(self, socket: WebSocket) -> None:
        self.queries.append(dict(socket.query_params))
        if self.refusals:
            await socket.send_denial_response(self.refusals.pop(0))
            return
        await socket.accept()
        line = Line(socket)
        self.lines.append(line)
        self.happened.set()
        try:
            while True:
                data = await socket.receive_bytes()
                if self.deaf:
                    continue
                for event in line.callee.receive(data, 0.0):
                    self._answer(line, event)
                await line.flush()
                self.happened.set()
        except (WebSocketDisconnect, RuntimeError):
            line.left.set()
            self.happened.set()

    def _answer(self, line: Line, event: Asked | Drained) -> None:
        match event:
            case Called(call, path):
                line.calls[call] = path
                if path in self.fail:
                    line.callee.fail(call, *self.fail[path])
                    del line.calls[call]
            case Cancelled(call):
                line.calls.pop(call, None)
                self.heard.append(("cancelled", b""))
            case Request(call, data) if call in line.calls:
                line.callee.took(call, data)
                path = line.calls[call]
                self.heard.append((path, data))
                if path == messages.WORKSPACE_UPDATES:
                    line.callee.message(call, self.snapshot.SerializeToString())
                elif path == messages.REFRESH_RESUME_TOKEN:
                    answer = pb.RefreshResumeTokenResponse(token=f"token-{len(self.lines)}")
                    answer.refresh_in.FromSeconds(43200)
                    answer.expires_at.seconds = self.expires
                    line.callee.message(call, answer.SerializeToString())
                    line.callee.end(call)
                elif self.on_request:
                    self.on_request(line, call, data)
                if path == messages.COORDINATE and read(pb.CoordinateRequest, data).HasField("disconnect"):
                    line.callee.end(call)
            case RequestsOver() | Drained() | Request():
                pass

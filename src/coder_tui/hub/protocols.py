"""uvicorn's two protocols, where they answer by themselves: every refusal has Coder's headers, and there always is one.

Requests that are no HTTP, and upgrades that are none, never come to the application.
"""

from __future__ import annotations

from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import StatusLike

from coder_tui.hub.identity import VERSION
from coder_tui.wire.base import encode
from coder_tui.wire.problems import Problem

HEADERS = {"X-Coder-Build-Version": VERSION, "X-Content-Type-Options": "nosniff"}
"""On every answer."""

PUSH = "coder_tui.push"
"""ASGI extension of our sockets: see `SocketProtocol.push`."""
_BAD_REQUEST = Problem(message="The request could not be read.", detail="It is not valid HTTP/1.1.")


def text_frame(text: bytes) -> bytes:
    """A text message as one frame of a server (RFC 6455, 5.2): the same bytes for every watcher."""
    return Frame(Opcode.TEXT, text).serialize(mask=False)


class HttpProtocol(H11Protocol):
    """HTTP/1.1. Only a GET without a body is an upgrade; what else asks for one is answered as if it did not."""

    def _should_upgrade(self) -> bool:
        names = {name.lower() for name, _ in self.headers}
        plain = self.scope["method"] == "GET" and not names & {b"content-length", b"transfer-encoding"}
        return plain and super()._should_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, unless an answer is on its way already."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            body = encode(_BAD_REQUEST)
            lines = {
                **HEADERS,
                "Content-Type": "application/json; charset=utf-8",
                "Content-Length": str(len(body)),
                "Connection": "close",
            }
            pairs = [(name.encode(), value.encode()) for name, value in lines.items()]
            for event in (
                h11.Response(status_code=400, headers=pairs, reason=b"Bad Request"),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event))
        self.transport.close()


class _Handshake(ServerProtocol):
    def reject(self, status: StatusLike, text: str) -> Response:
        """A refusal of an upgrade that is none, as text: the library says what is wrong."""
        response = super().reject(status, text)
        response.headers.update(HEADERS)
        return response


class SocketProtocol(WebSocketsSansIOProtocol):
    """WebSockets. A handshake that cannot be read is refused, not forgotten; a dead peer is told why."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn = _Handshake(max_size=self.config.ws_max_size, logger=self.logger)

    async def run_asgi(self) -> None:
        """The application, which finds `push` in its scope."""
        extensions: dict[str, Any] = self.scope["extensions"] or {}
        extensions[PUSH] = self.push
        await super().run_asgi()

    def push(self, frame: bytes) -> bool:
        """Write the bytes of a whole frame, unless the socket is closing, or its peer does not keep up."""
        if self.disconnected or self.conn.state is not State.OPEN or not self.writable.is_set():
            return False
        self.transport.write(frame)
        return True

    def data_received(self, data: bytes) -> None:
        """Bytes of the peer."""
        super().data_received(data)
        if self.conn.handshake_exc is None or self.handshake_initiated:
            return
        answer = b"".join(self.conn.data_to_send())  # of too many or too long headers the library has a refusal
        if not answer:
            answer = self.conn.reject(400, "The WebSocket handshake could not be read.\n").serialize()
        self.transport.write(answer)
        self.transport.close()

    def keepalive_timeout(self) -> None:
        """No pong in time: Coder's code and words."""
        self.pong_timer = self.pending_ping_payload = None
        if self.close_sent or self.transport.is_closing():
            return
        self.conn.fail(1001, "liveness probe failed")
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.transport.close()

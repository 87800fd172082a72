"""Opening a WebSocket to a deployment, and what its failures and closes mean.

Source: contract, transport conventions: no subprotocol, no compression, large frames on log and watch sockets,
server pings every 15 s; "reconnect policy seen in real clients".
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from typing import NoReturn
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidProxy, InvalidStatus, InvalidURI

from coder_tui.client.budget import Budget, retry_after
from coder_tui.client.credentials import Credentials
from coder_tui.client.failures import bad_proxy, check_served, refusal, unreachable
from coder_tui.client.rest import USER_AGENT, headers_of
from coder_tui.client.tls import tls_context
from coder_tui.errors import ApiError, CoderTuiError, CredentialsError, ProtocolError, UnreachableError
from coder_tui.text import one_line

MAX_MESSAGE = 64 << 20
"""Bytes: a real server sends the whole log history as one frame, nearly 10 MiB in the worst case."""

_silent = logging.getLogger("coder_tui.sockets")
_silent.setLevel(logging.CRITICAL + 1)  # the library's debug log would hold the session token


class _Connect(connect):
    """Follows no redirect: it would carry the session token to wherever the answer points."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Closed(Exception):
    """The peer closed, or the connection broke (`code` 1006)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason

    @property
    def normal(self) -> bool:
        """A normal end (1000), or the server is going away (1001)."""
        return self.code in {1000, 1001}

    @property
    def hopeless(self) -> bool:
        """We do not speak the same protocol (RFC 6455, 7.4.1): trying again would not help."""
        return self.code in {1002, 1003, 1007, 1008, 1009}

    @property
    def why(self) -> str:
        """In words, for people."""
        words = _CLOSE_WORDS.get(self.code, f"the server closed the connection ({self.code})")
        return f"{words}: {self.reason}" if self.reason else words


_CLOSE_WORDS = {
    1000: "the server ended the stream",
    1001: "the server is going away",
    1006: "the connection broke",
    1011: "the server failed",
}


async def open_socket(
    credentials: Credentials,
    path: str,
    query: Mapping[str, str | int] | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    budget: Budget | None = None,
    max_size: int = MAX_MESSAGE,
    max_queue: int = 16,
) -> ClientConnection:
    """Upgrade `GET /api/v2/{path}` (or `path` itself, where it begins with a slash).

    Dead peers are found by our own pings within 35 s. `tls` and `budget` are those of the deployment's RestClient,
    where there is one. Raises CredentialsError (401), ApiError (any other answer), UnreachableError (no answer) or
    ConfigError (TLS files).
    """
    path = path if path.startswith("/") else f"/api/v2/{path}"
    scheme, rest = credentials.url.split("://", 1)
    text = urlencode({name: value for name, value in (query or {}).items() if value != ""})
    url = f"{'wss' if scheme == 'https' else 'ws'}://{rest}{path}" + (f"?{text}" if text else "")
    tls = tls or tls_context(credentials.url, credentials.tls)
    if credentials.header_command:
        headers = await asyncio.to_thread(headers_of, credentials)
    else:
        headers = headers_of(credentials)
    headers.pop("User-Agent")
    if budget:
        await budget.take()
    check_served(credentials)
    try:
        return await _Connect(
            url,
            ssl=tls,
            additional_headers=headers,
            user_agent_header=USER_AGENT,
            proxy=None if credentials.is_loopback else True,
            compression=None,
            max_size=max_size,
            max_queue=max_queue,
            open_timeout=10,
            ping_interval=15,
            ping_timeout=20,
            close_timeout=1,
            logger=_silent,
        )
    except InvalidStatus as error:
        response = error.response
        answered = dict(response.headers.raw_items())
        if budget and response.status_code == 429:
            budget.hold(retry_after(answered))
        what = f"{credentials.name} refused a stream of {path.removeprefix('/api/v2/')}"
        raise refusal(credentials, what, response.status_code, bytes(response.body or b""), answered) from None
    except (ImportError, InvalidProxy) as error:
        raise bad_proxy(credentials, error) from None
    except (InvalidHandshake, InvalidURI) as error:
        raise UnreachableError(
            f"cannot open a stream to {credentials.url}",
            why=one_line(str(error)),
            fix="check that the proxies between let WebSockets through",
        ) from None
    except (OSError, TimeoutError) as error:
        raise unreachable(credentials, error) from None


async def receive(socket: ClientConnection) -> bytes:
    """The next frame's payload (text as UTF-8). Raises Closed."""
    try:
        return await socket.recv(decode=False)
    except ConnectionClosed as error:
        raise_closed(error)


def raise_closed(error: ConnectionClosed) -> NoReturn:
    """The library's close as ours: the peer's code, else ours (a failed ping, a frame too big), else 1006."""
    frame = error.rcvd or error.sent
    reason = one_line(frame.reason)[:123] if frame else ""
    raise Closed(frame.code if frame else 1006, reason) from None


def hopeless(error: CoderTuiError) -> bool:
    """No retry helps until credentials or target change (401, 403, 404, 410, 426 and their kin)."""
    if isinstance(error, ApiError):
        return 200 <= error.status < 500 and error.status not in {408, 425, 429}
    return isinstance(error, CredentialsError)


def protocol_mismatch(closed: Closed) -> ProtocolError:
    """The error of a hopeless close."""
    return ProtocolError("the stream cannot be used", why=closed.why, fix="update coder-tui or report this")

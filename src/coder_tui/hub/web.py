"""HTTP and WebSocket manners of Coder, for all routes: bodies in and out, path and query values, sockets.

Every route is an HTTP handler. One that opens a WebSocket makes its checks first and returns a `Socket`; a plain
GET of it is answered 426. See `app.Edge` for how upgrade requests come here.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from coder_tui.errors import StorageError
from coder_tui.hub.identity import agent_token
from coder_tui.hub.limits import address
from coder_tui.hub.problems import Refused, invalid, invalid_query
from coder_tui.wire.base import WireModel, encode

if TYPE_CHECKING:
    from coder_tui.hub.agents import LiveAgent
    from coder_tui.hub.core import Hub

log = logging.getLogger(__name__)

BODY_LIMIT = 4 << 20
BYPASS = "X-Coder-Bypass-Ratelimit"
"""Header of owners who do not want to be counted (`codersdk.BypassRatelimitHeader`)."""
_AGENTS_OWN = "/api/v2/workspaceagents/me/"
UPGRADE = "coder_tui.upgrade"
"""Scope key of an upgrade request: the original (scope, receive, send)."""

INT32 = (1 << 31) - 1
"""The largest `limit` and `offset`."""
_INT64 = 1 << 63
_SPOKE = {1002: "Clients cannot send messages for one-way WebSockets"}
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONSTANT = re.compile(rb"NaN|Infinity")

M = TypeVar("M", bound=WireModel)
Handler = Callable[["Hub", Request], Awaitable[Response]]


def answer(value: Any, status: int = 200) -> Response:
    """A JSON body as Go writes it."""
    return raw_answer(encode(value), status)


def raw_answer(body: bytes, status: int = 200) -> Response:
    """A body that is JSON already."""
    return Response(body, status, {"content-type": "application/json; charset=utf-8"})


def no_content() -> Response:
    """204."""
    return Response(status_code=204)


def problem(refused: Refused) -> Response:
    """The error body."""
    response = answer(refused.problem, refused.status)
    response.headers.update(refused.headers)
    return response


class Endpoint:
    """A handler as ASGI application: checks who calls, and turns whatever goes wrong into an error body."""

    def __init__(self, hub: Hub, handler: Handler, *, user: bool) -> None:
        self._hub, self._handler, self._user = hub, handler, user

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        request = Request(scope, receive, send)
        try:
            await self._admit(request)
            response = await self._handler(self._hub, request)
        except Refused as refused:
            response = problem(refused)
        except ClientDisconnect:
            return
        except StorageError as error:
            log.error("%s", error)
            response = problem(Refused(500, "Internal error storing or reading data.", str(error)))
        except Exception:
            log.exception("%s %s failed", request.method, request.url.path)
            response = problem(Refused(500, "An internal server error occurred."))
        await response(scope, receive, send)

    async def _admit(self, request: Request) -> None:
        """Who calls, and not too often. Agents are not counted: a report must not be lost for being one of many."""
        path: str = request.scope["path"]
        limit = self._hub.limit
        if not self._user:
            if not path.startswith(_AGENTS_OWN):
                limit.check(request, (address(request), path))
            return
        try:
            request.state.key = await self._hub.keys.authenticate(request)
        except Refused:
            limit.check(request, (address(request), path))
            raise
        # Coder lets owners pass who ask for it, and the hub's user is one
        if request.headers.get(BYPASS, "").lower() != "true":
            limit.check(request, (None, path))


def route(hub: Hub, method: str, path: str, handler: Handler, *, user: bool = True) -> Route:
    """A route under `/api/v2`; `user`: only for the user's keys (then `request.state.key` is the one)."""
    return Route(f"/api/v2{path}", Endpoint(hub, handler, user=user), methods=[method])


def caller(hub: Hub, request: Request) -> LiveAgent:
    """The agent that calls. Raises Refused (401)."""
    return hub.agents.by_token(agent_token(request))


def path_uuid(request: Request, name: str) -> str:
    """A UUID of the path in canonical form. Raises Refused (400)."""
    text: str = request.path_params[name]
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise Refused(400, f"Invalid UUID {json.dumps(text)}") from None


def body_uuid(text: str, field: str) -> str:
    """A UUID of the body in canonical form. Raises Refused (400) naming the field."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise invalid(**{field: "must be a valid UUID"}) from None


def query_text(request: Request, name: str) -> str:
    """An optional value of the query, given once. Raises Refused (400)."""
    values = request.query_params.getlist(name)
    if len(values) > 1:
        found = f"provided more than once, found {len(values)} times. Only provide 1 instance of this query param."
        raise invalid_query(**{name: f'Query param "{name}" {found}'})
    return values[0] if values else ""


def query_int(request: Request, name: str, default: int = 0, *, most: int = _INT64 - 1) -> int:
    """A whole number from 0 of the query. Raises Refused (400)."""
    text = query_text(request, name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20) or int(text) > most:
        raise invalid_query(**{name: f'Query param "{name}" must be a valid positive integer: 0 to {most}'})
    return int(text)


def query_uuid(request: Request, name: str) -> str | None:
    """An optional UUID of the query. Raises Refused (400)."""
    text = query_text(request, name)
    if not text:
        return None
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise invalid_query(**{name: f'Query param "{name}" must be a valid uuid'}) from None


def query_bool(request: Request, name: str) -> bool:
    """An optional boolean of the query, in Go's spellings. Raises Refused (400)."""
    text = query_text(request, name)
    if text in {"1", "t", "T", "true", "TRUE", "True"}:
        return True
    if text in {"", "0", "f", "F", "false", "FALSE", "False"}:
        return False
    raise invalid_query(**{name: f'Query param "{name}" must be a valid boolean'})


def query_format(request: Request) -> str:
    """`json` or `text` of a log route. Raises Refused (400), also for text with `follow`."""
    text = request.query_params.get("format", "") or "json"
    if text not in {"json", "text"}:
        raise invalid_query(format='Query param "format" must be one of: json, text')
    if text == "text" and "follow" in request.query_params:
        raise invalid_query(format="Text format is not supported with follow mode.")
    return text


async def read_body(request: Request) -> bytes:
    """The whole body. Raises Refused (413) over 4 MiB."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        # go on reading for a while, or the client sees a broken pipe instead of the answer
        if size > 4 * BODY_LIMIT:
            break
        if size <= BODY_LIMIT:
            parts.append(part)
    if size > BODY_LIMIT:
        raise Refused(413, "Request body too large.", f"http: request body over {BODY_LIMIT} bytes")
    return b"".join(parts)


async def read_json(request: Request, model: type[M]) -> M:
    """The body as `model`. Raises Refused: 400 for what is not such JSON, 413 for too much of it."""
    return parse_json(await read_body(request), model)


def parse_json(body: bytes, model: type[M]) -> M:
    """A body as `model`, as strict about types as Go. Raises Refused (400)."""
    if not _CONSTANT.search(body):
        try:
            return model.model_validate_json(body, strict=True)
        except ValidationError:
            pass
    # Go repairs what pydantic's parser refuses: bad UTF-8 and halves of surrogate pairs become U+FFFD
    try:
        value = _repaired(json.loads(body.decode("utf-8", "replace"), parse_constant=_no_constant))
        if isinstance(value, dict) or value is None:
            return model.model_validate_json(json.dumps(value or {}, allow_nan=False), strict=True)
        detail = "the body must be an object"
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        detail = f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
    except RecursionError:
        detail = "too deeply nested"
    except ValueError as error:
        detail = str(error)
    raise Refused(400, "Request body must be valid JSON.", detail)


def _no_constant(name: str) -> None:
    raise ValueError(f"invalid literal {name}")


def _repaired(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_repaired(item) for item in value]
    if isinstance(value, dict):
        return {_repaired(key): _repaired(item) for key, item in value.items()}
    return value


class Socket(Response):
    """Upgrade, then run `session` with the open socket. The handler has made its checks already."""

    def __init__(self, session: Callable[[WebSocket], Awaitable[None]]) -> None:
        super().__init__()
        self._session = session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        upgrade = scope.get(UPGRADE)
        if upgrade is None:
            text = "WebSocket protocol violation: Connection header does not contain Upgrade\n"
            hint = {"connection": "Upgrade", "upgrade": "websocket"}
            await Response(text, 426, hint, "text/plain")(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower():
            refused = Refused(403, "Forbidden.", "the Origin header does not match the host")
            await problem(refused)(scope, receive, send)
            return
        socket = WebSocket(*upgrade)
        try:
            await socket.accept()
            await self._session(socket)
        except WebSocketDisconnect:
            pass  # the peer has gone: nothing to say, nobody to say it to
        except Exception as error:
            if socket.client_state is WebSocketState.DISCONNECTED:
                return  # Starlette's RuntimeError for a peer that closed first
            log.error("socket %s failed: %s", scope["path"], error, exc_info=not isinstance(error, StorageError))
            await socket.close(1011, "internal error")


async def receive_data(socket: WebSocket) -> str | bytes | None:
    """The next message, or None when the peer has gone."""
    message: Message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        return None
    text: str | None = message.get("text")
    data: bytes = message.get("bytes") or b""
    return data if text is None else text


async def one_way(socket: WebSocket, work: Awaitable[tuple[int, str]], refusal: int) -> None:
    """Run `work` (it sends, and says how to close) until it is done or the peer speaks (close `refusal`) or goes."""
    sending = asyncio.ensure_future(work)
    receiving = asyncio.create_task(receive_data(socket), name="socket-receive")
    try:
        await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            code, reason = sending.result()
            await socket.close(code, reason)
        elif receiving.result() is not None:
            await cancelled(sending)
            await socket.close(refusal, _SPOKE.get(refusal, "unexpected data message"))
    finally:
        await cancelled(sending)
        await cancelled(receiving)


async def cancelled(task: asyncio.Future[Any]) -> None:
    """Cancel and wait; how it ended does not matter."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

"""REST of a deployment, over httpx. Every method raises our own errors only.

CredentialsError  401
UnreachableError  DNS, TCP, TLS, timeout, or the connection broke before the answer was complete
ApiError          any other status; also 200 with a web page (a login page of some proxy)
ProtocolError     a 2xx answer that cannot be read
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from functools import cache
from types import GenericAlias
from typing import Any, Self, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from coder_tui import __version__
from coder_tui.client.backoff import CLOCK, Clock
from coder_tui.client.budget import Budget, retry_after
from coder_tui.client.credentials import Credentials
from coder_tui.client.failures import bad_proxy, check_served, refusal, unreachable
from coder_tui.client.headers import command_headers
from coder_tui.client.rest_list import RestList
from coder_tui.client.rest_more import Query, RestMore
from coder_tui.client.rest_replies import RestReplies
from coder_tui.client.tls import tls_context
from coder_tui.errors import ApiError, CredentialsError
from coder_tui.wire.agents import ExternalAgentCredentials, ListeningPort, ListeningPorts, WorkspaceAgent
from coder_tui.wire.auth import LoginWithPassword, SessionToken
from coder_tui.wire.base import WireModel, broken, encode
from coder_tui.wire.chats import Chat
from coder_tui.wire.identity import BuildInfo, User
from coder_tui.wire.logs import ProvisionerJobLog, WorkspaceAgentLog
from coder_tui.wire.workspaces import (
    CreateWorkspace,
    CreateWorkspaceBuild,
    ExtendWorkspace,
    Workspace,
    WorkspaceBuild,
    WorkspaceUsage,
)

SESSION_HEADER = "Coder-Session-Token"
USER_AGENT = f"coder-tui/{__version__}"

_BIG = 1 << 16  # bytes of JSON that are parsed in a thread rather than on the event loop
_MAX_BODY = 256 << 20
_TRIES_WHEN_BUSY = 3
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)

M = TypeVar("M", bound=WireModel)


def headers_of(credentials: Credentials) -> dict[str, str]:
    """What every request and upgrade carries: the extra headers, then the session token.

    May block while a header command runs (once in a process). Raises CredentialsError.
    """
    if credentials.fault:
        raise credentials.fault
    headers = dict(credentials.headers)
    if credentials.header_command:
        headers |= dict(command_headers(credentials.header_command, credentials.url))
    if credentials.token:
        headers[SESSION_HEADER] = credentials.token
    return headers | {"User-Agent": USER_AGENT}


class RestClient(RestList, RestMore, RestReplies):
    """One deployment's REST API. Use as an async context manager, or call `aclose()`.

    Redirects are not followed: they could carry the token to another host. Constructing one may block while a header
    command runs. Raises UnreachableError when the environment names a proxy that cannot be used, ConfigError for TLS
    files that cannot, CredentialsError for a header command that failed.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        tls: ssl.SSLContext | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout: httpx.Timeout | float = _TIMEOUT,
        clock: Clock = CLOCK,
    ) -> None:
        self.credentials = credentials
        self.latency_ms: float | None = None
        """Milliseconds from the last request to the head of its answer."""
        self.dated: tuple[datetime, str] | None = None
        """Our time at the head of the last answer, and its `Date` header."""
        self._clock = clock
        self.tls = tls or tls_context(credentials.url, credentials.tls)
        self.budget = Budget(clock)
        """Every request takes from it, and every socket of this deployment should."""
        try:
            self._http = httpx.AsyncClient(
                base_url=credentials.url + "/api/v2/",
                headers=headers_of(credentials),
                timeout=timeout,
                verify=self.tls or False,
                trust_env=not credentials.is_loopback,
                transport=transport,
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=8, keepalive_expiry=75),
            )
        except (ImportError, ValueError) as error:  # a SOCKS proxy, or not a proxy's URL
            raise bad_proxy(credentials, error) from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def build_info(self) -> BuildInfo:
        """`GET /buildinfo`: needs no token."""
        return await self._read(BuildInfo, "GET", "buildinfo")

    async def me(self) -> User:
        """`GET /users/me`: who the token belongs to."""
        return await self._read(User, "GET", "users/me")

    async def login(self, email: str, password: str) -> str:
        """`POST /users/login`: a new session token; needs none. Raises CredentialsError for a wrong pair."""
        body = LoginWithPassword(email=email, password=password)
        try:
            return (await self._read(SessionToken, "POST", "users/login", body)).session_token
        except CredentialsError as error:
            raise CredentialsError(
                f"{self.credentials.url} does not accept this email and password", why=error.why
            ) from None

    async def logout(self) -> None:
        """`POST /users/logout`: the deployment forgets this session token."""
        await self._send("POST", "users/logout")

    async def workspace(self, workspace_id: str) -> Workspace:
        """`GET /workspaces/{id}`."""
        return await self._read(Workspace, "GET", f"workspaces/{workspace_id}")

    async def create_workspace(self, body: CreateWorkspace, user: str = "me") -> Workspace:
        """`POST /users/{user}/workspaces`."""
        return await self._read(Workspace, "POST", f"users/{user}/workspaces", body)

    async def create_build(self, workspace_id: str, body: CreateWorkspaceBuild) -> WorkspaceBuild:
        """`POST /workspaces/{id}/builds`: start, stop or delete. 409 while another build is active."""
        return await self._read(WorkspaceBuild, "POST", f"workspaces/{workspace_id}/builds", body)

    async def build(self, build_id: str) -> WorkspaceBuild:
        """`GET /workspacebuilds/{id}`."""
        return await self._read(WorkspaceBuild, "GET", f"workspacebuilds/{build_id}")

    async def builds(self, workspace_id: str, limit: int = 25) -> list[WorkspaceBuild]:
        """`GET /workspaces/{id}/builds`, newest first, at most `limit`."""
        return await self._list(WorkspaceBuild, f"workspaces/{workspace_id}/builds", {"limit": limit})

    async def build_logs(self, build_id: str, after: int = 0) -> list[ProvisionerJobLog]:
        """`GET /workspacebuilds/{id}/logs`: lines with an id above `after`."""
        return await self._list(ProvisionerJobLog, f"workspacebuilds/{build_id}/logs", {"after": after})

    async def agent(self, agent_id: str) -> WorkspaceAgent:
        """`GET /workspaceagents/{id}`."""
        return await self._read(WorkspaceAgent, "GET", f"workspaceagents/{agent_id}")

    async def agent_logs(self, agent_id: str, after: int = 0) -> list[WorkspaceAgentLog]:
        """`GET /workspaceagents/{id}/logs`: stored lines with an id above `after`."""
        return await self._list(WorkspaceAgentLog, f"workspaceagents/{agent_id}/logs", {"after": after})

    async def listening_ports(self, agent_id: str) -> list[ListeningPort]:
        """`GET /workspaceagents/{id}/listening-ports`; 400 when the agent is not connected."""
        return (await self._read(ListeningPorts, "GET", f"workspaceagents/{agent_id}/listening-ports")).ports

    async def external_agent_credentials(self, workspace_id: str, agent_name: str) -> ExternalAgentCredentials:
        """`GET /workspaces/{id}/external-agent/{name}/credentials` (since v2.26): the token of an external agent."""
        path = f"workspaces/{workspace_id}/external-agent/{agent_name}/credentials"
        return await self._read(ExternalAgentCredentials, "GET", path)

    async def chats(self, prefix: str, limit: int) -> list[Chat]:
        """`GET /api/{prefix}/chats`: the user's chats, newest first, at most `limit`. 404 where there are none."""
        return await self._list(Chat, f"{self.credentials.url}/api/{prefix}/chats", {"limit": limit})

    async def usage(self, workspace_id: str, agent_id: str = "", app_name: str = "") -> None:
        """`POST /workspaces/{id}/usage`: somebody is using it, so the auto-stop deadline moves on."""
        body = WorkspaceUsage(agent_id=agent_id, app_name=app_name)
        await self._send("POST", f"workspaces/{workspace_id}/usage", body)

    async def extend(self, workspace_id: str, deadline: datetime) -> None:
        """`PUT /workspaces/{id}/extend`: the new deadline, an aware time."""
        await self._send("PUT", f"workspaces/{workspace_id}/extend", ExtendWorkspace(deadline=deadline))

    @asynccontextmanager
    async def event_stream(self, path: str, idle: float) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open `GET path` as a stream of bytes; silence of `idle` seconds breaks it. For server-sent events."""
        timeout = httpx.Timeout(10.0, read=idle)
        await self.budget.take()
        check_served(self.credentials)
        try:
            async with self._http.stream(
                "GET", path, timeout=timeout, headers={"Accept": "text/event-stream"}
            ) as response:
                if not response.is_success:
                    await response.aread()
                if response.status_code == 429:
                    self.budget.hold(retry_after(response.headers))
                self._check(response)
                if "json" in (kind := response.headers.get("content-type", "")):
                    raise ApiError(
                        self._cannot("GET", path), status=response.status_code, why=f"it sent {kind}, not a stream"
                    )
                yield response.aiter_bytes()
        except httpx.HTTPError as error:
            raise unreachable(self.credentials, error) from None

    async def _read(
        self,
        model: type[M],
        method: str,
        path: str,
        body: WireModel | None = None,
        *,
        query: Query | None = None,
    ) -> M:
        return await self._parse(model, await self._send(method, path, body, query))

    async def _parse(self, model: type[M], content: bytes) -> M:
        return await asyncio.to_thread(model.read, content) if len(content) > _BIG else model.read(content)

    async def _list(self, model: type[M], path: str, query: Query) -> list[M]:
        content = await self._send("GET", path, query=query)
        return await asyncio.to_thread(read_list, model, content) if len(content) > _BIG else read_list(model, content)

    async def _send(self, method: str, path: str, body: WireModel | None = None, query: Query | None = None) -> bytes:
        response = await self._exchange(method, path, body, query)
        self._check(response)
        return response.content

    async def _get_unless(self, tag: str, path: str, query: Query) -> tuple[bytes | None, str]:
        response = await self._exchange("GET", path, None, query, unless=tag)
        tag = response.headers.get("etag", "")
        if response.status_code == 304:
            return None, tag
        self._check(response)
        return response.content, tag

    async def _exchange(
        self, method: str, path: str, body: WireModel | None = None, query: Query | None = None, *, unless: str = ""
    ) -> httpx.Response:
        """One request and its answer, whatever its status; a deployment that is too busy is asked again later."""
        content = None if body is None else encode(body)
        headers = {"Content-Type": "application/json"} if content else {}
        if unless:
            headers["If-None-Match"] = unless
        query = {name: value for name, value in (query or {}).items() if value != ""}
        for attempt in range(_TRIES_WHEN_BUSY):
            await self.budget.take()
            check_served(self.credentials)
            start = time.perf_counter()
            try:
                async with self._http.stream(method, path, content=content, params=query, headers=headers) as response:
                    self.latency_ms = (time.perf_counter() - start) * 1000
                    self.dated = (self._clock.now(), response.headers.get("date", ""))
                    await self._body(response)
            except httpx.HTTPError as error:
                raise unreachable(self.credentials, error) from None
            if response.status_code != 429:
                break
            held = self.budget.hold(retry_after(response.headers))
            if not held or attempt + 1 == _TRIES_WHEN_BUSY:
                break
        return response

    async def _body(self, response: httpx.Response) -> None:
        if int(response.headers.get("content-length") or 0) > _MAX_BODY:
            raise ApiError("the answer is too big", status=response.status_code, why=f"over {_MAX_BODY >> 20} MiB")
        await response.aread()

    def _check(self, response: httpx.Response) -> None:
        """Raise what the status (or a web page in place of the API) means."""
        kind = response.headers.get("content-type", "")
        if response.is_success and "html" not in kind:
            return
        what = self._cannot(response.request.method, response.request.url.path)
        if response.is_success:
            raise ApiError(
                what,
                status=response.status_code,
                why="a web page answered in place of the API",
                fix="check the URL; where a proxy asks for a login, set CODER_HEADER",
            )
        raise refusal(self.credentials, what, response.status_code, response.content, dict(response.headers))

    def _cannot(self, method: str, path: str) -> str:
        return f"{self.credentials.name} refused {method} {path.rsplit('/api/', maxsplit=1)[-1].removeprefix('v2/')}"


def read_list(model: type[M], content: bytes | str) -> list[M]:
    """Parse a JSON array of `model`; `null` is empty. Raises ProtocolError."""
    try:
        found: list[M] | None = _lists(model).validate_json(content)
    except ValidationError as error:
        raise broken(f"list of {model.__name__}", error) from None
    return found or []


@cache
def _lists(model: type[WireModel]) -> TypeAdapter[Any]:
    array: Any = GenericAlias(list, (model,))
    return TypeAdapter(array | None)

"""The tailnet RPC of a deployment: `/tailnet` for everything of a user's, `coordinate` for one agent of theirs.

`open_tailnet` opens a session, `Tailnet` has its calls; `TailnetStreams` has those that reconnect by themselves.
PostTelemetry is never sent.
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import quote

from google.protobuf.message import Message
from websockets.asyncio.client import ClientConnection

from coder_tui.client.backoff import CLOCK, Clock
from coder_tui.client.rest import RestClient
from coder_tui.client.rpc import LEAVING, Rpc
from coder_tui.client.sockets import Closed, open_socket
from coder_tui.client.streams_more import Followed, followed
from coder_tui.errors import ApiError, CredentialsError, ProtocolError
from coder_tui.text import one_line
from coder_tui.wire.network import DerpMap
from coder_tui.wire.tailnet import messages
from coder_tui.wire.tailnet import tailnet_pb2 as pb
from coder_tui.wire.tailnet.derp import from_message
from coder_tui.wire.tailnet.drpc import UNIMPLEMENTED
from coder_tui.wire.tailnet.messages import uuid_bytes
from coder_tui.wire.tailnet.rpc import CallError
from coder_tui.wire.tailnet.updates import Following, Told

VERSION = "2.3"
"""What we ask for: enough for every call here, and spoken by every server with app statuses."""
_MAX_MESSAGE = 4 << 20
_PREFIX = int(ipaddress.IPv6Address("fd7a:115c:a1e0::"))  # Tailscale's, where Coder's peers have their addresses
_Ask = pb.CoordinateRequest
_KINDS = {
    pb.CoordinateResponse.PeerUpdate.NODE: "node",
    pb.CoordinateResponse.PeerUpdate.DISCONNECTED: "disconnected",
    pb.CoordinateResponse.PeerUpdate.LOST: "lost",
    pb.CoordinateResponse.PeerUpdate.READY_FOR_HANDSHAKE: "ready",
}

M = TypeVar("M", bound=Message)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ResumeToken:
    """Keeps our place with the coordinator over a reconnect. Times as the server's answer implies them here."""

    token: str
    refresh_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class PeerNode:
    """What the coordinator tells of an agent. `kind`: `node`, `ready`, `lost` or `disconnected` (then `reason`).

    `derp_latency` are seconds by `<region>-v4` or `-v6`, as the agent measured them; `derp_forced_websocket` are the
    regions it reaches by WebSocket only, and why; `as_of` is when it said so.
    """

    kind: str
    reason: str = ""
    preferred_derp: int = 0
    derp_latency: Mapping[str, float] = field(default_factory=dict)
    derp_forced_websocket: Mapping[int, str] = field(default_factory=dict)
    endpoints: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    as_of: datetime | None = None


@asynccontextmanager
async def open_tailnet(
    rest: RestClient, agent_id: str = "", *, resume_token: str = "", clock: Clock = CLOCK
) -> AsyncIterator[Tailnet]:
    """A session for the life of the context: the user's, or with `agent_id` that of one agent's `coordinate` route.

    Raises as `open_socket` does. A resume token that is refused is dropped.
    """
    path = f"workspaceagents/{quote(agent_id, safe='')}/coordinate" if agent_id else "tailnet"
    query: dict[str, str | int] = {"version": VERSION, "resume_token": resume_token}
    try:
        socket = await _open(rest, path, query)
    except CredentialsError:
        if not resume_token:
            raise
        socket = await _open(rest, path, query | {"resume_token": ""})  # tells whether it was the token
    async with socket:
        rpc = Rpc(socket)
        running = asyncio.create_task(rpc.run(), name=f"{path.partition('/')[0]}-rpc")
        try:
            yield Tailnet(rpc, clock)
        finally:
            await rpc.leave()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


class Tailnet:
    """The calls of an open session. Each raises what `Rpc` says."""

    def __init__(self, rpc: Rpc, clock: Clock) -> None:
        self._rpc, self._clock = rpc, clock

    async def workspace_updates(self, owner_id: str) -> AsyncGenerator[Told, None]:
        """All of a user's workspaces, names, states and agents, at once and after each change."""
        request = pb.WorkspaceUpdatesRequest(workspace_owner_id=uuid_bytes(owner_id))
        following = Following()
        async with aclosing(self._stream(messages.WORKSPACE_UPDATES, request, pb.WorkspaceUpdate)) as updates:
            async for update in updates:
                yield following.apply(update)

    async def derp_maps(self) -> AsyncGenerator[DerpMap, None]:
        """The relays, at once and after each change."""
        async with aclosing(self._stream(messages.STREAM_DERP_MAPS, pb.StreamDERPMapsRequest(), pb.DERPMap)) as maps:
            async for derp in maps:
                yield from_message(derp)

    async def resume_token(self) -> ResumeToken:
        """A token for the next session."""
        request = pb.RefreshResumeTokenRequest()
        answer = await self._once(messages.REFRESH_RESUME_TOKEN, request, pb.RefreshResumeTokenResponse)
        now = self._clock.now()
        try:
            refresh_at, expires_at = now + answer.refresh_in.ToTimedelta(), answer.expires_at.ToDatetime(UTC)
        except (ValueError, OverflowError):
            raise ProtocolError(
                "the server sent an unreadable resume token", why="its times are out of range"
            ) from None
        return ResumeToken(answer.token, refresh_at, expires_at)

    async def peer(self, agent_id: str) -> AsyncGenerator[PeerNode, None]:
        """What the coordinator tells of one agent, at once and on each change; closing it leaves cleanly.

        A throw-away node of ours goes first: some coordinators answer only who has one. Nobody can reach it.
        """
        call = self._rpc.begin(messages.COORDINATE, more=True)
        wanted = uuid_bytes(agent_id)
        try:
            async with aclosing(self._rpc.replies(call, pb.CoordinateResponse)) as answers:
                await self._rpc.send(call, _Ask(update_self=_Ask.UpdateSelf(node=throw_away_node())))
                await self._rpc.send(call, _Ask(add_tunnel=_Ask.Tunnel(id=wanted)))
                try:
                    async for answer in answers:
                        if answer.error:
                            raise CallError("the server refused a tunnel", code=0, why=one_line(answer.error)[:200])
                        for update in answer.peer_updates:
                            if update.id == wanted:
                                yield _peer_node(update)
                except GeneratorExit:
                    await self._leave(call, answers)
                    raise
        finally:
            self._rpc.cancel(call)

    async def _leave(self, call: int, answers: AsyncGenerator[pb.CoordinateResponse, None]) -> None:
        """Say goodbye; the server ends the call then."""
        try:
            async with asyncio.timeout(LEAVING):
                await self._rpc.send(call, _Ask(disconnect=_Ask.Disconnect()))
                async for _ in answers:
                    pass
        except (TimeoutError, CallError, ProtocolError, Closed):
            pass  # it knows anyway, once the session is gone

    async def _once(self, path: str, request: Message, kind: type[M]) -> M:
        call = self._rpc.begin(path, request, unary=True)
        found: M | None = None
        async with aclosing(self._rpc.replies(call, kind)) as answers:
            async for answer in answers:
                found = answer
        if found is None:
            raise ProtocolError("the server answered a call with nothing")
        return found

    async def _stream(self, path: str, request: Message, kind: type[M]) -> AsyncGenerator[M, None]:
        async with aclosing(self._rpc.replies(self._rpc.begin(path, request), kind)) as answers:
            async for answer in answers:
                yield answer


class TailnetStreams:
    """The streams of one deployment that reconnect. Each opens a session of its own, with the last resume token."""

    def __init__(self, rest: RestClient, clock: Clock = CLOCK) -> None:
        self._rest, self._clock = rest, clock
        self._resume: dict[str, ResumeToken] = {}

    def workspace_updates(self, owner_id: str) -> Followed[Told]:
        """`WorkspaceUpdates`: a user's workspaces, all at each open, then after each change."""

        @asynccontextmanager
        async def opening() -> AsyncIterator[AsyncIterator[Told]]:
            async with (
                open_tailnet(self._rest, clock=self._clock) as tailnet,
                aclosing(_known(tailnet.workspace_updates(owner_id))) as updates,
            ):
                yield updates

        return followed(opening, self._clock)

    def derp_maps(self) -> Followed[DerpMap]:
        """`StreamDERPMaps`."""

        @asynccontextmanager
        async def opening() -> AsyncIterator[AsyncIterator[DerpMap]]:
            async with (
                open_tailnet(self._rest, clock=self._clock) as tailnet,
                aclosing(_known(tailnet.derp_maps())) as maps,
            ):
                yield maps

        return followed(opening, self._clock)

    def peer(self, agent_id: str) -> Followed[PeerNode]:
        """`Coordinate` about one agent; a reconnect resumes our place with the coordinator."""

        @asynccontextmanager
        async def opening() -> AsyncIterator[AsyncIterator[PeerNode]]:
            token = self._token(agent_id)
            async with open_tailnet(self._rest, agent_id, resume_token=token, clock=self._clock) as tailnet:
                try:
                    self._resume[agent_id] = await tailnet.resume_token()
                except CallError:
                    self._resume.pop(agent_id, None)  # a server before 2.3, or one that has none to give
                async with aclosing(_known(tailnet.peer(agent_id))) as nodes:
                    yield nodes

        return followed(opening, self._clock)

    def _token(self, agent_id: str) -> str:
        known = self._resume.get(agent_id)
        return known.token if known is not None and known.expires_at > self._clock.now() else ""


def throw_away_node() -> pb.Node:
    """A peer that nobody can reach: keys and an address of chance, no relay, no endpoint."""
    address = f"{ipaddress.IPv6Address(_PREFIX | secrets.randbits(80))}/128"
    node = pb.Node(
        id=secrets.randbits(62),
        key=b"np" + secrets.token_bytes(32),
        disco=f"discokey:{secrets.token_hex(32)}",
        addresses=[address],
        allowed_ips=[address],
    )
    node.as_of.GetCurrentTime()
    return node


async def _open(rest: RestClient, path: str, query: Mapping[str, str | int]) -> ClientConnection:
    return await open_socket(
        rest.credentials, path, query, tls=rest.tls, budget=rest.budget, max_size=_MAX_MESSAGE, max_queue=64
    )


async def _known(values: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """The same; a method that is not offered is an error that no retry helps."""
    async with aclosing(values):
        try:
            async for value in values:
                yield value
        except CallError as error:
            if error.code == UNIMPLEMENTED or "unknown rpc" in error.why:
                raise ApiError(error.what, status=404, why=error.why) from None
            raise


def _peer_node(update: pb.CoordinateResponse.PeerUpdate) -> PeerNode:
    node = update.node
    try:
        as_of = node.as_of.ToDatetime(UTC) if node.HasField("as_of") else None
    except (ValueError, OverflowError):
        as_of = None
    return PeerNode(
        _KINDS.get(update.kind, "unknown"),
        one_line(update.reason)[:200],
        node.preferred_derp,
        {one_line(key)[:40]: seconds for key, seconds in node.derp_latency.items()},
        {region: one_line(why)[:200] for region, why in node.derp_forced_websocket.items()},
        tuple(one_line(endpoint)[:80] for endpoint in node.endpoints),
        tuple(one_line(address)[:80] for address in node.addresses),
        as_of,
    )

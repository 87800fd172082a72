"""What is asked of one deployment only while somebody looks, and putting deadlines off.

Each look is an async generator that owns its streams: closing it ends them, and nothing is asked any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from coder_tui.client.backoff import Backoff, Clock
from coder_tui.client.rest import RestClient
from coder_tui.client.sockets import hopeless
from coder_tui.client.streams import WatchEnded, WatchLost
from coder_tui.client.streams_more import CloserStreams, Got
from coder_tui.errors import CoderTuiError, NotFoundError, UsageError
from coder_tui.feeds.closeups import Details, Known, Network, Ports, Trouble
from coder_tui.feeds.network import NetworkLook
from coder_tui.feeds.together import together
from coder_tui.text import one_line
from coder_tui.wire.containers import ContainerList
from coder_tui.wire.workspaces import Workspace

PORTS_EVERY = 10.0
"""Seconds between two looks at listening ports: there is no watch of them."""
NETWORK_EVERY = 30.0
"""Seconds between two looks at an agent's latencies, and at the DERP map where it cannot be followed."""
DETAILS_EVERY = 60.0
"""Seconds between two looks at an agent whose workspace no watch tells of."""

T = TypeVar("T")


class Looks:
    """The looks at one deployment's agents. `heard` is to be called with what its watches tell."""

    def __init__(self, rest: RestClient, clock: Clock) -> None:
        self._rest, self._clock = rest, clock
        self._streams = CloserStreams(rest, clock)
        self._network = NetworkLook(rest, self._streams, clock)
        self._listeners: dict[str, set[asyncio.Queue[Workspace]]] = {}
        self._extending = asyncio.Lock()

    def heard(self, workspace: Workspace) -> None:
        """A watch told of this workspace: who looks at an agent of it need not ask."""
        for queue in self._listeners.get(workspace.id, ()):
            queue.put_nowait(workspace)

    async def details(self, workspace_id: str, agent_id: str) -> AsyncGenerator[Known[Details] | Trouble, None]:
        """`GET /workspaceagents/{id}` and its workspace, then what the watches tell; `watch-metadata` beside it."""
        base: Details | None = None
        metadata, metadata_at, metadata_why = (), None, ""
        sources = (
            self._polled(lambda: self._read_details(workspace_id, agent_id), DETAILS_EVERY),
            self._told(workspace_id, agent_id),
            self._streams.metadata(agent_id),
        )
        async with aclosing(together(*sources)) as events:
            async for event in events:
                if isinstance(event, Trouble):
                    yield event
                    if event.retry_at is None:
                        return
                    continue
                if isinstance(event, Known):
                    base = event.value
                elif isinstance(event, Got):
                    metadata, metadata_at, metadata_why = event.value, self._clock.now(), ""
                elif isinstance(event, WatchLost | WatchEnded):
                    metadata_why = _why(event)
                if base is not None:
                    base = replace(base, metadata=metadata, metadata_at=metadata_at, metadata_why=metadata_why)
                    yield Known(base, self._clock.now())

    async def ports(self, agent_id: str) -> AsyncGenerator[Known[Ports] | Trouble, None]:
        """`GET /workspaceagents/{id}/listening-ports`, every ten seconds."""

        async def read() -> Ports:
            return Ports(tuple(sorted(await self._rest.listening_ports(agent_id), key=lambda one: one.port)))

        async with aclosing(self._polled(read, PORTS_EVERY)) as events:
            async for event in events:
                yield event

    async def containers(self, agent_id: str) -> AsyncGenerator[Known[ContainerList] | Trouble, None]:
        """`GET /workspaceagents/{id}/containers/watch`, or the list every ten seconds (before v2.25)."""
        async with aclosing(self._streams.containers(agent_id)) as events:
            async for event in events:
                match event:
                    case Got(value):
                        yield Known(value, self._clock.now())
                    case WatchLost() | WatchEnded():
                        yield _trouble(event)

    async def network(self, agent_id: str) -> AsyncGenerator[Known[Network] | Trouble, None]:
        """`GET /workspaceagents/{id}/connection` and the agent's latencies, with all that `NetworkLook` adds."""
        read = self._polled(lambda: self._read_network(agent_id), NETWORK_EVERY)
        async with aclosing(self._network.follow(agent_id, read)) as events:
            async for event in events:
                yield event

    def measure(self) -> None:
        """Measure the network now: who looks at it hears of it."""
        self._network.measure()

    async def extend(self, workspace_id: str, by: timedelta) -> datetime:
        """`PUT /workspaces/{id}/extend`: the deadline as it is now, and `by` later; no later than the template allows.

        The new deadline. Raises NotFoundError without a deadline, UsageError at its limit, and what `RestClient` does.
        """
        async with self._extending:  # twice the key is twice the time
            workspace = await self._rest.workspace(workspace_id)
            name, build = one_line(f"{workspace.owner_name}/{workspace.name}"), workspace.latest_build
            if (deadline := _real(build.deadline)) is None:
                raise NotFoundError(f"{name} has no deadline", why="it runs until somebody stops it")
            until = max(deadline, self._clock.now()) + by
            if (limit := _real(build.max_deadline)) is not None and until > limit:
                until = limit
                if until <= deadline:
                    raise UsageError(f"{name} cannot run longer", why="its template's limit is reached")
            await self._rest.extend(workspace_id, until)
            return until

    async def _read_details(self, workspace_id: str, agent_id: str) -> Details:
        agent, workspace = await asyncio.gather(self._rest.agent(agent_id), self._rest.workspace(workspace_id))
        found = _details(workspace, agent_id)
        return Details(workspace, found.resource if found else None, agent)

    async def _told(self, workspace_id: str, agent_id: str) -> AsyncGenerator[Known[Details], None]:
        queue: asyncio.Queue[Workspace] = asyncio.Queue()
        listeners = self._listeners.setdefault(workspace_id, set())
        listeners.add(queue)
        try:
            while True:
                if (found := _details(await queue.get(), agent_id)) is not None:
                    yield Known(found, self._clock.now())
        finally:
            listeners.discard(queue)
            if not listeners:
                self._listeners.pop(workspace_id, None)

    async def _read_network(self, agent_id: str) -> Network:
        info, agent = await asyncio.gather(self._rest.connection_info(agent_id), self._rest.agent(agent_id))
        return Network(info, dict(agent.latency), self._rest.latency_ms, status=agent.status)

    async def _polled(self, read: Callable[[], Awaitable[T]], every: float) -> AsyncGenerator[Known[T] | Trouble, None]:
        """Read again and again; what no retry would help ends it."""
        backoff = Backoff(self._clock)
        while True:
            try:
                value = await read()
            except CoderTuiError as error:
                if hopeless(error):
                    yield Trouble(str(error))
                    return
                yield Trouble(error.why or error.what, backoff.lost())
                await backoff.pause()
            else:
                backoff = Backoff(self._clock)
                yield Known(value, self._clock.now())
                await self._clock.sleep(every)


def _details(workspace: Workspace, agent_id: str) -> Details | None:
    """The agent in its workspace; None when a newer build has others."""
    for resource in workspace.latest_build.resources:
        for agent in resource.agents:
            if agent.id == agent_id:
                return Details(workspace, resource, agent)
    return None


def _real(at: datetime | None) -> datetime | None:
    return at if at is not None and at.year > 1 else None


def _why(event: WatchLost | WatchEnded) -> str:
    return event.why if isinstance(event, WatchLost) else event.error.why or event.error.what


def _trouble(event: WatchLost | WatchEnded) -> Trouble:
    return Trouble(event.why, event.retry_at) if isinstance(event, WatchLost) else Trouble(str(event.error))

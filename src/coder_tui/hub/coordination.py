"""Coordinate: what a client of the hub learns of the agents it asks a tunnel to.

Agents run on the hub's own machine, so the hub speaks for them: an agent is reached through the hub, at its address. It
has no WireGuard key, because there is no WireGuard here; nothing is measured, because nothing is relayed.
Clients' own nodes are taken and told to nobody: no agent of the hub's would dial them.
"""

from __future__ import annotations

import asyncio
import ipaddress
import uuid
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from coder_tui.errors import ProtocolError
from coder_tui.hub.events import FLEET
from coder_tui.hub.pictures import PAUSE
from coder_tui.hub.rpc import Incoming
from coder_tui.hub.web import cancelled
from coder_tui.wire.network import DerpMap
from coder_tui.wire.tailnet import tailnet_pb2 as pb
from coder_tui.wire.tailnet.messages import uuid_bytes, uuid_text

if TYPE_CHECKING:
    from coder_tui.hub.core import Hub

_PeerUpdate = pb.CoordinateResponse.PeerUpdate
MOST_TUNNELS = 4096
"""Agents one call may ask for at the same time."""


async def coordinate(hub: Hub, incoming: Incoming, only: str = "") -> None:
    """Answer a Coordinate call. `only`: the one agent it may ask for."""
    tunnels = _Tunnels(hub, only)
    with hub.topics.subscribe(FLEET) as changes:
        asking = asyncio.create_task(incoming.request(pb.CoordinateRequest), name="coordinate-ask")
        changing = asyncio.create_task(changes.settled(PAUSE), name="coordinate-change")
        try:
            while True:
                await asyncio.wait({asking, changing}, return_when=asyncio.FIRST_COMPLETED)
                if asking.done():
                    request = asking.result()
                    if request is None:
                        return
                    refusal = tunnels.ask(request)
                    if refusal:
                        await incoming.send(pb.CoordinateResponse(error=refusal))
                        return
                    if request.HasField("disconnect"):
                        return
                    asking = asyncio.create_task(incoming.request(pb.CoordinateRequest), name="coordinate-ask")
                if changing.done():
                    if changes.closing:
                        return
                    changing = asyncio.create_task(changes.settled(PAUSE), name="coordinate-change")
                if news := tunnels.news():
                    await incoming.send(pb.CoordinateResponse(peer_updates=news))
        finally:
            await cancelled(asking)
            await cancelled(changing)


class _Tunnels:
    """The agents one call asked for, and what it was told of each (None: nothing, or that it went)."""

    def __init__(self, hub: Hub, only: str) -> None:
        self._hub, self._only = hub, only
        self._told: dict[str, pb.Node | None] = {}

    def ask(self, request: pb.CoordinateRequest) -> str:
        """Take over what the client wants; the reason why it may not, else nothing."""
        try:
            if request.HasField("add_tunnel"):
                agent_id = uuid_text(request.add_tunnel.id)
                if (self._only and agent_id != self._only) or self._hub.agents.get(agent_id) is None:
                    return f"authorize request: no agent {agent_id}, or you may not reach it here"
                if len(self._told) >= MOST_TUNNELS:
                    return f"no more than {MOST_TUNNELS} tunnels"
                self._told.setdefault(agent_id, None)
            if request.HasField("remove_tunnel"):
                self._told.pop(uuid_text(request.remove_tunnel.id), None)
        except ProtocolError as error:
            return str(error)
        return ""

    def news(self) -> list[_PeerUpdate]:
        """What changed with those agents since the last time."""
        found = []
        region = preferred_region(self._hub.derp.current()) if self._told else 0
        for agent_id, told in self._told.items():
            agent = self._hub.agents.get(agent_id)
            node = agent_node(agent_id, self._hub.url, region) if agent is not None and agent.connected else None
            if node == told:
                continue
            self._told[agent_id] = node
            update = _PeerUpdate(id=uuid_bytes(agent_id))
            if node is None:
                update.kind, update.reason = _PeerUpdate.DISCONNECTED, "the agent stopped"
            else:
                update.kind = _PeerUpdate.NODE
                update.node.CopyFrom(node)
                update.node.as_of.GetCurrentTime()
            found.append(update)
        return found


def preferred_region(derp: DerpMap) -> int:
    """The region an agent of this hub would call home: the first that is not to be avoided; 0 without any."""
    wanted = [region.region_id for region in derp.regions.values() if not region.avoid]
    return min(wanted or [region.region_id for region in derp.regions.values()], default=0)


def agent_node(agent_id: str, url: str, region: int) -> pb.Node:
    """An agent of the hub that `url` names, as a peer; without `as_of`."""
    parts = urlsplit(url)
    node = pb.Node(id=uuid.UUID(agent_id).int >> 65, preferred_derp=region)
    host = parts.hostname or "127.0.0.1"
    if ipaddress.ip_address(host).version == 6:
        host = f"[{host}]"
    node.endpoints.append(f"{host}:{parts.port}")
    return node

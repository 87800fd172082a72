"""How one agent is reached: what the deployment tells, what its agent tells the coordinator, what we measure."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from coder_tui.client.backoff import Clock
from coder_tui.client.netcheck import Netcheck
from coder_tui.client.netreport import Measured, agent_side
from coder_tui.client.rest import RestClient
from coder_tui.client.streams import WatchEnded, WatchLost
from coder_tui.client.streams_more import CloserStreams, Got
from coder_tui.client.tailnet import PeerNode, TailnetStreams
from coder_tui.feeds.closeups import Known, Network, Trouble
from coder_tui.feeds.meter import Meter
from coder_tui.feeds.together import together
from coder_tui.wire.network import DerpMap


class NetworkLook:
    """Joins them. One for a deployment: what was measured outlives a look."""

    def __init__(self, rest: RestClient, streams: CloserStreams, clock: Clock) -> None:
        tls = rest.credentials.tls
        self._meter = Meter(rest, Netcheck(tls.ca_file if tls else None), clock)
        self._streams, self._tailnet, self._clock = streams, TailnetStreams(rest, clock), clock

    def measure(self) -> None:
        """A person wants it measured now."""
        self._meter.now()

    async def follow(
        self, agent_id: str, read: AsyncGenerator[Known[Network] | Trouble, None]
    ) -> AsyncGenerator[Known[Network] | Trouble, None]:
        """`read` again and again, with the DERP map followed, `Coordinate` and our netchecks beside it."""
        base: Network | None = None
        followed: DerpMap | None = None
        peer: PeerNode | None = None
        measured = Measured()
        sources = (read, self._map(), self._peer(agent_id), self._meter.rounds())
        async with aclosing(together(*sources)) as events:
            async for event in events:
                match event:
                    case Trouble():
                        yield event
                        if event.retry_at is None:
                            return
                        continue
                    case Known(value=value):
                        base = value
                    case Measured():
                        measured = event
                    case DerpMap() | None:  # None: it cannot be followed, and what is read every half minute is newer
                        followed = event
                    case PeerNode(kind=kind) if kind != "ready":  # that tells nothing of the node
                        peer = event
                if base is None:
                    continue
                info = base.info if followed is None else base.info.model_copy(update={"derp_map": followed})
                side = agent_side(info.derp_map, base.status, base.latency, peer)
                self._meter.see(info.derp_map, side.home)
                yield Known(replace(base, info=info, measured=measured, side=side), self._clock.now())

    async def _map(self) -> AsyncGenerator[DerpMap | None, None]:
        """`GET /derp-map`, which is kept for old clients; where it is gone, `StreamDERPMaps`."""
        for follow in (self._streams.derp_map, self._tailnet.derp_maps):
            async with aclosing(follow()) as events:
                async for event in events:
                    match event:
                        case Got(value=value):
                            yield value
                        case WatchLost() | WatchEnded():
                            yield None

    async def _peer(self, agent_id: str) -> AsyncGenerator[PeerNode, None]:
        """Where the deployment has no coordinator, or is too old, nothing: the agent's end is known by REST only."""
        async with aclosing(self._tailnet.peer(agent_id)) as events:
            async for event in events:
                if isinstance(event, Got):
                    yield event.value

"""What a netcheck measures and what it found: types and plain sums, no I/O.

Latencies are round trips in milliseconds; regions are called by their ids in the DERP map.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coder_tui.client.tailnet import PeerNode
    from coder_tui.wire.agents import DerpLatency
    from coder_tui.wire.network import DerpMap, DerpNode, DerpRegion
    from coder_tui.wire.stun import Mapped

MAX_NODES = 100
"""Nodes measured in one go; a map may name thousands."""
PER_REGION = 3
"""Nodes measured of one region."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One way to one node: `ms` where it was measured, else `why` not. `mapped` is our address as STUN told it."""

    ms: float | None = None
    why: str = ""
    mapped: Mapped | None = None


@dataclass(frozen=True, slots=True)
class NodeReport:
    """What was measured of one node; None: it does not offer that, or we have no way there."""

    region: int
    name: str
    host: str
    https: Probe | None = None
    stun4: Probe | None = None
    stun6: Probe | None = None

    @property
    def stun(self) -> Probe | None:
        """The better of its STUN answers, else why there was none."""
        asked = [probe for probe in (self.stun4, self.stun6) if probe is not None]
        return min(asked, key=lambda probe: float("inf") if probe.ms is None else probe.ms, default=None)

    @property
    def ms(self) -> float | None:
        """Its best latency."""
        return min((probe.ms for probe in (self.https, self.stun) if probe and probe.ms is not None), default=None)


@dataclass(frozen=True, slots=True)
class Plan:
    """Which nodes are measured, and how many regions and nodes of the map are left out."""

    nodes: tuple[tuple[int, DerpNode], ...]
    regions_left_out: int = 0
    nodes_left_out: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """What one netcheck found. `clock_skew` is how many seconds our clock is ahead of the deployment's."""

    at: datetime
    nodes: tuple[NodeReport, ...] = ()
    regions_left_out: int = 0
    nodes_left_out: int = 0
    round_trip_ms: float | None = None
    clock_skew: float | None = None

    def regions(self) -> dict[int, float]:
        """Latency of each region that answered, by its fastest node."""
        found: dict[int, float] = {}
        for node in self.nodes:
            if node.ms is not None:
                found[node.region] = min(node.ms, found.get(node.region, node.ms))
        return found

    def relays(self) -> dict[int, float]:
        """Latency of each region with a relay that answered over HTTPS."""
        every = self.regions()
        return {node.region: every[node.region] for node in self.nodes if node.https and node.https.ms is not None}

    def stun(self) -> list[tuple[NodeReport, Probe]]:
        """Every node that was asked by STUN, with its best answer."""
        return [(node, probe) for node in self.nodes if (probe := node.stun) is not None]

    @property
    def udp(self) -> bool | None:
        """Whether any STUN server answered; None where there was none to ask."""
        asked = self.stun()
        return any(probe.ms is not None for _, probe in asked) if asked else None

    @property
    def public(self) -> tuple[str, ...]:
        """Our addresses as servers see them: IPv4, then IPv6."""
        return tuple(dict.fromkeys(str(one) for one in (*self._mapped("stun4"), *self._mapped("stun6"))))

    @property
    def hard_nat(self) -> bool | None:
        """Whether our NAT maps each destination to another port; None with fewer than two servers to compare."""
        seen = self._mapped("stun4")
        return len(set(seen)) > 1 if len(seen) > 1 else None

    def _mapped(self, way: str) -> list[Mapped]:
        probes: Iterable[Probe | None] = (getattr(node, way) for node in self.nodes)
        return [probe.mapped for probe in probes if probe is not None and probe.mapped is not None]


EMPTY = Report(datetime.min.replace(tzinfo=UTC))
"""Before anything was measured."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One point of the plot: when, the API's round trip, and the latency of each region tried (None: in vain)."""

    at: datetime
    round_trip_ms: float | None
    regions: Mapping[int, float | None]


@dataclass(frozen=True, slots=True)
class Measured:
    """The newest report, those before it as samples (oldest first), and how far the running netcheck is.

    `done` of `total` nodes; both 0 when none runs. The very first report grows while it is made: `complete` says when
    it is whole.
    """

    report: Report | None = None
    samples: tuple[Sample, ...] = ()
    done: int = 0
    total: int = 0
    complete: bool = False


@dataclass(frozen=True, slots=True)
class AgentSide:
    """What is known of the agent's end. `home`: its preferred region. `endpoints`: `host:port`; None: not known.

    `forced` are the regions it reaches by WebSocket only, and why; `told_at` is when it said all that.
    """

    status: str = ""
    home: int | None = None
    latency: Mapping[int, float] | None = None
    endpoints: tuple[str, ...] | None = None
    forced: Mapping[int, str] | None = None
    told_at: datetime | None = None


def plan(derp_map: DerpMap | None, *, first: Iterable[int] = (), most: int = MAX_NODES) -> Plan:
    """The first node of every region, then the second ones, as long as there is room for `most`.

    Regions named by `first` come first, the others by their ids.
    """
    wanted = {region: place for place, region in enumerate(dict.fromkeys(first))}
    named = {region.region_id: region for region in _regions(derp_map) if region.nodes}
    regions = sorted(named.values(), key=lambda region: (wanted.get(region.region_id, len(wanted)), region.region_id))
    rounds = zip_longest(*(_useful(region)[:PER_REGION] for region in regions))
    every = [
        (region.region_id, node)
        for nodes in rounds
        for region, node in zip(regions, nodes, strict=True)
        if node is not None
    ]
    chosen = tuple(every[:most])
    return Plan(
        chosen,
        len(named.keys() - {region for region, _ in chosen}),
        sum(len(region.nodes) for region in regions) - len(chosen),
    )


def _useful(region: DerpRegion) -> list[DerpNode]:
    """Relays before servers for STUN only, otherwise in the order of the map, which is that of preference."""
    return sorted(region.nodes, key=lambda node: node.stun_only)


def home_of(derp_map: DerpMap | None, latency: Mapping[int, float]) -> int | None:
    """The region a client would make its home: the nearest by the map's scores, of those it need not avoid."""
    if derp_map is None:
        return None
    scores = derp_map.home_params.region_score if derp_map.home_params else {}
    regions = {region.region_id: region for region in derp_map.regions.values()}
    fit = {
        region: ms * _score(scores.get(str(region)))
        for region, ms in latency.items()
        if region in regions and not regions[region].avoid
    }
    return min(fit, key=lambda region: (fit[region], region), default=None)


def _score(score: float | None) -> float:
    return score if score is not None and score > 0 else 1.0


def region_name(derp_map: DerpMap | None, region: int | None) -> str:
    """What people call a region. The text is raw."""
    for one in _regions(derp_map):
        if one.region_id == region:
            return one.region_name or one.region_code or str(region)
    return f"region {region}"


def clock_skew(dated: tuple[datetime, str] | None, round_trip_ms: float | None) -> float | None:
    """Seconds our clock is ahead of a server's, by our time and its `Date` header (RFC 9110, 6.6.1: whole seconds).

    None where it sent none that can be read.
    """
    if dated is None:
        return None
    from email.utils import parsedate_to_datetime  # loads a good deal that the first frame need not wait for

    ours, text = dated
    try:
        theirs = parsedate_to_datetime(text)
        theirs = theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
        # fractions are cut off: on average the header is half a second old when it is sent
        return (ours - theirs).total_seconds() - 0.5 - (round_trip_ms or 0.0) / 2000
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def agent_side(
    derp_map: DerpMap | None, status: str, latency: Mapping[str, DerpLatency], peer: PeerNode | None
) -> AgentSide:
    """What is known of the agent's end: by the coordinator where it told (`peer`), else by its REST latencies."""
    ids = {name: one.region_id for one in _regions(derp_map) for name in (one.region_code, one.region_name) if name}
    told = {ids[name]: one.latency_ms for name, one in latency.items() if name in ids}
    home = next((ids[name] for name, one in latency.items() if one.preferred and name in ids), None)
    if peer is None or peer.kind != "node":
        return AgentSide(status, home, told)
    for key, seconds in peer.derp_latency.items():
        region, _, _ = key.partition("-")  # `<region>-v4`, `<region>-v6`
        if region.isascii() and region.isdecimal() and 0 < seconds < 60:
            told[int(region)] = min(seconds * 1000, told.get(int(region), seconds * 1000))
    forced = dict(peer.derp_forced_websocket)
    return AgentSide(status, peer.preferred_derp or home, told, peer.endpoints, forced or None, peer.as_of)


def _regions(derp_map: DerpMap | None) -> Iterable[DerpRegion]:
    return derp_map.regions.values() if derp_map else ()

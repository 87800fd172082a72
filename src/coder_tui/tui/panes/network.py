"""How the agent is reached: ways, DERP regions with their relays, and the latency it measures to each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.segment import Segment

from coder_tui.feeds.source import AgentRef, Known, Network, Trouble
from coder_tui.tui.paint import column, fit, spread
from coder_tui.tui.panes.closeup import CloseUp

if TYPE_CHECKING:
    from coder_tui.wire.agents import DerpLatency
    from coder_tui.wire.network import DerpNode, DerpRegion

_STUN, _DERP = 3478, 443  # ports where the map names none (contract: DERPMap)
_LABEL = 20
_NEAR, _FAR = 50.0, 150.0  # milliseconds: a terminal feels local, and a terminal feels far


@dataclass(frozen=True, slots=True)
class Line:
    """One line; a heading has no key. `kind`: heading, fact, region, node. `latency` in milliseconds."""

    kind: str
    label: str
    value: str = ""
    key: str | None = None
    voice: str = "foreground"
    latency: float | None = None
    preferred: bool = False


def lines_of(network: Network) -> list[Line]:
    """The ways first, then every region of the map, nearest first, and those only the agent knows."""
    info = network.info
    lines = [Line("heading", "Ways")]
    if info.disable_direct_connections:
        lines.append(Line("fact", "Direct", "disabled: everything goes through a relay", "direct", "due"))
    else:
        lines.append(Line("fact", "Direct", "allowed", "direct", "done"))
    over = "WebSockets only" if info.derp_force_websockets else "HTTP upgrade, WebSockets where that fails"
    lines.append(Line("fact", "Relays speak", over, "websockets"))
    best = next(((name, one) for name, one in network.latency.items() if one.preferred), None)
    if best is not None:
        lines.append(Line("fact", "Agent's home", best[0], "home", latency=best[1].latency_ms))
    if network.round_trip_ms is not None:
        lines.append(Line("fact", "API round trip", f"{network.round_trip_ms:.0f} ms from here", "api"))
    if info.hostname_suffix:
        lines.append(Line("fact", "Names end in", f".{info.hostname_suffix.lstrip('.')}", "suffix"))
    regions = list(info.derp_map.regions.values()) if info.derp_map is not None else []
    lines.append(Line("heading", "DERP regions"))
    if not regions:
        lines.append(Line("fact", "None", "the deployment has no relay", "none", "due"))
    named: set[str] = set()
    for region in sorted(regions, key=lambda region: (_sort(_of(network, region)), region.region_id)):
        latency = _of(network, region)
        named |= {region.region_name, region.region_code}
        lines.append(_region(region, latency))
        lines += [_node(region, node) for node in region.nodes]
    for name, one in network.latency.items():
        if name not in named:
            value = "measured by the agent, no longer in the map"
            lines.append(Line("region", name, value, f"region/{name}", "muted", one.latency_ms, one.preferred))
    return lines


def _of(network: Network, region: DerpRegion) -> DerpLatency | None:
    """The agent's latency to it; Coder keys that map by the region's name."""
    return network.latency.get(region.region_name) or network.latency.get(region.region_code)


def _sort(latency: DerpLatency | None) -> float:
    return latency.latency_ms if latency is not None else float("inf")


def _region(region: DerpRegion, latency: DerpLatency | None) -> Line:
    stun = all(node.stun_only for node in region.nodes)
    words = (
        region.region_code if region.region_code != region.region_name else "",
        f"#{region.region_id}",
        "embedded relay" if region.embedded_relay else "STUN only" if stun and region.nodes else "",
        "avoided" if region.avoid else "",
    )
    return Line(
        "region",
        region.region_name or region.region_code or str(region.region_id),
        ", ".join(word for word in words if word),
        f"region/{region.region_id}",
        "muted",
        latency.latency_ms if latency else None,
        latency.preferred if latency else False,
    )


def _node(region: DerpRegion, node: DerpNode) -> Line:
    port = node.derp_port or _DERP
    words = [
        "" if node.stun_only else f"relay {'http' if node.force_http else 'https'}:{port}",
        "" if node.stun_port < 0 else f"STUN {node.stun_port or _STUN}",
        "certificate not checked" if node.insecure_for_tests else "",
    ]
    value = ", ".join(word for word in words if word)
    return Line("node", node.host_name or node.name, value, f"node/{region.region_id}/{node.name}", "faint")


class NetworkPane(CloseUp[Line, Network]):
    """Ways and regions; the agent's home region is marked."""

    PAGE, WHAT = "Network", "network"
    NEEDS_AGENT = False  # the map is the deployment's

    def follow(self, agent: AgentRef) -> AsyncIterator[Known[Network] | Trouble]:
        """Connection info, DERP map, latencies."""
        return self.source.network(agent)

    def lay_out(self, value: Network) -> tuple[Sequence[Line], Sequence[Hashable]]:
        """Headings hold no cursor."""
        lines = lines_of(value)
        return lines, [one.key for one in lines]

    def nothing(self, value: Network) -> Sequence[tuple[str, str]]:
        """There is always a way, or the lack of one."""
        return (("The deployment tells nothing about its network.", "muted"),)

    def copied(self, item: Line) -> tuple[str, str]:
        """Host, region, or fact."""
        return (item.value if item.kind == "fact" else item.label), ""

    def paint(self, index: int, line: int, width: int) -> list[Segment]:
        """A heading, a fact, a region with its latency, or a node of it."""
        one, voices, g = self.items[index], self.voices, self.glyphs
        if one.kind == "heading":
            return [Segment(f" {one.label}", voices.bold("accent"))]
        right: list[Segment] = []
        if one.preferred:
            right.append(Segment(f" {g.check} home ", voices["done"]))
        if one.latency is not None:
            right.append(Segment(f"{one.latency:>6.0f} ms ", voices[_voice(one.latency)]))
        label = min(_LABEL, width // 3) if one.kind == "fact" else min(28, width // 2)
        head = voices["muted"]
        if one.kind == "region":
            head = voices.bold("bright") if one.preferred else voices["foreground"]
        indent = "     " if one.kind == "node" else "   "
        left = [Segment(f"{indent}{column(one.label, label, g.ellipsis)} ", head)]
        room = width - label - len(indent) - 2 - sum(segment.cell_length for segment in right)
        left.append(Segment(fit(one.value, room, g.ellipsis), voices[one.voice]))
        return spread(left, right, width)


def _voice(latency: float) -> str:
    return "done" if latency < _NEAR else "foreground" if latency < _FAR else "due"

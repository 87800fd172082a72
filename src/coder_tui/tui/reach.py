"""How an agent is reached, as lines: ways, DERP regions with their relays, latencies. Pure: what to say, not how.

Texts are raw, from outside: whoever paints or prints them makes them safe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coder_tui.feeds.closeups import Network
    from coder_tui.wire.agents import DerpLatency
    from coder_tui.wire.network import DerpNode, DerpRegion

_STUN, _DERP = 3478, 443  # ports where the map names none (contract: DERPMap)


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
    key = f"node/{region.region_id}/{node.name}"
    return Line("node", node.host_name or node.name, node_words(node), key, "faint")


def node_words(node: DerpNode) -> str:
    """What a node does, on which ports."""
    port = node.derp_port or _DERP
    words = (
        "" if node.stun_only else f"relay {'http' if node.force_http else 'https'}:{port}",
        "" if node.stun_port < 0 else f"STUN {node.stun_port or _STUN}",
        "certificate not checked" if node.insecure_for_tests else "",
    )
    return ", ".join(word for word in words if word)

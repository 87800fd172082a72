"""What `coder-tui netcheck` found, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from coder_tui.cli.agents import table
from coder_tui.client.credentials import Credentials
from coder_tui.client.netreport import AgentSide, NodeReport, Probe, Report, home_of, region_name
from coder_tui.client.verdict import Path, Verdict, Warned
from coder_tui.text import one_line
from coder_tui.tui.plot import digits
from coder_tui.tui.reach import measured_words
from coder_tui.wire.base import format_time
from coder_tui.wire.network import AgentConnectionInfo


@dataclass(frozen=True, slots=True)
class AgentCheck:
    """One agent: what is known of its end, and how it would be reached."""

    name: str
    ident: str
    side: AgentSide
    path: Verdict


@dataclass(frozen=True, slots=True)
class Checked:
    """All about one deployment."""

    credentials: Credentials
    info: AgentConnectionInfo
    report: Report
    path: Verdict
    agents: tuple[AgentCheck, ...] = ()
    warned: tuple[Warned, ...] = field(default=())

    @property
    def blocked(self) -> bool:
        """Whether something that was asked for cannot be reached."""
        return any(one.path is Path.BLOCKED for one in (self.path, *(agent.path for agent in self.agents)))


# --- for people ---


def lines(one: Checked) -> Iterator[str]:
    """The report for people."""
    report, derp_map = one.report, one.info.derp_map
    trip = f"  {digits(report.round_trip_ms)} ms" if report.round_trip_ms is not None else ""
    yield f"{one.credentials.name}  {one.credentials.url}{trip}"
    yield one_line(f"{one.path.what}: {one.path.why}")
    if report.public:
        nat = {True: ", behind a NAT that maps each destination to another port", False: ", behind an easy NAT or none"}
        yield f"seen as {', '.join(report.public)}{nat.get(report.hard_nat, '') if report.hard_nat is not None else ''}"
    if report.nodes:
        yield ""
        yield from table(("REGION", "ID", "LATENCY", "NODES"), list(_rows(one)))
    for agent in one.agents:
        yield ""
        about = f", about {agent.path.ms:.0f} ms" if agent.path.ms is not None else ""
        yield one_line(f"{agent.name}: {agent.path.what}{about}: {agent.path.why}")
        if agent.side.home is not None:
            away = (agent.side.latency or {}).get(agent.side.home)
            ms = f", {away:.0f} ms from it" if away is not None else ""
            yield f"  its home is {one_line(region_name(derp_map, agent.side.home))}{ms}"
        if agent.side.endpoints:
            yield f"  it offers {one_line(', '.join(agent.side.endpoints))}"
    if one.warned:
        yield ""
    for warned in one.warned:
        yield one_line(f"warning: {warned.what}. {warned.fix[:1].upper()}{warned.fix[1:]}.")


def _rows(one: Checked) -> Iterator[tuple[str, str, str, str]]:
    known, near = one.report.regions(), home_of(one.info.derp_map, one.report.relays())
    regions = dict.fromkeys(node.region for node in one.report.nodes)
    for region in sorted(regions, key=lambda region: (known.get(region, float("inf")), region)):
        mark = " (nearest)" if region == near else ""
        ms = f"{digits(known[region])} ms" if region in known else "-"
        nodes = [f"{node.host} {measured_words(node)[0]}" for node in one.report.nodes if node.region == region]
        yield f"{region_name(one.info.derp_map, region)}{mark}", str(region), ms, "; ".join(nodes)


# --- for programs ---


def plain(one: Checked) -> dict[str, Any]:
    """The report for programs: see docs/json.md."""
    report, info = one.report, one.info
    known = report.regions()
    return {
        "name": one.credentials.name,
        "url": one.credentials.url,
        "round_trip_ms": _ms(report.round_trip_ms),
        "clock_skew": None if report.clock_skew is None else round(report.clock_skew, 1),
        "direct_connections": not info.disable_direct_connections,
        "udp": report.udp,
        "hard_nat": report.hard_nat,
        "addresses": list(report.public),
        "nearest_relay": home_of(info.derp_map, report.relays()),
        "regions": [
            {
                "id": region,
                "name": one_line(region_name(info.derp_map, region)),
                "latency_ms": _ms(known.get(region)),
                "nodes": [_node(node) for node in report.nodes if node.region == region],
            }
            for region in dict.fromkeys(node.region for node in report.nodes)
        ],
        "left_out": {"regions": report.regions_left_out, "nodes": report.nodes_left_out},
        **_path(one.path),
        "agents": [
            {
                "name": agent.name,
                "id": agent.ident,
                "status": agent.side.status,
                "home": agent.side.home,
                "latency_ms": {str(region): _ms(ms) for region, ms in (agent.side.latency or {}).items()},
                "endpoints": None if agent.side.endpoints is None else list(agent.side.endpoints),
                "websocket_only": sorted(agent.side.forced or ()),
                "told_at": format_time(agent.side.told_at) if agent.side.told_at else None,
                **_path(agent.path),
            }
            for agent in one.agents
        ],
        "warnings": [{"code": warned.code, "what": one_line(warned.what), "fix": warned.fix} for warned in one.warned],
    }


def _path(found: Verdict) -> dict[str, Any]:
    return {
        "path": found.path.value,
        "what": one_line(found.what),
        "why": one_line(found.why),
        "relay": found.region,
        "relayed_ms": _ms(found.ms),
    }


def _node(node: NodeReport) -> dict[str, Any]:
    return {
        "name": one_line(node.name),
        "host": one_line(node.host),
        "https": _probe(node.https),
        "stun_ipv4": _probe(node.stun4),
        "stun_ipv6": _probe(node.stun6),
    }


def _probe(probe: Probe | None) -> dict[str, Any] | None:
    """None: the node does not offer it."""
    if probe is None:
        return None
    return {"ms": _ms(probe.ms), "why": probe.why, "address": str(probe.mapped) if probe.mapped else None}


def _ms(value: float | None) -> float | None:
    return None if value is None else round(value, 1)

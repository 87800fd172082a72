"""What a netcheck means: would the path to an agent be direct or relayed, why, and what could be done about it. Pure.

These are predictions for programs that speak Coder's tailnet (`coder ssh`, IDEs, Coder Desktop); our own terminals go
through the deployment's API. Rules: docs of Coder, "Networking" and "Troubleshooting".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from coder_tui.client.netreport import AgentSide, Probe, Report, home_of, region_name

if TYPE_CHECKING:
    from coder_tui.wire.network import AgentConnectionInfo

FAR_MS = 150.0
"""A relay further away than this makes typing feel slow."""
SKEW_SECONDS = 5.0
"""Clocks further apart than this make ages and signed tokens wrong. The `Date` header is good to a second."""


class Path(StrEnum):
    """How packets would go."""

    DIRECT = "direct"
    RELAYED = "relayed"
    API = "api"  # the deployment has no relay and no STUN server
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The path in words and why. `ms`: what a relayed round trip would take, as far as both ends' latencies tell."""

    path: Path
    what: str
    why: str
    region: int | None = None
    ms: float | None = None


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that is not as it could be, and the next step. `code` is for programs."""

    code: str
    what: str
    fix: str


def verdict(info: AgentConnectionInfo, report: Report, agent: AgentSide | None = None) -> Verdict:
    """The path to `agent`; to any agent, where None."""
    if agent is not None and agent.status not in ("", "connected"):
        return Verdict(Path.BLOCKED, "not reachable", f"the agent is {agent.status}")
    if info.derp_map is None or not any(region.nodes for region in info.derp_map.regions.values()):
        return Verdict(Path.API, "through the deployment's API only", "it has neither a relay nor a STUN server")
    if not (why := _not_direct(info, report, agent)):
        return Verdict(Path.DIRECT, *_direct(report, agent))
    relays = report.relays()
    if not relays:
        return Verdict(Path.BLOCKED, "not reachable", f"{why}, and no relay answers")
    ours = home_of(info.derp_map, relays)
    theirs = agent.home if agent and agent.home is not None else ours
    ms = relayed_ms(relays, agent.latency or {}, ours, theirs) if agent else None
    return Verdict(Path.RELAYED, f"relayed by {region_name(info.derp_map, theirs)}", why, theirs, ms)


def _not_direct(info: AgentConnectionInfo, report: Report, agent: AgentSide | None) -> str:
    """Why the two ends would not find each other; empty when they would."""
    if info.disable_direct_connections:
        return "direct connections are disabled on this deployment"
    if report.udp is None:
        return "no STUN server tells either end its address"
    if not report.udp:
        return "no STUN server answers over UDP from here"
    if agent is None or agent.endpoints is None:
        return ""
    if not agent.endpoints:
        return "the agent offers no address of its own"
    if report.hard_nat and behind_hard_nat(agent.endpoints):
        return "both ends are behind NATs that map each destination to another port"
    return ""


def _direct(report: Report, agent: AgentSide | None) -> tuple[str, str]:
    if agent is None:
        return "direct connections are possible from here", "UDP works"
    if agent.endpoints is None:
        return "direct, if the agent's own network allows it", "UDP works from here; the agent's end is not known"
    number = len(agent.endpoints)
    nat = ", through a NAT that makes it harder" if report.hard_nat else ""
    return "direct", f"UDP works from here{nat}, and the agent offers {number} address{'es' if number != 1 else ''}"


def behind_hard_nat(endpoints: tuple[str, ...]) -> bool:
    """Whether one host stands there with several ports: what different STUN servers saw of one socket."""
    hosts = [endpoint.rpartition(":")[0] for endpoint in dict.fromkeys(endpoints)]
    return len(set(hosts)) < len(hosts)


def relayed_ms(
    ours: Mapping[int, float], theirs: Mapping[int, float], our_home: int | None, their_home: int | None
) -> float | None:
    """A round trip through relays: each end sends through the other's home. None where a leg is not known."""
    legs = [
        side[home]
        for home in (our_home, their_home)
        for side in (ours, theirs)
        if home is not None and side.get(home) is not None
    ]
    return sum(legs) / 2 if len(legs) == 4 else None


def warnings(info: AgentConnectionInfo, report: Report, agent: AgentSide | None = None) -> list[Warned]:
    """What is not as it could be, the worst first."""
    return [*_relays(info, report, agent), *_udp(info, report), *_websockets(info, agent), *_rest(report)]


def _relays(info: AgentConnectionInfo, report: Report, agent: AgentSide | None) -> Iterator[Warned]:
    asked = [node for node in report.nodes if node.https is not None]
    down = [node for node in asked if node.https is not None and node.https.ms is None]
    relays = report.relays()
    if asked and not relays:
        yield Warned(
            "no-relay",
            f"None of {len(asked)} relays answers over HTTPS ({_why(down[0].https)})",
            "check proxy, VPN and firewall: relays are the way when nothing else works",
        )
    elif down:
        yield Warned(
            "relay-down",
            f"{len(down)} of {len(asked)} relays do not answer ({down[0].host}: {_why(down[0].https)})",
            "tell the deployment's admin, or check whether a firewall blocks it",
        )
    near = home_of(info.derp_map, relays)
    if near is not None and relays[near] > FAR_MS:
        yield Warned(
            "far-region",
            f"The nearest relay, {region_name(info.derp_map, near)}, is {relays[near]:.0f} ms away",
            "ask the admin for a workspace proxy nearer to you",
        )
    home = agent.home if agent else None
    if near is not None and home is not None and home != near and relays.get(home, 0.0) > max(FAR_MS, 2 * relays[near]):
        yield Warned(
            "far-agent",
            f"The agent's home, {region_name(info.derp_map, home)}, is {relays[home]:.0f} ms from you",
            "use a workspace nearer to you, where there is one",
        )


def _websockets(info: AgentConnectionInfo, agent: AgentSide | None) -> Iterator[Warned]:
    if agent is None or not agent.forced:
        return
    region, why = next(iter(agent.forced.items()))
    more = f" and {len(agent.forced) - 1} more" if len(agent.forced) > 1 else ""
    yield Warned(
        "websocket",
        f"The agent reaches {region_name(info.derp_map, region)}{more} by WebSocket only ({why or 'no reason told'})",
        "let HTTP requests with `Upgrade: DERP` through the proxy before the relay: it is faster",
    )


def _udp(info: AgentConnectionInfo, report: Report) -> Iterator[Warned]:
    asked = report.stun()
    silent = [(node, probe) for node, probe in asked if probe.ms is None]
    # what keeps a relay away altogether is told there
    lost = [(node, probe) for node, probe in silent if node.https is None or node.https.why != probe.why]
    if info.disable_direct_connections:
        yield Warned(
            "direct-disabled",
            "Direct connections are disabled on this deployment",
            "an admin allows them with CODER_BLOCK_DIRECT=false",
        )
    elif info.derp_map is not None and report.nodes and not asked:
        yield Warned(
            "no-stun",
            "The map has no STUN server: direct connections work inside one network only",
            "an admin sets CODER_DERP_SERVER_STUN_ADDRESSES",
        )
    if asked and report.udp is False:
        yield Warned(
            "no-udp",
            f"None of {len(asked)} STUN servers answers over UDP ({_why(silent[0][1])})",
            "allow outgoing UDP in the firewall or VPN; until then all is relayed",
        )
    elif lost:
        node, probe = lost[0]
        yield Warned(
            "stun-blocked",
            f"{len(lost)} of {len(asked)} STUN servers do not answer ({node.host}: {_why(probe)})",
            "allow outgoing UDP to it; one that answers is enough",
        )
    if report.hard_nat:
        yield Warned(
            "hard-nat",
            "Your NAT maps each destination to another port",
            "direct connections need an easy NAT at the other end; a network with UPnP or IPv6 helps",
        )


def _rest(report: Report) -> Iterator[Warned]:
    skew = report.clock_skew
    if skew is not None and abs(skew) >= SKEW_SECONDS:
        yield Warned(
            "clock-skew",
            f"Your clock is {_span(abs(skew))} {'ahead of' if skew > 0 else 'behind'} the deployment's",
            "set it by NTP: ages are wrong, and tokens may be refused",
        )
    if report.nodes_left_out:
        regions = f", {report.regions_left_out} regions among them" if report.regions_left_out else ""
        yield Warned(
            "left-out",
            f"The map is big: {report.nodes_left_out} nodes were not measured{regions}",
            "nothing to do, unless the one you need is among them",
        )


def _why(probe: Probe | None) -> str:
    return (probe.why if probe else "") or "no answer"


def _span(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= size * 2:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"

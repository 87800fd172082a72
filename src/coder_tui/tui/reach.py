"""How an agent is reached, as lines: the path, warnings, latency over time, DERP regions, facts. Pure: what to say.

Texts are raw, from outside: whoever paints or prints them makes them safe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from coder_tui.feeds.netreport import EMPTY, AgentSide, Measured, NodeReport, Path, Probe, verdict, warnings
from coder_tui.tui.plot import PLOT_ROWS, SLOTS, digits, slots_of, top_of

if TYPE_CHECKING:
    from coder_tui.feeds.closeups import Network
    from coder_tui.wire.network import AgentConnectionInfo, DerpNode, DerpRegion

SHOWN = 100
"""Regions that are listed; a map may name thousands."""

_STUN, _DERP = 3478, 443  # ports where the map names none (contract: DERPMap)
_VOICES = {Path.DIRECT: "done", Path.RELAYED: "quiet", Path.API: "foreground", Path.BLOCKED: "failed"}
Wrap = Callable[[str], list[str]]


@dataclass(frozen=True, slots=True)
class Line:
    """One line; the cursor stops where there is a `key`.

    `kind`: heading, path, warning, text, plot, axis, region, node, fact. `ours` and `theirs` are the latencies of a
    region from here and from the agent, in milliseconds; `top` is what a full bar stands for; `aside` stands at the
    right. A plot line is row `row` (from above) of the bars for `slots`.
    """

    kind: str
    label: str
    value: str = ""
    key: str | None = None
    voice: str = "foreground"
    aside: str = ""
    ours: float | None = None
    theirs: float | None = None
    home: bool = False
    top: float = 0.0
    slots: tuple[float | None, ...] = ()
    row: int = 0


class _Seen(NamedTuple):
    network: Network
    measured: Measured
    side: AgentSide

    @property
    def info(self) -> AgentConnectionInfo:
        return self.network.info


def lines_of(network: Network, wrap: Wrap = lambda text: [text], ellipsis: str = "…") -> list[Line]:
    """All of it. `wrap` breaks a sentence into lines."""
    seen = _Seen(network, network.measured or Measured(), network.side or AgentSide())
    return [
        *_path(seen, wrap, ellipsis),
        *_warnings(seen, wrap),
        *_plot(seen),
        *_regions(seen, ellipsis),
        *_facts(seen),
    ]


# --- the path ---


def _path(seen: _Seen, wrap: Wrap, ellipsis: str) -> Iterator[Line]:
    yield Line("heading", "Path")
    measured, regions = seen.measured, seen.info.derp_map.regions if seen.info.derp_map else {}
    report = measured.report
    if not measured.complete and any(region.nodes for region in regions.values()):
        how_far = f"measuring {measured.done} of {measured.total} nodes" if measured.total else "measuring"
        yield Line("path", f"{how_far}{ellipsis}", key="path", voice="muted")
        return
    found = verdict(seen.info, report or EMPTY, seen.side)
    about = f"about {found.ms:.0f} ms" if found.ms is not None else ""
    yield Line("path", found.what, found.why, "path", _VOICES[found.path], about)
    for text in wrap(f"{found.why[:1].upper()}{found.why[1:]}."):
        yield Line("text", text)


def _warnings(seen: _Seen, wrap: Wrap) -> Iterator[Line]:
    report = seen.measured.report
    if report is None or not seen.measured.complete:
        return
    for place, one in enumerate(warnings(seen.info, report, seen.side)):
        if not place:
            yield Line("heading", "Warnings")
        for number, text in enumerate(wrap(one.what)):
            key = f"warning/{one.code}" if not number else None
            yield Line("warning" if not number else "text", text, f"{one.what}. {one.fix}", key, "due")
        for text in wrap(f"{one.fix[:1].upper()}{one.fix[1:]}."):
            yield Line("text", text, voice="muted")


# --- over time ---


def _plot(seen: _Seen) -> Iterator[Line]:
    samples = seen.measured.samples
    if not samples:
        return
    region = _plotted(seen)
    every = [("API round trip", [(one.at, one.round_trip_ms) for one in samples])]
    if region is not None:
        # a round that did not measure this region is a gap
        points = [(one.at, one.regions[region]) for one in samples if region in one.regions]
        every.append((_name_of(seen, region), points))
    series = [(name, slots_of(points, SLOTS)) for name, points in every]
    top = top_of(value for _, slots in series for value in slots)
    yield Line("heading", "Latency over time", aside=f"full height {top:.0f} ms")
    for name, slots in series:
        values = [value for value in slots if value is not None and value != float("inf")]
        least, most = (digits(value) for value in (min(values), max(values))) if values else ("", "")
        words = f"{digits(values[-1])} ms ({least} to {most})" if values else "no answer"
        for row in range(PLOT_ROWS):
            yield Line("plot", words if row else name, top=top, slots=slots, row=row)
    yield Line("axis", "10 min ago", "now")


def _plotted(seen: _Seen) -> int | None:
    """The relay that would carry it: the agent's home, else the nearest."""
    report = seen.measured.report
    if report is None:
        return None
    near = report.relays() or report.regions()
    if seen.side.home in near:
        return seen.side.home
    return min(near, key=lambda region: near[region], default=None)


def _name_of(seen: _Seen, region: int) -> str:
    for one in seen.info.derp_map.regions.values() if seen.info.derp_map else ():
        if one.region_id == region:
            return one.region_name or one.region_code
    return f"region {region}"


# --- regions ---


def _regions(seen: _Seen, ellipsis: str) -> Iterator[Line]:
    measured, side = seen.measured, seen.side
    report = measured.report or EMPTY
    ours, theirs = report.regions(), side.latency or {}
    named = seen.info.derp_map.regions.values() if seen.info.derp_map else ()
    regions = {region.region_id: region for region in named}
    aside = f"measuring {measured.done} of {measured.total}{ellipsis}" if measured.total else ""
    yield Line("heading", "DERP regions", aside=aside)
    if not regions:
        yield Line("fact", "None", "the deployment has no relay", "none", "muted")
    far = float("inf")
    order = sorted(regions, key=lambda one: (ours.get(one, far), theirs.get(one, far), one))
    top = top_of(ours.values())
    nodes: dict[int, list[NodeReport]] = {}
    for node in report.nodes:
        nodes.setdefault(node.region, []).append(node)
    for ident in order[:SHOWN]:
        found = nodes.get(ident, [])
        home = ident == side.home
        yield _region(regions[ident], ours.get(ident), theirs.get(ident), home=home, top=top, tried=bool(found))
        yield from _nodes(regions[ident], found)
    if len(order) > SHOWN:
        yield Line("fact", "And", f"{len(order) - SHOWN} regions more", "more", "muted")
    known = {name for region in regions.values() for name in (region.region_name, region.region_code)}
    for name, one in seen.network.latency.items():
        if name not in known:
            yield Line(
                "region",
                name,
                "no longer in the map",
                f"gone/{name}",
                "muted",
                theirs=one.latency_ms,
                home=one.preferred,
            )


def _region(
    region: DerpRegion, ours: float | None, theirs: float | None, *, home: bool, top: float, tried: bool
) -> Line:
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
        aside="no answer" if tried and ours is None else "",
        ours=ours,
        theirs=theirs,
        home=home,
        top=top,
    )


def _nodes(region: DerpRegion, found: list[NodeReport]) -> Iterator[Line]:
    reports = {(one.name, one.host): one for one in found}
    for place, node in enumerate(region.nodes):
        report = reports.get((node.name, node.host_name))
        words, voice = measured_words(report) if report else ("", "faint")
        key = f"node/{region.region_id}/{place}/{node.name}"
        yield Line("node", node.host_name or node.name, node_words(node), key, voice, words)


def measured_words(report: NodeReport) -> tuple[str, str]:
    """What was measured of a node in words, and their voice."""
    probes = [(name, probe) for name, probe in (("HTTPS", report.https), ("STUN", report.stun)) if probe is not None]
    failed = [probe for _, probe in probes if probe.ms is None]
    if failed and len(failed) == len(probes) and len({probe.why for probe in failed}) == 1:
        return failed[0].why, "failed"
    return ", ".join(f"{name} {_probe(probe)}" for name, probe in probes), "due" if failed else "muted"


def _probe(probe: Probe) -> str:
    return probe.why if probe.ms is None else f"{digits(probe.ms)} ms"


def node_words(node: DerpNode) -> str:
    """What a node does, on which ports."""
    port = node.derp_port or _DERP
    words = (
        "" if node.stun_only else f"relay {'http' if node.force_http else 'https'}:{port}",
        "" if node.stun_port < 0 else f"STUN {node.stun_port or _STUN}",
        "certificate not checked" if node.insecure_for_tests else "",
    )
    return ", ".join(word for word in words if word)


# --- facts ---


def _facts(seen: _Seen) -> Iterator[Line]:
    info, side = seen.info, seen.side
    report = seen.measured.report or EMPTY
    yield Line("heading", "Ways")
    if info.disable_direct_connections:
        yield Line("fact", "Direct", "disabled: everything goes through a relay", "direct", "due")
    else:
        yield Line("fact", "Direct", "allowed", "direct", "done")
    over = "WebSockets only" if info.derp_force_websockets else "HTTP upgrade, WebSockets where that fails"
    yield Line("fact", "Relays speak", over, "websockets")
    if report.udp is not None:
        address = ", ".join(report.public) if report.udp else "UDP does not get through"
        yield Line("fact", "Our address", address, "address", "foreground" if report.udp else "due")
    if report.hard_nat is not None:
        nat = "maps each destination to another port" if report.hard_nat else "easy: one port for all destinations"
        yield Line("fact", "Our NAT", nat, "nat", "due" if report.hard_nat else "foreground")
    if side.home is not None:
        yield Line(
            "fact", "Agent's home", _name_of(seen, side.home), "home", theirs=(side.latency or {}).get(side.home)
        )
    if side.endpoints is not None:
        addresses = ", ".join(side.endpoints) or "none"
        yield Line("fact", "Agent's addresses", addresses, "endpoints", "foreground" if side.endpoints else "due")
    if side.told_at is not None:
        yield Line("fact", "Agent said so at", f"{side.told_at.astimezone():%Y-%m-%d %H:%M:%S}", "told")
    trip = report.round_trip_ms if report.round_trip_ms is not None else seen.network.round_trip_ms
    if trip is not None:
        yield Line("fact", "API round trip", f"{digits(trip)} ms from here", "api")
    if report.clock_skew is not None:
        off = abs(report.clock_skew)
        late = f"{off:.0f} s {'ahead of' if report.clock_skew > 0 else 'behind'} the deployment's"
        yield Line("fact", "Our clock", late if off >= 2 else "in step with the deployment's", "clock")
    if info.hostname_suffix:
        yield Line("fact", "Names end in", f".{info.hostname_suffix.lstrip('.')}", "suffix")

"""What a netcheck means: path, reasons, warnings. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder_tui.client.netreport import AgentSide, NodeReport, Probe, Report, clock_skew, home_of
from coder_tui.client.verdict import Path, behind_hard_nat, relayed_ms, verdict, warnings
from coder_tui.wire.network import AgentConnectionInfo, DerpHomeParams, DerpMap, DerpNode, DerpRegion
from coder_tui.wire.stun import Mapped

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
US = Mapped(IPv4Address("203.0.113.9"), 4000)


def region(ident: int, name: str, *nodes: DerpNode, avoid: bool = False) -> DerpRegion:
    return DerpRegion(region_id=ident, region_code=name.lower(), region_name=name, nodes=list(nodes), avoid=avoid)


MAP = DerpMap(
    regions={
        "1": region(1, "Frankfurt", DerpNode(name="1a", host_name="derp1.test", region_id=1)),
        "2": region(2, "Sydney", DerpNode(name="2a", host_name="derp2.test", region_id=2)),
    }
)
INFO = AgentConnectionInfo(derp_map=MAP)
NEAR = NodeReport(1, "1a", "derp1.test", Probe(12.0), Probe(11.0, mapped=US))
AWAY = NodeReport(2, "2a", "derp2.test", Probe(300.0), Probe(290.0, mapped=US))
GOOD = Report(NOW, (NEAR, AWAY), round_trip_ms=20.0, clock_skew=0.2)
AGENT = AgentSide("connected", 2, {1: 280.0, 2: 4.0}, ("10.0.0.7:41641", "198.51.100.4:41641"))


def without_stun(*nodes: NodeReport, why: str = "no answer in time") -> Report:
    return replace(GOOD, nodes=tuple(replace(node, stun4=Probe(why=why)) for node in nodes or (NEAR, AWAY)))


def test_direct() -> None:
    found = verdict(INFO, GOOD, AGENT)
    assert (found.path, found.what) == (Path.DIRECT, "direct")
    assert found.why == "UDP works from here, and the agent offers 2 addresses"
    assert verdict(INFO, GOOD).path is Path.DIRECT
    unknown = verdict(INFO, GOOD, AgentSide("connected", 1))
    assert unknown.what == "direct, if the agent's own network allows it"
    one = verdict(INFO, GOOD, replace(AGENT, endpoints=("198.51.100.4:41641",)))
    assert one.why.endswith("1 address")


@pytest.mark.parametrize(
    ("info", "report", "agent", "why"),
    [
        (INFO.model_copy(update={"disable_direct_connections": True}), GOOD, AGENT, "disabled on this deployment"),
        (INFO, without_stun(), AGENT, "no STUN server answers over UDP"),
        (INFO, GOOD, replace(AGENT, endpoints=()), "offers no address"),
        (
            INFO,
            replace(GOOD, nodes=(replace(NEAR, stun4=None), replace(AWAY, stun4=None))),
            AGENT,
            "no STUN server tells",
        ),
    ],
    ids=["disabled", "no udp", "no endpoints", "no stun"],
)
def test_relayed_and_why(info: AgentConnectionInfo, report: Report, agent: AgentSide, why: str) -> None:
    found = verdict(info, report, agent)
    assert (found.path, found.what, found.region) == (Path.RELAYED, "relayed by Sydney", 2)  # the agent's home
    assert why in found.why
    assert found.ms is not None
    relays = report.relays()
    assert found.ms == pytest.approx((relays[2] + 4.0 + relays[1] + 280.0) / 2)
    assert verdict(info, report, None).region in (1, None)  # ours, where the agent is not known


def test_two_hard_nats_meet_at_a_relay() -> None:
    elsewhere = Mapped(US.host, 4001)
    hard = replace(GOOD, nodes=(NEAR, replace(AWAY, stun4=Probe(290.0, mapped=elsewhere))))
    assert hard.hard_nat is True
    assert "harder" in verdict(INFO, hard, AGENT).why
    both = verdict(INFO, hard, replace(AGENT, endpoints=("198.51.100.4:1", "198.51.100.4:2")))
    assert both.path is Path.RELAYED
    assert "both ends" in both.why
    assert GOOD.hard_nat is False
    assert replace(GOOD, nodes=(NEAR,)).hard_nat is None
    assert [one.code for one in warnings(INFO, hard, AGENT)][-1] == "hard-nat"
    assert not behind_hard_nat(("[2001:db8::1]:1", "[2001:db8::2]:1", "10.0.0.1:1", "10.0.0.1:1"))


def test_no_way() -> None:
    away = verdict(INFO, GOOD, replace(AGENT, status="disconnected"))
    assert (away.path, away.why) == (Path.BLOCKED, "the agent is disconnected")
    nothing = Report(
        NOW, tuple(replace(node, https=Probe(why="refused"), stun4=Probe(why="-")) for node in (NEAR, AWAY))
    )
    found = verdict(INFO, nothing, AGENT)
    assert found.path is Path.BLOCKED
    assert found.why.endswith("and no relay answers")
    codes = [one.code for one in warnings(INFO, nothing, AGENT)]
    assert codes == ["no-relay", "no-udp"]


def test_the_api_alone() -> None:
    for info in (AgentConnectionInfo(), AgentConnectionInfo(derp_map=DerpMap(regions={"1": region(1, "Empty")}))):
        assert verdict(info, Report(NOW), AGENT).path is Path.API
        assert warnings(info, Report(NOW), AGENT) == []


def test_all_is_well_needs_no_warning() -> None:
    assert warnings(INFO, GOOD, replace(AGENT, home=1)) == []


def warned(info: AgentConnectionInfo, report: Report, agent: AgentSide | None = None) -> dict[str, str]:
    found = warnings(info, report, agent)
    assert all(one.fix for one in found)
    return {one.code: one.what for one in found}


def test_every_warning_says_what_and_how_to_help() -> None:
    assert warned(INFO, replace(GOOD, clock_skew=-260.0)) == {
        "clock-skew": "Your clock is 4 min behind the deployment's"
    }
    assert warned(INFO, replace(GOOD, clock_skew=7.2))["clock-skew"] == "Your clock is 7 s ahead of the deployment's"
    assert warned(INFO, replace(GOOD, regions_left_out=900, nodes_left_out=4900)) == {
        "left-out": "The map is big: 4900 nodes were not measured, 900 regions among them"
    }
    assert warned(INFO, GOOD, AGENT) == {"far-agent": "The agent's home, Sydney, is 290 ms from you"}
    assert warned(INFO, replace(GOOD, nodes=(AWAY,))) == {"far-region": "The nearest relay, Sydney, is 290 ms away"}
    down = replace(GOOD, nodes=(NEAR, replace(AWAY, https=Probe(why="connection refused"))))
    assert warned(INFO, down) == {"relay-down": "1 of 2 relays do not answer (derp2.test: connection refused)"}
    some = replace(GOOD, nodes=(NEAR, replace(AWAY, stun4=Probe(why="no answer in time"))))
    assert warned(INFO, some) == {"stun-blocked": "1 of 2 STUN servers do not answer (derp2.test: no answer in time)"}
    disabled = INFO.model_copy(update={"disable_direct_connections": True})
    assert set(warned(disabled, GOOD)) == {"direct-disabled"}
    forced = replace(AGENT, home=1, forced={2: "Internal Server Error", 1: ""})
    assert warned(INFO, GOOD, forced) == {
        "websocket": "The agent reaches Sydney and 1 more by WebSocket only (Internal Server Error)"
    }
    assert set(warned(INFO, replace(GOOD, nodes=(replace(NEAR, stun4=None),)))) == {"no-stun"}


def test_home_is_the_nearest_by_the_maps_scores() -> None:
    assert home_of(MAP, {1: 12.0, 2: 11.0, 9: 1.0}) == 2  # 9 is not in the map
    scored = MAP.model_copy(update={"home_params": DerpHomeParams(region_score={"2": 2.0, "1": -1.0})})
    assert home_of(scored, {1: 12.0, 2: 11.0}) == 1
    avoided = DerpMap(regions={**MAP.regions, "2": region(2, "Sydney", avoid=True)})
    assert home_of(avoided, {1: 12.0, 2: 11.0}) == 1
    assert home_of(MAP, {}) is None
    assert home_of(None, {1: 1.0}) is None


def test_a_relayed_trip_is_known_only_with_all_its_legs() -> None:
    assert relayed_ms({1: 10.0, 2: 30.0}, {1: 50.0, 2: 20.0}, 1, 2) == 55.0
    assert relayed_ms({1: 10.0}, {1: 50.0}, 1, 1) == 60.0
    assert relayed_ms({1: 10.0}, {2: 20.0}, 1, 2) is None
    assert relayed_ms({1: 10.0}, {1: 20.0}, None, 1) is None


@pytest.mark.parametrize(
    ("date", "ms", "skew"),
    [
        ("Thu, 01 Jan 2026 12:00:00 GMT", None, -0.5),
        ("Thu, 01 Jan 2026 11:58:00 GMT", 1000.0, 119.0),
        ("Thu, 01 Jan 2026 14:00:00 +0200", None, -0.5),
    ],
)
def test_clock_skew(date: str, ms: float | None, skew: float) -> None:
    assert clock_skew((NOW, date), ms) == pytest.approx(skew)
    assert clock_skew(None, ms) is None


@given(st.text(max_size=40))
def test_any_date_header_at_all(text: str) -> None:
    found = clock_skew((NOW, text), 1.0)
    assert found is None or isinstance(found, float)


probes = st.one_of(st.none(), st.builds(Probe, ms=st.floats(0, 1e4)), st.builds(Probe, why=st.text(max_size=5)))
nodes = st.builds(NodeReport, st.integers(-1, 4), st.text(max_size=3), st.text(max_size=3), probes, probes, probes)
sides = st.builds(
    AgentSide,
    st.sampled_from(["", "connected", "timeout"]),
    st.one_of(st.none(), st.integers(-1, 4)),
    st.one_of(st.none(), st.dictionaries(st.integers(-1, 4), st.floats(0, 1e4))),
    st.one_of(st.none(), st.lists(st.text(max_size=6)).map(tuple)),
)
infos = st.builds(
    AgentConnectionInfo, derp_map=st.sampled_from([None, MAP, DerpMap()]), disable_direct_connections=st.booleans()
)


@given(infos, st.builds(Report, st.just(NOW), st.lists(nodes, max_size=5).map(tuple)), st.one_of(st.none(), sides))
def test_anything_measured_has_a_verdict(info: AgentConnectionInfo, report: Report, agent: AgentSide | None) -> None:
    found = verdict(info, report, agent)
    assert found.what
    assert found.why
    assert found.path is not Path.RELAYED or report.relays()
    codes = [one.code for one in warnings(info, report, agent)]
    assert len(codes) == len(set(codes))

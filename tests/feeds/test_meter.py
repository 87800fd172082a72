"""Measuring again and again: when, how much, and what is kept. The netcheck is real; time is ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from coder_tui.client.netcheck import Limits, Netcheck, Tell
from coder_tui.client.netreport import AgentSide, Measured, Plan, agent_side
from coder_tui.client.rest import RestClient
from coder_tui.client.tailnet import PeerNode
from coder_tui.feeds.meter import ASKED, EVERY, FEW, Meter
from coder_tui.wire.agents import DerpLatency
from coder_tui.wire.network import DerpMap, DerpNode, DerpRegion
from tests.client.relay import OK, relay
from tests.client.support import ManualTime, credentials, serving, until


class Counting(Netcheck):
    """A netcheck that notes its plans."""

    def __init__(self) -> None:
        super().__init__(limits=Limits(https=30.0, all=60.0))  # a busy machine is no fault of the relay
        self.plans: list[Plan] = []

    async def measure(self, plan: Plan, tell: Tell) -> None:
        self.plans.append(plan)
        await super().measure(plan, tell)


@dataclass
class Bench:
    meter: Meter
    netcheck: Counting
    time: ManualTime
    port: int
    heads: list[str]
    heard: list[Measured] = field(default_factory=list)
    broken: list[int] = field(default_factory=list)

    def map_of(self, *ids: int) -> DerpMap:
        def region(ident: int) -> DerpRegion:
            fields: dict[str, Any] = {"ipv4": "127.0.0.1", "derp_port": self.port, "stun_port": -1, "force_http": True}
            node = DerpNode(name=f"{ident}a", region_id=ident, host_name=f"r{ident}.test", **fields)
            return DerpRegion(region_id=ident, region_name=f"R{ident}", nodes=[node])

        return DerpMap(regions={str(ident): region(ident) for ident in ids})

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        async def read() -> None:
            async for measured in self.meter.rounds():
                self.heard.append(measured)

        task = asyncio.create_task(read())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def passes(self, seconds: float) -> None:
        """Time goes on, once it is waited for."""
        await until(lambda: self.time._sleepers)
        self.time.advance(seconds)
        await asyncio.sleep(0)

    async def rounds(self, number: int) -> Measured:
        """The newest, once `number` netchecks are through and the next is waited for."""
        await until(lambda: len(self.samples) == number)
        return self.heard[-1]

    @property
    def samples(self) -> tuple[object, ...]:
        return self.heard[-1].samples if self.heard else ()


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    broken: list[int] = []

    async def info(request: Request) -> Response:
        return JSONResponse({}, broken.pop()) if broken else JSONResponse({"version": "v2.30"})

    async with (
        relay(lambda _: OK) as http,
        serving(Route("/api/v2/buildinfo", info)) as url,
        RestClient(credentials(url)) as rest,
    ):
        time, netcheck = ManualTime(), Counting()
        yield Bench(Meter(rest, netcheck, time.clock), netcheck, time, http.port, http.heads, broken=broken)


async def test_it_measures_at_once_then_every_fifteen_seconds_and_never_unseen() -> None:
    async with bench() as on:
        on.meter.see(on.map_of(1, 2), home=2)
        async with on.looking():
            first = await on.rounds(1)
            assert first.complete
            assert first.report is not None
            assert [region for region, _ in on.netcheck.plans[0].nodes] == [2, 1]  # the agent's home first
            assert set(first.report.relays()) == {1, 2}
            assert first.report.round_trip_ms is not None
            grown = [one for one in on.heard if not one.complete]
            assert {(one.total, bool(one.report and one.report.nodes)) for one in grown} == {(2, True)}
            await on.passes(EVERY - 1)
            assert len(on.netcheck.plans) == 1
            await on.passes(1)
            second = await on.rounds(2)
            assert [one.at for one in second.samples] == sorted(one.at for one in second.samples)
            assert on.heard[-2].complete  # while the second ran, the first was shown whole
            assert on.heard[-2].total == 2
        asked = len(on.heads)
        on.time.advance(10 * EVERY)
        await asyncio.sleep(0)
        assert len(on.heads) == asked
        async with on.looking():  # what was found is told at once, and measured anew, for it is old
            await on.rounds(3)
            assert on.heard[-3].report == second.report


async def test_a_person_need_not_wait_but_cannot_hammer() -> None:
    async with bench() as on:
        on.meter.see(on.map_of(1), home=None)
        async with on.looking():
            await on.rounds(1)
            for _ in range(5):
                on.meter.now()
            await until(lambda: ASKED in on.time.slept)
            assert len(on.netcheck.plans) == 1
            await on.passes(ASKED)
            await on.rounds(2)
            assert len(on.netcheck.plans) == 2


async def test_after_the_first_only_the_nearest_are_measured_until_the_map_changes() -> None:
    async with bench() as on:
        many = range(1, FEW + 11)
        on.meter.see(on.map_of(*many), home=30)
        async with on.looking():
            first = await on.rounds(1)
            await on.passes(EVERY)
            second = await on.rounds(2)
            assert [len(plan.nodes) for plan in on.netcheck.plans] == [len(many), FEW]
            assert on.netcheck.plans[1].nodes[0][0] == 30
            assert first.report is not None
            assert second.report is not None
            assert set(second.report.regions()) == set(many)  # those not measured now are known from before
            assert len(second.samples[1].regions) == FEW  # but are no new points
            on.meter.see(on.map_of(1, 2, 3), home=None)
            await on.passes(EVERY)
            third = await on.rounds(3)
            assert third.report is not None
            assert set(third.report.regions()) == {1, 2, 3}


async def test_a_deployment_that_fails_is_a_failure_in_the_plot_and_old_points_go() -> None:
    async with bench() as on:
        on.meter.see(None, home=None)
        on.broken.append(503)
        async with on.looking():
            first = await on.rounds(1)
            assert first.samples[0].round_trip_ms is None
            await on.passes(EVERY)
            await on.rounds(2)
            await on.passes(601)
            await until(lambda: len(on.netcheck.plans) == 3 and len(on.samples) == 1)
            assert on.heard[-1].samples[0].round_trip_ms is not None


def test_the_agents_end_is_the_coordinators_word_or_else_rest() -> None:
    derp_map = DerpMap(
        regions={
            "1": DerpRegion(region_id=1, region_code="fra", region_name="Frankfurt"),
            "2": DerpRegion(region_id=2, region_code="syd", region_name="Sydney"),
        }
    )
    latency = {"Frankfurt": DerpLatency(preferred=True, latency_ms=12.0), "Gone": DerpLatency(latency_ms=1.0)}
    assert agent_side(derp_map, "connected", latency, None) == AgentSide("connected", 1, {1: 12.0})
    told = {"2-v4": 0.02, "2-v6": 0.03, "1-v4": 0.5, "x-v4": 1.0, "3-v4": -1.0, "4-v4": 1e9}
    at = datetime(2026, 1, 1, tzinfo=UTC)
    peer = PeerNode("node", "", 2, told, {2: "no upgrade"}, ("10.0.0.7:1",), as_of=at)
    assert agent_side(derp_map, "connected", latency, peer) == AgentSide(
        "connected", 2, {1: 12.0, 2: 20.0}, ("10.0.0.7:1",), {2: "no upgrade"}, at
    )
    lost = PeerNode("lost", preferred_derp=2)
    assert agent_side(None, "timeout", latency, lost) == AgentSide("timeout", None, {})

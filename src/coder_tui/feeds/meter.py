"""Measures one deployment's DERP map again and again, but only while somebody looks. What it found stays."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from coder_tui.client.backoff import Clock, sleep_or
from coder_tui.client.netreport import Measured, NodeReport, Plan, Report, Sample, clock_skew, plan
from coder_tui.errors import CoderTuiError

if TYPE_CHECKING:
    from coder_tui.client.netcheck import Netcheck
    from coder_tui.client.rest import RestClient
    from coder_tui.wire.network import DerpMap

EVERY = 15.0
"""Seconds from one netcheck to the next, at least."""
ASKED = 1.0
"""The same where a person asks."""
KEPT = timedelta(minutes=10)
"""How long samples are kept, for the plot."""
FEW = 24
"""Nodes measured in most rounds, the nearest first; all of the plan in the first, and in every tenth."""
_WHOLE = 10
Nodes = dict[tuple[int, str, str], NodeReport]
_TRIPS = 2  # of which the shorter counts: ours may have been held up by ourselves
_TELL = 0.2  # seconds between two words on how far it is


class Meter:
    """`rounds` measures and tells; `see` says what there is to measure."""

    def __init__(self, rest: RestClient, netcheck: Netcheck, clock: Clock) -> None:
        self._rest, self._netcheck, self._clock = rest, netcheck, clock
        self._map: DerpMap | None = None
        self._home: int | None = None
        self._mapped = asyncio.Event()
        self._wake = asyncio.Event()
        self._began = -math.inf  # monotonic seconds
        self._rounds = 0  # since all was measured
        self._planned = Plan(())  # when all was measured
        self._nodes: Nodes = {}
        self._samples: deque[Sample] = deque()
        self._measured = Measured()

    def see(self, derp_map: DerpMap | None, home: int | None) -> None:
        """The map as it is now, and the region to measure first: the agent's home."""
        if derp_map is not self._map and derp_map != self._map:
            self._rounds = 0
            if not self._planned.nodes:
                self._wake.set()  # there was nothing to measure before: no need to wait
        self._map, self._home = derp_map, home
        self._mapped.set()

    def now(self) -> None:
        """A person wants all of it measured now."""
        self._rounds = 0
        self._wake.set()

    async def rounds(self) -> AsyncGenerator[Measured, None]:
        """What was found before, at once; then each netcheck while it runs and when it is done."""
        if self._measured.report is not None:
            yield self._measured
        await self._mapped.wait()
        while True:
            await self._until_due()
            async with aclosing(self._round()) as steps:
                async for measured in steps:
                    yield measured

    async def _until_due(self) -> None:
        if (due := self._began + EVERY - self._clock.monotonic()) > 0:
            await sleep_or(self._wake, due, self._clock)
        if (early := self._began + ASKED - self._clock.monotonic()) > 0:
            await self._clock.sleep(early)
        self._wake.clear()

    async def _round(self) -> AsyncGenerator[Measured, None]:
        self._began = self._clock.monotonic()
        whole = self._rounds == 0
        chosen = self._choose(whole)
        told: asyncio.Queue[NodeReport | None] = asyncio.Queue()
        measuring = asyncio.create_task(self._netcheck.measure(chosen, told.put_nowait), name="netcheck")
        measuring.add_done_callback(lambda _: told.put_nowait(None))
        trip = asyncio.create_task(self._trip(), name="netcheck:api")
        nodes: Nodes = {} if whole else dict(self._nodes)
        fresh: list[NodeReport] = []
        said = -math.inf
        try:
            while (node := await told.get()) is not None:
                fresh.append(node)
                nodes[node.region, node.name, node.host] = node
                if self._clock.monotonic() - said >= _TELL:
                    said = self._clock.monotonic()
                    yield self._so_far(nodes, len(fresh), len(chosen.nodes))
            await measuring
            round_trip, skew = await trip
        finally:
            measuring.cancel()
            trip.cancel()
            await asyncio.gather(measuring, trip, return_exceptions=True)
        self._nodes = nodes
        self._rounds = (self._rounds + 1) % _WHOLE
        report = replace(self._report(nodes), round_trip_ms=round_trip, clock_skew=skew)
        tried: dict[int, float | None] = dict.fromkeys(node.region for node in fresh)
        self._samples.append(Sample(report.at, round_trip, tried | Report(report.at, tuple(fresh)).regions()))
        while self._samples[0].at < report.at - KEPT:
            self._samples.popleft()
        self._measured = Measured(report, tuple(self._samples), complete=True)
        yield self._measured

    def _choose(self, whole: bool) -> Plan:
        near = self._measured.report.regions() if self._measured.report else {}
        first = [self._home] if self._home is not None else []
        first += sorted(near, key=lambda region: near[region])
        if not whole:
            return plan(self._map, first=first, most=FEW)
        self._planned = plan(self._map, first=first)
        return self._planned

    def _report(self, nodes: Nodes) -> Report:
        planned = self._planned
        return Report(self._clock.now(), tuple(nodes.values()), planned.regions_left_out, planned.nodes_left_out)

    def _so_far(self, nodes: Nodes, done: int, total: int) -> Measured:
        """How far it is; of the very first netcheck also what it found."""
        if self._measured.complete:
            return replace(self._measured, done=done, total=total)
        return Measured(self._report(nodes), (), done, total)

    async def _trip(self) -> tuple[float | None, float | None]:
        """The round trip to the API in milliseconds, and how far our clock is ahead in seconds."""
        trips: list[float] = []
        try:
            for _ in range(_TRIPS):
                await self._rest.build_info()
                trips.append(self._rest.latency_ms or 0.0)
        except CoderTuiError:
            return None, None
        return min(trips), clock_skew(self._rest.dated, self._rest.latency_ms)

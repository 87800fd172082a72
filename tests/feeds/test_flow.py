"""Much at once: a flood on one app, and more workspaces than anybody has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta

from coder_tui.feeds.flow import BULK, PUBLISH_EVERY, Flow
from coder_tui.fleet.events import DeploymentChanged, FleetListed, WorkspaceChanged
from coder_tui.fleet.snapshot import Level, Snapshot
from coder_tui.fleet.store import Store
from tests.client.support import until
from tests.fleet.build import DUE, NOW, QUIET, agent, app, deployment, said, workspace


@asynccontextmanager
async def flowing() -> AsyncIterator[tuple[Flow, list[Snapshot]]]:
    flow, told = Flow(Store(QUIET, DUE)), list[Snapshot]()
    flow.subscribe(told.append)
    with suppress(asyncio.CancelledError):
        async with asyncio.TaskGroup() as group:
            flow.start(group)
            flow.apply([DeploymentChanged(deployment())])
            yield flow, told
            flow.stop()


async def test_a_flood_on_one_app_is_told_a_few_times_and_ends_right() -> None:
    """Ten seconds' worth of a thousand reports a second, each of which asks for a person."""
    loop = asyncio.get_running_loop()
    async with flowing() as (flow, told):
        began = loop.time()
        for number in range(10_000):
            status = replace(said("blocked", 1), id=f"e{number}", at=NOW + timedelta(milliseconds=number))
            flow.apply([WorkspaceChanged(workspace(agent(app(status)), name="api"), status.at)])
            if not number % 100:
                await asyncio.sleep(0)
        await until(lambda: told and told[-1].alerts and told[-1].alerts[0].event_id == "e9999")
        assert len(told) <= (loop.time() - began) / PUBLISH_EVERY + 2
        assert [alert.level for alert in told[-1].alerts] == [Level.ASKS]


async def test_a_big_list_lets_the_loop_turn_and_what_comes_meanwhile_waits() -> None:
    spaces = tuple(workspace(agent(app(said("working", 1))), name=f"w{number}") for number in range(4_000))
    turns = 0

    async def beat() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with flowing() as (flow, told):
        beating = asyncio.create_task(beat())
        flow.apply([FleetListed("acme", spaces, NOW)])
        flow.apply([WorkspaceChanged(replace(spaces[7], outdated=True), NOW)])
        assert not flow.snapshot.rows
        await until(lambda: told and len(told[-1].rows) == len(spaces) and told[-1].workspaces)
        await until(lambda: any(one.outdated for one in flow.snapshot.workspaces))
        beating.cancel()
    assert len(spaces) > BULK
    assert turns > 20

"""What the tailnet RPC tells is read at once; where it tells nothing, everything is as before."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from coder_tui.feeds import deployment, hints, watches
from coder_tui.feeds.cockpit import Cockpit
from coder_tui.feeds.deployment import DeploymentFeed
from coder_tui.fleet.events import Event, WorkspaceChanged
from coder_tui.fleet.snapshot import LinkState
from coder_tui.wire.tailnet import messages
from coder_tui.wire.tailnet import tailnet_pb2 as pb
from coder_tui.wire.tailnet.messages import uuid_bytes
from coder_tui.wire.workspaces import Workspace
from tests.client.support import ManualTime, credentials, serving, until
from tests.client.tailnet_server import FakeTailnet
from tests.feeds.support import FakeCoder, cockpit, running, shows, state_of, uuid, workspace
from tests.hub.support import Peer


def told(*workspaces: Workspace) -> pb.WorkspaceUpdate:
    update = pb.WorkspaceUpdate()
    for one in workspaces:
        status = pb.Workspace.Status.Value(one.latest_build.status.upper())
        update.upserted_workspaces.add(id=uuid_bytes(one.id), name=one.name, status=status)
        for resource in one.latest_build.resources:
            for agent in resource.agents:
                update.upserted_agents.add(id=uuid_bytes(agent.id), name=agent.name, workspace_id=uuid_bytes(one.id))
    return update


class Both(FakeCoder):
    """A deployment with a tailnet that says what the test says. Time stands still: only hints and people wake it."""

    def __init__(self, *workspaces: Workspace) -> None:
        super().__init__(*workspaces)
        self.tailnet = FakeTailnet()
        self.tailnet.snapshot = told(*workspaces)
        self.time = ManualTime()
        self._refreshes = 0
        self.after_list: dict[str, Workspace] | None = None

    async def hint(self, update: pb.WorkspaceUpdate) -> None:
        await self.tailnet.lines[-1].say(messages.WORKSPACE_UPDATES, update)

    async def _get(self, request: Request) -> Response:
        workspace_id = request.path_params["id"]
        self.requests.append(f"get {workspace_id}")
        if workspace_id not in self.workspaces:
            return JSONResponse({"message": "no"}, 404)
        return await super()._get(request)

    async def _list(self, request: Request) -> Response:
        answer = await super()._list(request)
        if self.after_list is not None:
            self.workspaces = self.after_list
        return answer

    @property
    def lists(self) -> int:
        return self.requests.count("list")

    async def next_refresh(self) -> None:
        """Let the time pass that the feed waits before it thinks of the list again."""
        await until(lambda: self.time.slept.count(deployment.REFRESH) > self._refreshes)
        self._refreshes += 1
        self.time.advance(deployment.REFRESH)

    def listed(self, times: int) -> bool:
        return self.lists >= times

    @property
    def gets(self) -> list[str]:
        return [request for request in self.requests if request.startswith("get ")]


@asynccontextmanager
async def followed(far: Both, state: Path) -> AsyncIterator[Cockpit]:
    async with (
        serving(*far.tailnet.routes, *far.routes) as url,
        running(cockpit(state, credentials(url), clock=far.time.clock)) as source,
    ):
        await shows(source, lambda now: state_of(now) == LinkState.LIVE)
        await until(lambda: far.tailnet.heard or (far.tailnet.queries and not far.tailnet.refusals))
        yield source


async def test_a_workspace_made_elsewhere_shows_at_once(tmp_path: Path, hub: Peer) -> None:
    found = credentials(hub.url, "laptop", hub.token)
    time = ManualTime()  # the list is read once, and never again
    async with running(cockpit(tmp_path / "state", found, clock=time.clock, hub="laptop")) as source:
        await shows(source, lambda now: state_of(now, "laptop") == LinkState.LIVE)
        made = await hub.workspace("dev")
        await shows(source, lambda now: [row.workspace.build_status for row in now.rows] == ["running"])
        await hub.build(made["id"], "delete", "deleted")
        await shows(source, lambda now: not now.rows)


async def test_only_what_changed_is_read(tmp_path: Path) -> None:
    first, second = workspace(1), workspace(2)
    far = Both(first, second)
    async with followed(far, tmp_path) as source:
        await until(lambda: len(far.watched) == 2)
        new = workspace(3)
        far.workspaces[new.id] = new
        await far.hint(told(new))
        await shows(source, lambda now: {row.workspace.name for row in now.rows} == {"ws1", "ws2", "ws3"})
        # gone, though its watch says nothing
        del far.workspaces[first.id]
        gone = pb.WorkspaceUpdate()
        gone.deleted_workspaces.add(id=uuid_bytes(first.id), name="ws1")
        await far.hint(gone)
        await shows(source, lambda now: {row.workspace.name for row in now.rows} == {"ws2", "ws3"})
        assert far.gets == [f"get {new.id}", f"get {first.id}"]
        assert far.lists == 1


async def test_what_a_watch_tells_is_not_read_again(tmp_path: Path) -> None:
    first = workspace(1)
    far = Both(first)
    async with followed(far, tmp_path) as source:
        await until(lambda: far.watched)
        await shows(source, lambda now: state_of(now) == LinkState.LIVE)
        stopped = workspace(1, status="stopped")
        far.change(stopped)
        await shows(source, lambda now: now.workspaces[0].build_status == "stopped")
        await far.hint(told(stopped))
        new = workspace(2)
        far.workspaces[new.id] = new
        await far.hint(told(new))
        await shows(source, lambda now: len(now.workspaces) == 2)
        assert far.gets == [f"get {new.id}"]


async def test_the_first_picture_is_compared_with_what_is_known(tmp_path: Path) -> None:
    known, missing = workspace(1), workspace(2)
    far = Both(known)
    far.tailnet.snapshot = told(known, missing)
    far.after_list = {known.id: known, missing.id: missing}
    async with followed(far, tmp_path) as source:
        await shows(source, lambda now: {one.name for one in now.workspaces} == {"ws1", "ws2"})
        assert (far.lists, far.gets) == (1, [f"get {missing.id}"])


async def test_many_changes_are_one_read_of_the_list(tmp_path: Path) -> None:
    far = Both(workspace(1))
    async with followed(far, tmp_path) as source:
        more = [workspace(number) for number in range(2, hints.MANY + 4)]
        far.workspaces.update({one.id: one for one in more})
        await far.hint(told(*more))
        await until(lambda: len(far.time.slept) and far.lists == 2)
        await shows(source, lambda now: len(now.workspaces) == len(more) + 1)
        assert far.gets == []


async def test_lost_hints_have_the_list_read_and_come_back(tmp_path: Path) -> None:
    far = Both(workspace(1))
    async with followed(far, tmp_path) as source:
        far.workspaces[uuid(2)] = workspace(2)
        far.tailnet.snapshot = told(workspace(1), workspace(2))
        await far.tailnet.lines[0].socket.close(1011)
        await shows(source, lambda now: len(now.workspaces) == 2)
        assert far.lists == 2
        await until(lambda: len(far.time.slept) > 0)
        far.time.advance(1.0)
        await far.tailnet.until(lambda: len(far.tailnet.lines) == 2)


@asynccontextmanager
async def alone(far: Both) -> AsyncIterator[list[Event]]:
    """A feed without a cockpit, which would take a clock that jumps for a machine that slept: what it tells."""
    told: list[Event] = []
    async with serving(*far.tailnet.routes, *far.routes) as url:
        feed = DeploymentFeed(credentials(url), told.extend, clock=far.time.clock)
        task = asyncio.create_task(feed.run(), name="feed")
        try:
            yield told
        finally:
            task.cancel()
            await asyncio.wait([task])


def seen(told: list[Event]) -> set[str]:
    """The workspaces that a watch or a read of one told of."""
    return {event.workspace.name for event in told if isinstance(event, WorkspaceChanged)}


async def test_the_list_is_read_seldom_while_everything_is_told() -> None:
    far = Both(workspace(1))
    async with alone(far) as told_of:
        await until(lambda: seen(told_of) == {"ws1"} and far.tailnet.heard)
        far.workspaces[uuid(2)] = workspace(2)
        await far.hint(told(workspace(2)))
        await until(lambda: seen(told_of) == {"ws1", "ws2"} and len(far.watched) == 2)
        heard = len(told_of)
        far.change(workspace(2, message="its watch is up too"))
        await until(lambda: len(told_of) > heard)
        for _ in range(math.ceil(deployment.HINTED_REFRESH / deployment.REFRESH)):
            assert far.lists == 1
            await far.next_refresh()
        await until(lambda: far.lists == 2)


async def test_a_workspace_that_nobody_tells_of_is_listed_as_often_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watches, "WATCHES", 1)
    far = Both(workspace(1), workspace(2))
    async with alone(far) as told_of:
        await until(lambda: seen(told_of) and far.tailnet.heard)
        for reads in range(2, 4):
            await far.next_refresh()
            await until(partial(far.listed, reads))


async def test_a_deployment_without_hints_is_read_as_before() -> None:
    far = Both(workspace(1))
    far.tailnet.refusals = [JSONResponse({"message": "no"}, 400)]
    async with alone(far) as told_of:
        await until(lambda: seen(told_of) and far.tailnet.queries)
        for reads in range(2, 4):
            await far.next_refresh()
            await until(partial(far.listed, reads))
        assert len(far.tailnet.queries) == 1

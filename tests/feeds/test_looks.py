"""What is asked while somebody looks: against a real hub, and against a deployment whose faults we choose."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from coder_tui.client.rest import RestClient
from coder_tui.errors import ApiError, NotFoundError, UsageError
from coder_tui.feeds.closeups import Details, Known, Network, Trouble
from coder_tui.feeds.looks import DETAILS_EVERY, PORTS_EVERY, Looks
from coder_tui.feeds.source import AgentRef
from coder_tui.feeds.together import together
from coder_tui.fleet.snapshot import Key, LinkState
from coder_tui.wire.base import encode
from coder_tui.wire.workspaces import CreateWorkspace, Workspace, WorkspaceBuild, WorkspaceBuildParameter
from tests.client.support import FakeTime, ManualTime, credentials, serving, until
from tests.feeds.support import cockpit, running, shows, state_of, uuid, workspace
from tests.feeds.test_with_hub import up
from tests.hub.support import Peer

AGENT = uuid(1001)


class Heard:
    """What a look said, read in the background until closed."""

    def __init__(self, look: AsyncGenerator[Any, None]) -> None:
        self.events: list[Any] = []
        self._look = look
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async with aclosing(self._look):
            async for event in self._look:
                self.events.append(event)

    async def value(self, holds: Callable[[Any], object]) -> Any:
        """The newest known value, once it is as wanted."""

        def newest() -> Any:
            known = [event.value for event in self.events if isinstance(event, Known)]
            return known[-1] if known and holds(known[-1]) else None

        await until(newest)
        return newest()

    async def ended(self) -> None:
        await asyncio.wait_for(self._task, 10)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def __aenter__(self) -> Heard:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def test_every_look_at_a_hub(tmp_path: Path, hub: Peer) -> None:
    found = credentials(hub.url, "laptop", hub.token)
    source = cockpit(tmp_path / "state", found, hub="laptop")
    async with RestClient(found) as rest:
        made = await rest.create_workspace(
            CreateWorkspace(
                name="dev",
                ttl_ms=3_600_000,
                rich_parameter_values=[WorkspaceBuildParameter(name="command", value="cat")],
            )
        )
        waiting = Heard(source.ports(AgentRef("laptop", made.id, "00000000-0000-4000-8000-000000000001")))
        async with running(source):
            snapshot = await shows(source, lambda now: state_of(now, "laptop") == LinkState.LIVE and up(now))
            await waiting.ended()  # asked before the link was there: it waited, and then heard the answer
            assert [type(event) for event in waiting.events] == [Trouble]
            agent = snapshot.rows[0].agent
            assert agent is not None
            ref = AgentRef("laptop", made.id, agent.id)
            async with (
                Heard(source.details(ref)) as details,
                Heard(source.ports(ref)) as ports,
                Heard(source.containers(ref)) as containers,
                Heard(source.network(ref)) as network,
            ):
                value = await details.value(lambda value: value.metadata)
                assert (value.agent.id, value.workspace.id) == (agent.id, made.id)
                assert value.resource is not None
                assert (await ports.value(lambda value: True)).ports == ()
                assert (await containers.value(lambda value: True)).containers == []
                reached = await network.value(
                    lambda value: value.measured and value.measured.complete and value.side.endpoints
                )
                assert reached.info.derp_map is not None
                assert reached.round_trip_ms > 0
                assert reached.side.status == "connected"
                assert reached.measured.report.round_trip_ms > 0
                assert reached.measured.report.clock_skew is None or abs(reached.measured.report.clock_skew) < 5
                source.measure("laptop")  # while somebody looks; how soon is the meter's

                key = Key("laptop", made.id)
                before = snapshot.rows[0].workspace.deadline
                assert before is not None
                after = await source.extend(key, timedelta(hours=1))
                assert after - before == timedelta(hours=1)
                assert source.snapshot.rows[0].workspace.deadline == after
                # the read that follows an extension is heard by who looks, without asking
                await details.value(lambda value: value.workspace.latest_build.deadline == after)


async def test_what_is_missing_is_an_error_of_ours(tmp_path: Path, hub: Peer) -> None:
    source = cockpit(tmp_path / "state", credentials(hub.url, "laptop", hub.token))
    async with Heard(source.ports(AgentRef("nowhere", "w", "a"))) as heard:
        with pytest.raises(NotFoundError, match="nowhere"):
            await heard._task
    await source.aclose()


class Deployment:
    """Answers for one workspace; `faults` are given before the real answers. `requests` notes what was asked."""

    def __init__(self, one: Workspace) -> None:
        self.one = one
        self.requests: list[str] = []
        self.faults: list[Response] = []
        self.extended: list[str] = []

    @property
    def routes(self) -> list[BaseRoute]:
        base = "/api/v2/workspaceagents/{id}"
        return [
            Route(base, self._answer(lambda: self.one.latest_build.resources[0].agents[0])),
            Route(f"{base}/listening-ports", self._answer(lambda: {"ports": [{"port": 90}, {"port": 80}]})),
            Route(f"{base}/connection", self._answer(lambda: {"derp_map": {"Regions": {"1": {"RegionID": 1}}}})),
            Route("/api/v2/workspaces/{id}", self._answer(lambda: self.one)),
            Route("/api/v2/workspaces/{id}/extend", self._extend, methods=["PUT"]),
            Route("/{path:path}", self._missing),
            WebSocketRoute("/{path:path}", self._no_socket),
        ]

    def _answer(self, body: Callable[[], object]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            self.requests.append(request.url.path)
            return self.faults.pop(0) if self.faults else Response(encode(body()), media_type="application/json")

        return answer

    async def _extend(self, request: Request) -> Response:
        self.extended.append((await request.json())["deadline"])
        return JSONResponse({"message": "ok"})

    async def _missing(self, request: Request) -> Response:
        return JSONResponse({"message": "Route not found."}, 404)

    async def _no_socket(self, socket: WebSocket) -> None:
        await socket.send_denial_response(JSONResponse({"message": "Route not found."}, 404))


async def test_ports_are_polled_slowly_and_only_while_looked_at() -> None:
    time, deployment = ManualTime(), Deployment(workspace(1))
    async with serving(*deployment.routes) as url, RestClient(credentials(url)) as rest:
        looks = Looks(rest, time.clock)
        async with Heard(looks.ports(AGENT)) as heard:
            value = await heard.value(lambda value: True)
            assert [port.port for port in value.ports] == [80, 90]
            await until(lambda: time.slept == [PORTS_EVERY])
            time.advance(PORTS_EVERY - 1)
            assert len(deployment.requests) == 1
            time.advance(1)
            await until(lambda: len(deployment.requests) == 2)
        time.advance(10 * PORTS_EVERY)
        await asyncio.sleep(0)
        assert len(deployment.requests) == 2


async def test_trouble_is_told_with_the_next_try_and_gone_when_it_is_over() -> None:
    time, deployment = FakeTime(), Deployment(workspace(1))
    deployment.faults = [JSONResponse({"message": "Overloaded."}, 503) for _ in range(2)]
    async with (
        serving(*deployment.routes) as url,
        RestClient(credentials(url)) as rest,
        aclosing(Looks(rest, time.clock).ports(AGENT)) as look,
    ):
        first, second, third = [await anext(look) for _ in range(3)]
    assert isinstance(first, Trouble)
    assert isinstance(second, Trouble)
    assert first.why == "503 Overloaded"
    assert first.retry_at is not None
    assert isinstance(third, Known)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_what_no_retry_helps_ends_the_look(status: int) -> None:
    deployment = Deployment(workspace(1))
    deployment.faults = [JSONResponse({"message": "No."}, status) for _ in range(4)]
    async with serving(*deployment.routes) as url, RestClient(credentials(url)) as rest:
        looks = Looks(rest, FakeTime().clock)
        for look in (looks.ports(AGENT), looks.network(AGENT), looks.containers(AGENT), looks.details(uuid(1), AGENT)):
            deployment.faults = [JSONResponse({"message": "No."}, status) for _ in range(4)]
            async with Heard(look) as heard:
                await heard.ended()
            assert isinstance(heard.events[-1], Trouble)
            assert heard.events[-1].retry_at is None


async def test_details_hear_what_watches_tell_and_live_without_metadata() -> None:
    time, deployment = ManualTime(), Deployment(workspace(1))
    async with serving(*deployment.routes) as url, RestClient(credentials(url)) as rest:
        looks = Looks(rest, time.clock)
        async with Heard(looks.details(uuid(1), AGENT)) as heard:
            first: Details = await heard.value(lambda value: value.metadata_why)
            assert "404" in first.metadata_why
            assert first.agent.id == AGENT
            asked = len(deployment.requests)
            looks.heard(workspace(2))  # another one's
            looks.heard(workspace(1).model_copy(update={"outdated": True}))
            await heard.value(lambda value: value.workspace.outdated)
            rebuilt = WorkspaceBuild()  # the agent is not in it: the screen will ask for the new one
            looks.heard(workspace(1).model_copy(update={"latest_build": rebuilt}))
            assert len(deployment.requests) == asked
            time.advance(DETAILS_EVERY)
            await until(lambda: len(deployment.requests) == asked + 2)
            assert looks._listeners
        assert not looks._listeners


async def test_the_network_without_a_stream_is_what_is_read() -> None:
    deployment = Deployment(workspace(1))
    async with (
        serving(*deployment.routes) as url,
        RestClient(credentials(url)) as rest,
        Heard(Looks(rest, ManualTime().clock).network(AGENT)) as heard,
    ):
        value: Network = await heard.value(lambda value: True)
        assert value.info.derp_map is not None
        assert list(value.info.derp_map.regions) == ["1"]


NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minutes", "limit", "wanted"),
    [(22, None, 82), (-5, None, 60), (22, 50, 50), (22, 500, 82)],
    ids=["later", "overdue", "limited", "free"],
)
async def test_extend(minutes: int, limit: int | None, wanted: int) -> None:
    deployment = Deployment(_due(minutes, limit))
    async with serving(*deployment.routes) as url, RestClient(credentials(url)) as rest:
        until_ = await Looks(rest, FakeTime().clock).extend(uuid(1), timedelta(hours=1))
    assert until_ == NOW + timedelta(minutes=wanted)
    assert deployment.extended == [until_.isoformat().replace("+00:00", "Z")]


async def test_extend_that_cannot_be() -> None:
    async def extend(one: Workspace) -> None:
        deployment = Deployment(one)
        async with serving(*deployment.routes) as url, RestClient(credentials(url)) as rest:
            try:
                await Looks(rest, FakeTime().clock).extend(uuid(1), timedelta(hours=1))
            finally:
                assert not deployment.extended

    with pytest.raises(NotFoundError, match="kira/ws1 has no deadline"):
        await extend(workspace(1))
    with pytest.raises(UsageError, match="template's limit"):
        await extend(_due(22, 22))


def _due(minutes: int, limit: int | None) -> Workspace:
    build = workspace(1).latest_build.model_copy(
        update={
            "deadline": NOW + timedelta(minutes=minutes),
            "max_deadline": None if limit is None else NOW + timedelta(minutes=limit),
        }
    )
    return workspace(1).model_copy(update={"latest_build": build})


async def test_together_closes_every_source_and_passes_faults_on() -> None:
    closed: list[str] = []

    async def source(name: str, *events: object) -> AsyncGenerator[object, None]:
        try:
            for event in events:
                if isinstance(event, Exception):
                    raise event
                yield event
            if name == "endless":
                await asyncio.Event().wait()
        finally:
            closed.append(name)

    assert sorted([str(one) async for one in together(source("a", 1, 2), source("b", 3))]) == ["1", "2", "3"]
    closed.clear()
    async with aclosing(together(source("endless", 1), source("b"))) as events:
        assert await anext(events) == 1
    assert sorted(closed) == ["b", "endless"]
    closed.clear()
    with pytest.raises(ApiError):
        async for _ in together(source("endless"), source("bad", ApiError("x", status=500))):
            pass
    assert sorted(closed) == ["bad", "endless"]

"""Client and hub on one wire: every method of `RestClient` reads an answer that has all the keys, and loses none."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from coder_tui.client.credentials import Credentials
from coder_tui.client.rest import RestClient
from coder_tui.wire.base import WireModel, encode
from coder_tui.wire.shared import Standing
from coder_tui.wire.shares import SharePort
from coder_tui.wire.workspaces import CreateWorkspace, CreateWorkspaceBuild, WorkspaceBuildParameter
from tests.contract.documents import definition
from tests.contract.rows import cancelled, new_workspace, next_build, running
from tests.contract.schema import TABLES, Checker
from tests.contract.world import PASSWORD, World

Json = Any

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Recorder(httpx.AsyncHTTPTransport):
    """The real transport, which keeps the last answer."""

    body = b""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        self.body = await response.aread()
        return httpx.Response(response.status_code, headers=response.headers, content=self.body)


async def _create(rest: RestClient, world: World) -> Any:
    good = await new_workspace(world)
    values = [WorkspaceBuildParameter(**value) for value in good.body["rich_parameter_values"]]
    return await rest.create_workspace(CreateWorkspace(name=good.body["name"], rich_parameter_values=values))


async def _build(rest: RestClient, world: World) -> Any:
    good = await next_build(world)
    return await rest.create_build(good.ids["workspace"], CreateWorkspaceBuild(transition=good.body["transition"]))


async def _extend(rest: RestClient, world: World) -> None:
    await rest.extend(await running(world), datetime(2999, 1, 1, tzinfo=UTC))


async def _login(rest: RestClient, world: World) -> str:
    return await rest.login((await rest.me()).email, PASSWORD)


async def _logout(rest: RestClient, world: World) -> None:
    await rest.logout()


async def _share(rest: RestClient, world: World) -> Any:
    return await rest.share_port(
        world.workspace["id"],
        SharePort(agent_name=world.agent["name"], port=9000, share_level="public", protocol="http"),
    )


async def _unshare(rest: RestClient, world: World) -> None:
    await _share(rest, world)
    await rest.unshare_port(world.workspace["id"], world.agent["name"], 9000)


async def _say(rest: RestClient, world: World) -> Any:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return await rest.say([Standing(kind="snooze", subject="e2", on=True, until=at, at=at)])


async def _decide(rest: RestClient, world: World) -> None:
    question = world.hub.core.permissions.ask(world.agent["id"], "claude", "Bash: make")
    await rest.decide(world.agent["id"], question.asked.id, "allow")


async def _cancel(rest: RestClient, world: World) -> None:
    await rest.cancel_build((await cancelled(world)).ids["workspacebuild"])


Call = Callable[[RestClient, World], Awaitable[Any]]

CALLS: dict[str, tuple[Call, str]] = {
    "build_info": (lambda rest, world: rest.build_info(), "codersdk.BuildInfoResponse"),
    "me": (lambda rest, world: rest.me(), "codersdk.User"),
    "login": (_login, "codersdk.LoginWithPasswordResponse"),
    "logout": (_logout, "codersdk.Response"),
    "workspaces": (lambda rest, world: rest.workspaces("owner:me"), "codersdk.WorkspacesResponse"),
    "workspaces_unless": (lambda rest, world: rest.workspaces_unless([], "owner:me"), "codersdk.WorkspacesResponse"),
    "workspace": (lambda rest, world: rest.workspace(world.workspace["id"]), "codersdk.Workspace"),
    "create_workspace": (_create, "codersdk.Workspace"),
    "create_build": (_build, "codersdk.WorkspaceBuild"),
    "build": (lambda rest, world: rest.build(world.ids()["workspacebuild"]), "codersdk.WorkspaceBuild"),
    "builds": (lambda rest, world: rest.builds(world.spare["id"]), "codersdk.WorkspaceBuild[]"),
    "build_logs": (lambda rest, world: rest.build_logs(world.ids()["workspacebuild"]), "codersdk.ProvisionerJobLog[]"),
    "agent": (lambda rest, world: rest.agent(world.agent["id"]), "codersdk.WorkspaceAgent"),
    "agent_logs": (lambda rest, world: rest.agent_logs(world.agent["id"]), "codersdk.WorkspaceAgentLog[]"),
    "listening_ports": (
        lambda rest, world: rest.listening_ports(world.agent["id"]),
        "codersdk.WorkspaceAgentListeningPortsResponse",
    ),
    "external_agent_credentials": (
        lambda rest, world: rest.external_agent_credentials(world.workspace["id"], world.agent["name"]),
        "",
    ),
    "usage": (
        lambda rest, world: rest.usage(world.workspace["id"], world.agent["id"], "reconnecting-pty"),
        "",
    ),
    "extend": (_extend, "codersdk.Response"),
    "connection_info": (
        lambda rest, world: rest.connection_info(world.agent["id"]),
        "workspacesdk.AgentConnectionInfo",
    ),
    "containers": (
        lambda rest, world: rest.containers(world.agent["id"], ["a=b"]),
        "codersdk.WorkspaceAgentListContainersResponse",
    ),
    "inbox": (lambda rest, world: rest.inbox(), "codersdk.ListInboxNotificationsResponse"),
    "set_read": (
        lambda rest, world: rest.set_read(world.notification),
        "codersdk.UpdateInboxNotificationReadStatusResponse",
    ),
    "port_shares": (lambda rest, world: rest.port_shares(world.workspace["id"]), ""),
    "share_port": (_share, ""),
    "unshare_port": (_unshare, ""),
    "cancel_build": (_cancel, "codersdk.Response"),
    "build_by_number": (
        lambda rest, world: rest.build_by_number(world.workspace["name"], 1),
        "codersdk.WorkspaceBuild",
    ),
    "reply_ways": (lambda rest, world: rest.reply_ways(world.agent["id"], "claude"), ""),
    "decide": (_decide, ""),
    "set_ttl": (lambda rest, world: rest.set_ttl(world.spare["id"], 3_600_000), ""),
    "set_favorite": (lambda rest, world: rest.set_favorite(world.spare["id"], True), ""),
    "shared": (lambda rest, world: rest.shared(), ""),
    "say": (_say, ""),
    "mark_all_read": (lambda rest, world: rest.mark_all_read(), ""),
}
"""What is called, and the schema of what the hub sends; "" where there is no table or no body."""
NOT_CALLED = {"aclose", "chats", "send_chat", "send_reply"}
"""`chats` are Coder's; the hub has none. A reply needs an AgentAPI: tests/feeds/test_replies.py."""


async def test_every_method_of_the_client_is_called_here() -> None:
    methods = {name for name, member in inspect.getmembers(RestClient) if inspect.iscoroutinefunction(member)}
    assert {name for name in methods if not name.startswith("_")} - NOT_CALLED == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
async def test_the_hub_sends_every_field_and_the_client_keeps_it(world: World, name: str) -> None:
    call, schema = CALLS[name]
    key = (await world.hub.send("POST", "/users/me/keys", status=201))["key"]
    recorder = Recorder(verify=False)
    async with RestClient(Credentials("test", world.hub.url, key, "a test"), transport=recorder) as rest:
        result = await call(rest, world)
    if not recorder.body:
        assert result is None
        return
    raw = json.loads(recorder.body)
    if schema:
        wanted = definition(schema.removesuffix("[]"))
        # the tables alone: no document is needed
        faults = Checker({}).faults(raw, {"type": "array", "items": wanted} if schema.endswith("[]") else wanted)
        assert list(faults) == []
    for sent, read in pairs(raw, result):
        assert json.loads(encode(read)) == sent


def pairs(raw: Json, result: Any) -> list[tuple[Json, WireModel]]:
    """What was sent beside what was read of it: one value, a list, or the one list of an envelope."""
    if isinstance(result, WireModel):
        return [(raw, result)]
    if isinstance(result, list):
        items = raw if isinstance(raw, list) else next(value for value in raw.values() if isinstance(value, list))
        assert len(items) == len(result)
        return list(zip(items, result, strict=True))
    assert result is None or result in raw.values()
    return []


EMPTY = {
    "file_id": "jobs have no files",
    "url": "of a health check: there is none",
    "cron": "no script runs at a time",
    "icon": "of resources, and of the first status",
    "owner": "a tag of jobs that any provisioner may take",
    "owner_avatar_url": "nobody has a picture",
    "template_icon": "the template has none",
    "troubleshooting_url": "the template has none",
    "uri": "of the first status",
}
"""What is empty in a full world, and why."""
NOTHINGS = ("", "00000000-0000-0000-0000-000000000000", "0001-01-01T00:00:00Z")


async def test_what_always_has_a_value_is_not_its_default(world: World) -> None:
    """A field that the hub forgets would pass as empty: in a world this full few things are."""
    found: set[str] = set()

    def look(value: Json, where: str, name: str) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                look(item, f"{where}.{key}", key)
        elif isinstance(value, list):
            for item in value:
                look(item, f"{where}[]", name)
        elif value in NOTHINGS and name not in EMPTY:
            found.add(where)

    look(world.workspace, "workspace", "")
    assert found == set()


async def test_frames_of_the_watch_are_the_workspace(world: World) -> None:
    path = f"/workspaces/{world.workspace['id']}"
    async with world.hub.socket(f"{path}/watch-ws") as socket:
        await socket.recv()
        frame = json.loads(await socket.recv())
    whole = await world.hub.get(path)
    assert frame["data"] == whole | {"last_used_at": frame["data"]["last_used_at"]}
    listed = next(item for item in (await world.hub.get("/workspaces"))["workspaces"] if item["id"] == whole["id"])
    assert listed == whole
    statuses = whole["latest_build"]["resources"][0]["agents"][0]["apps"][0]["statuses"]
    assert list(Checker({}).faults(statuses[0], definition("codersdk.WorkspaceAppStatus"))) == []
    assert statuses[0] == whole["latest_app_status"]
    assert [(status["created_at"], status["id"]) for status in statuses] == sorted(
        ((status["created_at"], status["id"]) for status in statuses), reverse=True
    )
    assert set(TABLES["schemas"]) > {"codersdk.WorkspaceAppStatus"}

"""Who may call what: every route with no token, with wrong ones, with somebody else's."""

from __future__ import annotations

import uuid

import pytest

from tests.contract.ask import ask
from tests.contract.endpoint import Kind, Row, Who
from tests.contract.manners import faults_of
from tests.contract.rows import ROWS
from tests.contract.world import UNKNOWN_KEY, World
from tests.hub.support import agent_token, the_agent

pytestmark = pytest.mark.asyncio(loop_scope="module")

OF_USERS = [row for row in ROWS if row.who is Who.USER]
OF_AGENTS = [row for row in ROWS if row.who is Who.AGENT]
OF_NOBODY = [row for row in ROWS if row.who is Who.NOBODY]


async def refusals(world: World, rows: list[Row], token: str) -> set[tuple[str, str]]:
    """Message and detail of the refusals; fails unless every one is a well-mannered 401.

    Coder answers 404 on the terminal's route; its own clients take both, and 401 says what to do.
    """
    said: set[tuple[str, str]] = set()
    faults: list[str] = []
    for row in rows:
        # nothing that a route wants is there: who calls is looked at first
        answer = await ask(world, row, token=token, body=b"{", ids={"workspaceagent": "x", "workspace": "x"})
        found = list(faults_of(answer.status, answer.headers, answer.body))
        if answer.status != 401 or found:
            faults.append(f"{row}: {answer.status} {answer.body[:120]!r} {found}")
            continue
        assert not token or token.encode() not in answer.body
        problem = answer.json()
        said.add((problem["message"], problem.get("detail", "")))
    assert faults == []
    return said


async def test_routes_of_people_tell_apart_why_a_key_is_refused(world: World) -> None:
    secret = world.hub.token[:11] + "x" * 22
    wrong = ["", "nonsense", str(uuid.uuid4()), UNKNOWN_KEY, secret, world.hub.token + "x", world.hub.token[:-1]]
    said = [await refusals(world, OF_USERS, token) for token in wrong]
    assert all(len(found) == 1 for found in said)
    messages = {message for found in said for message, _ in found}
    details = [detail for found in said for _, detail in found]
    assert len(messages) == 1
    assert "sign in again" in messages.pop()
    assert all(details)
    none, malformed, agent_like, unknown, wrong_secret, longer, shorter = details
    assert len({none, malformed, unknown, wrong_secret}) == 4
    assert {agent_like, longer, shorter} == {malformed}


async def test_keys_that_are_over_are_refused_everywhere(world: World) -> None:
    hub = world.hub

    async def a_key() -> str:
        return str((await hub.send("POST", "/users/me/keys", status=201))["key"])

    expired, deleted, left = await a_key(), await a_key(), await a_key()
    for key in (expired, deleted, left):
        await hub.send("GET", "/users/me", token=key)
    await hub.send("PUT", f"/users/me/keys/{expired[:10]}/expire", status=204)
    await hub.send("DELETE", f"/users/me/keys/{deleted[:10]}", status=204)
    await hub.send("POST", "/users/logout", token=left)
    of_expired = await refusals(world, OF_USERS, expired)
    of_deleted = await refusals(world, OF_USERS, deleted)
    assert of_deleted == await refusals(world, OF_USERS, left) == await refusals(world, OF_USERS, UNKNOWN_KEY)
    assert len(of_expired) == 1
    assert "expired" in of_expired.pop()[1]


async def test_routes_of_people_refuse_the_tokens_of_agents(world: World) -> None:
    assert len(await refusals(world, OF_USERS, world.token)) == 1


async def test_routes_of_agents_refuse_people_and_strangers(world: World) -> None:
    none = await refusals(world, OF_AGENTS, "")
    malformed = await refusals(world, OF_AGENTS, "nonsense")
    person = await refusals(world, OF_AGENTS, world.hub.token)
    unknown = await refusals(world, OF_AGENTS, str(uuid.uuid4()))
    superseded = await refusals(world, OF_AGENTS, world.dead_token)
    zero = await refusals(world, OF_AGENTS, "00000000-0000-0000-0000-000000000000")
    assert {message for message, _ in person} == {message for message, _ in malformed}
    assert all("valid UUID" in detail for _, detail in malformed | person)
    assert superseded == unknown == zero
    assert len({*none, *malformed, *unknown}) == 3


async def test_open_routes_do_not_look_at_tokens(world: World) -> None:
    for row in OF_NOBODY:
        for token in ("", "nonsense", UNKNOWN_KEY, world.token):
            answer = await ask(world, row, token=token, ids={}, body=b"{")
            # a body that cannot be read is the first thing to be wrong, where one is wanted at all
            assert answer.status == (400 if row.method == "POST" else 426 if row.kind is Kind.SOCKET else 200), row


async def test_a_head_is_refused_as_a_get_is(world: World) -> None:
    for row in OF_USERS:
        if row.method == "GET":
            path = f"/api/v2{row.url(world, await row.good(world))}"
            response = await world.hub.http.head(path, headers={"Coder-Session-Token": UNKNOWN_KEY})
            assert response.status_code == 401, row
            assert response.content == b""


async def test_an_agent_acts_for_itself_only(world: World) -> None:
    hub = world.hub
    before = await hub.get(f"/workspaceagents/{world.agent['id']}")
    other_slug = {"app_slug": "claude", "state": "working", "message": "not mine"}
    refused = await hub.send("PATCH", "/workspaceagents/me/app-status", other_slug, 400, world.spare_token)
    assert refused["message"] == "Failed to get workspace app."
    assert "claude" in refused["detail"]
    source = before["log_sources"][-1]["id"]
    batch = {"log_source_id": source, "logs": [{"output": "not mine"}]}
    await hub.send("PATCH", "/workspaceagents/me/logs", batch, token=world.spare_token)
    assert "not mine" not in [line["output"] for line in await hub.get(f"/workspaceagents/{world.agent['id']}/logs")]
    after = await hub.get(f"/workspaceagents/{world.agent['id']}")
    assert after | {"last_connected_at": before["last_connected_at"]} == before


async def test_a_token_dies_with_its_agent(world: World) -> None:
    hub = world.hub
    made = await hub.workspace("short-lived", directory=str(hub.data_dir.parent))
    token, agent = await agent_token(hub, made), the_agent(made)
    status = {"app_slug": "agent", "state": "working", "message": "still here"}
    await hub.send("PATCH", "/workspaceagents/me/app-status", status, token=token)
    await hub.build(made["id"], "delete", "deleted")
    await hub.send("PATCH", "/workspaceagents/me/app-status", status, 401, token)
    await hub.get(f"/workspaceagents/{agent['id']}", 404)
    gone = await hub.get(f"/workspaces/{made['id']}", 410)
    assert gone["message"]
    assert (await hub.get(f"/workspaces/{made['id']}?include_deleted=true"))["latest_build"]["status"] == "deleted"

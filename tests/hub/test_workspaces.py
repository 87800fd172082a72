"""Workspaces: create, list, search, and the small writes."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from coder_tui.wire.workspaces import Workspace, WorkspacesResponse
from tests.hub.support import Json, Peer, agent_token, the_agent


def names(answer: Json) -> list[str]:
    return [workspace["name"] for workspace in answer["workspaces"]]


async def test_a_new_workspace_starts_with_its_agent_and_app(hub: Peer, tmp_path: Path) -> None:
    workspace = await hub.workspace(
        "dev", directory=str(tmp_path), app="claude", app_name="Claude", agent="box", env='{"A":"1"}'
    )
    agent = the_agent(workspace)
    assert workspace["latest_build"]["transition"] == "start"
    assert workspace["latest_build"]["job"]["status"] == "succeeded"
    assert workspace["latest_build"]["build_number"] == 1
    assert workspace["latest_build"]["deadline"] is None
    assert workspace["task_id"] is None
    assert workspace["is_prebuild"] is False
    assert workspace["health"] == {"healthy": True, "failing_agents": []}
    assert agent["name"] == "box"
    assert agent["status"] == "connected"
    assert agent["lifecycle_state"] == "ready"
    assert agent["directory"] == str(tmp_path)
    assert agent["environment_variables"] == {"A": "1"}
    assert [source["display_name"] for source in agent["log_sources"]] == ["coder-tui"]
    assert [(app["slug"], app["display_name"]) for app in agent["apps"]] == [("claude", "Claude")]
    assert "command" not in agent["apps"][0]


async def test_what_we_write_is_what_our_types_read(hub: Peer) -> None:
    workspace = await hub.workspace()
    assert Workspace.model_validate(workspace).model_dump() == workspace
    listed = await hub.http.get("/api/v2/workspaces")
    assert WorkspacesResponse.read(listed.content).count == 1


async def test_a_list_is_sent_again_only_when_something_changed(hub: Peer) -> None:
    workspace = await hub.workspace()

    async def listed(tag: str) -> tuple[int, str]:
        headers = {"If-None-Match": tag} if tag else {}
        answer = await hub.http.get("/api/v2/workspaces?q=owner:me", headers=headers)
        return answer.status_code, answer.headers["etag"]

    status, tag = await listed("")
    assert status == 200
    assert await listed(tag) == (304, tag)
    await hub.send("PUT", f"/workspaces/{workspace['id']}/favorite", status=204)
    status, newer = await listed(tag)
    assert (status, newer != tag) == (200, True)
    assert await listed(newer) == (304, newer)


@pytest.mark.parametrize("name", ["", "Upper", "two--hyphens", "-a", "a-", "a b", "ä", "a" * 33, "a/b", "a\n"])
async def test_names_follow_the_rule(hub: Peer, name: str) -> None:
    problem = await hub.send("POST", "/users/me/workspaces", {"name": name}, 400)
    assert problem["validations"][0]["field"] == "name"


async def test_a_name_is_taken_until_its_workspace_is_deleted(hub: Peer) -> None:
    first = await hub.workspace("dev")
    problem = await hub.send("POST", "/users/me/workspaces", {"name": "dev"}, 409)
    assert problem["validations"][0]["field"] == "name"
    await hub.build(first["id"], "delete", "deleted")
    second = await hub.workspace("dev")
    assert second["id"] != first["id"]
    me = (await hub.get("/users/me"))["username"]
    assert (await hub.get(f"/users/{me}/workspace/dev"))["id"] == second["id"]


async def test_the_older_route_creates_too(hub: Peer) -> None:
    organization = (await hub.get("/users/me"))["organization_ids"][0]
    path = "/organizations/{}/members/me/workspaces"
    made = await hub.send("POST", path.format(organization), {"name": "dev"}, 201)
    assert made["organization_id"] == organization
    await hub.send("POST", path.format(uuid.uuid4()), {"name": "other"}, 404)


async def test_a_template_is_named_by_its_id(hub: Peer) -> None:
    template = (await hub.get("/templates"))[0]
    assert template["name"] == "local"
    await hub.send("POST", "/users/me/workspaces", {"name": "a", "template_id": template["id"]}, 201)
    await hub.send("POST", "/users/me/workspaces", {"name": "b", "template_id": str(uuid.uuid4())}, 400)


async def test_a_deleted_workspace_is_gone_unless_asked_for(hub: Peer) -> None:
    workspace = await hub.workspace()
    await hub.build(workspace["id"], "delete", "deleted")
    await hub.get(f"/workspaces/{workspace['id']}", 410)
    await hub.get("/users/me/workspace/dev", 404)
    found = await hub.get(f"/workspaces/{workspace['id']}?include_deleted=true")
    assert found["latest_build"]["status"] == "deleted"
    assert (await hub.get("/users/me/workspace/dev?include_deleted=1"))["id"] == workspace["id"]
    assert await hub.get("/workspaces") == {"workspaces": [], "count": 0}
    await hub.send("POST", f"/workspaces/{workspace['id']}/builds", {"transition": "start"}, 409)


async def test_the_list_is_ordered_and_paged(hub: Peer) -> None:
    made = {name: await hub.workspace(name) for name in ["c", "b", "a", "d"]}
    await hub.send("PUT", f"/workspaces/{made['d']['id']}/favorite", status=204)
    await hub.build(made["a"]["id"], "stop", "stopped")
    everything = await hub.get("/workspaces")
    assert names(everything) == ["d", "b", "c", "a"]
    assert everything["count"] == 4
    assert everything["workspaces"][0]["favorite"] is True
    page = await hub.get("/workspaces?limit=2&offset=1")
    assert (names(page), page["count"]) == (["b", "c"], 4)
    assert names(await hub.get("/workspaces?limit=0")) == ["d", "b", "c", "a"]
    assert await hub.get("/workspaces?offset=4") == {"workspaces": [], "count": 0}
    await hub.send("DELETE", f"/workspaces/{made['d']['id']}/favorite", status=204)
    assert names(await hub.get("/workspaces")) == ["b", "c", "d", "a"]


async def test_search(hub: Peer, tmp_path: Path) -> None:
    one = await hub.workspace("alpha-one", directory=str(tmp_path))
    two = await hub.workspace("beta-two", command="sleep 1000")
    await hub.build(one["id"], "stop", "stopped")
    me = (await hub.get("/users/me"))["username"]
    cases = {
        "": ["beta-two", "alpha-one"],
        "ALPHA": ["alpha-one"],
        "name:a_pha": ["alpha-one"],
        "name:b%o": ["beta-two"],
        "[a]": [],
        f"{me}/two": ["beta-two"],
        "nobody/two": [],
        "owner:me": ["beta-two", "alpha-one"],
        "owner:nobody": [],
        "template:local": ["beta-two", "alpha-one"],
        "template:loc": [],
        "status:stopped": ["alpha-one"],
        "status:running": ["beta-two"],
        "status:started": ["beta-two"],
        "status:succeeded": ["beta-two", "alpha-one"],
        "has-agent:connected": ["beta-two"],
        "has-agent:connecting,connected": ["beta-two"],
        "has-agent:timeout": [],
        f"id:{one['id']},{uuid.uuid4()}": ["alpha-one"],
        "dormant:true": [],
        "dormant:false": ["beta-two", "alpha-one"],
        "outdated:false": ["beta-two", "alpha-one"],
        "healthy:true": ["beta-two", "alpha-one"],
        "shared:true": [],
        "organization:local": ["beta-two", "alpha-one"],
        'last_used_after:"2020-01-01T00:00:00Z"': ["beta-two", "alpha-one"],
        'last_used_before:"2020-01-01T00:00:00Z"': [],
        "param:command": ["beta-two"],
        'param:"command=sleep 1000"': ["beta-two"],
        "param:command=other": [],
        "owner:me status:running two": ["beta-two"],
        "include_agent_metadata:cpu": ["beta-two", "alpha-one"],
    }
    for query, expected in cases.items():
        answer = await hub.http.get("/api/v2/workspaces", params={"q": query})
        assert answer.status_code == 200, (query, answer.text)
        assert names(answer.json()) == expected, query
        assert answer.json()["count"] == len(expected)
    assert two["name"] == "beta-two"


async def test_usage_is_noted_and_checked(hub: Peer) -> None:
    workspace = await hub.workspace()
    path, agent = f"/workspaces/{workspace['id']}/usage", the_agent(workspace)["id"]
    assert (await hub.http.post(f"/api/v2{path}")).status_code == 204
    used = (await hub.get(f"/workspaces/{workspace['id']}"))["last_used_at"]
    assert datetime.fromisoformat(used) > datetime.fromisoformat(workspace["last_used_at"])
    await hub.send("POST", path, {"agent_id": agent, "app_name": "reconnecting-pty"}, 204)
    await hub.send("POST", path, {"agent_id": agent}, 400)
    await hub.send("POST", path, {"app_name": "ssh"}, 400)
    await hub.send("POST", path, {"agent_id": agent, "app_name": "emacs"}, 400)
    await hub.send("POST", path, {"agent_id": str(uuid.uuid4()), "app_name": "ssh"}, 400)


async def test_a_deadline_comes_from_the_ttl_and_can_be_extended(hub: Peer) -> None:
    made = await hub.send("POST", "/users/me/workspaces", {"name": "dev", "ttl_ms": 3_600_000}, 201)
    workspace = await hub.until(made["id"], lambda found: found["latest_build"]["status"] == "running")
    build = workspace["latest_build"]
    lasts = datetime.fromisoformat(build["deadline"]) - datetime.fromisoformat(build["job"]["completed_at"])
    assert lasts == timedelta(hours=1)
    assert workspace["ttl_ms"] == 3_600_000
    path = f"/workspaces/{workspace['id']}/extend"
    soon, later = (datetime.now(UTC) + timedelta(minutes=minutes) for minutes in (5, 300))
    assert (await hub.send("PUT", path, {"deadline": soon.isoformat()}, 400))["validations"]
    await hub.send("PUT", path, {"deadline": later.isoformat()}, 200)
    found = (await hub.get(f"/workspaces/{workspace['id']}"))["latest_build"]["deadline"]
    assert datetime.fromisoformat(found) == later
    await hub.build(workspace["id"], "stop", "stopped")
    await hub.send("PUT", path, {"deadline": later.isoformat()}, 409)


async def test_a_workspace_without_a_deadline_cannot_be_extended(hub: Peer) -> None:
    workspace = await hub.workspace()
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    await hub.send("PUT", f"/workspaces/{workspace['id']}/extend", {"deadline": later}, 409)


@pytest.mark.parametrize("ttl", [1, 59_999, 30 * 24 * 3_600_000])
async def test_a_ttl_has_bounds(hub: Peer, ttl: int) -> None:
    problem = await hub.send("POST", "/users/me/workspaces", {"name": "dev", "ttl_ms": ttl}, 400)
    assert problem["validations"][0]["field"] == "ttl_ms"


async def test_a_workspace_stops_when_its_deadline_has_passed(hub: Peer) -> None:
    made = await hub.send("POST", "/users/me/workspaces", {"name": "dev", "ttl_ms": 60_000}, 201)
    running = await hub.until(made["id"], lambda found: found["latest_build"]["status"] == "running")
    build = running["latest_build"]["id"]
    await hub.core.storage.write(lambda db: db.execute("UPDATE builds SET deadline = 1 WHERE id = ?", (build,)))
    hub.core.builds.deadline_changed()
    stopped = await hub.until(made["id"], lambda found: found["latest_build"]["status"] == "stopped")
    assert stopped["latest_build"]["reason"] == "autostop"


async def test_credentials_let_a_program_report(hub: Peer) -> None:
    workspace = await hub.workspace(agent="box")
    path = f"/workspaces/{workspace['id']}/external-agent"
    answer = await hub.get(f"{path}/box/credentials")
    assert answer["agent_token"] in answer["command"]
    assert hub.url in answer["command"]
    await hub.get(f"{path}/other/credentials", 404)
    assert await agent_token(hub, workspace) == answer["agent_token"]


async def test_many_creations_at_once_give_each_a_build(hub: Peer) -> None:
    made = await asyncio.gather(*(hub.workspace(f"w{n}") for n in range(12)))
    assert len({workspace["latest_build"]["id"] for workspace in made}) == 12
    assert (await hub.get("/workspaces"))["count"] == 12

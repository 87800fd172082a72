"""The list of shared ports."""

from __future__ import annotations

import uuid

import pytest

from tests.hub.support import Json, Peer

SHARE: Json = {"agent_name": "main", "port": 8080, "share_level": "public", "protocol": "http"}


async def test_ports_are_shared_changed_and_taken_back(hub: Peer) -> None:
    workspace = await hub.workspace()
    path = f"/workspaces/{workspace['id']}/port-share"
    assert await hub.get(path) == {"shares": []}
    stored = SHARE | {"workspace_id": workspace["id"]}
    assert await hub.send("POST", path, SHARE) == stored
    changed = {"share_level": "authenticated", "protocol": "https"}
    assert await hub.send("POST", path, SHARE | changed) == stored | changed
    await hub.send("POST", path, SHARE | {"port": 9, "share_level": "organization"})
    assert [share["port"] for share in (await hub.get(path))["shares"]] == [9, 8080]
    key = {"agent_name": "main", "port": 8080}
    assert await hub.send("DELETE", path, key) is None
    assert "message" in await hub.send("DELETE", path, key, 404)
    assert "message" in await hub.send("DELETE", path, key | {"port": 1 << 70}, 404)
    assert [share["port"] for share in (await hub.get(path))["shares"]] == [9]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"agent_name": "nobody"}, "agent_name"),
        ({"port": 8}, "port"),
        ({"port": 65536}, "port"),
        ({"share_level": "owner"}, "share_level"),
        ({"share_level": "all"}, "share_level"),
        ({"protocol": "gopher"}, "protocol"),
    ],
)
async def test_what_is_refused(hub: Peer, change: Json, field: str) -> None:
    workspace = await hub.workspace()
    path = f"/workspaces/{workspace['id']}/port-share"
    refused = await hub.send("POST", path, SHARE | change, 400)
    assert [item["field"] for item in refused["validations"]] == [field]
    assert await hub.get(path) == {"shares": []}


async def test_unknown_workspaces(hub: Peer) -> None:
    path = f"/workspaces/{uuid.uuid4()}/port-share"
    await hub.get(path, 404)
    await hub.send("POST", path, SHARE, 404)
    await hub.send("DELETE", path, SHARE, 404)

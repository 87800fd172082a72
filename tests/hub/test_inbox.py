"""The notification inbox: what gets into it, and how it is read."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import uuid
from pathlib import Path

import pytest

from coder_tui.hub import inbox
from coder_tui.hub.schema import migrate
from tests.hub.support import BOUND, Peer, a_hub, agent_token, close_code, the_agent

INBOX = "/notifications/inbox"


async def report(hub: Peer, token: str, state: str, message: str = "", **more: object) -> None:
    body = {"app_slug": "agent", "state": state, "message": message, **more}
    await hub.send("PATCH", "/workspaceagents/me/app-status", body, 200, token)


async def titles(hub: Peer, query: str = "") -> list[str]:
    return [item["title"] for item in (await hub.get(f"{INBOX}{query}"))["notifications"]]


async def test_an_app_that_wants_somebody_is_told_once_for_each_change(hub: Peer) -> None:
    workspace = await hub.workspace("dev")
    token = await agent_token(hub, workspace)
    await report(hub, token, "working", "at it")
    assert await hub.get(INBOX) == {"notifications": [], "unread_count": 0}
    for state in ("idle", "idle", "working", "idle", "complete", "failure"):
        await report(hub, token, state, f"now {state}")
    assert await titles(hub) == [
        "dev/agent failed",
        "dev/agent is complete",
        "dev/agent waits for you",
        "dev/agent waits for you",
    ]


async def test_a_notification_says_everything(hub: Peer) -> None:
    workspace = await hub.workspace("dev")
    token = await agent_token(hub, workspace)
    await report(hub, token, "working", "look here", needs_user_attention=True, uri="https://example.test/pr/1")
    answer = await hub.get(INBOX)
    [item] = answer["notifications"]
    me = await hub.get("/users/me")
    status = (await hub.get(f"/workspaces/{workspace['id']}"))["latest_app_status"]
    assert answer["unread_count"] == 1
    uuid.UUID(item.pop("id"))
    assert item == {
        "user_id": me["id"],
        "template_id": inbox.APP_ASKS,
        "targets": [workspace["id"], workspace["template_id"], me["id"]],
        "title": "dev/agent waits for you",
        "content": "look here",
        "icon": "DEFAULT_ICON_WORKSPACE",
        "actions": [{"label": "Open link", "url": "https://example.test/pr/1"}],
        "read_at": None,
        "created_at": status["created_at"],
    }


async def test_a_failed_build_is_told_with_its_reason(hub: Peer) -> None:
    failed = await hub.workspace("lost", expect="failed", directory="/no/such/place")
    [item] = (await hub.get(INBOX))["notifications"]
    assert (item["title"], item["template_id"]) == ("lost: start build 1 failed", inbox.BUILD_FAILED)
    assert item["content"] == failed["latest_build"]["job"]["error"]


async def test_an_autostop_is_told(hub: Peer) -> None:
    workspace = await hub.workspace("dev")
    past = hub.core.clock() - 1
    await hub.core.storage.write(lambda db: db.execute("UPDATE builds SET deadline = ?", (past,)))
    hub.core.builds.deadline_changed()
    await hub.until(workspace["id"], lambda found: found["latest_build"]["status"] == "stopped")
    [item] = (await hub.get(INBOX))["notifications"]
    assert (item["title"], item["template_id"]) == ("dev was stopped: its time was over", inbox.AUTOSTOPPED)


async def test_filters_and_pages(hub: Peer) -> None:
    workspace = await hub.workspace("dev")
    token = await agent_token(hub, workspace)
    for number in range(15):
        await report(hub, token, "complete", f"c{number}")
        await report(hub, token, "idle", f"i{number}")
    first = (await hub.get(INBOX))["notifications"]
    assert [item["content"] for item in first[:3]] == ["i14", "c14", "i13"]
    assert len(first) == 25
    second = (await hub.get(f"{INBOX}?starting_before={first[-1]['id']}"))["notifications"]
    assert [item["content"] for item in second] == ["c2", "i1", "c1", "i0", "c0"]
    complete = await hub.get(f"{INBOX}?templates={inbox.APP_COMPLETE}")
    assert [item["content"] for item in complete["notifications"]] == [f"c{n}" for n in range(14, -1, -1)]
    assert complete["unread_count"] == 30
    other = str(uuid.uuid4())
    assert await titles(hub, f"?targets={workspace['id']}&templates={inbox.APP_FAILURE}") == []
    assert await titles(hub, f"?targets={workspace['id']},{other}") == []
    assert len(await titles(hub, f"?targets={workspace['id']}")) == 25
    # an id that was forgotten does not limit
    assert len(await titles(hub, f"?starting_before={other}")) == 25


async def test_reading(hub: Peer) -> None:
    workspace = await hub.workspace("dev")
    token = await agent_token(hub, workspace)
    for state in ("complete", "idle", "failure"):
        await report(hub, token, state)
    first = (await hub.get(INBOX))["notifications"][0]
    path = f"{INBOX}/{first['id']}/read-status"
    read = await hub.send("PUT", path, {"is_read": True})
    assert read["unread_count"] == 2
    assert read["notification"]["read_at"] is not None
    assert await titles(hub, "?read_status=read") == ["dev/agent failed"]
    assert len(await titles(hub, "?read_status=unread")) == 2
    assert (await hub.send("PUT", path, {"is_read": False}))["notification"] == first
    await hub.send("PUT", f"{INBOX}/mark-all-as-read", None, 204)
    assert (await hub.get(INBOX))["unread_count"] == 0
    assert "message" in await hub.send("PUT", f"{INBOX}/{uuid.uuid4()}/read-status", {"is_read": True}, 404)
    assert "message" in await hub.send("PUT", f"{INBOX}/x/read-status", {"is_read": True}, 400)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("unknown=1", "unknown"),
        ("coder_session_token={token}", "coder_session_token"),
        ("read_status=new", "read_status"),
        ("targets=1,2", "targets"),
        ("templates=x", "templates"),
        ("starting_before=x", "starting_before"),
        ("format=markdown", "format"),
    ],
)
async def test_what_is_not_known_is_refused(hub: Peer, query: str, field: str) -> None:
    refused = await hub.get(f"{INBOX}?{query.format(token=hub.token)}", 400)
    assert refused["message"] == "Query parameters have invalid values."
    assert [item["field"] for item in refused["validations"]] == [field]


async def test_the_watch_refuses_as_well(hub: Peer) -> None:
    await hub.get(f"{INBOX}/watch?starting_before={uuid.uuid4()}", 400)
    await hub.get(f"{INBOX}/watch?format=html", 400)
    assert (await hub.http.get(f"/api/v2{INBOX}/watch?format=plaintext&read_status=all")).status_code == 426


async def test_the_watch_shows_new_ones_only(hub: Peer) -> None:
    workspace = await hub.workspace("dev")
    token = await agent_token(hub, workspace)
    await report(hub, token, "failure", "before")
    targets = f"targets={workspace['id']}&templates={inbox.APP_COMPLETE}"
    async with hub.socket(f"{INBOX}/watch") as everything, hub.socket(f"{INBOX}/watch?{targets}") as some:
        await report(hub, token, "idle", "one")
        await report(hub, token, "complete", "two")
        async with asyncio.timeout(BOUND):
            frames = [await everything.recv(), await everything.recv()]
            filtered = json.loads(await some.recv())
        assert all(isinstance(frame, str) and frame.endswith("\n") for frame in frames)
        one, two = (json.loads(frame) for frame in frames)
        assert (one["notification"]["content"], two["notification"]["content"]) == ("one", "two")
        assert two["unread_count"] == 3
        assert filtered["notification"] == two["notification"]


async def test_a_watcher_may_not_speak_and_hears_of_the_end(tmp_path: Path) -> None:
    async with a_hub(tmp_path / "hub") as hub:
        async with hub.socket(f"{INBOX}/watch") as talker:
            await talker.send("hello")
            assert await close_code(talker) == 1008
        silent = await hub.socket(f"{INBOX}/watch").__aenter__()
    assert await close_code(silent) == 1001


async def test_the_inbox_outlives_the_hub(tmp_path: Path) -> None:
    async with a_hub(tmp_path / "hub") as hub:
        workspace = await hub.workspace("dev")
        await report(hub, await agent_token(hub, workspace), "failure", "kept")
        assert the_agent(workspace)["status"] == "connected"
    async with a_hub(tmp_path / "hub") as hub:
        assert [item["content"] for item in (await hub.get(INBOX))["notifications"]] == ["kept"]


def test_only_the_newest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "KEPT", 3)
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.row_factory = sqlite3.Row
    migrate(db)
    for number in range(5):
        inbox.add(db, number, inbox.APP_COMPLETE, [], title=f"n{number}", content="")
    assert [item.title for item in inbox.page(db, "", inbox.Filters(), None)] == ["n4", "n3", "n2"]
    assert inbox.newest_seq(db) == 5

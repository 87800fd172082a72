"""Status reports and log lines of agents."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable

import pytest

from coder_tui.hub.sanitize import ui_text
from coder_tui.wire.logs import EXTERNAL_SOURCE_ID, LOGS_QUOTA
from tests.hub.support import Json, Peer, agent_token, close_code, the_agent

STATUS, LOGS = "/workspaceagents/me/app-status", "/workspaceagents/me/logs"
Report = Callable[..., Awaitable[Json]]


async def reporter(hub: Peer, workspace: Json) -> Report:
    token = await agent_token(hub, workspace)

    async def report(state: str = "working", message: str = "", status: int = 200, **more: Json) -> Json:
        body = {"app_slug": "agent", "state": state, "message": message} | more
        return await hub.send("PATCH", STATUS, body, status, token)

    return report


async def statuses(hub: Peer, workspace: Json) -> list[Json]:
    found = await hub.get(f"/workspaces/{workspace['id']}")
    rows: list[Json] = the_agent(found)["apps"][0]["statuses"]
    assert found["latest_app_status"] == (rows[0] if rows else None)
    return rows


async def test_a_report_is_shown_newest_first(hub: Peer) -> None:
    workspace = await hub.workspace()
    report = await reporter(hub, workspace)
    more = {"uri": "https://example.com/1", "icon": "/i.png", "needs_user_attention": True}
    assert await report("working", "first", **more) is None
    await report("IDLE", "second")
    await report("failure", "second")
    rows = await statuses(hub, workspace)
    assert [row["state"] for row in rows] == ["failure", "idle", "working"]
    oldest = rows[-1]
    assert oldest["uri"] == "https://example.com/1"
    assert oldest["icon"] == "/i.png"
    assert oldest["needs_user_attention"] is True
    assert oldest["workspace_id"] == workspace["id"]
    assert oldest["agent_id"] == the_agent(workspace)["id"]
    assert oldest["app_id"] == the_agent(workspace)["apps"][0]["id"]


async def test_the_answer_is_the_word_null(hub: Peer) -> None:
    token = await agent_token(hub, await hub.workspace())
    body = {"app_slug": "agent", "state": "complete", "message": "done"}
    response = await hub.http.patch(f"/api/v2{STATUS}", json=body, headers={"Coder-Session-Token": token})
    assert (response.status_code, response.content) == (200, b"null\n")


async def test_checks_come_in_order_state_message_slug(hub: Peer) -> None:
    report = await reporter(hub, await hub.workspace())
    wrong = {"app_slug": "nope"}
    assert (await report("busy", "m" * 161, 400, **wrong))["message"] == "Failed to parse request."
    too_long = await report("idle", "m" * 161, 400, **wrong)
    assert too_long["message"] == "Message is too long."
    assert too_long["validations"][0]["field"] == "message"
    slug = await report("idle", "m" * 160, 400, **wrong)
    assert slug["message"] == "Failed to get workspace app."
    assert '"nope"' in slug["detail"]
    assert "validations" not in slug


async def test_the_limit_counts_bytes_before_cleaning(hub: Peer) -> None:
    workspace = await hub.workspace()
    report = await reporter(hub, workspace)
    await report("idle", "é" * 80)
    await report("idle", "é" * 80 + "x", 400)
    await report("idle", " " * 161, 400)
    assert len(await statuses(hub, workspace)) == 1


async def test_statuses_survive_stop_and_start(hub: Peer) -> None:
    workspace = await hub.workspace()
    await (await reporter(hub, workspace))("complete", "before")
    stopped = await hub.build(workspace["id"], "stop", "stopped")
    assert stopped["latest_app_status"]["message"] == "before"
    again = await hub.build(workspace["id"], "start", "running")
    await (await reporter(hub, again))("working", "after")
    assert [row["message"] for row in await statuses(hub, again)] == ["after", "before"]


async def test_reports_at_once_all_arrive_with_rising_times(hub: Peer) -> None:
    workspace = await hub.workspace()
    report = await reporter(hub, workspace)
    await asyncio.gather(*(report("working", f"m{n}") for n in range(60)))
    rows = await statuses(hub, workspace)
    assert {row["message"] for row in rows} == {f"m{n}" for n in range(60)}
    times = [row["created_at"] for row in rows]
    assert len(set(times)) == 60


@pytest.mark.parametrize(
    ("message", "stored"),
    [
        ("plain", "plain"),
        ("  two  words\n\tand more ", "two words and more"),
        ("<b>bold</b> <script>alert(1)</script>text", "bold text"),
        ("a < b and c > d", "a < b and c > d"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07done", "red done"),
        ("escaped\\nline", "escaped line"),
        ("tab\\there", "tab here"),
        ("esc \\x1b[1mbold\\x1b[0m", "esc bold"),
        ("unicode \\u00e9 \\U0001f642", "unicode é 🙂"),
        ("C:\\work\\query", "C:\\work\\query"),
        ('say "hi\\n"', 'say "hi\\n"'),
        ("bell\x07 nul\x00 bidi\u202e", "bell nul bidi"),
        ("don't & won't", "don't & won't"),
    ],
)
def test_messages_are_cleaned(message: str, stored: str) -> None:
    assert ui_text(message) == stored


async def test_the_stored_message_is_the_cleaned_one(hub: Peer) -> None:
    workspace = await hub.workspace()
    await (await reporter(hub, workspace))("working", "<i>a</i>\\n b")
    assert (await statuses(hub, workspace))[0]["message"] == "a b"


async def push(hub: Peer, token: str, *lines: str, status: int = 200, level: str = "", source: str = "") -> Json:
    body: Json = {"logs": [{"created_at": "2020-01-01T00:00:00Z", "output": line, "level": level} for line in lines]}
    if source:
        body["log_source_id"] = source
    return await hub.send("PATCH", LOGS, body, status, token)


async def test_pushed_lines_are_read_back_with_the_servers_time(hub: Peer) -> None:
    workspace = await hub.workspace()
    token, agent = await agent_token(hub, workspace), the_agent(workspace)["id"]
    assert await push(hub, token, "one", "two") is None
    await push(hub, token, "three", level="warn")
    lines = await hub.get(f"/workspaceagents/{agent}/logs")
    assert [(line["output"], line["level"]) for line in lines] == [("one", "info"), ("two", "info"), ("three", "warn")]
    assert lines[0]["created_at"] == lines[1]["created_at"] > "2021"
    assert lines[0]["id"] < lines[1]["id"] < lines[2]["id"]
    assert {line["source_id"] for line in lines} == {EXTERNAL_SOURCE_ID}
    found = await hub.get(f"/workspaceagents/{agent}")
    external = next(source for source in found["log_sources"] if source["id"] == EXTERNAL_SOURCE_ID)
    assert (external["display_name"], external["icon"]) == ("External", "/emojis/1f310.png")
    assert found["logs_length"] == len("onetwothree")
    assert await hub.get(f"/workspaceagents/{agent}/startup-logs?after={lines[1]['id']}") == lines[2:]
    text = (await hub.http.get(f"/api/v2/workspaceagents/{agent}/logs?format=text")).text.splitlines()
    assert text[2].endswith(" [warn] [main.External] three")


async def test_a_log_source_is_made_once(hub: Peer) -> None:
    workspace = await hub.workspace()
    token, source = await agent_token(hub, workspace), str(uuid.uuid4())
    body = {"id": source, "display_name": "Tests", "icon": "/t.png"}
    for _ in range(2):
        answer = await hub.send("POST", "/workspaceagents/me/log-source", body, 201, token)
        assert answer["display_name"] == "Tests"
        assert answer["workspace_agent_id"] == the_agent(workspace)["id"]
    await push(hub, token, "hello", source=source)
    lines = await hub.get(f"/workspaceagents/{the_agent(workspace)['id']}/logs")
    assert lines[0]["source_id"] == source
    sources = (await hub.get(f"/workspaceagents/{the_agent(workspace)['id']}"))["log_sources"]
    assert [entry["display_name"] for entry in sources if entry["id"] == source] == ["Tests"]


async def test_bad_batches(hub: Peer) -> None:
    token = await agent_token(hub, await hub.workspace())
    assert (await push(hub, token, status=400))["message"] == "No logs provided."
    assert (await push(hub, token, "a", level="loud", status=400))["message"] == "Invalid log level provided."


async def test_long_lines_are_cut_and_bad_characters_replaced(hub: Peer) -> None:
    workspace = await hub.workspace()
    token, agent = await agent_token(hub, workspace), the_agent(workspace)["id"]
    await push(hub, token, "é" * 1500, "nul\0here")
    body = b'{"logs":[{"output":"bad \xff byte, half \\ud83d pair"}]}'
    response = await hub.http.patch(f"/api/v2{LOGS}", content=body, headers={"Coder-Session-Token": token})
    assert response.status_code == 200
    lines = await hub.get(f"/workspaceagents/{agent}/logs")
    assert [line["output"] for line in lines] == ["é" * 1024, "nul\ufffdhere", "bad \ufffd byte, half \ufffd pair"]


async def test_the_quota_refuses_whole_batches_for_good(hub: Peer) -> None:
    workspace = await hub.workspace()
    token, agent = await agent_token(hub, workspace), the_agent(workspace)["id"]
    line = "x" * 1024
    await push(hub, token, *[line] * (LOGS_QUOTA // 1024 - 1))
    found = await hub.get(f"/workspaceagents/{agent}")
    assert found["logs_overflowed"] is False
    assert (await push(hub, token, line, "y", status=413))["message"] == "Logs limit exceeded"
    assert (await hub.until(workspace["id"], lambda w: the_agent(w)["logs_overflowed"]))["id"] == workspace["id"]
    await push(hub, token, "z", status=413)
    lines = await hub.get(f"/workspaceagents/{agent}/logs")
    assert len(lines) == LOGS_QUOTA // 1024 - 1


async def test_exactly_the_quota_fits(hub: Peer) -> None:
    workspace = await hub.workspace()
    token = await agent_token(hub, workspace)
    await push(hub, token, *["x" * 1024] * 1024)
    found = await hub.get(f"/workspaceagents/{the_agent(workspace)['id']}")
    assert (found["logs_length"], found["logs_overflowed"]) == (LOGS_QUOTA, False)


async def test_following_logs_sends_history_then_live_lines(hub: Peer) -> None:
    workspace = await hub.workspace()
    token, agent = await agent_token(hub, workspace), the_agent(workspace)["id"]
    async with hub.socket(f"/workspaceagents/{agent}/logs?follow") as empty:
        assert json.loads(await empty.recv()) == []
        await push(hub, token, "one")
        assert [line["output"] for line in json.loads(await empty.recv())] == ["one"]
        await push(hub, token, "two", "three")
        batch = json.loads(await empty.recv())
        assert [line["output"] for line in batch] == ["two", "three"]
    async with hub.socket(f"/workspaceagents/{agent}/logs?follow=&after={batch[0]['id']}") as later:
        assert [line["output"] for line in json.loads(await later.recv())] == ["three"]
        stop = asyncio.create_task(hub.build(workspace["id"], "stop", "stopped"))
        assert await close_code(later) == 1000
        await stop
    async with hub.socket(f"/workspaceagents/{agent}/logs?follow") as over:
        frames = [json.loads(frame) async for frame in over]
        assert [line["output"] for frame in frames for line in frame] == ["one", "two", "three"]
        assert over.close_code == 1000


async def test_a_long_history_comes_in_small_frames(hub: Peer) -> None:
    workspace = await hub.workspace()
    token, agent = await agent_token(hub, workspace), the_agent(workspace)["id"]
    sent = [f"{n} " + "é\u0001" * (n % 200) for n in range(2500)]
    await push(hub, token, *sent[:2100])
    got: list[str] = []
    async with hub.socket(f"/workspaceagents/{agent}/logs?follow") as socket:
        while len(got) < 2100:
            frame = await socket.recv()
            assert isinstance(frame, str)
            assert len(frame.encode()) <= 32 << 10
            assert frame.endswith("\n")
            got += [line["output"] for line in json.loads(frame)]
        assert got == sent[:2100]
        await push(hub, token, *sent[2100:2110])
        assert [line["output"] for line in json.loads(await socket.recv())] == sent[2100:2110]


async def test_many_followers_share_a_read(hub: Peer) -> None:
    workspace = await hub.workspace()
    token, agent = await agent_token(hub, workspace), the_agent(workspace)["id"]
    sockets = [await hub.socket(f"/workspaceagents/{agent}/logs?follow").__aenter__() for _ in range(8)]
    for socket in sockets:
        assert json.loads(await socket.recv()) == []
    await push(hub, token, "hello")
    for socket in sockets:
        assert [line["output"] for line in json.loads(await socket.recv())] == ["hello"]
    await asyncio.gather(*(socket.close() for socket in sockets))


async def test_a_follower_of_logs_may_not_speak(hub: Peer) -> None:
    workspace = await hub.workspace()
    async with hub.socket(f"/workspaceagents/{the_agent(workspace)['id']}/logs?follow") as socket:
        await socket.send(b"hello")
        assert await close_code(socket) == 1008


async def test_text_cannot_be_followed(hub: Peer) -> None:
    workspace = await hub.workspace()
    await hub.get(f"/workspaceagents/{the_agent(workspace)['id']}/logs?follow&format=text", 400)
    await hub.get(f"/workspaceagents/{the_agent(workspace)['id']}/logs?after=-1", 400)

"""Where an answer can go and what starts an agent: a cockpit, a real hub, an AgentAPI, a terminal, a chat."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from coder_tui.client.rest import RestClient
from coder_tui.errors import ApiError, HubError, NotFoundError, UsageError
from coder_tui.feeds.launch import Launch, installed, slug_of
from coder_tui.feeds.replies import Way, WayKind, send, ways
from coder_tui.feeds.source import PtyTarget
from coder_tui.fleet.snapshot import CHATS, Agent, App, Key, Row, Workspace
from coder_tui.tui.typed import type_text
from tests.client.support import credentials, serving
from tests.feeds.support import cockpit, running, shows
from tests.hub.agentapi_server import an_agentapi
from tests.hub.support import Peer

READER = """
import os, sys, tty
tty.setraw(0)
os.write(1, b"\\x1b[?2004hready")
got = b""
while not got.endswith(b"\\r"):
    got += os.read(0, 1024)
open(sys.argv[1], "wb").write(got)
os.read(0, 1)
"""


async def test_launch_then_answer(tmp_path: Path, hub: Peer) -> None:
    reader, got = tmp_path / "reader.py", tmp_path / "got"
    reader.write_text(READER)
    found = credentials(hub.url, "laptop", hub.token)
    async with running(cockpit(tmp_path / "state", found, hub="laptop")) as source:
        with an_agentapi() as api:
            words = (sys.executable, "-I", str(reader), str(got))
            with pytest.raises(ApiError, match="400"):
                await source.launch(Launch(words, tmp_path, "Not a name"))
            with pytest.raises(UsageError, match="no directory"):
                await source.launch(Launch(words, tmp_path / "nowhere"))
            with pytest.raises(HubError, match="no-such-command not found"):
                await source.launch(Launch(("no-such-command",), tmp_path))
            key = await source.launch(Launch(words, tmp_path, app="reader", agentapi=api.url))
            again = await source.launch(Launch(("sleep 600",), tmp_path))
            assert (key.agent, key.app, again.app) == ("main", "reader", "sleep")
            snapshot = await shows(source, lambda now: now.row(key) and now.row(again))
            row = snapshot.row(key)
            assert row is not None
            assert row.agent is not None
            assert row.app is not None
            names = {one.name for one in snapshot.workspaces if one.agents}
            assert len(names) == 2
            assert all(name.startswith(row.workspace.name) for name in names), (row.workspace.name, names)

            [way] = await source.reply_ways(row)
            assert way == Way(WayKind.AGENTAPI, f"AgentAPI at {api.url}")
            await source.reply(row, way, "go on")
            assert api.messages[-1]["content"] == "go on"
            api.set_status("running")
            [way] = await source.reply_ways(row)
            assert way.problem == "it is running"
            with pytest.raises(ApiError, match="agent is running"):
                await source.reply(row, way, "go on")

            question = hub.core.permissions.ask(row.agent.id, "reader", "Bash: make")
            asked, _ = await source.reply_ways(row)
            assert asked == Way(WayKind.PERMISSION, "Bash: make", id=question.asked.id)
            await source.reply(row, asked, "allow")
            assert question.answer.result() == "allow"
            with pytest.raises(ApiError, match="404"):
                await source.reply(row, asked, "deny")

        target = PtyTarget("laptop", row.workspace.id, row.agent.id, row.app.id, "its terminal", row.app.command)
        await type_text(source.open_pty(target, 0, 0), "there", "two\nlines")
        async with asyncio.timeout(10):
            while not got.exists() or not got.read_bytes().endswith(b"\r"):
                await asyncio.sleep(0.01)
        assert got.read_bytes() == b"\x1b[200~two\rlines\x1b[201~\r"
        await hub.build(row.workspace.id, "stop", "stopped")
        assert await source.reply_ways(row) == []
        with pytest.raises(NotFoundError, match="nothing runs in there"):
            await type_text(source.open_pty(target, 0, 0), "there", "late")


async def test_without_a_hub_nothing_is_started(tmp_path: Path, hub: Peer) -> None:
    source = cockpit(tmp_path, credentials(hub.url, "acme", hub.token))
    with pytest.raises(NotFoundError, match="no hub is on show"):
        await source.launch(Launch(("true",), tmp_path))
    await source.aclose()


@pytest.mark.parametrize("prefix", ["experimental", "v2"])
async def test_a_chat_takes_a_message(prefix: str) -> None:
    seen: list[tuple[str, object]] = []

    async def message(request: Request) -> JSONResponse:
        seen.append((request.url.path, json.loads(await request.body())))
        return JSONResponse({"queued": True, "queued_message": {"id": 1}}, 200)

    async def missing(_: Request) -> JSONResponse:
        return JSONResponse({"message": "Route not found."}, 404)

    routes = (
        Route(f"/api/{prefix}/chats/c1/messages", message, methods=["POST"]),
        Route("/{path:path}", missing, methods=["POST"]),
    )
    app = App("c1", "c1", "Fix \x1b[31mit")
    agent = Agent(CHATS, CHATS, "connected", "ready", apps=(app,))
    space = Workspace("acme", CHATS, CHATS, "", "running", "start", agents=(agent,))
    row = Row(Key("acme", CHATS, CHATS, "c1"), space, agent, app)
    async with serving(*routes) as url, RestClient(credentials(url)) as rest:
        [way] = await ways(rest, row, is_hub=False)
        assert way == Way(WayKind.CHAT, "the chat Fix it on acme")
        await send(rest, row, way, "and the docs")
        wanted = {"content": [{"type": "text", "text": "and the docs"}]}
        assert seen == [(f"/api/{prefix}/chats/c1/messages", wanted)]
        with pytest.raises(ApiError, match="404"):
            await send(rest, Row(row.key, space, agent, App("c2", "c2", "other")), way, "x")


@pytest.mark.parametrize(
    ("words", "slug"),
    [
        (("claude", "--x"), "claude"),
        (("/usr/bin/Claude --x",), "claude"),
        (("env MODE=x exec codex",), "codex"),
        (("env", "A=b c", "my tool"), "my-tool"),
        (("echo 'open",), ""),
        ((), ""),
    ],
)
def test_an_app_is_called_after_its_command(words: tuple[str, ...], slug: str) -> None:
    assert slug_of(words) == slug


def test_known_agents_are_looked_for_on_the_path(tmp_path: Path) -> None:
    for name in ("codex", "claude", "other"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "gemini").touch()  # cannot be run
    assert installed(str(tmp_path)) == ["claude", "codex"]
    assert installed(str(tmp_path / "nowhere")) == []

"""Reporter tokens: one app, write only, revocable beside a running hub."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from coder_tui.cli.main import main
from tests.hub.support import Peer, the_agent

STATUS, LOGS = "/workspaceagents/me/app-status", "/workspaceagents/me/logs"


async def run(hub: Peer, *words: str) -> int:
    return await asyncio.to_thread(main, ["hub", "token", *words, "--data", str(hub.data_dir)])


async def test_it_reports_for_its_app_and_nothing_else(hub: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = await hub.workspace("dev", app="claude")
    await hub.workspace("other", app="codex")
    assert await run(hub, "create", "dev/claude", "--name", "ci") == 0
    token = capsys.readouterr().out.strip()
    report = {"app_slug": "claude", "state": "working", "message": "from CI"}
    await hub.send("PATCH", STATUS, report, 200, token)
    for slug in ("codex", "other", ""):
        answer = await hub.send("PATCH", STATUS, report | {"app_slug": slug}, 400, token)
        assert answer["message"] == "Failed to get workspace app."
    source = {"id": str(uuid.uuid4()), "display_name": "CI", "icon": ""}
    await hub.send("POST", "/workspaceagents/me/log-source", source, 201, token)
    await hub.send("PATCH", LOGS, {"log_source_id": source["id"], "logs": [{"output": "line"}]}, 200, token)
    agent, app = the_agent(workspace)["id"], the_agent(workspace)["apps"][0]["id"]
    refused = [
        ("GET", "/workspaces"),
        ("GET", f"/workspaces/{workspace['id']}"),
        ("GET", "/users/me"),
        ("GET", "/workspaceagents/me/gitsshkey"),
        ("GET", f"/workspaceagents/{agent}/logs"),
        ("GET", f"/workspaceagents/{agent}/pty?reconnect={app}"),
        ("POST", f"/workspaces/{workspace['id']}/builds"),
        ("POST", "/users/me/keys"),
    ]
    for method, path in refused:
        await hub.send(method, path, {} if method == "POST" else None, 401, token)

    assert await run(hub, "list") == 0
    out = capsys.readouterr().out
    assert "ci" in out
    assert "dev.main/claude" in out
    assert "never" not in out
    assert token not in out
    await hub.build(workspace["id"], "stop", "stopped")
    await hub.send("PATCH", STATUS, report, 401, token)
    await hub.build(workspace["id"], "start", "running")
    await hub.send("PATCH", STATUS, report, 200, token)  # it outlives a build
    assert await run(hub, "revoke", "ci") == 0
    await hub.send("PATCH", STATUS, report, 401, token)


async def test_names_and_apps_that_are_wrong(hub: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    await hub.workspace("dev", app="claude")
    assert await run(hub, "create", "dev/nope") == 9
    assert await run(hub, "create", "claude") == 9
    assert await run(hub, "create", "dev.main/claude") == 0
    assert await run(hub, "create", "dev.main/claude") == 2
    assert await run(hub, "create", "root/dev.main/claude", "--name", "x\x1b") == 2
    assert await run(hub, "revoke", "nobody") == 9
    await hub.send("PATCH", STATUS, {"app_slug": "claude", "state": "idle"}, 401, "report-wrong")
    capsys.readouterr()

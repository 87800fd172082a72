"""The live checks against the hub, so that they cannot rot where no deployment is at hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from coder_tui.client.credentials import Credentials
from tests.client.support import credentials
from tests.hub.support import a_hub, agent_token
from tests.live.checks import CHECKS, run, whole_cockpit


@pytest.fixture
async def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Credentials]:
    """A hub with a workspace that has said and logged something."""
    monkeypatch.setenv("SHELL", "/bin/sh")
    async with a_hub(tmp_path / "hub") as hub:
        workspace = await hub.workspace("dev", app="claude", command="cat")
        await hub.workspace("other", app="claude", command="cat")
        token = await agent_token(hub, workspace)
        for state in ("working", "complete"):
            body = {"app_slug": "claude", "state": state, "message": state}
            await hub.send("PATCH", "/workspaceagents/me/app-status", body, token=token)
        lines = [{"output": f"line {n}", "level": "info", "created_at": "2026-01-01T00:00:00Z"} for n in range(9)]
        await hub.send("PATCH", "/workspaceagents/me/logs", {"logs": lines}, token=token)
        yield credentials(hub.url, "live", hub.token)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_check(check: Callable[[Credentials], Awaitable[None]], deployment: Credentials) -> None:
    await run(check, deployment)


async def test_the_whole_cockpit(deployment: Credentials, tmp_path: Path) -> None:
    await whole_cockpit(deployment, tmp_path / "state")

"""`coder-tui mcp` as an agent uses it: a process, the official client, a real hub."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import TextContent
from tests.hub.support import a_hub, agent_token, the_agent


@pytest.mark.parametrize("over", ["http", "socket"])
async def test_a_model_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, over: str) -> None:
    monkeypatch.setenv("SHELL", "/bin/sh")
    async with a_hub(tmp_path / "hub") as hub:
        workspace = await hub.workspace("dev", app="claude")
        environ = {
            "PATH": os.environ["PATH"],
            "CODER_AGENT_URL": hub.url,
            "CODER_AGENT_TOKEN": await agent_token(hub, workspace),
            "CODER_MCP_APP_STATUS_SLUG": "claude",
            "CODER_TUI_STATE_DIR": str(tmp_path / "state"),
        }
        if over == "socket":  # as in a workspace of a newer deployment: no token is needed
            del environ["CODER_AGENT_URL"], environ["CODER_AGENT_TOKEN"]
            environ["CODER_AGENT_SOCKET_PATH"] = hub.core.agent_sockets.path(the_agent(workspace)["id"])
        program = StdioServerParameters(command=sys.executable, args=["-m", "coder_tui", "mcp"], env=environ)
        async with stdio_client(program) as streams, ClientSession(*streams) as session:
            await session.initialize()
            [tool] = (await session.list_tools()).tools
            assert tool.name == "coder_report_task"
            assert tool.input_schema["required"] == ["summary", "state"]

            async def call(**given: object) -> tuple[bool, str]:
                answer = await session.call_tool("coder_report_task", dict(given))
                [content] = answer.content
                assert isinstance(content, TextContent)
                return bool(answer.is_error), content.text

            assert await call(summary="Reading", state="working") == (False, "Thanks for reporting!")
            assert await call(summary="Reading", state="working") == (False, "Thanks for reporting!")
            assert await call(summary="PR is up", state="complete", link="https://x/1") == (
                False,
                "Thanks for reporting!",
            )
            assert (await call(summary="x" * 161, state="idle"))[0]
            assert (await call(summary="x", state="busy"))[0]
        found = await hub.get(f"/workspaces/{workspace['id']}")
        rows = the_agent(found)["apps"][0]["statuses"]
        assert [(row["state"], row["message"], row["uri"]) for row in rows] == [
            ("complete", "PR is up", "https://x/1"),
            ("working", "Reading", ""),
        ]

"""The MCP server an agent's model reports through: one tool, `coder_report_task`, named and shaped as Coder's.

Needs the official SDK (the extra `mcp`). What cannot be sent now is spooled, so that the model never waits for it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp.types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
)

from coder_tui import __version__
from coder_tui.errors import CoderTuiError
from coder_tui.report.states import STATES
from coder_tui.text import one_line

NAME = "coder_report_task"
SUMMARY_LIMIT = 160
"""Characters of a summary, as Coder says it to the model."""

_TOOL = Tool(
    name=NAME,
    description=(
        "Report what you are doing to the person you work for. Call it on a change of state, not at every step: when "
        "you begin a task (working), when it is done (complete), when you wait for input (idle), and when you cannot "
        "go on without help (failure)."
    ),
    input_schema={
        "type": "object",
        "properties": {
            "summary": {
                "type": "string",
                "description": "A concise summary of your current progress on the task, under 160 characters.",
            },
            "link": {"type": "string", "description": "A link to a relevant resource, such as a pull request."},
            "state": {"type": "string", "enum": list(STATES), "description": "The state of the task."},
        },
        "required": ["summary", "state"],
    },
)

Report = Callable[[str, str, str], None]
"""Gets state, summary, link. May block; raises CoderTuiError."""


def server(report: Report) -> Server[Any]:
    """The server; `report` is called in a thread, one call at a time."""
    lock = threading.Lock()

    def one(state: str, summary: str, link: str) -> None:
        with lock:
            report(state, summary, link)

    async def list_tools(_: ServerRequestContext[Any], __: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[_TOOL])

    async def call_tool(_: ServerRequestContext[Any], call: CallToolRequestParams) -> CallToolResult:
        if call.name != NAME:
            return _answer(f"there is no tool {one_line(call.name)[:80]}", error=True)
        given = call.arguments or {}
        summary, link, state = given.get("summary"), given.get("link") or "", given.get("state")
        if not isinstance(summary, str) or not summary.strip() or len(summary) > SUMMARY_LIMIT:
            return _answer(f"summary must be a text of at most {SUMMARY_LIMIT} characters", error=True)
        if state not in STATES or not isinstance(link, str):
            return _answer(f"state must be one of {', '.join(STATES)}; link a text", error=True)
        try:
            await asyncio.to_thread(one, state, one_line(summary), link)
        except CoderTuiError as error:
            return _answer(str(error), error=True)
        return _answer("Thanks for reporting!")

    return Server("coder-tui", version=__version__, on_list_tools=list_tools, on_call_tool=call_tool)


async def serve(report: Report) -> None:
    """Speak MCP over stdin and stdout until stdin ends."""
    ours = server(report)
    async with stdio_server() as (reading, writing):
        await ours.run(reading, writing, ours.create_initialization_options())


def _answer(text: str, *, error: bool = False) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=error)

"""`coder-tui bridge -- CMD...`: a command as it is, and a reporter of its state to the workspace it runs in."""

from __future__ import annotations

import os
import re
from argparse import Namespace
from pathlib import Path

from coder_tui.report.agent_socket import find
from coder_tui.report.background import send_soon
from coder_tui.report.bridge import Bridge
from coder_tui.report.spool import Spool, directory
from coder_tui.report.witness import Change


def run(arguments: Namespace) -> int:
    """The command's exit code. Outside of a workspace nothing is reported. Raises UsageError."""
    words: list[str] = arguments.command
    app = arguments.app or os.environ.get("CODER_MCP_APP_STATUS_SLUG", "") or _slug(words)
    spool = Spool(directory()) if os.environ.get("CODER_AGENT_URL") or find() else None

    def report(change: Change) -> None:
        if spool is not None and spool.put(
            app, change.state, change.message, change.link, needs=change.asks, icon=change.icon
        ):
            send_soon(spool)

    os.environ["CODER_MCP_APP_STATUS_SLUG"] = app
    return Bridge(words, report).run()


def _slug(words: list[str]) -> str:
    name = Path(words[0]).name.lower() if words else ""
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-")[:32].strip("-")

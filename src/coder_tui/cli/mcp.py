"""`coder-tui mcp`: an MCP server over stdio, to be put under the key `coder` into an agent's configuration."""

from __future__ import annotations

import asyncio
import os
from argparse import Namespace
from importlib.util import find_spec

from coder_tui.cli.agent_auth import as_agent
from coder_tui.errors import CoderTuiError, ConfigError, UsageError


def run(arguments: Namespace) -> int:
    """Serve until stdin ends. Raises ConfigError where the SDK is not installed."""
    if find_spec("mcp") is None:
        raise ConfigError("there is no MCP SDK", fix="install coder-tui with the extra `mcp`: coder-tui[mcp]")
    from coder_tui.report.mcp import serve

    app = arguments.app or os.environ.get("CODER_MCP_APP_STATUS_SLUG", "")

    def report(state: str, summary: str, link: str) -> None:
        if not app:
            raise UsageError("no app to report for", why="CODER_MCP_APP_STATUS_SLUG is not set")
        from coder_tui.report.spool import Entry, Spool, by_socket, directory, entry_of, temporary, through

        refused: list[CoderTuiError] = []

        def send(entry: Entry) -> None:
            try:
                if not by_socket(entry):
                    as_agent(lambda reporter: through(reporter)(entry), app=app)
            except CoderTuiError as error:
                if not temporary(error):
                    refused.append(error)
                raise

        spool = Spool(directory())
        try:
            if not spool.put(app, state, summary, link):
                return
        except OSError:  # nowhere to keep it: then it is sent now or not at all
            send(entry_of(app, state, summary, link))
            return
        spool.send(send, patience=0)  # what is left of it waits for the next one
        if refused:
            raise refused[-1]

    asyncio.run(serve(report))
    return 0

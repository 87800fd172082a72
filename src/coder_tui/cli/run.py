"""`coder-tui run -- CMD...`: a command in a terminal that outlives us, in one word; the name is found by itself."""

from __future__ import annotations

import asyncio
import os
import sys
from argparse import Namespace
from dataclasses import replace

from coder_tui.cli.deployments import HUB_NAME, of_hub
from coder_tui.cli.new import launch_of
from coder_tui.client.rest import RestClient
from coder_tui.errors import UsageError
from coder_tui.feeds.launch import start, worktree
from coder_tui.hub import daemon
from coder_tui.paths import data_dir
from coder_tui.text import one_line


def run(arguments: Namespace) -> int:
    """Start the command, say its name on stdout, and attach where there is a terminal. Raises UsageError, HubError,
    ApiError, and what attaching raises."""
    if not arguments.command:
        raise UsageError("there is no command to run", fix="give it after --, as in `coder-tui run -- claude`")
    wanted = launch_of(arguments, arguments.cwd, arguments.name)
    if arguments.worktree:
        wanted = replace(wanted, directory=worktree(wanted.directory, arguments.worktree))
        print(f"coder-tui: {one_line(arguments.worktree)} is in {one_line(str(wanted.directory))}", file=sys.stderr)
    credentials = of_hub(daemon.start(data_dir()))

    async def make() -> str:
        async with RestClient(credentials) as client:
            made = await start(client, wanted)
            return f"{made.owner_name}/{made.name}"

    address = asyncio.run(make())
    print(address, flush=True)
    if arguments.detach or not (os.isatty(0) and os.isatty(1)):
        return 0
    from coder_tui.cli import attach
    from coder_tui.cli.parser import parse

    return attach.run(parse(["attach", address, "--deployment", HUB_NAME]))

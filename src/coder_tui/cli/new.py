"""`coder-tui new NAME -- CMD...`: a workspace on this machine's hub."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from coder_tui.cli.deployments import of_hub
from coder_tui.client.rest import RestClient
from coder_tui.config import parse_duration
from coder_tui.errors import UsageError
from coder_tui.feeds.launch import Launch, body, create
from coder_tui.hub import daemon
from coder_tui.paths import data_dir
from coder_tui.report.agentapi import base_url


def run(arguments: Namespace) -> int:
    """Create the workspace on this machine's hub and print its name once it runs."""
    if arguments.url or arguments.deployment:
        raise UsageError("new works on the hub of this machine only", fix="leave --url and --deployment out")
    try:
        ttl = int(parse_duration(arguments.ttl).total_seconds() * 1000) if arguments.ttl else None
    except ValueError as error:
        raise UsageError(f"--ttl {arguments.ttl} is wrong", why=str(error)) from None
    wanted = body(replace(launch_of(arguments, arguments.directory, arguments.name), ttl_ms=ttl))
    credentials = of_hub(daemon.start(data_dir()))

    async def make() -> str:
        async with RestClient(credentials) as client:
            made = await create(client, wanted)
            return f"{made.owner_name}/{made.name}"

    print(asyncio.run(make()))
    return 0


def launch_of(arguments: Namespace, directory: Path | None, name: str) -> Launch:
    """What the words of `new` and `run` have in common. Raises UsageError."""
    agentapi = arguments.agentapi
    return Launch(
        tuple(arguments.command),
        Path(directory or ".").expanduser().resolve(),
        name,
        arguments.app or "",
        agentapi=base_url(agentapi, anywhere=arguments.agentapi_anywhere) if agentapi else "",
    )

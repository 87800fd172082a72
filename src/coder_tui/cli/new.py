"""`coder-tui new NAME -- CMD...`: a workspace on this machine's hub."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from coder_tui.cli.deployments import of_hub
from coder_tui.client.rest import RestClient
from coder_tui.config import parse_duration
from coder_tui.errors import HubError, UsageError
from coder_tui.hub import daemon
from coder_tui.paths import data_dir
from coder_tui.report.agentapi import base_url
from coder_tui.text import one_line
from coder_tui.wire.workspaces import CreateWorkspace, JobStatus, WorkspaceBuildParameter

PATIENCE = 60.0
"""Seconds to wait for the workspace to run."""


def run(arguments: Namespace) -> int:
    """Create the workspace on this machine's hub and print its name once it runs."""
    if arguments.url or arguments.deployment:
        raise UsageError("new works on the hub of this machine only", fix="leave --url and --deployment out")
    wanted = body(arguments)
    credentials = of_hub(daemon.start(data_dir()))

    async def make() -> str:
        async with RestClient(credentials) as client:
            return await create(client, wanted)

    print(asyncio.run(make()))
    return 0


async def create(client: RestClient, wanted: CreateWorkspace) -> str:
    """Create the workspace and wait until it runs; OWNER/NAME. Raises ApiError (409: the name is taken), HubError."""
    try:
        async with asyncio.timeout(PATIENCE):
            made = await client.create_workspace(wanted)
            build = made.latest_build
            while build.job.status in {JobStatus.PENDING, JobStatus.RUNNING}:
                await asyncio.sleep(0.05)
                build = await client.build(build.id)
    except TimeoutError:
        why = f"it did not start within {PATIENCE:g} s"
        raise HubError(f"{wanted.name} is not running yet", why=why, fix="look with `coder-tui ls`") from None
    if build.job.status != JobStatus.SUCCEEDED:
        raise HubError(f"{made.name} did not start", why=one_line(build.job.error) or build.job.status)
    return f"{made.owner_name}/{made.name}"


def body(arguments: Namespace) -> CreateWorkspace:
    """What `new` posts. One word after `--` is a shell line, several are a command and its arguments."""
    words: Sequence[str] = arguments.command
    directory = Path(arguments.directory or ".").expanduser().resolve()
    if not directory.is_dir():
        raise UsageError(f"there is no directory {directory}", fix="create it, or give another with --directory")
    try:
        ttl = int(parse_duration(arguments.ttl).total_seconds() * 1000) if arguments.ttl else None
    except ValueError as error:
        raise UsageError(f"--ttl {arguments.ttl} is wrong", why=str(error)) from None
    values = {
        "directory": str(directory),
        "command": words[0] if len(words) == 1 else shlex.join(words),
        "app": arguments.app or _slug(words),
        "env": json.dumps({"PATH": _path()}) if words else "",
        "agentapi": base_url(arguments.agentapi, anywhere=arguments.agentapi_anywhere) if arguments.agentapi else "",
    }
    return CreateWorkspace(
        name=arguments.name,
        rich_parameter_values=[WorkspaceBuildParameter(name=name, value=value) for name, value in values.items()],
        ttl_ms=ttl,
    )


def _path() -> str:
    """Our PATH: the hub may have been started elsewhere, and the command must be found as it would be here.

    At its end the directory of `coder-tui` itself, so that an agent can always report.
    """
    path = os.environ.get("PATH", os.defpath)
    own = Path(sys.executable).parent
    if shutil.which("coder-tui", path=path) is None and (own / "coder-tui").exists():
        path += os.pathsep + str(own)
    return path


def _slug(words: Sequence[str]) -> str:
    """The command's name as a slug: `/usr/bin/Claude --x` is `claude`."""
    first = (shlex.split(words[0]) or [""])[0] if words else ""
    return re.sub(r"[^a-z0-9]+", "-", Path(first).name.lower()).strip("-")[:32].strip("-")

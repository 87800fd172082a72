"""`coder-tui run -- CMD...`: a command in a terminal that outlives us, in one word; the name is found by itself."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

from coder_tui.cli.deployments import HUB_NAME, of_hub
from coder_tui.cli.new import body, create
from coder_tui.client.rest import RestClient
from coder_tui.errors import ApiError, CoderTuiError, UsageError
from coder_tui.hub import daemon
from coder_tui.paths import data_dir
from coder_tui.text import one_line

_LONGEST = 32  # of a workspace's name
_TRIES = 99


def run(arguments: Namespace) -> int:
    """Start the command, say its name on stdout, and attach where there is a terminal. Raises UsageError, HubError,
    ApiError, and what attaching raises."""
    if not arguments.command:
        raise UsageError("there is no command to run", fix="give it after --, as in `coder-tui run -- claude`")
    directory = Path(arguments.cwd or ".").expanduser().resolve()
    if arguments.worktree:
        directory = worktree(directory, arguments.worktree)
    wanted = body(
        Namespace(**vars(arguments) | {"name": "", "directory": directory, "ttl": ""}),
    )
    names = [arguments.name] if arguments.name else _names(directory)
    credentials = of_hub(daemon.start(data_dir()))

    async def first_free() -> str:
        async with RestClient(credentials) as client:
            for name in names:
                try:
                    return await create(client, wanted.model_copy(update={"name": name}))
                except ApiError as error:
                    if error.status != 409 or name == names[-1]:
                        raise
        raise CoderTuiError("no name is free")  # not reached: names is not empty

    address = asyncio.run(first_free())
    print(address, flush=True)
    if arguments.detach or not (os.isatty(0) and os.isatty(1)):
        return 0
    from coder_tui.cli import attach
    from coder_tui.cli.parser import parse

    return attach.run(parse(["attach", address, "--deployment", HUB_NAME]))


def _names(directory: Path) -> list[str]:
    """The directory's name as a workspace's, then the same with numbers."""
    base = slug(directory.name)[: _LONGEST - 3].strip("-") or "run"
    return [base, *(f"{base}-{number}" for number in range(2, _TRIES + 1))]


def slug(text: str) -> str:
    """Lower-case letters, digits and single hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def worktree(directory: Path, branch: str) -> Path:
    """A Git worktree for `branch` beside the repository of `directory`, made with the branch if there is none.

    Raises UsageError with Git's own words.
    """
    top = Path(_git(directory, "rev-parse", "--show-toplevel"))
    listed = _git(directory, "worktree", "list", "--porcelain", "-z").split("\0\0")
    for entry in listed:
        fields = dict(line.partition(" ")[::2] for line in entry.strip("\0").split("\0"))
        if fields.get("branch") == f"refs/heads/{branch}":
            return Path(fields["worktree"])
    path = top.with_name(f"{top.name}-{slug(branch) or 'branch'}")
    known = _git(directory, "for-each-ref", "--format=x", f"refs/heads/{branch}")
    _git(directory, "worktree", "add", *(["--", str(path), branch] if known else ["-b", branch, "--", str(path)]))
    print(f"coder-tui: {one_line(branch)} is in {path}", file=sys.stderr)
    return path


def _git(directory: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(directory), *words], capture_output=True, text=True, errors="replace", check=False
        )
    except OSError as error:
        raise UsageError("cannot make a worktree", why=f"git: {error.strerror or error}") from None
    if done.returncode:
        raise UsageError("cannot make a worktree", why=one_line(done.stderr)[:300], fix="run it in a Git repository")
    return done.stdout.strip()

"""A command as a workspace of the hub on this machine: what is posted, under which name, in which directory."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from coder_tui.errors import ApiError, CoderTuiError, HubError, NotFoundError, UsageError
from coder_tui.text import one_line

if TYPE_CHECKING:
    from coder_tui.client.rest import RestClient
    from coder_tui.wire.workspaces import CreateWorkspace, Workspace, WorkspaceBuild

KNOWN = ("claude", "codex", "gemini", "opencode", "aider")
"""Commands of agents that report by themselves, or can be taught to."""
PATIENCE = 60.0
"""Seconds to wait for the workspace to run."""
_LONGEST = 32  # of a workspace's name
_TRIES = 99
_BEFORE = frozenset({"env", "exec", "nice", "nohup"})  # what may stand before a command
_SETS = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


@dataclass(frozen=True, slots=True)
class Launch:
    """What to run, and where. One word of `command` is a shell line, several are a command and its arguments; none:
    only shells. `name` "" is found by itself; `worktree` is a branch; `agentapi` a base URL; `ttl_ms` milliseconds."""

    command: tuple[str, ...]
    directory: Path
    name: str = ""
    app: str = ""
    worktree: str = ""
    agentapi: str = ""
    ttl_ms: int | None = None


def installed(path: str | None = None) -> list[str]:
    """Which of the known agents are on PATH."""
    return [name for name in KNOWN if shutil.which(name, path=path)]


async def start(client: RestClient, wanted: Launch) -> Workspace:
    """Create the workspace under the first name that is free, and wait until it runs.

    Raises UsageError (no such directory, no Git repository), ApiError (409: the name is taken), HubError.
    """
    names = [wanted.name] if wanted.name else list(_names(wanted.directory))
    what = await asyncio.to_thread(body, wanted)
    for name in names:
        try:
            return await create(client, what.model_copy(update={"name": name}), keep=False)
        except ApiError as error:
            if error.status != 409 or name == names[-1]:
                raise
    raise NotFoundError("no name is free")  # not reached: there is a name


async def create(client: RestClient, wanted: CreateWorkspace, *, keep: bool = True) -> Workspace:
    """Create the workspace and wait until it runs; without `keep`, one that does not start is deleted.

    Raises ApiError (409: the name is taken), HubError.
    """
    from coder_tui.wire.workspaces import CreateWorkspaceBuild, JobStatus, Transition

    try:
        async with asyncio.timeout(PATIENCE):
            made = await client.create_workspace(wanted)
            build = await _done(client, made.latest_build)
    except TimeoutError:
        why = f"it did not start within {PATIENCE:g} s"
        raise HubError(f"{wanted.name} is not running yet", why=why, fix="look with `coder-tui ls`") from None
    if build.job.status != JobStatus.SUCCEEDED:
        if not keep:
            gone = CreateWorkspaceBuild(transition=Transition.DELETE)
            with suppress(CoderTuiError, TimeoutError):  # what is wrong is said below
                async with asyncio.timeout(PATIENCE):  # until its name is free again
                    await _done(client, await client.create_build(made.id, gone))
        raise HubError(f"{made.name} did not start", why=one_line(build.job.error) or build.job.status)
    return made


async def _done(client: RestClient, build: WorkspaceBuild) -> WorkspaceBuild:
    from coder_tui.wire.workspaces import JobStatus

    while build.job.status in {JobStatus.PENDING, JobStatus.RUNNING}:
        await asyncio.sleep(0.05)
        build = await client.build(build.id)
    return build


def body(wanted: Launch) -> CreateWorkspace:
    """What is posted; a worktree that is wanted is made. Raises UsageError."""
    from coder_tui.wire.workspaces import CreateWorkspace, WorkspaceBuildParameter

    words = wanted.command
    directory = worktree(wanted.directory, wanted.worktree) if wanted.worktree else wanted.directory
    if not directory.is_dir():
        raise UsageError(f"there is no directory {one_line(str(directory))}", fix="create it, or give another")
    values = {
        "directory": str(directory),
        "command": words[0] if len(words) == 1 else shlex.join(words),
        "app": wanted.app or slug_of(words),
        "env": json.dumps({"PATH": _path()}) if words else "",
        "agentapi": wanted.agentapi,
    }
    return CreateWorkspace(
        name=wanted.name,
        rich_parameter_values=[WorkspaceBuildParameter(name=name, value=value) for name, value in values.items()],
        ttl_ms=wanted.ttl_ms,
    )


def slug_of(words: Sequence[str]) -> str:
    """The command's name as a slug: `/usr/bin/Claude --x` is `claude`, and so is `env MODE=x claude`."""
    try:
        split = shlex.split(words[0]) if len(words) == 1 else list(words)
    except ValueError:  # a quote that is not closed: the shell will say so
        split = []
    first = next((word for word in split if word not in _BEFORE and not _SETS.match(word)), "")
    return slug(Path(first).name)[:_LONGEST].strip("-")


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
    return path


def _names(directory: Path) -> Iterable[str]:
    """The directory's name as a workspace's, then the same with numbers."""
    base = slug(directory.name)[: _LONGEST - 3].strip("-") or "run"
    return [base, *(f"{base}-{number}" for number in range(2, _TRIES + 1))]


def _path() -> str:
    """Our PATH: the hub may have been started elsewhere, and the command must be found as it would be here.

    At its end the directory of `coder-tui` itself, so that an agent can always report.
    """
    path = os.environ.get("PATH", os.defpath)
    own = Path(sys.executable).parent
    if shutil.which("coder-tui", path=path) is None and (own / "coder-tui").exists():
        path += os.pathsep + str(own)
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

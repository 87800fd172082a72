"""`coder-tui stop` and `rm`: the end of a workspace's programs, or of all of it."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from collections.abc import Sequence

from coder_tui.cli.agents import tell
from coder_tui.cli.deployments import chosen_or_hub, configuration
from coder_tui.cli.ls import look
from coder_tui.client.credentials import Credentials
from coder_tui.client.rest import RestClient
from coder_tui.errors import CoderTuiError, HubError, NotFoundError, UsageError
from coder_tui.fleet.snapshot import Snapshot, Workspace
from coder_tui.text import one_line
from coder_tui.wire.workspaces import CreateWorkspaceBuild, JobStatus, Transition

PATIENCE = 60.0
"""Seconds to wait for a build."""


def stop(arguments: Namespace) -> int:
    """Stop each workspace. Raises NotFoundError, UsageError, ApiError, HubError."""
    return asyncio.run(_each(arguments, Transition.STOP))


def remove(arguments: Namespace) -> int:
    """Delete each workspace, after a question on a terminal."""
    return asyncio.run(_each(arguments, Transition.DELETE))


async def _each(arguments: Namespace, transition: Transition) -> int:
    config = configuration(arguments)
    every = chosen_or_hub(arguments, config)
    snapshot, errors = await look(every, config)
    try:
        found = [named(snapshot, what) for what in dict.fromkeys(arguments.what)]
    except NotFoundError:
        if errors:
            raise errors[0] from None
        raise
    tell(errors)
    if transition is Transition.DELETE and not arguments.yes:
        _confirm(found)
    speaking = {one.name: one for one in every}
    for workspace in {(one.deployment, one.id): one for one in found}.values():
        await _build(speaking[workspace.deployment], workspace, transition)
        print(one_line(workspace.title))
    return 0


def named(snapshot: Snapshot, what: str) -> Workspace:
    """The one workspace called NAME or OWNER/NAME: a filter is not enough to end something.

    Raises NotFoundError, UsageError when there are several.
    """
    found = [one for one in snapshot.workspaces if what in {one.name, one.title}]
    if not found:
        raise NotFoundError(f"there is no workspace called {one_line(what)}", fix="see `coder-tui ls`")
    if len(found) > 1:
        titles = ", ".join(f"{one_line(one.title)} ({one_line(one.deployment)})" for one in found)
        raise UsageError(f"{one_line(what)} is not one workspace", why=titles, fix="add the owner, or --deployment")
    return found[0]


def _confirm(found: Sequence[Workspace]) -> None:
    names = ", ".join(one_line(one.title) for one in found)
    if not sys.stdin.isatty():
        raise UsageError(f"{names} would be deleted", fix="say so with --yes")
    print(f"Delete {names} and what is known of it? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline(16).strip().lower() not in {"y", "yes"}:
        raise UsageError("nothing was deleted")


async def _build(credentials: Credentials, workspace: Workspace, transition: Transition) -> None:
    async with await asyncio.to_thread(RestClient, credentials) as client:
        build = await client.create_build(workspace.id, CreateWorkspaceBuild(transition=transition))
        try:
            async with asyncio.timeout(PATIENCE):
                while build.job.status in {JobStatus.PENDING, JobStatus.RUNNING}:
                    await asyncio.sleep(0.05)
                    try:
                        build = await client.build(build.id)
                    except NotFoundError:  # of a workspace that is gone
                        return
        except TimeoutError:
            raise HubError(f"{one_line(workspace.title)} is not through after {PATIENCE:g} s") from None
        if build.job.status != JobStatus.SUCCEEDED:
            why = one_line(build.job.error) or build.job.status
            raise CoderTuiError(f"cannot {transition} {one_line(workspace.title)}", why=why)

"""Start, stop and restart: one build, or two with a wait between them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from coder_tui.client.backoff import Clock
from coder_tui.errors import ApiError, UsageError
from coder_tui.text import one_line

if TYPE_CHECKING:
    from coder_tui.client.rest import RestClient
    from coder_tui.wire.workspaces import WorkspaceBuild

_FIRST_LOOK, _LAST_LOOK = 0.1, 5.0  # seconds between two looks at a build that is under way


async def run_builds(
    rest: RestClient, workspace_id: str, transition: str, clock: Clock
) -> AsyncIterator[WorkspaceBuild]:
    """Create the builds that `transition` (`start`, `stop`, `restart`) needs; each is yielded once it is created.

    A restart is a stop and then a start, queued by the client after the first finished (contract: create a build);
    what is stopped already is only started. Raises UsageError, or what `RestClient` raises (409: another build).
    """
    from coder_tui.wire.workspaces import CreateWorkspaceBuild

    if transition not in {"start", "stop", "restart"}:
        raise UsageError(f"no transition is called {transition!r}", fix="use start, stop or restart")
    if transition == "restart":
        transition = "start"
        if (await rest.workspace(workspace_id)).latest_build.status != "stopped":
            stop = await rest.create_build(workspace_id, CreateWorkspaceBuild(transition="stop"))
            yield stop
            await _finished(rest, stop.id, clock)
    yield await rest.create_build(workspace_id, CreateWorkspaceBuild(transition=transition))


async def _finished(rest: RestClient, build_id: str, clock: Clock) -> None:
    """Wait for the end of a stop build; raise if it did not succeed."""
    delay = _FIRST_LOOK
    while (build := await rest.build(build_id)).job.status in {"pending", "running", "canceling"}:
        await clock.sleep(delay)
        delay = min(delay * 1.5, _LAST_LOOK)
    if build.job.status != "succeeded":
        raise ApiError(
            f"the workspace was not stopped, so it is not started: its build is {build.job.status}",
            status=200,
            why=one_line(build.job.error),
            fix="look at the build's log",
        )

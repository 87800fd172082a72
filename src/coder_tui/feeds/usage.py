"""Typing in a terminal is use: it puts the workspace's auto-stop off. About once a minute, and only while typing.

Source: `POST /workspaces/{id}/usage` with `app_name` `reconnecting-pty` (contract, PTY, usage reporting).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from coder_tui.client.backoff import Clock
from coder_tui.errors import CoderTuiError

if TYPE_CHECKING:
    from coder_tui.client.rest import RestClient

EVERY = 60.0
"""Seconds between two reports about one workspace."""


class Usage:
    """Reports for one deployment. Nobody is told of failures: the server counts terminal bytes by itself too."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rest: RestClient | None = None
        self._group: asyncio.TaskGroup | None = None
        self._told: dict[str, float] = {}  # workspace id -> monotonic seconds
        self.sent = 0
        """Reports that were accepted."""
        self.failures = 0
        """Reports that were not."""

    def start(self, rest: RestClient, group: asyncio.TaskGroup) -> None:
        """From now on reports go out, in tasks of `group`."""
        self._rest, self._group = rest, group

    def stop(self) -> None:
        """The deployment's feed ended."""
        self._rest = self._group = None

    def typed(self, workspace_id: str, agent_id: str) -> None:
        """Somebody typed in a terminal of that agent: the first key of each minute reports."""
        now = self._clock.monotonic()
        last = self._told.get(workspace_id)
        if self._rest is None or self._group is None or (last is not None and now - last < EVERY):
            return
        self._told[workspace_id] = now
        self._group.create_task(self._report(self._rest, workspace_id, agent_id), name=f"usage:{workspace_id}")

    async def _report(self, rest: RestClient, workspace_id: str, agent_id: str) -> None:
        try:
            await rest.usage(workspace_id, agent_id, "reconnecting-pty")
        except CoderTuiError:
            self.failures += 1
        else:
            self.sent += 1

"""What the screen may ask for, as Protocols: the TUI knows these, never the network.

`feeds.cockpit.Cockpit` is the real one; tests may put a fault in between.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from coder_tui.client.events import (
    LogBatch,
    LogEvent,
    LogLine,
    LogMark,
    LogNote,
    PtyEnded,
    PtyEvent,
    PtyLost,
    PtyOpened,
    PtyOutput,
)
from coder_tui.fleet.snapshot import Alert, Key, Snapshot

__all__ = [
    "LogBatch",
    "LogEvent",
    "LogLine",
    "LogMark",
    "LogNote",
    "PtyEnded",
    "PtyEvent",
    "PtyLost",
    "PtyOpened",
    "PtyOutput",
    "PtyStream",
    "PtyTarget",
    "Source",
]


@dataclass(frozen=True, slots=True)
class PtyTarget:
    """Which terminal: an agent of a deployment, an optional command, and the reconnect token (a UUID).

    The same token reattaches the same session. `title` is shown in the border.
    """

    deployment: str
    workspace_id: str
    agent_id: str
    reconnect: str
    title: str
    command: str = ""
    container: str = ""


class PtyStream(Protocol):
    """One attached terminal, reconnecting by itself until it ended or was closed."""

    def __aiter__(self) -> AsyncIterator[PtyEvent]:
        """Events in order; ends after `PtyEnded` or `close()`."""

    def send(self, data: str) -> None:
        """Queue keystrokes. What is typed while the link is down is dropped (the PTY has no input history)."""

    def resize(self, columns: int, rows: int) -> None:
        """Tell the PTY its new size in cells; remembered and sent again after each reconnect."""

    def retry_now(self) -> None:
        """Do not wait for the countdown."""

    async def close(self) -> None:
        """Detach. The program in the PTY lives on."""


class Source(Protocol):
    """The fleet, its streams and its few commands. All methods are called on the UI's event loop."""

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot; before the first answer, the last known fleet from disk (`cached`)."""

    def subscribe(self, listener: Callable[[Snapshot], None]) -> Callable[[], None]:
        """Call `listener` with the newest snapshot, at most ten times a second, on the loop. Returns unsubscribe."""

    async def run(self) -> None:
        """Own every task until cancelled."""

    def refresh(self) -> None:
        """Read everything again now, without waiting for a countdown."""

    def watch(self, workspaces: Sequence[Key]) -> None:
        """These workspaces are visible or selected: keep their streams open first."""

    def follow_logs(self, deployment: str, agent_id: str) -> AsyncIterator[LogEvent]:
        """History, then live lines, of one agent. Close the iterator to stop."""

    def open_pty(self, target: PtyTarget, columns: int, rows: int) -> PtyStream:
        """Attach (nothing happens before iteration starts)."""

    async def build(self, key: Key, transition: str) -> None:
        """Start, stop or restart (`start`, `stop`, `restart`) a workspace. Raises CoderTuiError."""

    def acknowledge(self, alerts: Sequence[Alert]) -> None:
        """Acknowledge these events, durably, as one undoable step. Raises StorageError when it cannot be saved."""

    def undo(self) -> Sequence[Key]:
        """Take the last acknowledgement back; the keys it touched (empty: nothing to undo)."""

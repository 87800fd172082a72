"""What the screen may ask for, as Protocols: the TUI knows these, never the network.

`feeds.cockpit.Cockpit` is the real one; tests may put a fault in between.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol
from uuid import UUID, uuid5

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
from coder_tui.feeds.closeups import Details, Known, Network, Ports, Trouble
from coder_tui.feeds.launch import Launch, installed
from coder_tui.feeds.replies import Way, WayKind
from coder_tui.fleet.snapshot import Alert, Key, Row, Snapshot

if TYPE_CHECKING:
    from coder_tui.wire.containers import ContainerList

__all__ = [
    "AgentRef",
    "Details",
    "Known",
    "Launch",
    "LogBatch",
    "LogEvent",
    "LogLine",
    "LogMark",
    "LogNote",
    "Network",
    "Ports",
    "PtyEnded",
    "PtyEvent",
    "PtyLost",
    "PtyOpened",
    "PtyOutput",
    "PtyStream",
    "PtyTarget",
    "Source",
    "Trouble",
    "Way",
    "WayKind",
    "installed",
    "shell_token",
]


@dataclass(frozen=True, slots=True)
class AgentRef:
    """Which agent: of a build of a workspace of a deployment."""

    deployment: str
    workspace_id: str
    agent_id: str


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


_SHELLS = UUID("6f1d7a52-6f0f-4a0e-9d7c-0f3f5b6f9a11")  # names our shells among all version 5 UUIDs


def shell_token(agent_id: str) -> str:
    """The reconnect token of our shell on an agent: the same from everywhere, so that it is found again."""
    return str(uuid5(_SHELLS, agent_id))


class PtyStream(Protocol):
    """One attached terminal, reconnecting by itself until it ended or was closed."""

    def __aiter__(self) -> AsyncIterator[PtyEvent]:
        """Events in order; ends after `PtyEnded` or `close()`."""

    def send(self, data: str) -> None:
        """Queue keystrokes. What is typed while the link is down is dropped (the PTY has no input history)."""

    def resize(self, columns: int, rows: int) -> None:
        """Tell the PTY its new size in cells; remembered and sent again after each reconnect."""

    async def drain(self) -> None:
        """Wait until what was typed is sent, or dropped."""

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

    def follow_build(self, deployment: str, build_id: str) -> AsyncIterator[LogEvent]:
        """History, then live lines, of one build, until it is done; a line's source is its stage."""

    def open_pty(self, target: PtyTarget, columns: int, rows: int) -> PtyStream:
        """Attach (nothing happens before iteration starts)."""

    def terminals(self, deployment: str, agent_id: str) -> Sequence[PtyTarget]:
        """The agent's terminals that were attached, by this program or a run before it, and have not ended."""

    def keep_terminal(self, target: PtyTarget) -> None:
        """Remember it over restarts, as well as can be: a disk that is full never keeps one from attaching."""

    def forget_terminal(self, reconnect: str) -> None:
        """It ended, or its tab was closed."""

    def details(self, agent: AgentRef) -> AsyncIterator[Known[Details] | Trouble]:
        """Everything about one agent, again whenever it changed, with its metadata live. Close to stop (all looks)."""

    def ports(self, agent: AgentRef) -> AsyncIterator[Known[Ports] | Trouble]:
        """Its listening ports, looked at every ten seconds."""

    def containers(self, agent: AgentRef) -> AsyncIterator[Known[ContainerList] | Trouble]:
        """Its containers: watched where the deployment can, else looked at every ten seconds."""

    def network(self, agent: AgentRef) -> AsyncIterator[Known[Network] | Trouble]:
        """How it is reached: the DERP map whenever it changes, its own latencies, and ours, measured meanwhile."""

    def measure(self, deployment: str) -> None:
        """Measure the way to the deployment's relays now. Who looks at a network of it hears of it."""

    async def reply_ways(self, row: Row) -> Sequence[Way]:
        """Where an answer to the row's app can go, besides its terminal. Raises CoderTuiError."""

    async def reply(self, row: Row, way: Way, text: str) -> None:
        """Answer: a text, or `allow` or `deny` to a permission. Raises CoderTuiError."""

    async def launch(self, wanted: Launch) -> Key:
        """Run a command on this machine's hub, as `coder-tui run` does; its row. Raises CoderTuiError."""

    async def build(self, key: Key, transition: str) -> None:
        """Start, stop or restart (`start`, `stop`, `restart`) a workspace. Raises CoderTuiError."""

    async def extend(self, key: Key, by: timedelta) -> datetime:
        """Put the workspace's deadline off; the new deadline. Raises CoderTuiError."""

    def acknowledge(self, alerts: Sequence[Alert]) -> None:
        """Acknowledge these events, durably, as one undoable step. Raises StorageError when it cannot be saved."""

    def snooze(self, alerts: Sequence[Alert], until: datetime | None) -> None:
        """Hush these events until then (None: until their app's next event), as one undoable step. StorageError."""

    def mute(self, keys: Sequence[Key], muted: bool = True) -> None:
        """Hush all alerts of these rows, or hear them again, as one undoable step. Raises StorageError."""

    def saw(self, alerts: Sequence[Alert]) -> None:
        """A person has these before their eyes: they are not news any more. Saved soon; never raises."""

    def undo(self) -> Sequence[Key]:
        """Take the last acknowledgement, snooze or mute back; the keys it touched (empty: nothing to undo)."""

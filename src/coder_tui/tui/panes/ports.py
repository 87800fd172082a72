"""Who listens in the workspace, and how to reach it from here."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator, Hashable, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.segment import Segment

from coder_tui.feeds.source import AgentRef, Known, Ports, Trouble
from coder_tui.fleet.snapshot import Deployment, Row
from coder_tui.text import one_line
from coder_tui.tui.paint import column
from coder_tui.tui.panes.closeup import CloseUp

if TYPE_CHECKING:
    from coder_tui.wire.agents import ListeningPort

_PROCESS = 24  # cells of the process column


def reach(port: int, network: str, row: Row | None, deployment: Deployment) -> str:
    """The address of a port on this machine's hub; on Coder the command that brings it here."""
    if deployment.is_hub:
        return f"127.0.0.1:{port}"
    if row is None or row.agent is None:
        return ""
    name = row.workspace.title if len(row.workspace.agents) < 2 else f"{row.workspace.title}.{row.agent.name}"
    flag = "--udp" if network == "udp" else "--tcp"
    return f"coder port-forward {shlex.quote(one_line(name))} {flag} {port}"


class PortsPane(CloseUp["ListeningPort", Ports]):
    """One line per port; copying it gives what reaches it."""

    PAGE, WHAT = "Ports", "ports"

    def follow(self, agent: AgentRef) -> AsyncIterator[Known[Ports] | Trouble]:
        """Listening ports."""
        return self.source.ports(agent)

    def lay_out(self, value: Ports) -> tuple[Sequence[ListeningPort], Sequence[Hashable]]:
        """In the order given."""
        return value.ports, [(one.network, one.port) for one in value.ports]

    def nothing(self, value: Ports) -> Sequence[tuple[str, str]]:
        """Nobody listens."""
        return (
            (f"Nothing listens in {self._whose()}.", "foreground"),
            ("Ports show here as programs open them. Well-known service ports are not listed.", "muted"),
        )

    def copied(self, item: ListeningPort) -> tuple[str, str]:
        """What reaches it."""
        return reach(item.port, item.network, self.row, self.deployment), ""

    def paint(self, index: int, line: int, width: int) -> list[Segment]:
        """Port, protocol, process, and how to reach it."""
        one, voices, dots = self.items[index], self.voices, self.glyphs.ellipsis
        way = self.copied(one)[0]
        process = max(8, min(_PROCESS, width - 14))
        fits = cell_len(way) <= width - process - 16  # half a command helps nobody; it can be copied all the same
        return [
            Segment(f" {one.port:>6}", voices.bold("bright")),
            Segment(f" {column(one.network, 4, dots)} ", voices["faint"]),
            Segment(column(one.process_name or "unnamed", process, dots), voices["foreground"]),
            Segment(f"  {way}" if fits else "", voices["muted"]),
        ]

"""Containers and dev containers beside the agent; a terminal into one is one key away."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Hashable, Sequence
from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.message import Message

from coder_tui.feeds.source import AgentRef, Known, PtyTarget, Trouble
from coder_tui.text import one_line
from coder_tui.tui.actions import bindings
from coder_tui.tui.boxes import Line, lines_of
from coder_tui.tui.paint import column, fit, spread
from coder_tui.tui.panes.closeup import CloseUp

if TYPE_CHECKING:
    from coder_tui.wire.containers import ContainerList

_SHELL = uuid.UUID("b0a5fd36-0a0e-4a4e-8d66-5d7a8e2f6c40")  # names our shells in containers among all version 5 UUIDs


class ContainersPane(CloseUp[Line, "ContainerList"]):
    """One line each: shape, name, image, ports, status."""

    BINDINGS = [*bindings("containers")]
    PAGE, WHAT = "Containers", "containers"

    class Entered(Message):
        """A person wants a terminal in there."""

        def __init__(self, target: PtyTarget) -> None:
            super().__init__()
            self.target = target

    def follow(self, agent: AgentRef) -> AsyncIterator[Known[ContainerList] | Trouble]:
        """Containers of the agent's engine."""
        return self.source.containers(agent)

    def lay_out(self, value: ContainerList) -> tuple[Sequence[Line], Sequence[Hashable]]:
        """Warnings hold no cursor."""
        lines = lines_of(value)
        if all(one.kind == "warning" for one in lines):
            return [], []  # said where there is nothing else
        return lines, [None if one.kind == "warning" else one.key for one in lines]

    def nothing(self, value: ContainerList) -> Sequence[tuple[str, str]]:
        """No engine, or nothing in it."""
        return (
            (f"No containers run beside {self._whose()}.", "foreground"),
            *((text, "due") for text in value.warnings),
            ("They show here when Docker or Podman starts one.", "muted"),
        )

    def copied(self, item: Line) -> tuple[str, str]:
        """Its name."""
        return item.name, ""

    def action_open(self) -> None:
        """Enter: a terminal."""
        self.action_terminal()

    def action_terminal(self) -> None:
        """A terminal into the container under the cursor."""
        if not 0 <= self.cursor < len(self.items) or self.row is None or self.row.agent is None:
            return
        one, agent = self.items[self.cursor], self.row.agent
        name = one_line(one.name)
        if not one.container:
            self.app.notify(f"{name} does not run: it is {one_line(one.status) or 'stopped'}.", markup=False, timeout=4)
            return
        target = PtyTarget(
            deployment=self.row.key.deployment,
            workspace_id=self.row.workspace.id,
            agent_id=agent.id,
            reconnect=str(uuid.uuid5(_SHELL, f"{agent.id}/{one.container}")),
            title=one_line(f"{self.row.workspace.title} {name}"),
            container=one.container,
        )
        self.post_message(self.Entered(target))

    def paint(self, index: int, line: int, width: int) -> list[Segment]:
        """One line: shape, name, image; at the end ports and status."""
        one, voices, g = self.items[index], self.voices, self.glyphs
        if one.kind == "warning":
            return [Segment(f" {g.warn} {fit(one.name, width - 4, g.ellipsis)}", voices["due"])]
        name = min(28, max(12, width // 3))
        status = fit(one.status, max(10, width // 3), g.ellipsis)
        right = [
            Segment(f" {fit(one.ports, width // 4, g.ellipsis)} " if one.ports else "", voices["accent"]),
            Segment(f" {status} ", voices[one.voice]),
        ]
        left = [
            Segment(f" {g.working if one.running else g.idle} ", voices[one.voice]),
            Segment(column(one.name, name, g.ellipsis), voices.bold("bright") if one.running else voices["muted"]),
        ]
        room = width - name - 5 - sum(segment.cell_length for segment in right)
        detail = f"dev container {one.detail}" if one.kind == "devcontainer" else one.detail
        left.append(Segment(f"  {fit(detail, room, g.ellipsis)}" if room > 8 else "", voices["muted"]))
        return spread(left, right, width)

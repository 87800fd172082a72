"""How the agent is reached: ways, DERP regions with their relays, and the latency it measures to each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable, Sequence

from rich.segment import Segment

from coder_tui.feeds.source import AgentRef, Known, Network, Trouble
from coder_tui.tui.paint import column, fit, spread
from coder_tui.tui.panes.closeup import CloseUp
from coder_tui.tui.reach import Line, lines_of

_LABEL = 20
_NEAR, _FAR = 50.0, 150.0  # milliseconds: a terminal feels local, and a terminal feels far


class NetworkPane(CloseUp[Line, Network]):
    """Ways and regions; the agent's home region is marked."""

    PAGE, WHAT = "Network", "network"
    NEEDS_AGENT = False  # the map is the deployment's

    def follow(self, agent: AgentRef) -> AsyncIterator[Known[Network] | Trouble]:
        """Connection info, DERP map, latencies."""
        return self.source.network(agent)

    def lay_out(self, value: Network) -> tuple[Sequence[Line], Sequence[Hashable]]:
        """Headings hold no cursor."""
        lines = lines_of(value)
        return lines, [one.key for one in lines]

    def nothing(self, value: Network) -> Sequence[tuple[str, str]]:
        """There is always a way, or the lack of one."""
        return (("The deployment tells nothing about its network.", "muted"),)

    def copied(self, item: Line) -> tuple[str, str]:
        """Host, region, or fact."""
        return (item.value if item.kind == "fact" else item.label), ""

    def paint(self, index: int, line: int, width: int) -> list[Segment]:
        """A heading, a fact, a region with its latency, or a node of it."""
        one, voices, g = self.items[index], self.voices, self.glyphs
        if one.kind == "heading":
            return [Segment(f" {one.label}", voices.bold("accent"))]
        right: list[Segment] = []
        if one.preferred:
            right.append(Segment(f" {g.check} home ", voices["done"]))
        if one.latency is not None:
            right.append(Segment(f"{one.latency:>6.0f} ms ", voices[_voice(one.latency)]))
        label = min(_LABEL, width // 3) if one.kind == "fact" else min(28, width // 2)
        head = voices["muted"]
        if one.kind == "region":
            head = voices.bold("bright") if one.preferred else voices["foreground"]
        indent = "     " if one.kind == "node" else "   "
        left = [Segment(f"{indent}{column(one.label, label, g.ellipsis)} ", head)]
        room = width - label - len(indent) - 2 - sum(segment.cell_length for segment in right)
        left.append(Segment(fit(one.value, room, g.ellipsis), voices[one.voice]))
        return spread(left, right, width)


def _voice(latency: float) -> str:
    return "done" if latency < _NEAR else "foreground" if latency < _FAR else "due"

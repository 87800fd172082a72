"""Everything the deployment tells about the selected agent, in a calm list; its metadata live."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable, Sequence

from rich.segment import Segment

from coder_tui.feeds.source import AgentRef, Details, Known, Source, Trouble
from coder_tui.tui.facts import Fact, facts
from coder_tui.tui.paint import column, fit, spread
from coder_tui.tui.panes.closeup import CloseUp

_LABEL = 20  # cells of the label column, where there is room
_HIDDEN = 8  # a hidden value looks the same however long it is


class DetailsPane(CloseUp[Fact, Details]):
    """Groups of label and value. Values that may be secret are hidden until somebody presses enter on them."""

    PAGE, WHAT = "Details", "details"
    NEEDS_AGENT = False

    def __init__(self, source: Source, *, id: str | None = None) -> None:
        super().__init__(source, id=id)
        self._revealed: set[Hashable] = set()  # until the next look

    def rest(self) -> None:
        """Nobody looks: what was shown is hidden again."""
        super().rest()
        self._revealed.clear()

    def follow(self, agent: AgentRef) -> AsyncIterator[Known[Details] | Trouble]:
        """Agent, workspace and metadata."""
        return self.source.details(agent)

    def lay_out(self, value: Details) -> tuple[Sequence[Fact], Sequence[Hashable]]:
        """Headings hold no cursor."""
        found = facts(value)
        return found, [one.key for one in found]

    def nothing(self, value: Details) -> Sequence[tuple[str, str]]:
        """An agent has at least a name."""
        return (("The deployment tells nothing about this agent.", "muted"),)

    def copied(self, item: Fact) -> tuple[str, str]:
        """The whole value; a toast never shows a secret."""
        return item.value, item.label if item.secret else ""

    def action_open(self) -> None:
        """Show or hide the value under the cursor."""
        if 0 <= self.cursor < len(self.items) and self.items[self.cursor].secret:
            self._revealed ^= {self.items[self.cursor].key}
            self.repaint_items([self.cursor])

    def paint(self, index: int, line: int, width: int) -> list[Segment]:
        """Heading, or label, value, age."""
        one, voices, g = self.items[index], self.voices, self.glyphs
        if one.key is None:
            return [Segment(f" {fit(one.label, width - 2, g.ellipsis)}", voices.bold("accent"))]
        label = min(_LABEL, width // 3)
        right: list[Segment] = []
        if one.at is not None:
            ahead = "in " if self.now is not None and one.at > self.now else ""
            text = f" {ahead}{self.age(one.at)} "
            right = [Segment(f" {g.due} stale", voices["due"])] if one.stale else []
            right.append(Segment(text.rjust(8), voices["due" if one.stale else "muted"]))
        left = [Segment(f"   {column(one.label, label, g.ellipsis)} ", voices["muted"])]
        room = width - label - 5 - sum(segment.cell_length for segment in right)
        if one.secret and one.key not in self._revealed:
            left.append(Segment(g.secret * min(_HIDDEN, max(0, room)), voices["faint"]))
            if index == self.cursor and self.has_focus:
                left.append(Segment("  enter shows it", voices["muted"]))
        else:
            left.append(Segment(fit(one.value, room, g.ellipsis), voices["faint" if one.stale else one.voice]))
        return spread(left, right, width)

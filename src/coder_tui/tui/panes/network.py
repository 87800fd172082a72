"""How the agent is reached: the path and why, latencies over time and to each DERP region, warnings with their fix."""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable, Sequence
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from rich.segment import Segment

from coder_tui.feeds.source import AgentRef, Known, Network, Trouble
from coder_tui.tui.actions import bindings
from coder_tui.tui.glyphs import ASCII
from coder_tui.tui.paint import column, fit, spread, wrap
from coder_tui.tui.panes.closeup import CloseUp
from coder_tui.tui.plot import FAILED, PLOT_ROWS, SLOTS, bar, digits, standing

if TYPE_CHECKING:
    from coder_tui.tui.reach import Line

_LABEL = 20
_NEAR, _FAR = 50.0, 150.0  # milliseconds: a terminal feels local, and a terminal feels far
_MS = 9  # cells of a latency
_ROOMY = 44  # cells between name and latency that are enough for more than a bar


class NetworkPane(CloseUp["Line", Network]):
    """Asks, and measures, only while it is looked at. The agent's home region is marked."""

    BINDINGS = [*bindings("network")]
    PAGE, WHAT = "Network", "network"
    NEEDS_AGENT = False  # the map is the deployment's

    def follow(self, agent: AgentRef) -> AsyncIterator[Known[Network] | Trouble]:
        """Connection info, DERP map, latencies, netchecks."""
        return self.source.network(agent)

    def lay_out(self, value: Network) -> tuple[Sequence[Line], Sequence[Hashable]]:
        """Headings, texts and bars hold no cursor."""
        from coder_tui.tui.reach import lines_of  # the first frame does not wait for it

        sentences = partial(wrap, width=max(20, self.size.width - 8), lines=4, ellipsis=self.glyphs.ellipsis)
        lines = lines_of(value, sentences, self.glyphs.ellipsis)
        return lines, [one.key for one in lines]

    def nothing(self, value: Network) -> Sequence[tuple[str, str]]:
        """There is always a way, or the lack of one."""
        return (("The deployment tells nothing about its network.", "muted"),)

    def copied(self, item: Line) -> tuple[str, str]:
        """Host, region, fact, or the whole of a warning."""
        if item.kind == "path":
            return f"{item.label}: {item.value}" if item.value else item.label, ""
        return (item.value if item.kind in ("fact", "warning") else item.label), ""

    def on_resize(self) -> None:
        """Sentences break elsewhere."""
        self._fill()

    def action_measure(self) -> None:
        """Measure now."""
        if self.row is None or self.row.agent is None:
            self.app.notify("Select an agent first.", markup=False, timeout=3)
            return
        self.source.measure(self.row.key.deployment)
        self.look()

    # --- painting ---

    def paint(self, index: int, line: int, width: int) -> list[Segment]:
        """By kind; each fits any width."""
        one, g = self.items[index], self.glyphs
        match one.kind:
            case "heading":
                left = [Segment(f" {fit(one.label, width - 2, g.ellipsis)}", self.voices.bold("accent"))]
                return spread(left, self._aside(one, width - len(one.label) - 4), width)
            case "path":
                left = [Segment(f"   {g.of(_SHAPES.get(one.voice, 'unknown'))} ", self.voices[one.voice])]
                left.append(Segment(fit(one.label, width - 6, g.ellipsis), self.voices.bold(one.voice)))
                return spread(left, self._aside(one, width - len(one.label) - 7), width)
            case "warning":
                text = fit(one.label, width - 6, g.ellipsis)
                return [Segment(f"   {g.warn} ", self.voices[one.voice]), Segment(text, self.voices[one.voice])]
            case "text":
                return [Segment(f"     {fit(one.label, width - 6, g.ellipsis)}", self.voices[one.voice])]
            case "plot":
                return self._plot(one, width)
            case "axis":
                return self._axis(one, width)
            case "region":
                return self._region(one, width)
            case "node":
                return self._node(one, width)
            case _:
                return self._fact(one, width)

    def _aside(self, one: Line, room: int) -> list[Segment]:
        text = fit(one.aside, room, self.glyphs.ellipsis) if room > 3 else ""
        return [Segment(f" {text} ", self.voices["muted"])] if text else []

    def _slots(self, width: int) -> tuple[int, int, int]:
        """Cells of the label, how many slots are shown, and cells of each."""
        label = min(_LABEL, width // 3)
        room = max(0, width - label - 6)
        return label, min(SLOTS, room), max(1, room // SLOTS)

    def _plot(self, one: Line, width: int) -> list[Segment]:
        label, count, wide = self._slots(width)
        slots = one.slots[-count:] if count else ()
        voice = self.voices["muted" if one.row else "foreground"]
        segments = [Segment(f"   {column(one.label, label, self.glyphs.ellipsis)}  ", voice)]
        text = standing(slots, one.top, PLOT_ROWS, ascii_only=self.glyphs is ASCII)[one.row]
        for tone, cells in groupby(zip(slots, text, strict=True), lambda pair: _voice(pair[0])):
            segments.append(Segment("".join(shape * wide for _, shape in cells), self.voices[tone]))
        return segments

    def _axis(self, one: Line, width: int) -> list[Segment]:
        label, count, wide = self._slots(width)
        room = count * wide
        minutes = f"{count // 4} min ago"
        if room < len(minutes) + len(one.value) + 1:
            return []
        text = minutes + one.value.rjust(room - len(minutes))
        return [Segment(f"   {' ' * label}  {text}", self.voices["faint"])]

    def _region(self, one: Line, width: int) -> list[Segment]:
        g, voices = self.glyphs, self.voices
        right: list[Segment] = []
        if one.ours is not None:
            right.append(Segment(f"{digits(one.ours):>{_MS - 4}} ms ", voices[_voice(one.ours)]))
        elif one.aside:
            right.append(Segment(f" {one.aside} ", voices["failed"]))
        if one.theirs is not None and width >= 56:
            right.append(Segment(f"{g.dot} agent {digits(one.theirs)} ms ".rjust(16), voices["muted"]))
        elif width >= 56:
            right.append(Segment(" " * 16))
        home = f" {g.check} home" if one.home else ""
        name = min(30, max(16, width // 3))
        label = fit(one.label, name - len(home), g.ellipsis)
        left = [
            Segment(f"   {label}", voices.bold("bright") if one.home else voices["foreground"]),
            Segment(home, voices["done"]),
        ]
        left.append(Segment(" " * max(1, name + 4 - sum(segment.cell_length for segment in left))))
        room = width - sum(segment.cell_length for segment in (*left, *right)) - 1
        if room >= _ROOMY:
            about = 22 if room < 2 * _ROOMY else 34
            left.append(Segment(f"{column(one.value, about, g.ellipsis)}  ", voices["muted"]))
            room -= about + 2
        if one.ours is not None and room >= 6:
            text = bar(one.ours, one.top, min(room, 60), ascii_only=g is ASCII)
            left.append(Segment(text, voices[_voice(one.ours)]))
        elif one.ours is None:
            left.append(Segment(fit(one.value, room, g.ellipsis) if room < _ROOMY else "", voices["muted"]))
        return spread(left, right, width)

    def _node(self, one: Line, width: int) -> list[Segment]:
        g, voices = self.glyphs, self.voices
        aside = fit(one.aside, max(0, width - 24), g.ellipsis)
        right = [Segment(f" {aside} ", voices[one.voice])] if aside else []
        room = width - 6 - sum(segment.cell_length for segment in right)
        label = fit(one.label, min(room, 40), g.ellipsis)
        left = [Segment(f"     {label}", voices["muted"])]
        room -= len(label) + 2
        if room >= len(one.value):
            left.append(Segment(f"  {one.value}", voices["faint"]))
        return spread(left, right, width)

    def _fact(self, one: Line, width: int) -> list[Segment]:
        g, voices = self.glyphs, self.voices
        label = min(_LABEL, width // 3)
        right = (
            []
            if one.theirs is None
            else [Segment(f"{digits(one.theirs):>{_MS - 4}} ms from the agent ", voices["muted"])]
        )
        left = [Segment(f"   {column(one.label, label, g.ellipsis)} ", voices["muted"])]
        room = width - label - 5 - sum(segment.cell_length for segment in right)
        left.append(Segment(fit(one.value, room, g.ellipsis), voices[one.voice]))
        return spread(left, right, width)


_SHAPES = {"done": "done", "quiet": "working", "foreground": "link", "failed": "failed", "muted": "quiet"}


def _voice(latency: float | None) -> str:
    if latency is None or latency == FAILED:
        return "failed"
    return "done" if latency < _NEAR else "foreground" if latency < _FAR else "due"

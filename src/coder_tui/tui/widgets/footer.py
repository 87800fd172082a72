"""The bottom line: the keys that help here and now, from the action table, never more than fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.strip import Strip
from textual.widget import Widget

from coder_tui.tui.paint import NO_VOICES, Voices


@dataclass(frozen=True, slots=True)
class Hint:
    """One key and what it does. `action` is what a click runs; `keep` hints are dropped last."""

    key: str
    label: str
    action: str = ""
    enabled: bool = True
    keep: bool = False

    @property
    def width(self) -> int:
        """Cells, with the space around."""
        return cell_len(self.key) + cell_len(self.label) + 4


def fitting(hints: Sequence[Hint], width: int) -> list[Hint]:
    """As many of `hints` as `width` cells hold: disabled ones go first, then from the end, `keep` ones last."""
    kept = list(hints)
    # Least useful last, so that `pop` takes it first: disabled ones, then the tail of the rest, then what to keep.
    victims = sorted(kept, key=lambda hint: (hint.keep, hint.enabled), reverse=True)
    while victims and sum(hint.width for hint in kept) > width:
        kept.remove(victims.pop())
    return kept


class FooterBar(Widget):
    """One line of hints; a click on one runs it."""

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.voices: Voices = NO_VOICES
        self._hints: tuple[Hint, ...] = ()
        self._spans: list[tuple[int, int, Hint]] = []

    def show(self, hints: Sequence[Hint]) -> None:
        """Show these hints, most useful first."""
        if tuple(hints) != self._hints:
            self._hints = tuple(hints)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The hints that fit."""
        width, voices = self.size.width, self.voices
        segments: list[Segment] = []
        self._spans = []
        x = 0
        for hint in fitting(self._hints, width):
            self._spans.append((x, x + hint.width, hint))
            segments.append(Segment(f" {hint.key}", voices.bold("accent") if hint.enabled else voices["faint"]))
            segments.append(Segment(f" {hint.label}  ", voices["muted" if hint.enabled else "faint"]))
            x += hint.width
        strip = Strip(segments).adjust_cell_length(width)
        return strip.apply_style(self.visual_style.rich_style)

    async def on_click(self, event: events.Click) -> None:
        """Run the clicked hint."""
        for start, end, hint in self._spans:
            if start <= event.x < end and hint.action:
                await self.screen.run_action(hint.action)

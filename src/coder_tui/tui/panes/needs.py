"""Who needs you, most urgent first: two lines each, the second says why and how long there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from rich.segment import Segment

from coder_tui.fleet.snapshot import Deployment, Key, Row
from coder_tui.tui.actions import bindings
from coder_tui.tui.paint import fit, spread
from coder_tui.tui.panes.marking import Marking
from coder_tui.tui.states import lost_at, name_of, of_row
from coder_tui.tui.widgets.lines import LineList


class NeedsPane(Marking, LineList[Key]):
    """Two lines per row: shape, workspace, level, age; then the app's message, and the deadline when it is near."""

    BINDINGS = [*bindings("fleet")]
    BORDER_TITLE = "Needs you"
    ANCHORED = False  # the most urgent is on top, and stays in sight
    MAX_ROWS = 6  # more are scrolled to; the agents below keep their room

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="pane")
        self._title = ""
        self.deployments: Mapping[str, Deployment] = MappingProxyType({})
        self._lookup: Callable[[Key], Row | None] = lambda key: None
        self._rows: dict[Key, Row | None] = {}  # as painted

    def show(self, keys: Sequence[Key], lookup: Callable[[Key], Row | None]) -> None:
        """Show the rows of these keys and take the height they need. Rows are looked up when their line is painted."""
        self._lookup = lookup
        if keys is not self._keys and (not keys or list(keys) != self._keys):
            self._rows.clear()
            self.fill(keys, keys, 2)
            self._take_height(len(keys))
            return
        seen = range(*self.in_sight)
        self.repaint_items(index for index in seen if self._rows.get(keys[index]) is not lookup(keys[index]))

    def _take_height(self, count: int) -> None:
        title = f"Needs you ({count})" if count else "Needs you"
        if title != self._title:
            self._title = title
            self.border_title = title
            self.styles.height = 2 * min(count, self.MAX_ROWS) + 2 if count else 3
            self.set_class(not count, "-empty")

    def tell_hushed(self, snoozed: int, muted: int) -> None:
        """How many alerts are kept out of this list, dimly in its lower border."""
        parts = [f"{count} {word}" for count, word in ((snoozed, "snoozed"), (muted, "muted")) if count]
        text = ", ".join(parts)
        if text != self.border_subtitle:
            self.border_subtitle = text

    def explain_emptiness(self, hidden: int) -> None:
        """Say that nobody needs a person, or that the filter hides `hidden` who do."""
        if hidden:
            self.say((f"The filter hides {hidden} who need{'s' if hidden == 1 else ''} you.", "due"))
        else:
            self.say(("Nobody needs you.", "muted"))

    def paint(self, index: int, line: int, width: int) -> list[Segment]:
        """One of the two lines."""
        key, voices, dots = self.items[index], self.voices, self.glyphs.ellipsis
        row = self._rows[key] = self._lookup(key)
        if row is None:
            return []
        look = of_row(row)
        alert = row.alert if row.alert is not None and row.alert.open else None
        voice = voices["faint"] if row.stale else voices.bold(look.voice if alert else "due")
        quiet = voices["faint" if row.stale else "muted"]
        if line == 0:
            shape, word = (look.shape, look.word) if alert else ("due", "due")
            age = self.age(look.at) if look.at and alert else ""
            marked = key in self.marks
            left = [
                Segment(self.glyphs.of(shape), voice),
                Segment(self.glyphs.mark if marked else " ", voices.bold("accent")),
                Segment(
                    fit(row.workspace.title, width - 17, dots), voices["faint"] if row.stale else voices.bold("bright")
                ),
            ]
            return spread(left, [Segment(f"{word:>7}", voice), Segment(f"{age:>5} ", quiet)], width)
        message = alert.message if alert else (row.status.message if row.status else "")
        right: list[Segment] = []
        if row.stale and (lost := lost_at(row, self.deployments)):
            right = [Segment(f" stale {self.age(lost)} ", voices["due"])]
        elif row.due and row.workspace.deadline:
            right = [Segment(f" {self.glyphs.due} stops in {self.age(row.workspace.deadline)} ", voices["due"])]
        room = width - 3 - sum(segment.cell_length for segment in right)
        name = fit(name_of(row), room // 2, dots)
        text = fit(message or (alert.why if alert else ""), room - len(name) - 2, dots)
        left = [
            Segment(f"  {name}", quiet),
            Segment(f"  {text}", voices["faint" if row.stale else "foreground"]),
        ]
        return spread(left, right, width)

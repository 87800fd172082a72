"""Who needs you, most urgent first: two lines each, the second says why and how long there is."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment

from coder_tui.fleet.snapshot import Row, Snapshot
from coder_tui.tui.paint import fit, spread
from coder_tui.tui.states import name_of, of_row
from coder_tui.tui.widgets.lines import LineList


def needing(snapshot: Snapshot, rows: Sequence[Row]) -> list[Row]:
    """Of `rows` (those that are shown): open alerts in the snapshot's order, then workspaces that stop soon."""
    by_key = {row.key: row for row in rows if row.due or (row.alert is not None and not row.alert.acked)}
    found = [by_key.pop(alert.key) for alert in snapshot.alerts if not alert.acked and alert.key in by_key]
    warned = {row.key.workspace_id for row in found if row.due}
    for row in by_key.values():
        if row.due and row.key.workspace_id not in warned:
            warned.add(row.key.workspace_id)
            found.append(row)
    return found


class NeedsPane(LineList[Row]):
    """Two lines per row: shape, workspace, level, age; then the app's message, and the deadline when it is near."""

    BORDER_TITLE = "Needs you"
    MAX_ROWS = 6  # more are scrolled to; the agents below keep their room

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="pane")
        self._title = ""
        self.say(("Nobody needs you.", "muted"))

    def show(self, rows: Sequence[Row]) -> None:
        """Show these rows and take the height they need."""
        keys = [row.key for row in rows]
        if keys == list(self._keys) and keys:
            self.replace(rows)
            return
        self.fill(rows, keys, 2)
        title = f"Needs you ({len(rows)})" if rows else "Needs you"
        if title != self._title:
            self._title = title
            self.border_title = title
            self.styles.height = 2 * min(len(rows), self.MAX_ROWS) + 2 if rows else 3
            self.set_class(not rows, "-empty")

    def paint(self, index: int, line: int, width: int) -> list[Segment]:
        """One of the two lines."""
        row, voices, dots = self.items[index], self.voices, self.glyphs.ellipsis
        look = of_row(row)
        alert = row.alert if row.alert is not None and not row.alert.acked else None
        voice = voices["faint"] if row.stale else voices.bold(look.voice if alert else "due")
        if line == 0:
            shape, word = (look.shape, look.word) if alert else ("due", "due")
            age = self.age(look.at) if look.at and alert else ""
            left = [
                Segment(f"{self.glyphs.of(shape)} ", voice),
                Segment(
                    fit(row.workspace.title, width - 17, dots), voices["faint"] if row.stale else voices.bold("bright")
                ),
            ]
            return spread(left, [Segment(f"{word:>7}", voice), Segment(f"{age:>5} ", voices["muted"])], width)
        message = alert.message if alert else (row.status.message if row.status else "")
        right: list[Segment] = []
        if row.due and row.workspace.deadline:
            right = [Segment(f" {self.glyphs.due} stops in {self.age(row.workspace.deadline)} ", voices["due"])]
        room = width - 3 - sum(segment.cell_length for segment in right)
        name = fit(name_of(row), room // 2, dots)
        text = fit(message or (alert.why if alert else ""), room - len(name) - 2, dots)
        left = [
            Segment(f"  {name}", voices["muted"]),
            Segment(f"  {text}", voices["faint" if row.stale else "foreground"]),
        ]
        return spread(left, right, width)

"""Marks on rows: several are chosen, then one key acts on all of them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from textual.message import Message
from textual.widget import Widget

from coder_tui.fleet.snapshot import Key


class Marking(Widget, can_focus=True):
    """Mixin of the lists of rows. Both lists share one set of marks, which the screen keeps."""

    cursor: int
    items: Sequence[Any]
    _keys: Sequence[Hashable]

    class Marked(Message):
        """These rows were chosen to be marked, or to be marked no more."""

        def __init__(self, keys: Sequence[Key]) -> None:
            super().__init__()
            self.keys = keys

    class Arranged(Message):
        """Another order or other columns are wanted: `group`, `sort` or `columns`."""

        def __init__(self, what: str) -> None:
            super().__init__()
            self.what = what

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.marks: set[Key] = set()

    def action_mark(self) -> None:
        """Mark the row under the cursor, or take its mark back, and go on."""
        key = self._keys[self.cursor] if 0 <= self.cursor < len(self._keys) else None
        if isinstance(key, Key):
            self.post_message(self.Marked([key]))

    def action_mark_all(self) -> None:
        """Mark every row of this list; if all are marked, none."""
        self.post_message(self.Marked([key for key in self._keys if isinstance(key, Key)]))

    def action_group(self) -> None:
        """The next grouping."""
        self.post_message(self.Arranged("group"))

    def action_sort(self) -> None:
        """The next order."""
        self.post_message(self.Arranged("sort"))

    def action_columns(self) -> None:
        """Choose columns."""
        self.post_message(self.Arranged("columns"))

"""A list with a cursor that stands on a key, not on a position: rows may come and go around it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Sequence
from itertools import accumulate
from typing import Any

from textual import events
from textual.message import Message

from coder_tui.tui.actions import bindings
from coder_tui.tui.widgets.line_view import Item, LineView


class LineList(LineView[Item], can_focus=True):
    """Base of the lists. Subclasses give items (`fill`) and paint one line of one item (`paint`)."""

    BINDINGS = [*bindings("list")]
    ANCHORED = True  # when rows come and go above the cursor, the view moves with it

    class Moved(Message):
        """The cursor went to another key, by the person's hand."""

        def __init__(self, lines: LineList[Any], key: Hashable) -> None:
            super().__init__()
            self.lines, self.key = lines, key

        @property
        def control(self) -> LineList[Any]:
            """The list, for `@on` selectors."""
            return self.lines

    class Opened(Moved):
        """Enter, or a click on the cursor's item."""

    def fill(self, items: Sequence[Item], keys: Sequence[Hashable], heights: Sequence[int] | int = 1) -> None:
        """Show other items. The cursor stays on its key; if that is gone, at its place."""
        was = self._keys[self.cursor] if 0 <= self.cursor < len(self._keys) else None
        place = self.cursor
        self.items, self._keys = items, keys
        if isinstance(heights, int):
            self._starts = list(range(0, len(items) * heights + 1, heights))
        else:
            self._starts = [0, *accumulate(heights)]
        offset = self._starts[place] - self.top if 0 <= place < len(self._starts) else 0
        if was is not None and 0 <= place < len(keys) and keys[place] == was:
            self.cursor = place
        else:
            try:
                self.cursor = keys.index(was) if was is not None else -1
            except ValueError:
                self.cursor = -1
            if self.cursor < 0 and items:
                self.cursor = self._stop(min(max(place, 0), len(items) - 1), 1)
            elif self.cursor >= 0 and self.ANCHORED:  # the row moved: keep it where the eye is
                self.top = self._starts[self.cursor] - offset
        self._keep_in_view()
        self.refresh()

    @property
    def key(self) -> Hashable | None:
        """The key under the cursor."""
        return self._keys[self.cursor] if 0 <= self.cursor < len(self._keys) else None

    def go(self, key: Hashable | None) -> bool:
        """Put the cursor on `key` without a message; False when there is no such key."""
        if key is not None and key == self.key:
            return True
        try:
            index = self._keys.index(key) if key is not None else -1
        except ValueError:
            return False
        if index >= 0 and index != self.cursor:
            self._move(index, tell=False)
        return index >= 0

    def on_focus(self) -> None:
        """The cursor line changes colour."""
        self.refresh()

    def on_blur(self) -> None:
        """The cursor line changes colour."""
        self.refresh()

    def on_resize(self) -> None:
        """Other lines may be in view."""
        self._note_lines.clear()
        self._keep_in_view()
        self.refresh()

    # --- moving ---

    def _stop(self, index: int, step: int) -> int:
        """The nearest item from `index` in the direction of `step` (then the other) where the cursor may stand."""
        for way in (step, -step):
            place = index
            while 0 <= place < len(self._keys):
                if self._keys[place] is not None:
                    return place
                place += way
        return -1

    def _keep_in_view(self) -> None:
        height = self.size.height
        if height <= 0:
            return
        top = min(self.top, max(0, self.lines - height))
        if 0 <= self.cursor < len(self.items):
            first, last = self._starts[self.cursor], self._starts[self.cursor + 1]
            top = max(min(top, first), last - height)
            if first <= 1:
                top = 0  # a heading that cannot hold the cursor is worth showing
        self.top = max(0, top)

    def _move(self, index: int, *, tell: bool = True) -> None:
        index = self._stop(min(max(index, 0), len(self.items) - 1), 1 if index >= self.cursor else -1)
        if index < 0 or index == self.cursor:
            return
        old, top = self.cursor, self.top
        self.cursor = index
        self._keep_in_view()
        if self.top != top:
            self.refresh()
        else:
            self.repaint_items((old, index))
        if tell:
            self.post_message(self.Moved(self, self._keys[index]))

    def _page(self) -> int:
        first, last = self.in_sight
        return max(1, (last - first) // 2)

    def action_down(self) -> None:
        """Next item."""
        self._move(self.cursor + 1)

    def action_up(self) -> None:
        """Previous item."""
        self._move(self.cursor - 1)

    def action_top(self) -> None:
        """First item."""
        self._move(0)

    def action_bottom(self) -> None:
        """Last item."""
        self._move(len(self.items) - 1)

    def action_page_down(self) -> None:
        """Half a page down."""
        self._move(self.cursor + self._page())

    def action_page_up(self) -> None:
        """Half a page up."""
        self._move(self.cursor - self._page())

    def action_open(self) -> None:
        """Open what is under the cursor."""
        if self.key is not None:
            self.post_message(self.Opened(self, self.key))

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor; a second one opens."""
        offset = event.get_content_offset(self)
        line = self.top + offset.y if offset else -1
        if not 0 <= line < self.lines:
            return
        index = bisect_right(self._starts, line) - 1
        if index == self.cursor and event.chain > 1:
            self.action_open()
        elif self._keys[index] is not None:
            self._move(index)

"""The title of a page about one row: its name and the names from the workspace down, in what room the border has."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content
from textual.widget import Widget

from coder_tui.tui.glyphs import Glyphs, glyphs
from coder_tui.tui.paint import fit

_CORNERS = 6  # cells of the border that are never title


class Titled(Widget, can_focus=True):
    """Mixin of pages. `tail` cells at the right end of the border belong to the tabs, which then name the page."""

    PAGE = ""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.glyphs: Glyphs = glyphs()
        self._path: tuple[str, ...] = ()
        self._tail = 0

    def entitle(self, path: Sequence[str]) -> None:
        """The row it is about."""
        if tuple(path) != self._path or self.border_title is None:
            self._path = tuple(path)
            self._retitle()

    def leave_room(self, tail: int) -> None:
        """So many cells of the upper border are the tabs' (0: there are none)."""
        if tail != self._tail:
            self._tail = tail
            self._retitle()

    def on_resize(self) -> None:
        """Another width, another cut."""
        self._retitle()

    def _retitle(self) -> None:
        """Workspace and app say more than the agent between them."""
        room = self.outer_size.width - self._tail - _CORNERS
        page = [] if self._tail and self._path else [self.PAGE]
        names, dot = list(self._path), f" {self.glyphs.dot} "
        title = dot.join([*page, *names])
        if 0 < room < cell_len(title) and len(names) > 2:
            title = dot.join([*page, names[0], names[-1]])
        # Content, not str: a name is not markup.
        self.border_title = Content(fit(title, room, self.glyphs.ellipsis) if room > 0 else title)

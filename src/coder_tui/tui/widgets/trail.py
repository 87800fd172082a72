"""One line above a page: tabs (medium layout) or where we are (narrow layout)."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from coder_tui.tui.glyphs import Glyphs, glyphs
from coder_tui.tui.layout import Page
from coder_tui.tui.paint import NO_VOICES, Voices, fit, spread


class Trail(Widget):
    """Tabs of pages, the current one marked; with `path`, a breadcrumb before them."""

    ALLOW_SELECT = False

    class Chosen(Message):
        """A tab was clicked."""

        def __init__(self, page: Page) -> None:
            super().__init__()
            self.page = page

    def __init__(self, pages: Sequence[Page], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.voices: Voices = NO_VOICES
        self.glyphs: Glyphs = glyphs()
        self._pages = tuple(pages)
        self._page = self._pages[0]
        self._path: tuple[str, ...] = ()
        self._spans: list[tuple[int, int, Page]] = []

    def show(self, page: Page, path: Sequence[str] = ()) -> None:
        """Mark `page`; `path` are the names from the workspace down."""
        if (page, tuple(path)) != (self._page, self._path):
            self._page, self._path = page, tuple(path)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The tabs at the right end, the path in what is left of them."""
        width, voices = self.size.width, self.voices
        tabs: list[Segment] = []
        spans: list[tuple[int, int, Page]] = []
        x = 0
        for page in self._pages:
            label = f" {page.value.capitalize()} "
            here = page is self._page
            tabs.append(Segment(label, voices.bold("accent") + voices.on("cursor") if here else voices["muted"]))
            tabs.append(Segment(" "))
            spans.append((x, x + len(label), page))
            x += len(label) + 1
        path = self._path_in(width - x - 2)
        shift = width - x - 1 if path else 1
        self._spans = [(start + shift, end + shift, page) for start, end, page in spans]
        strip = Strip(spread(path, [*tabs, Segment(" ")], width) if path else [Segment(" "), *tabs])
        return strip.adjust_cell_length(width).apply_style(self.visual_style.rich_style)

    def _path_in(self, room: int) -> list[Segment]:
        """The path in `room` cells: its last name in full before any of what is above it."""
        if not self._path or room < 8:
            return []
        voices, g = self.voices, self.glyphs
        *above, last = self._path
        last = fit(last, room - 2, g.ellipsis)
        path = fit(f" {g.crumb} ".join(above), room - cell_len(last) - 4, g.ellipsis)
        return [Segment(f" {path} {g.crumb} " if path else " ", voices["muted"]), Segment(last, voices.bold("bright"))]

    def on_click(self, event: events.Click) -> None:
        """Choose a tab."""
        for start, end, page in self._spans:
            if start <= event.x < end:
                self.post_message(self.Chosen(page))

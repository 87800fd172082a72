"""One line above a page: tabs (wide and medium layout) or where we are (narrow layout)."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from coder_tui.tui.glyphs import Glyphs, glyphs
from coder_tui.tui.layout import Page
from coder_tui.tui.paint import NO_VOICES, Voices, fit, spread

_SHORT = {
    Page.TIMELINE: "Time",
    Page.TERMINAL: "Term",
    Page.DETAILS: "Detail",
    Page.CONTAINERS: "Cont",
    Page.NETWORK: "Net",
}
_PATH_ROOM = 26  # cells that names get before tabs get more than their number


def labels(pages: Sequence[Page], here: Page, width: int) -> list[str]:
    """The tabs' words in `width` cells: in full, shortened, or the number of the key that leads there."""
    full = [page.value.capitalize() for page in pages]
    short = [word if page is here else _SHORT.get(page, word) for page, word in zip(pages, full, strict=True)]
    for words in (full, short):
        if sum(len(word) + 3 for word in words) <= width:
            return words
    return [word if page is here else str(page.number) for page, word in zip(pages, full, strict=True)]


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

    def offer(self, pages: Sequence[Page]) -> None:
        """Other tabs."""
        if tuple(pages) != self._pages:
            self._pages = tuple(pages)
            self.refresh(layout=True)

    @property
    def full_width(self) -> int:
        """Cells that all tabs take, in full."""
        return sum(len(page.value) + 3 for page in self._pages) + 1

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """As wide as the tabs, where the style says `auto`."""
        return self.full_width

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
        wanted = sum(map(cell_len, self._path)) + 3 * len(self._path)
        words = labels(self._pages, self._page, width - 1 - (min(wanted, _PATH_ROOM) + 2 if self._path else 0))
        for page, word in zip(self._pages, words, strict=True):
            label = f" {word} "
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

"""Which layout fits which window: a pure function, so that every size can be tested without a screen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MIN_COLUMNS, MIN_ROWS = 40, 10
MIN_LEFT, MIN_RIGHT = 30, 40  # columns of the two sides, where there are two
MEDIUM_COLUMNS, WIDE_COLUMNS = 84, 140


class Layout(StrEnum):
    """How the panes stand."""

    WIDE = "wide"  # lists left; timeline over logs over terminal right
    MEDIUM = "medium"  # lists left, one pane right, tabs
    NARROW = "narrow"  # one page at a time, a breadcrumb on top
    TINY = "tiny"  # nothing fits: one line says so


class Page(StrEnum):
    """What fills the right side (medium) or the window (narrow). `AGENTS` are the two lists."""

    AGENTS = "agents"
    TIMELINE = "timeline"
    LOGS = "logs"
    TERMINAL = "terminal"
    DETAILS = "details"
    PORTS = "ports"
    CONTAINERS = "containers"
    NETWORK = "network"

    @property
    def number(self) -> int:
        """Of the key that leads there, from 1."""
        return list(Page).index(self) + 1


RIGHT = tuple(page for page in Page if page is not Page.AGENTS)
"""Pages of the right side."""
CLOSEUPS = (Page.DETAILS, Page.PORTS, Page.CONTAINERS, Page.NETWORK)
"""Pages that ask the deployment while they are looked at."""
TOP = (Page.TIMELINE, *CLOSEUPS)
"""Pages that share the upper right of the wide layout."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """A layout and the width in cells of its left column (0: the whole window)."""

    layout: Layout
    left: int = 0


def arrange(columns: int, rows: int) -> Arrangement:
    """The arrangement for a window of `columns` x `rows` cells."""
    if columns < MIN_COLUMNS or rows < MIN_ROWS:
        return Arrangement(Layout.TINY)
    if columns < MEDIUM_COLUMNS:
        return Arrangement(Layout.NARROW)
    if columns < WIDE_COLUMNS:
        return Arrangement(Layout.MEDIUM, left=max(38, columns * 42 // 100))
    return Arrangement(Layout.WIDE, left=min(76, max(50, columns * 36 // 100)))


def too_small(columns: int, rows: int) -> str:
    """The one line for a window in which nothing fits, shortened to it."""
    need = f"{MIN_COLUMNS}x{MIN_ROWS}"
    for text in (
        f"{columns}x{rows} is too small: enlarge to {need}, or q",
        f"too small: enlarge to {need}",
        f"enlarge to {need}",
        f"< {need}",
    ):
        if len(text) <= columns:
            return text
    return ""


LISTS = frozenset({"needs", "agents"})


def shown(layout: Layout, page: Page, right: Page, zoomed: str = "", top: Page = Page.TIMELINE) -> frozenset[str]:
    """Which parts are displayed, by widget id. `page` is where the focus is, `right` what the right side shows last,
    `top` which of the pages that share a place in the wide layout, `zoomed` the pane that has the whole window."""
    if layout is Layout.TINY:
        return frozenset({"tiny"})
    parts = {"header", "body", "footer"}
    if layout is Layout.NARROW:
        parts.add("crumbs")
    if zoomed:
        return frozenset(parts | {"left" if zoomed in LISTS else "right", zoomed})
    if layout is Layout.NARROW:
        return frozenset(parts | ({"left", *LISTS} if page is Page.AGENTS else {"right", page.value}))
    parts |= {"left", "right", *LISTS}
    if layout is Layout.MEDIUM:
        return frozenset(parts | {"tabs", right.value})
    return frozenset(parts | {"tabs", top.value, Page.LOGS.value, Page.TERMINAL.value})

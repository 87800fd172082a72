"""Small tools for lines of cells: the theme's voices as Rich styles, and text fitted to a width.

Lists paint their lines as segments, without markup and without a layout: that is what keeps ten thousand rows cheap.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.color import Color, ColorParseError

from coder_tui.text import one_line

BLANK = Style.null()


class Voices:
    """Rich styles by the name of a theme variable: `voices["asks"]`, `voices.bold("bright")`, `voices.on("cursor")`."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._styles: dict[tuple[str, str], Style] = {}

    def _hex(self, name: str) -> str | None:
        try:
            return Color.parse(self._variables[name]).hex6
        except (KeyError, ColorParseError):
            return None

    def _made(self, name: str, kind: str) -> Style:
        style = self._styles.get((name, kind))
        if style is None:
            colour = self._hex(name)
            if kind == "on":
                style = Style(bgcolor=colour)
            else:
                style = Style(color=colour, bold=kind == "bold" or None)
            self._styles[name, kind] = style
        return style

    def __getitem__(self, name: str) -> Style:
        return self._made(name, "")

    def bold(self, name: str) -> Style:
        """The same colour, bold."""
        return self._made(name, "bold")

    def on(self, name: str) -> Style:
        """As a background."""
        return self._made(name, "on")


NO_VOICES = Voices({})


def fit(text: str, width: int, ellipsis: str = "…") -> str:
    """`text`, made safe, in at most `width` cells; what was cut is marked with `ellipsis`."""
    text = one_line(text)
    if width <= 0:
        return ""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(0, width - cell_len(ellipsis))).rstrip() + ellipsis


def column(text: str, width: int, ellipsis: str = "…", *, right: bool = False) -> str:
    """Like `fit`, filled with spaces to exactly `width` cells."""
    text = fit(text, width, ellipsis)
    space = " " * (width - cell_len(text))
    return space + text if right else text + space


def wrap(text: str, width: int, lines: int, ellipsis: str = "…") -> list[str]:
    """`text`, made safe, broken at spaces into at most `lines` lines of at most `width` cells (always at least one)."""
    words = one_line(text).split(" ")
    result: list[str] = []
    line = ""
    for index, word in enumerate(words):
        joined = f"{line} {word}" if line else word
        if cell_len(joined) <= width:
            line = joined
            continue
        if len(result) == lines - 1:
            rest = " ".join([line, *words[index:]]) if line else " ".join(words[index:])
            return [*result, fit(rest, width, ellipsis)]
        if line:
            result.append(line)
        while cell_len(word) > width and len(result) < lines - 1:
            head = set_cell_size(word, width).rstrip()
            result.append(head)
            word = word[len(head) :] if head else ""
        line = word
    return [*result, fit(line, width, ellipsis)]


def spread(left: Iterable[Segment], right: Iterable[Segment], width: int) -> list[Segment]:
    """`left` and `right` at the two ends of `width` cells; the left side is cut where they would meet."""
    tail = list(right)
    room = max(0, width - sum(segment.cell_length for segment in tail))
    head: list[Segment] = []
    for segment in left:
        length = segment.cell_length
        if length > room:
            head.append(Segment(set_cell_size(segment.text, room), segment.style))
            room = 0
            break
        head.append(segment)
        room -= length
    if room:
        head.append(Segment(" " * room))
    return head + tail


def clock_time(at: datetime, now: datetime) -> str:
    """The local time of day of `at`; older than a day, its date. Always eight cells."""
    local = at.astimezone()
    if abs((now - at).total_seconds()) < 86_400:
        return local.strftime("%H:%M:%S")
    return local.strftime("%b %d ").rjust(8) if local.year == now.astimezone().year else local.strftime("%Y-%m ")

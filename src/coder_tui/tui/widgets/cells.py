"""Runs of terminal cells to Textual strips: colours, attributes, and columns that stay where the grid has them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.color import Color as RichColor
from rich.color import ColorType
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.strip import Strip

from coder_tui.terminal.core import PLAIN, REPLACEMENT, UNCHANGED, Color, Colors, Run, Style, Underline

# What `Segment(...)` and `style + style` do, without what is slow about them where nothing repeats: thousands of
# segments and colours are made per second, and Rich would remember (and hash) each.
_new = tuple.__new__
_added = getattr(RichStyle._add, "__wrapped__", RichStyle._add)
_VARIATION_SELECTORS = "\ufe0e\ufe0f"
_CACHE = 2048  # freeing it all at once must not be felt


@lru_cache(maxsize=4096)
def fit(text: str, width: int) -> str:
    """One character or cluster in exactly `width` columns by Rich's table, which is what Textual lays out by.

    Where the table thinks it wider than the grid does, its plainer form is tried before it is replaced.
    """
    for form in (text, text.rstrip(_VARIATION_SELECTORS), text[:1]):
        if cell_len(form) == width:
            return form
    if 0 < cell_len(text) < width:
        return set_cell_size(text, width)
    return set_cell_size(REPLACEMENT if text.strip() and cell_len(text) else " ", width)


def aligned(run: Run) -> str:
    """The text of a run in exactly `run.width` columns, each character in its own."""
    text = run.text
    if (len(text) == run.width and text.isascii()) or cell_len(text) == run.width:
        return text
    if run.cluster:
        return fit(text, run.width)
    each = run.width // len(text)
    return "".join(fit(char, each) for char in text)


def split(runs: Sequence[Run], at: int) -> tuple[list[Run], list[Run]]:
    """The runs before and from column `at`. A wide character across the border goes to the second part."""
    before: list[Run] = []
    for index, run in enumerate(runs):
        if at <= 0:
            return before, list(runs[index:])
        if run.width <= at:
            before.append(run)
            at -= run.width
            continue
        if run.cluster:
            return before, list(runs[index:])
        each = run.width // len(run.text)
        count = at // each
        if count:
            before.append(Run(run.text[:count], run.style, count * each))
        rest = Run(run.text[count:], run.style, run.width - count * each)
        return before, [rest, *runs[index + 1 :]]
    return before, []


def _color(color: Color) -> RichColor | None:
    if color is None:
        return None
    if isinstance(color, int):  # an index stays one: the app maps it by its theme, or leaves it to the outer terminal
        return RichColor.from_ansi(color)
    # Its name, a hex string, is never used.
    return _new(RichColor, ("", ColorType.TRUECOLOR, None, _new(ColorTriplet, color)))


@lru_cache(maxsize=1024)
def _attributes(fields: tuple[Any, ...]) -> RichStyle:
    """The Rich style of a style without colours: its `fields` after them."""
    style = Style(None, None, None, *fields)
    return RichStyle(
        bold=style.bold or None,
        dim=style.dim or None,
        italic=style.italic or None,
        underline=style.underline not in (Underline.NONE, Underline.DOUBLE) or None,
        underline2=style.underline is Underline.DOUBLE or None,
        blink=style.blink or None,
        reverse=style.reverse or None,
        strike=style.strike or None,
    )


class Painter:
    """Makes strips on the theme's foreground and background, or the program's own (OSC 10, 11, DECSCNM)."""

    def __init__(self, theme: RichStyle, colors: Colors = UNCHANGED, *, reverse_screen: bool = False) -> None:
        self.theme, self.colors, self.reverse_screen = theme, colors, reverse_screen
        fg, bg = _color(colors.foreground) or theme.color, _color(colors.background) or theme.bgcolor
        self.base = theme + RichStyle.from_color(*((bg, fg) if reverse_screen else (fg, bg)))
        self.cursor = RichStyle.from_color(bg, _color(colors.cursor)) if colors.cursor else None
        # Keyed by identity, for speed; the entry keeps its key alive.
        self._styles: dict[int, tuple[Style, RichStyle]] = {}

    def style(self, style: Style) -> RichStyle:
        """The Rich style of a cell's style."""
        entry = self._styles.get(id(style))
        if entry is None:
            if len(self._styles) >= _CACHE:
                self._styles.clear()
            entry = self._styles[id(style)] = (style, self._made(style))
        return entry[1]

    def _made(self, style: Style) -> RichStyle:
        base = self.base
        fg, bg = style.fg, style.bg
        if own := self.colors.palette:
            fg, bg = (own.get(color, color) if isinstance(color, int) else color for color in (fg, bg))
        colored = RichStyle.from_color(_color(fg) or base.color, _color(bg) or base.bgcolor)
        if style[3:] == PLAIN[3:]:  # all but the colours, and by far the most
            return colored
        return _added(_attributes(style[3:-1]), colored)

    def segments(self, runs: Sequence[Run]) -> list[Segment]:
        """One segment per run."""
        known, style = self._styles, self.style
        segments: list[Segment] = []
        for run in runs:
            text, own, width, _ = run
            if not width:
                continue
            if own.invisible:
                text = " " * width
            elif len(text) != width or not text.isascii():
                text = aligned(run)
            entry = known.get(id(own))
            segments.append(_new(Segment, (text, entry[1] if entry else style(own), None)))
        return segments

    def strip(self, runs: Sequence[Run], columns: int) -> Strip:
        """A whole row."""
        return Strip(self.segments(runs), columns)


def toggled(segments: Sequence[Segment]) -> list[Segment]:
    """Reverse video the other way round: the cursor and the selection, visible without colours too."""
    return [
        Segment(text, (style or RichStyle()) + RichStyle(reverse=not (style and style.reverse)))
        for text, style, _ in segments
    ]


def marked(segments: Sequence[Segment], style: RichStyle) -> list[Segment]:
    """`style` laid over segments."""
    return [Segment(text, (own or RichStyle()) + style) for text, own, _ in segments]

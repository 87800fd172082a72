"""Rows of terminal cells that write their own escape sequences.

Textual paints a row in three steps: a segment and a Rich style per run, a filter over every segment, and sequences
out of styles. Where nothing repeats (random colours) that costs ten microseconds a run, at thousands of runs a frame.
A `RowStrip` goes from runs to sequences at once, and makes segments only where something is laid over it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from rich.color import Color as RichColor
from rich.console import Console
from rich.segment import Segment
from textual.color import Color
from textual.filter import ANSIToTruecolor, LineFilter
from textual.strip import Strip

from coder_tui.terminal.core import PLAIN, Run, Style, Underline
from coder_tui.tui.widgets.cells import Painter, aligned

_CACHE = 2048  # freeing it all at once must not be felt
_NO_ATTRIBUTES = PLAIN[3:-1]
_DECIMAL = [str(number) for number in range(256)]


@lru_cache(maxsize=256)
def _attribute_codes(fields: tuple[Any, ...]) -> str:
    """SGR codes of a style's attributes (its fields after the colours), with a semicolon after each."""
    style = Style(None, None, None, *fields)
    underline = {Underline.NONE: 0, Underline.DOUBLE: 21}.get(style.underline, 4)
    codes = (
        style.bold * 1,
        style.dim * 2,
        style.italic * 3,
        underline,
        style.blink * 5,
        style.reverse * 7,
        style.strike * 9,
    )
    return "".join(f"{code};" for code in codes if code)


def underlines_styled(environ: Mapping[str, str]) -> bool:
    """Whether the outer terminal is known to draw curly, dotted, dashed and coloured underlines (SGR 4:3, 58).

    Some of the others take `4:3` for something else entirely, so it is no safe guess.
    """
    if environ.get("VTE_VERSION", "").isdecimal():
        return int(environ["VTE_VERSION"]) >= 5200
    term = environ.get("TERM", "")
    return (
        term.removeprefix("xterm-") in ("kitty", "ghostty", "alacritty", "wezterm", "contour", "foot", "foot-extra")
        or term.startswith("tmux")
        or environ.get("TERM_PROGRAM") in ("WezTerm", "ghostty", "iTerm.app", "vscode", "tmux")
    )


class Pen:
    """Turns a painter's styles into the sequences for one console, through the app's filters."""

    def __init__(self, painter: Painter, console: Console, filters: Sequence[LineFilter], background: Color) -> None:
        self.painter, self.console, self.filters, self.background = painter, console, tuple(filters), background
        # Keyed by identity, for speed; the entry keeps its key alive.
        self._sequences: dict[int, tuple[Style, str]] = {}
        # Direct colours go out as they are, unless the console has fewer, or a filter changes them.
        self._underlines = underlines_styled(os.environ)
        self._direct = console.color_system == "truecolor" and all(type(one) is ANSIToTruecolor for one in filters)
        base = self.filtered([Segment(" ", painter.base)])[0].style
        self._fg = _color_codes(base.color if base else None, foreground=True)
        self._bg = _color_codes(base.bgcolor if base else None, foreground=False)

    def matches(self, painter: Painter, console: Console, filters: Sequence[LineFilter], background: Color) -> bool:
        """Whether it still is the pen for these."""
        now = (self.painter, self.console, self.filters, self.background)
        return now == (painter, console, tuple(filters), background)

    def filtered(self, segments: list[Segment]) -> list[Segment]:
        """Segments as the app's filters change them."""
        for each in self.filters:
            segments = each.apply(segments, self.background)
        return segments

    def _sequence(self, style: Style) -> str:
        """What switches to `style`, whatever was before; known from now on."""
        if len(self._sequences) >= _CACHE:
            self._sequences.clear()
        made = self._made(style) + self._underline(style) if style.underline else self._made(style)
        self._sequences[id(style)] = style, made
        return made

    def _underline(self, style: Style) -> str:
        """What Rich has no word for: the kind of underline, and its colour."""
        if not self._underlines:
            return ""
        codes = [] if style.underline in (Underline.SINGLE, Underline.DOUBLE) else [f"4:{style.underline.value}"]
        if self._direct and style.underline_color is not None:
            color = style.underline_color
            codes.append(f"58:5:{color}" if isinstance(color, int) else f"58:2::{color[0]}:{color[1]}:{color[2]}")
        return f"\x1b[{';'.join(codes)}m" if codes else ""

    def _made(self, style: Style) -> str:
        fg, bg = style[0], style[1]
        if self._direct and not style.dim and not isinstance(fg, int) and not isinstance(bg, int):
            decimal, fields = _DECIMAL, style[3:-1]
            front = f"38;2;{decimal[fg[0]]};{decimal[fg[1]]};{decimal[fg[2]]}" if fg else self._fg
            back = f"48;2;{decimal[bg[0]]};{decimal[bg[1]]};{decimal[bg[2]]}" if bg else self._bg
            attributes = _attribute_codes(fields) if fields != _NO_ATTRIBUTES else ""
            return f"\x1b[0;{attributes}{front};{back}m"
        strip = Strip(self.filtered([Segment("x", self.painter.style(style))]), 1)
        return "\x1b[0m" + strip.render(self.console).partition("x")[0]

    def write(self, runs: Sequence[Run]) -> str:
        """A row of runs."""
        known, sequence = self._sequences, self._sequence
        parts: list[str] = []
        last: Style | None = None
        for run in runs:
            text, style, width, _ = run
            if style is not last:
                entry = known.get(id(style))
                parts.append(entry[1] if entry else sequence(style))
                last = style
            if style.invisible:
                text = " " * width
            elif len(text) != width or not text.isascii():
                text = aligned(run)
            parts.append(text)
        parts.append("\x1b[0m")
        return "".join(parts)


class RowStrip(Strip):
    """A row of runs, `columns` cells wide in all, as painted or (`filtered`) as the app's filters change it."""

    __slots__ = ("_filtered", "_made", "_pen", "_runs")

    def __init__(self, pen: Pen, runs: Sequence[Run], columns: int, *, filtered: bool = False) -> None:
        self._pen, self._runs, self._filtered = pen, runs, filtered
        super().__init__((), columns)
        self._made: list[Segment] | None = None

    @property
    def _segments(self) -> list[Segment]:
        """What Textual cuts, joins and colours, made when it does."""
        if self._made is None:
            segments = self._pen.painter.segments(self._runs)
            self._made = self._pen.filtered(segments) if self._filtered else segments
        return self._made

    @_segments.setter
    def _segments(self, segments: list[Segment]) -> None:
        self._made = segments

    def render(self, console: Console) -> str:
        """The sequences of the whole row."""
        if not self._filtered or console is not self._pen.console:
            return super().render(console)
        if self._render_cache is None:
            self._render_cache = self._pen.write(self._runs)
        return self._render_cache


def _color_codes(color: RichColor | None, *, foreground: bool) -> str:
    return ";".join(color.get_ansi_codes(foreground)) if color else ("39" if foreground else "49")

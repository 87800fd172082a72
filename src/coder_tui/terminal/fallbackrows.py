"""Rows of bittty's cells as runs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from coder_tui.terminal.core import PLAIN, Color, Run, Style, Underline, safe

_UNDERLINES = {
    None: Underline.SINGLE,
    "double": Underline.DOUBLE,
    "curly": Underline.CURLY,
    "dotted": Underline.DOTTED,
    "dashed": Underline.DASHED,
}


def runs(cells: Sequence[Any], columns: int) -> list[Run]:
    """Cells (style and character; an empty one is the second half of a wide one) as runs that fill `columns`."""
    made: list[Run] = []
    text: list[str] = []
    current: tuple[Any, int] | None = None

    def flush() -> None:
        if current is not None:
            made.append(Run(safe("".join(text)), _style(current[0]), current[1] * len(text)))
            text.clear()

    for x, (style, char) in enumerate(cells[:columns]):
        if char == "" and x:
            continue
        width = 2 if x + 1 < len(cells) and cells[x + 1][1] == "" else 1
        if len(char) > 1:
            flush()
            current = None
            made.append(Run(safe(char).rstrip("\u200d"), _style(style), width, cluster=True))
            continue
        if current is None or current[1] != width or current[0] != style:
            flush()
            current = (style, width)
        text.append(char or " ")
    flush()
    missing = columns - sum(run.width for run in made)
    if missing > 0:
        made.append(Run(" " * missing, PLAIN, missing))
    return made


def _color(color: Any) -> Color:
    if color is None or color.mode == "default":
        return None
    if color.mode == "indexed":
        return int(color.value)
    red, green, blue = color.value
    return (red, green, blue)


@lru_cache(maxsize=4096)
def _style(style: Any) -> Style:
    return Style(
        fg=_color(style.fg),
        bg=_color(style.bg),
        underline_color=_color(style.underline_color),
        underline=_UNDERLINES[style.underline_style] if style.underline else Underline.NONE,
        bold=bool(style.bold),
        dim=bool(style.dim),
        italic=bool(style.italic),
        blink=bool(style.blink),
        reverse=bool(style.reverse),
        invisible=bool(style.conceal),
        strike=bool(style.strike),
        link=style.hyperlink or "",
    )

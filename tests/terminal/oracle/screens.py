"""Screens as cells, whoever drew them: our core, tmux (`capture-pane -e`), or xterm-headless (see `xterm.mjs`)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from coder_tui.terminal.core import Run, TerminalCore

Color = str  # "" for the default one, a palette index, or #rrggbb


class Cell(NamedTuple):
    """What can be seen of a cell. The second half of a wide character has no text."""

    text: str = " "
    fg: Color = ""
    bg: Color = ""
    attributes: str = ""  # of "bdiukrhs": bold dim italic underline blink reverse hidden strike


UNKNOWN = Cell(" ", "?", "?", "?")
"""A blank of which nothing is known but that."""
_TOKEN = re.compile(r"\x1b\[([0-9;:]*)m|\x1b\]8;[^\x1b]*\x1b\\|([\x0e\x0f])|([^\x1b\x0e\x0f])")
_GRAPHICS = str.maketrans("`afgjklmnopqrstuvwxyz{|}~", "◆▒°±┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·")
_JOINED = "\u200d\ufe0e\ufe0f"
_FLAGS = {1: "b", 2: "d", 3: "i", 4: "u", 21: "u", 5: "k", 7: "r", 8: "h", 9: "s"}
_OFF = {22: "bd", 23: "i", 24: "u", 25: "k", 27: "r", 28: "h", 29: "s"}


def seen(cell: Cell) -> Cell:
    """The cell without what nobody can see: the foreground of a blank, its weight, its slant."""
    if cell.text != " ":
        return cell
    kept = "".join(flag for flag in cell.attributes if flag in "urs")
    return Cell(" ", cell.fg if kept else "", cell.bg, kept)


def of_core(core: TerminalCore) -> list[list[Cell]]:
    """The shown screen of a core."""
    core.take_dirty()
    return [[seen(cell) for run in core.row(y) for cell in _of_run(run)] for y in range(core.rows)]


def _of_run(run: Run) -> list[Cell]:
    style = run.style
    flags = (style.bold, style.dim, style.italic, style.underline, style.blink, style.reverse)
    attributes = "".join(f for f, on in zip("bdiukrhs", (*flags, style.invisible, style.strike), strict=True) if on)
    fg, bg = (
        "" if color is None else str(color) if isinstance(color, int) else "#{:02x}{:02x}{:02x}".format(*color)
        for color in (style.fg, style.bg)
    )
    texts = [run.text] if run.cluster else list(run.text)
    width = run.width // len(texts)
    return [Cell(part, fg, bg, attributes) for text in texts for part in (text, *[""] * (width - 1))]


def of_tmux(captured: str, columns: int, rows: int, widths: Sequence[Sequence[Cell]]) -> list[list[Cell]]:
    """What `tmux capture-pane -e -N -p` printed.

    It leaves out cells that were erased and not written since at the end of a line, whatever their colour: UNKNOWN.
    It does not say which characters are wide either: `widths` is asked for that.
    """
    fg = bg = ""
    on: set[str] = set()
    graphics = False
    screen: list[list[Cell]] = []
    for y, line in enumerate(captured.split("\n")[:rows]):
        row: list[Cell] = []
        for codes, shift, char in _TOKEN.findall(line):
            if shift:
                graphics = shift == "\x0e"
            elif char:
                text = char.translate(_GRAPHICS) if graphics else char
                if row and (unicodedata.combining(text) or text in _JOINED):
                    last = next(x for x in range(len(row) - 1, -1, -1) if row[x].text)
                    row[last] = row[last]._replace(text=row[last].text + text)
                    continue
                attributes = "".join(flag for flag in "bdiukrhs" if flag in on)
                row.append(Cell(text, fg, bg, attributes))
                if len(row) < columns and y < len(widths) and widths[y][len(row)].text == "":
                    row.append(Cell("", fg, bg, attributes))
            elif codes is not None:
                fg, bg = _sgr(codes, fg, bg, on)
        screen.append([*map(seen, row), *[UNKNOWN] * (columns - len(row))])
    return screen + [[UNKNOWN] * columns] * (rows - len(screen))


def _sgr(codes: str, fg: Color, bg: Color, on: set[str]) -> tuple[Color, Color]:
    parts = [part.split(":") for part in (codes or "0").split(";")]
    while parts:
        part = parts.pop(0)
        code = int(part[0] or 0)
        if code == 0:
            fg = bg = ""
            on.clear()
        elif code in _FLAGS:
            if part[1:] != ["0"]:
                on.add(_FLAGS[code])
        elif code in _OFF:
            on.difference_update(_OFF[code])
        elif code in {38, 48, 58}:
            if len(part) > 1:
                values = [value for value in part[1:] if value]
            else:
                taken = 2 if parts[0] == ["5"] else 4
                values = [value[0] for value in parts[:taken]]
                del parts[:taken]
            numbers = [int(value) for value in values[1:]]
            color = str(numbers[0]) if values[0] == "5" else "#{:02x}{:02x}{:02x}".format(*numbers[-3:])
            fg, bg = (color if code == 38 else fg), (color if code == 48 else bg)
        elif code in {39, 49}:
            fg, bg = ("" if code == 39 else fg), ("" if code == 49 else bg)
        elif 30 <= code <= 37 or 90 <= code <= 97:
            fg = str(code - 30 if code < 90 else code - 82)
        elif 40 <= code <= 47 or 100 <= code <= 107:
            bg = str(code - 40 if code < 100 else code - 92)
    return fg, bg


def of_xterm(rows: Sequence[Sequence[Sequence[str]]]) -> list[list[Cell]]:
    """What `xterm.mjs` wrote: per row, stretches of [text of each cell joined by NUL, fg, bg, attributes]."""
    return [
        [seen(Cell(text, fg, bg, attributes)) for joined, fg, bg, attributes in row for text in joined.split("\0")]
        for row in rows
    ]


def differences(ours: list[list[Cell]], theirs: list[list[Cell]]) -> list[tuple[int, int, Cell, Cell]]:
    """Row, column, our cell and theirs, wherever they differ."""
    return [
        (y, x, mine, other)
        for y, (row, peer) in enumerate(zip(ours, theirs, strict=True))
        for x, (mine, other) in enumerate(zip(row, peer, strict=True))
        if mine != other
    ]

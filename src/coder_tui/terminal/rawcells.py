"""Rows of libghostty-vt's raw cells (64 bits each) as numbers: text and looks of a whole row at a time."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence
from functools import lru_cache
from itertools import compress
from typing import NamedTuple

from coder_tui.terminal.core import Color, Style, Underline, safe

# Bits of a cell, as `libvt.CELL_BITS` has them.
_CODEPOINT = 0x1FFFFF
TAG, CLUSTER, BACKGROUND = 3, 1, 2
STYLE = 0xFFFF << 26
WIDE, HEAD, TAIL = 3 << 42, 1 << 42, 2 << 42
LOOK = TAG | STYLE | WIDE  # cells equal in these look the same
# GhosttyStyle: its size, three colours (tag, and red, green and blue or an index), then eight flags and the underline.
_STYLE_LAYOUT = struct.Struct("=8x " + "i4x3B5x " * 3 + "12s4x")
_ATTRIBUTES_LAYOUT = struct.Struct("=8? i")
_UNDERLINES = tuple(Underline)
_DIRECT = 2  # tag of a colour that is no index
_NO_TAILS = bytes(0 if kind == 2 else 1 for kind in range(256))
# Thousands of rows and runs are made per second: this is what their own constructors do, in a quarter of the time.
new = tuple.__new__


class RawRow(NamedTuple):
    """One entry per character: its look, itself, and its column. `looks` is empty where nothing is styled."""

    looks: Sequence[int]
    text: str
    columns: Sequence[int]


@lru_cache(maxsize=64)
def _repeat(word: int, columns: int) -> int:
    """`word` in each of `columns` 64-bit places."""
    return int.from_bytes(word.to_bytes(8, "little") * columns, "little")


def read(raw: bytes) -> RawRow:
    """Take a row apart. A cell that holds a background colour instead of a character has all its bits in `looks`."""
    width = len(raw) // 8
    packed = int.from_bytes(raw, "little")
    columns: Sequence[int] = range(width)
    if not packed & _repeat(LOOK, width):
        return RawRow((), _text(packed, width), columns)
    cells = array("Q", raw)
    if packed & _repeat(WIDE, width):
        columns, cells = _whole(cells, packed >> 42 & _repeat(3, width))
        width = len(cells)
        packed = int.from_bytes(cells.tobytes(), "little")
    if packed & _repeat(BACKGROUND, width):
        looks = array("Q", [cell if cell & BACKGROUND else cell & LOOK for cell in cells])
        packed &= ~_background_content(cells)
    else:
        looks = array("Q", (packed & _repeat(LOOK, width)).to_bytes(8 * width, "little"))
    return RawRow(looks, _text(packed, width), columns)


def _whole(cells: array[int], packed_kinds: int) -> tuple[list[int], array[int]]:
    """The cells without the second halves of wide characters, and their columns. Halves left alone count as narrow."""
    columns = len(cells)
    kinds = packed_kinds.to_bytes(8 * columns, "little")[::8]
    if kinds.count(b"\1\2") == kinds.count(b"\1") == kinds.count(b"\2") and b"\3" not in kinds:  # no half is alone
        firsts = kinds.translate(_NO_TAILS)
        return list(compress(range(columns), firsts)), array("Q", compress(cells, firsts))
    positions: list[int] = []
    whole = array("Q")
    for x, cell in enumerate(cells):
        kind = cell & WIDE
        if kind == TAIL and x and cells[x - 1] & WIDE == HEAD:
            continue
        if kind and not (kind == HEAD and x + 1 < columns and cells[x + 1] & WIDE == TAIL):
            cell &= ~WIDE
        positions.append(x)
        whole.append(cell)
    return positions, whole


def _text(packed: int, columns: int) -> str:
    """The code points of `columns` raw cells, empty ones as spaces."""
    points = (packed >> 2 & _repeat(_CODEPOINT, columns)).to_bytes(8 * columns, "little")
    text = array("I", points)[::2].tobytes().decode("utf-32-le", "replace").replace("\0", " ")
    return safe(text)


def _background_content(cells: array[int]) -> int:
    """The content bits of the cells that hold a colour instead of a code point."""
    mask = array("Q", [_CODEPOINT << 2 | 7 << 23 if cell & BACKGROUND else 0 for cell in cells])
    return int.from_bytes(mask.tobytes(), "little")


def _color(tag: int, value: int) -> Color:
    if tag == 1:
        return value & 0xFF
    return (value & 0xFF, value >> 8 & 0xFF, value >> 16 & 0xFF) if tag else None


def style(packed: bytes) -> Style:
    """A GhosttyStyle from its bytes."""
    fg, r, g, b, bg, r2, g2, b2, line, r3, g3, b3, attributes = _STYLE_LAYOUT.unpack(packed)
    return new(
        Style,
        (
            (r, g, b) if fg == _DIRECT else r if fg else None,
            (r2, g2, b2) if bg == _DIRECT else r2 if bg else None,
            (r3, g3, b3) if line == _DIRECT else r3 if line else None,
            *_attributes(attributes),
        ),
    )


@lru_cache(maxsize=256)
def _attributes(packed: bytes) -> tuple[object, ...]:
    """The fields of a `Style` after its colours."""
    bold, italic, dim, blink, reverse, invisible, strike, _overline, underline = _ATTRIBUTES_LAYOUT.unpack(packed)
    return (_UNDERLINES[underline], bold, dim, italic, blink, reverse, invisible, strike, "")


def with_background(own: Style, look: int) -> Style:
    """The style of a cell that holds only a background colour."""
    return own._replace(bg=_color((look & TAG) - 1, look >> 2))

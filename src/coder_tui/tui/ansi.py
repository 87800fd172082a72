"""The sixteen ANSI colours of terminals and logs, tuned to our themes: blue is blue, and all can be read on our ground.

Textual's own palettes show blue as purple and magenta as red.
"""

from __future__ import annotations

from rich.terminal_theme import TerminalTheme

RGB = tuple[int, int, int]


def _rgb(text: str) -> RGB:
    value = int(text, 16)
    return value >> 16, value >> 8 & 255, value & 255


def _palette(background: str, foreground: str, normal: str, bright: str) -> TerminalTheme:
    colours, bright_colours = ([_rgb(one) for one in text.split()] for text in (normal, bright))
    return TerminalTheme(_rgb(background), _rgb(foreground), colours, bright_colours)


# black, red, green, yellow, blue, magenta, cyan, white
DARK = _palette(
    "0e1118",
    "d5dbea",
    "1b2130 f0708a 7fd49a f0b54a 7aa2f7 c79bf0 7cc7d9 c5cde0",
    "667089 ff8fa3 9be3b2 ffcf7a 9dbdff dcb8ff 9fe0ee f2f5fc",
)
LIGHT = _palette(
    "f7f8fc",
    "1c2333",
    "1c2333 bb2549 27753f 855c00 2456c8 8338b0 1a7688 5c6478",
    "4a5266 d23c60 2f8a4e 9c6d00 3a6be0 9a50cc 2389a0 2b3346",
)

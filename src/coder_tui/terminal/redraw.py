"""A terminal's picture as output that draws it: what a recording that begins in the middle begins with."""

from __future__ import annotations

from collections.abc import Iterator

from coder_tui.terminal.core import Color, CursorShape, Style, TerminalCore

_ATTRIBUTES = (("bold", 1), ("dim", 2), ("italic", 3), ("blink", 5), ("reverse", 7), ("invisible", 8), ("strike", 9))
_SHAPES = {CursorShape.BLOCK: 2, CursorShape.UNDERLINE: 4, CursorShape.BAR: 6}


def redraw(core: TerminalCore) -> bytes:
    """Sequences that bring a fresh terminal of the same size to what `core` shows, cursor and screen included.

    Everything counts as painted afterwards (`take_dirty`): whoever paints `core` does it anew.
    """
    core.take_dirty()
    parts = ["\x1bc", "\x1b[?1049h" if core.modes.alternate_screen else "", "\x1b[?7l"]
    for y in range(core.rows):
        x = 0
        for run in core.row(y):
            if run.style != Style() or run.text.strip(" "):
                # each run to its place: widths are the grid's, whatever a width table says
                units = [run.text] if run.cluster else run.text
                step = run.width // len(units)
                parts.append(_sgr(run.style))
                for index, unit in enumerate(units if step != 1 or run.cluster else [run.text]):
                    parts.append(f"\x1b[{y + 1};{x + index * step + 1}H")
                    # Without autowrap, a mark after the last column's character would join the one before that.
                    at_edge = run.cluster and x + run.width == core.columns
                    parts.append(f"\x1b[?7h{unit}\x1b[?7l" if at_edge else unit)
            x += run.width
    cursor = core.cursor
    parts += ["\x1b[m\x1b]8;;\x1b\\\x1b[?7h", f"\x1b[{cursor.y + 1};{cursor.x + 1}H\x1b[{_SHAPES[cursor.shape]} q"]
    if not cursor.visible:
        parts.append("\x1b[?25l")
    return "".join(parts).encode("utf-8", "replace")


def _sgr(style: Style) -> str:
    codes = ["0", *(str(code) for name, code in _ATTRIBUTES if getattr(style, name))]
    if style.underline:
        codes.append(f"4:{int(style.underline)}")
    for base, color in ((38, style.fg), (48, style.bg), (58, style.underline_color)):
        codes += _color(base, color)
    return f"\x1b]8;;{style.link}\x1b\\\x1b[{';'.join(codes)}m"


def _color(base: int, color: Color) -> Iterator[str]:
    if isinstance(color, tuple):
        yield f"{base};2;{color[0]};{color[1]};{color[2]}"
    elif color is not None:
        yield f"{base};5;{color}"

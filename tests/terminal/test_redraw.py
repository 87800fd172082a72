"""A redrawn picture is the same picture."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from coder_tui.terminal.core import create_core
from coder_tui.terminal.redraw import redraw

PARTS = [
    *(b"\x1b[%dm" % code for code in (0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 42, 97, 104)),
    b"\x1b[4:3m",
    b"\x1b[38;2;1;2;3m",
    b"\x1b[48;5;200m",
    b"\x1b[58;5;9m",
    b"\x1b]8;;http://x/\x07",
    b"\x1b]8;;\x07",
    b"\x1b[?1049h",
    b"\x1b[?1049l",
    b"\x1b[?25l",
    b"\x1b[4 q",
    b"\x1b[3;15H",
    b"\x1b[K",
    b"\x1b[2J",
    b"\r\n",
    b"plain words",
    "漢字 é 🙂 e\u0301".encode(),
    b"x" * 21,
    b"\t",
]


@example(b"x" * 19 + "e\u0301".encode())
@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=25).map(b"".join))
def test_the_same_cells(data: bytes) -> None:
    core, again = create_core(20, 5), create_core(20, 5)
    core.feed(data)
    again.feed(redraw(core))
    again.take_dirty()
    for y in range(5):
        assert list(again.row(y)) == list(core.row(y))
    assert again.cursor.visible == core.cursor.visible
    assert (again.cursor.x, again.cursor.y, again.cursor.shape) == (core.cursor.x, core.cursor.y, core.cursor.shape)
    assert again.modes.alternate_screen == core.modes.alternate_screen

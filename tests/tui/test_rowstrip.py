"""Rows that write their own sequences show on a terminal what Textual's way would, and what it has no word for."""

from __future__ import annotations

import io
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.style import Style as RichStyle
from textual.color import Color
from textual.filter import ANSIToTruecolor, LineFilter, Monochrome
from textual.strip import Strip

from coder_tui.terminal.core import Run, Style, Underline
from coder_tui.terminal.ghostty import GhosttyCore
from coder_tui.tui import ansi
from coder_tui.tui.widgets.cells import Painter
from coder_tui.tui.widgets.rowstrip import Pen, RowStrip, underlines_styled

GROUND = Color(14, 17, 24)
PAINTER = Painter(RichStyle.parse("#d5dbea on #0e1118"))
FILTERS: dict[str, list[LineFilter]] = {
    "none": [],
    "theme": [ANSIToTruecolor(ansi.DARK)],
    "no colour": [ANSIToTruecolor(ansi.DARK), Monochrome()],
}
colors = st.one_of(st.none(), st.integers(0, 255), st.tuples(*[st.integers(0, 255)] * 3))
styles = st.builds(
    Style,
    fg=colors,
    bg=colors,
    underline=st.sampled_from([Underline.NONE, Underline.SINGLE, Underline.DOUBLE]),
    bold=st.booleans(),
    dim=st.booleans(),
    italic=st.booleans(),
    reverse=st.booleans(),
    invisible=st.booleans(),
    strike=st.booleans(),
)
texts = st.text(st.sampled_from("ab é█"), min_size=1, max_size=6)
runs = st.lists(st.builds(lambda text, style: Run(text, style, len(text)), texts, styles), min_size=1, max_size=6)


System = Literal["truecolor", "256"]


def pen(filters: list[LineFilter], system: System = "truecolor") -> Pen:
    console = Console(file=io.StringIO(), force_terminal=True, color_system=system)
    return Pen(PAINTER, console, filters, GROUND)


def on_a_terminal(sequences: str) -> list[Run]:
    core = GhosttyCore(40, 2, 0)
    core.feed(b"\x1b[?7l" + sequences.encode())
    core.take_dirty()
    return list(core.row(0))


@pytest.mark.parametrize("filters", list(FILTERS))
@pytest.mark.parametrize("system", ["truecolor", "256"])
@given(row=runs)
@settings(max_examples=40, deadline=None)
def test_it_shows_what_textual_would(filters: str, system: System, row: list[Run]) -> None:
    ours = pen(FILTERS[filters], system)
    width = sum(run.width for run in row)
    theirs = Strip(ours.filtered(PAINTER.segments(row)), width)
    shown = RowStrip(ours, row, width, filtered=True)
    assert shown.text == theirs.text
    assert on_a_terminal(shown.render(ours.console)) == on_a_terminal(theirs.render(ours.console))


@pytest.mark.parametrize("kind", [Underline.CURLY, Underline.DOTTED, Underline.DASHED])
@pytest.mark.parametrize("color", [None, 9, (1, 2, 3)])
def test_underlines_where_the_outer_terminal_has_them(
    monkeypatch: pytest.MonkeyPatch, kind: Underline, color: int | tuple[int, int, int] | None
) -> None:
    style = Style(underline=kind, underline_color=color)
    for name in ("VTE_VERSION", "TERM_PROGRAM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-kitty")
    ours = pen(FILTERS["theme"])
    (run, rest) = on_a_terminal(ours.write([Run("x", style, 1), Run("y", Style(), 1)]))[:2]
    assert (run.style.underline, run.style.underline_color) == (kind, color)
    assert rest.style.underline is Underline.NONE
    monkeypatch.setenv("TERM", "xterm-256color")
    (run, *_) = on_a_terminal(pen(FILTERS["theme"]).write([Run("x", style, 1)]))
    assert (run.style.underline, run.style.underline_color) == (Underline.SINGLE, None)


@pytest.mark.parametrize(
    ("environ", "known"),
    [
        ({"TERM": "xterm-256color"}, False),
        ({}, False),
        ({"TERM": "linux"}, False),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, False),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7006"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "4600"}, False),
        ({"TERM": "alacritty"}, True),
        ({"TERM": "tmux-256color"}, True),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "vscode"}, True),
    ],
)
def test_which_outer_terminals_are_known(environ: dict[str, str], known: bool) -> None:
    assert underlines_styled(environ) is known

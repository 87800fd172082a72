"""Cells: whatever the text, a line is as wide as it was asked to be, and nothing in it is obeyed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment

from coder_tui.tui.paint import Voices, clock_time, column, fit, spread, wrap

TEXTS = st.text(alphabet=st.characters(codec="utf-8"), max_size=60)


@given(TEXTS, st.integers(0, 40))
@settings(max_examples=150)
def test_fit_never_exceeds_its_width_and_shows_no_control(text: str, width: int) -> None:
    shown = fit(text, width)
    assert cell_len(shown) <= max(width, 1)
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in shown)


@given(TEXTS, st.integers(1, 40), st.booleans())
@settings(max_examples=150)
def test_column_is_exactly_its_width(text: str, width: int, right: bool) -> None:
    assert cell_len(column(text, width, right=right)) == width


@given(TEXTS, st.integers(2, 30), st.integers(1, 5))
@settings(max_examples=150)
def test_wrap_keeps_to_its_box(text: str, width: int, lines: int) -> None:
    result = wrap(text, width, lines)
    assert 1 <= len(result) <= lines
    assert all(cell_len(line) <= width for line in result)


def test_wrap_loses_nothing_that_has_room() -> None:
    text = "May I run `alembic upgrade head` on the staging database?"
    assert " ".join(wrap(text, 20, 9)) == text
    assert wrap(text, 20, 2)[-1].endswith("…")
    assert wrap("x" * 50, 20, 3) == ["x" * 20, "x" * 20, "x" * 10]


@given(st.lists(TEXTS, max_size=3), st.lists(TEXTS, max_size=2), st.integers(1, 50))
@settings(max_examples=100)
def test_spread_fills_the_line(left: list[str], right: list[str], width: int) -> None:
    tail = [Segment(fit(text, width // 3)) for text in right]
    line = spread([Segment(fit(text, 30)) for text in left], tail, width)
    assert sum(segment.cell_length for segment in line) == width


def test_voices_tolerate_what_a_theme_lacks() -> None:
    voices = Voices({"asks": "#ff0000", "odd": "auto 87%"})
    assert voices["asks"].color is not None
    assert voices["missing"].color is None
    assert voices["odd"].color is None
    assert voices.bold("asks").bold


@pytest.mark.parametrize("age", [timedelta(seconds=5), timedelta(days=3), timedelta(days=700)])
def test_clock_time_has_one_width(age: timedelta) -> None:
    now = datetime(2026, 3, 14, 12, tzinfo=UTC)
    assert len(clock_time(now - age, now)) == 8

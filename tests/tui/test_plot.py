"""Bars that lie and bars that stand: never wider, never higher than they may be, and something of them always seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from coder_tui.tui.plot import FAILED, SLOT, bar, slots_of, standing, top_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
values = st.one_of(st.none(), st.just(FAILED), st.floats(0, 1e6))


@given(st.floats(0, 1e6), st.sampled_from([10.0, 500.0]), st.integers(-1, 80), st.booleans())
def test_a_lying_bar_fits(value: float, top: float, width: int, plain: bool) -> None:
    text = bar(value, top, width, ascii_only=plain)
    assert cell_len(text) <= max(0, width)
    assert bool(text) == (width > 0)
    assert not plain or text.isascii()


def test_lying_bars_tell_apart_what_differs_by_half_a_cell() -> None:
    assert [bar(value, 100, 10) for value in (0, 5, 10, 95, 100)] == ["╸", "╸", "━", "━━━━━━━━━╸", "━━━━━━━━━━"]
    assert bar(50, 100, 10, ascii_only=True) == "====="


@given(st.lists(values, max_size=50), st.integers(1, 4), st.booleans())
def test_standing_bars_fill_their_field(slots: list[float | None], rows: int, plain: bool) -> None:
    lines = standing(slots, top_of(slots), rows, ascii_only=plain)
    assert len(lines) == rows
    assert {len(line) for line in lines} == {len(slots)}
    assert [shape == " " for shape in lines[-1]] == [value is None for value in slots]
    assert [shape in "x×" for shape in lines[-1]] == [value == FAILED for value in slots]
    assert not plain or "".join(lines).isascii()


def test_standing_bars() -> None:
    slots = (0.0, 50.0, 100.0, None, FAILED)
    assert standing(slots, 100, 2) == ["  █  ", "▁██ ×"]
    assert standing(slots, 100, 1, ascii_only=True) == [".:| x"]
    assert standing((), 100, 2) == ["", ""]


@pytest.mark.parametrize(("most", "top"), [(0, 10), (10, 10), (10.1, 20), (430, 500), (1e9, 5000)])
def test_the_top_is_a_round_number(most: float, top: float) -> None:
    assert top_of([1.0, most, None, FAILED]) == top
    assert top_of([]) == 10


def ago(*slots: float) -> list[datetime]:
    return [NOW - timedelta(seconds=SLOT * one) for one in slots]


def test_slots() -> None:
    points = list(zip(ago(9, 4.2, 3, 1, 0), (9.0, 4.0, None, 1.0, 0.5), strict=True))
    assert slots_of(points, 6) == (None, 4.0, FAILED, 1.0, 1.0, 0.5)  # 9 is too long ago; a hole of one is filled
    assert slots_of([], 3) == (None,) * 3
    assert slots_of(points, 0) == ()
    far = list(zip(ago(5, 0), (5.0, 0.0), strict=True))
    assert slots_of(far, 6) == (5.0, None, None, None, None, 0.0)
    later = [(NOW, 1.0), (NOW - timedelta(hours=1), 2.0)]  # a clock that was put back
    assert slots_of(later, 3) == (None, None, 2.0)

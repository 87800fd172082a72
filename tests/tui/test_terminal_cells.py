"""Runs keep their columns, whatever is in them and wherever they are cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style as RichStyle

from coder_tui.terminal.core import PLAIN, Run, Style, Underline
from coder_tui.tui.widgets.cells import Painter, aligned, fit, split, toggled

singles = st.builds(
    lambda text, each: Run(text, PLAIN, len(text) * each),
    st.text(st.sampled_from("ab é中☀👍\u200d\ufffd█"), min_size=1, max_size=8),
    st.sampled_from([1, 2]),
)
clusters = st.builds(
    lambda text, width: Run(text, PLAIN, width, cluster=True),
    st.sampled_from(["e\u0301", "☀\ufe0f", "👩\u200d💻", "🇩🇪", "👍🏽", "a" + "\u0300" * 20]),
    st.sampled_from([1, 2]),
)
rows = st.lists(st.one_of(singles, clusters), min_size=1, max_size=8)


@given(st.one_of(singles, clusters))
def test_text_takes_the_columns_of_the_grid(run: Run) -> None:
    assert cell_len(aligned(run)) == run.width


@given(rows, st.integers(0, 40))
def test_splitting_loses_nothing(row: list[Run], at: int) -> None:
    before, after = split(row, at)
    assert "".join(run.text for run in before + after) == "".join(run.text for run in row)
    width = sum(run.width for run in before)
    assert width + sum(run.width for run in after) == sum(run.width for run in row)
    assert at - 1 <= width <= at or not after


def test_a_wider_form_gives_way_to_a_plainer_one() -> None:
    assert fit("☀\ufe0f", 1) == "☀"
    assert fit("中", 1) == "\ufffd"
    assert fit("\u200d", 1) == " "


def test_styles() -> None:
    base = RichStyle.parse("#ffffff on #000000")
    painter = Painter(base)
    assert painter.style(PLAIN) == base
    styled = painter.style(Style(fg=1, bg=(1, 2, 3), underline=Underline.CURLY, bold=True, reverse=True))
    assert styled.color is not None
    assert styled.color.number == 1
    assert styled.bgcolor is not None
    assert styled.bgcolor.triplet == (1, 2, 3)
    assert styled.underline
    assert styled.bold
    assert styled.reverse
    hidden = painter.segments([Run("secret", Style(invisible=True), 6)])
    assert hidden[0].text == " " * 6
    (again,) = toggled(painter.segments([Run("x", Style(reverse=True), 1)]))
    assert again.style is not None
    assert not again.style.reverse, "the cursor shows on reversed text too"

"""Log text as runs: colours kept, nothing that a terminal would obey."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.logs.ansi import PLAIN, Run, Style, plain, runs

PIECES = st.lists(
    st.one_of(
        st.characters(codec=None),
        st.sampled_from(
            ["\x1b[", "\x1b]8;;http://x\x07", "\x1bP", "\x9b", "31m", "38;5;", ";", "m", "\x1b\\", "\u202e"]
        ),
    ),
    max_size=12,
).map("".join)


@settings(max_examples=300, deadline=None)
@given(PIECES)
def test_nothing_painted_is_obeyed(text: str) -> None:
    for run in runs(text):
        assert run.text
        for character in run.text:
            category = unicodedata.category(character)
            assert category not in {"Cc", "Cs", "Zl", "Zp"}
            assert unicodedata.bidirectional(character) not in {
                "LRE",
                "RLE",
                "LRO",
                "RLO",
                "PDF",
                "LRI",
                "RLI",
                "FSI",
                "PDI",
            }


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_words_are_kept(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize(
    ("params", "style"),
    [
        ("", PLAIN),
        ("1;4;31", Style(fg=1, bold=True, underline=True)),
        ("92;103", Style(fg=10, bg=11)),
        ("38;5;208", Style(fg=208)),
        ("38:5:208", Style(fg=208)),
        ("48;2;1;2;3;7", Style(bg=(1, 2, 3), reverse=True)),
        ("48:2::1:2:3", Style(bg=(1, 2, 3))),
        ("4:3;9;3;2", Style(underline=True, strike=True, italic=True, dim=True)),
        ("4:0", PLAIN),
        ("31;39;1;22;44;49", PLAIN),
        ("38;5;999", PLAIN),
        ("38;5", PLAIN),
        ("38;2;1", PLAIN),
        ("31;0", PLAIN),
        ("?25", PLAIN),
        ("99999999999999999999", PLAIN),
        ("8;5;28", PLAIN),  # concealed text and blinking are not wanted here
    ],
)
def test_sgr(params: str, style: Style) -> None:
    assert runs(f"\x1b[{params}mx") == [Run("x", style)]


def test_other_sequences_are_removed_whole() -> None:
    text = "a\x1b[2J\x1b[10;10Hb\x1b]0;title\x07c"
    text += "\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\\x1bP q\x1b\\d\x1b(Be\x9b31mf\x1b"
    assert plain(text) == "abclinkdef"
    assert runs(text)[-1] == Run("f", Style(fg=1))
    assert plain("cut \x1b[3") == "cut "
    assert plain("cut \x1b]0;never ended") == "cut "


def test_the_invisible_is_shown() -> None:
    mark = Style(fg=2, mark=True)
    assert runs("\x1b[32ma\u202eb\rc\x00") == [
        Run("a", Style(fg=2)),
        Run("<202E>", mark),
        Run("b", Style(fg=2)),
        Run("^M", mark),
        Run("c", Style(fg=2)),
        Run("^@", mark),
    ]
    assert plain("a\u200bb\ufeff\U000e0041\ud800") == "a<200B>b<FEFF><E0041><D800>"


def test_tabs_reach_the_next_stop() -> None:
    assert plain("a\tb\t\tc") == "a       b               c"
    assert plain("\x1b[1mabc\x1b[0m\td") == "abc     d"


def test_a_long_line_of_sequences_is_quick() -> None:
    assert plain("\x1b[" + "1;" * 200_000 + "mx") == "x"
    assert plain("\x1b]" * 100_000) == ""
    assert len(runs("\x1b[1mx\x1b[0m" * 5000)) == 5000

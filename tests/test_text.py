from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coder_tui.text import clean, one_line

HOSTILE = st.text(
    st.sampled_from(list("a b\t\n\r\x1b[]0;31mPX^_\\\x07\x9b\x9d\x9c\u202e\u2066\u200b\x00\x7f\x85é漢😀"))
)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("a\x1b]0;title\x07b", "ab"),
        ("a\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\b", "alinkb"),
        ("a\x1b]52;c;AAAA", "a"),
        ("a\x1bPq#0\x1b\\b", "ab"),
        ("a\x9b31mb", "ab"),
        ("user\u202egnp.exe", "usergnp.exe"),
        ("zero\u200bwidth", "zerowidth"),
        ("nul\x00bell\x07", "nulbell"),
        ("[red]markup[/]", "[red]markup[/]"),
        ("tab\there", "tab    here"),
        ("two\r\nlines", "two lines"),
        ("lone \ud800 surrogate", "lone ? surrogate"),
        ("emoji 👩‍💻 stays", "emoji 👩‍💻 stays"),
    ],
)
def test_clean(raw: str, shown: str) -> None:
    assert clean(raw) == shown


@given(st.one_of(st.text(), HOSTILE))
def test_nothing_that_controls_a_terminal_survives(raw: str) -> None:
    for shown in (clean(raw), one_line(raw)):
        assert not [char for char in shown if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}]
        assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@example("0\r\x7f 0")
@given(st.one_of(st.text(), HOSTILE))
def test_cleaning_twice_changes_nothing(raw: str) -> None:
    assert clean(clean(raw)) == clean(raw)
    assert one_line(one_line(raw)) == one_line(raw)

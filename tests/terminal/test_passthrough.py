"""The key that leaves, in every spelling, and old questions that are not asked again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.terminal.core import create_core, screen_text
from coder_tui.terminal.passthrough import LeaveKey, unasked

SPELLINGS = [
    b"\x1d",
    b"\x1b[93;5u",
    b"\x1b[93;5:1u",
    b"\x1b[93:125;69u",
    b"\x1b[43::93;5u",
    b"\x1b[93;133:1;29u",
    b"\x1b[27;5;93~",
]


@pytest.mark.parametrize("key", SPELLINGS)
def test_once_leaves_and_twice_sends(key: bytes) -> None:
    typed = LeaveKey()
    assert typed.feed(b"ls" + key) == b"ls"
    assert typed.waiting
    assert not typed.left
    assert typed.feed(key) == key
    assert not typed.waiting
    assert typed.feed(key + key + b"x" + key) == key + b"x"
    typed.leave()
    assert typed.left
    assert typed.feed(b"rm -rf /\r") == b""


@pytest.mark.parametrize("key", SPELLINGS)
def test_what_follows_is_not_for_the_program(key: bytes) -> None:
    typed = LeaveKey()
    assert typed.feed(b"a" + key + b"echo paste\r") == b"a"
    assert typed.left
    later = LeaveKey()
    later.feed(key)
    assert later.feed(b"q") == b""
    assert later.left


@pytest.mark.parametrize("silent", [b"\x1b[93;5:3u", b"\x1b[57442;5u", b"\x1b[57442;1:3u", b"\x1b[97;1:3u"])
def test_releases_are_no_typing(silent: bytes) -> None:
    typed = LeaveKey()
    assert typed.feed(b"\x1b[93;5u" + silent) == b""
    assert typed.waiting
    assert typed.feed(silent + b"\x1b[93;5u") == b"\x1b[93;5u"


@pytest.mark.parametrize(
    "other", [b"\x1b[93;1u", b"\x1b[93;6u", b"\x1b[193;5u", b"\x1b", b"\x1b[A", b"]", "é".encode()]
)
def test_other_keys_pass(other: bytes) -> None:
    typed = LeaveKey()
    assert typed.feed(other) == other
    assert not typed.waiting


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([b"a", b"\x1b[A", b"\x1b", b"\r", *SPELLINGS]) | st.binary(max_size=5), max_size=12))
def test_nothing_is_made_up(keys: list[bytes]) -> None:
    typed, sent = LeaveKey(), b""
    for key in keys:
        was_left = typed.left
        out = typed.feed(key)
        assert not (was_left and out)
        sent += out
    rest = iter(b"".join(keys))
    assert all(byte in rest for byte in sent), "a subsequence, in order"


QUESTIONS = [
    b"\x1b[c",
    b"\x1b[>0c",
    b"\x1b[=c",
    b"\x1b[5n",
    b"\x1b[6n",
    b"\x1b[?996n",
    b"\x1b[?u",
    b"\x1b[?2026$p",
    b"\x1b[>q",
    b"\x1b[18t",
    b"\x1b]11;?\x07",
    b"\x1b]4;7;?\x1b\\",
    b"\x1b]52;c;?\x07",
    b"\x1bP+q544e\x1b\\",
    b"\x1bP$qm\x1b\\",
]
STATEMENTS = [b"\x1b[38;5;1m", b"\x1b[2J", b"\x1b[>1u", b"\x1b[?25h", b"\x1b]2;what? really?\x07", b"\x1b[1 q"]


@pytest.mark.parametrize("question", QUESTIONS)
def test_answered_questions_are_not_asked_again(question: bytes) -> None:
    assert unasked(b"$ vim\r\n" + question + b"\x1b[H~\r\n$ ") == b"$ vim\r\n\x1b[H~\r\n$ "
    assert unasked(b"$ fish\r\n" + question) == b"$ fish\r\n" + question
    assert unasked(b"text" + question + b"\x1b[?25h") == b"text" + question + b"\x1b[?25h"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([*QUESTIONS, *STATEMENTS, b"text", "漢\r\n".encode()]), max_size=15))
def test_the_picture_stays_the_same(parts: list[bytes]) -> None:
    replay = b"".join(parts) + b"."
    asked, quiet = create_core(40, 10), create_core(40, 10)
    asked.feed(replay)
    quiet.feed(unasked(replay))
    assert screen_text(asked) == screen_text(quiet)
    assert [asked.row(y) for y in range(10)] == [quiet.row(y) for y in range(10)]
    assert quiet.take_replies() == b""
    statements = b"".join(part for part in parts if part not in QUESTIONS)
    assert unasked(replay) == statements + b"."

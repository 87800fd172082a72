"""Keys, pastes and mouse events in xterm's encoding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder_tui.terminal.core import Modes, MouseEncoding, MouseTracking
from coder_tui.terminal.keys import (
    Action,
    Button,
    encode_focus,
    encode_key,
    encode_mouse,
    encode_paste,
    encode_wheel_as_arrows,
)

NORMAL = Modes()
DISAMBIGUATE, ALTERNATES, ALL_KEYS, TEXT = 1, 4, 8, 16
APPLICATION = Modes(application_cursor=True)


@pytest.mark.parametrize(
    ("key", "character", "expected"),
    [
        ("a", "a", b"a"),
        ("A", "A", b"A"),
        ("é", "é", "é".encode()),
        ("ü", None, "ü".encode()),
        ("中", "中", "中".encode()),
        ("space", " ", b" "),
        ("enter", "\r", b"\r"),
        ("tab", "\t", b"\t"),
        ("shift+tab", None, b"\x1b[Z"),
        ("escape", "\x1b", b"\x1b"),
        ("backspace", "\x7f", b"\x7f"),
        ("ctrl+h", "\x08", b"\x08"),
        ("ctrl+backspace", None, b"\x08"),
        ("alt+backspace", None, b"\x1b\x7f"),
        ("delete", None, b"\x1b[3~"),
        ("insert", None, b"\x1b[2~"),
        ("up", None, b"\x1b[A"),
        ("down", None, b"\x1b[B"),
        ("right", None, b"\x1b[C"),
        ("left", None, b"\x1b[D"),
        ("home", None, b"\x1b[H"),
        ("end", None, b"\x1b[F"),
        ("pageup", None, b"\x1b[5~"),
        ("pagedown", None, b"\x1b[6~"),
        ("shift+up", None, b"\x1b[1;2A"),
        ("ctrl+left", None, b"\x1b[1;5D"),
        ("ctrl+shift+right", None, b"\x1b[1;6C"),
        ("alt+down", None, b"\x1b[1;3B"),
        ("alt+ctrl+home", None, b"\x1b[1;7H"),
        ("shift+delete", None, b"\x1b[3;2~"),
        ("ctrl+pageup", None, b"\x1b[5;5~"),
        ("f1", None, b"\x1bOP"),
        ("f4", None, b"\x1bOS"),
        ("f5", None, b"\x1b[15~"),
        ("f12", None, b"\x1b[24~"),
        ("shift+f5", None, b"\x1b[15;2~"),
        ("ctrl+f1", None, b"\x1b[1;5P"),
        ("f13", None, b"\x1b[1;2P"),
        ("f24", None, b"\x1b[24;2~"),
        ("ctrl+f13", None, b"\x1b[1;6P"),
        ("ctrl+a", "\x01", b"\x01"),
        ("ctrl+c", "\x03", b"\x03"),
        ("ctrl+z", "\x1a", b"\x1a"),
        ("ctrl+j", "\n", b"\n"),
        ("ctrl+@", "\x00", b"\x00"),
        ("ctrl+at", None, b"\x00"),
        ("ctrl+space", None, b"\x00"),
        ("ctrl+left_square_bracket", None, b"\x1b"),
        ("ctrl+backslash", "\x1c", b"\x1c"),
        ("ctrl+right_square_bracket", "\x1d", b"\x1d"),
        ("ctrl+circumflex_accent", "\x1e", b"\x1e"),
        ("ctrl+underscore", "\x1f", b"\x1f"),
        ("ctrl+slash", None, b"\x1f"),
        ("alt+a", "a", b"\x1ba"),
        ("alt+shift+a", "A", b"\x1bA"),
        ("alt+ctrl+a", None, b"\x1b\x01"),
        ("alt+enter", None, b"\x1b\r"),
        ("alt+full_stop", None, b"\x1b."),
        ("left_square_bracket", "[", b"["),
        ("left_square_bracket", None, b"["),
        ("left_curly_bracket", None, b"{"),
        ("plus", "+", b"+"),
        ("super+a", None, b""),
        ("<ignore>", "\x1b[E", b""),
        ("left_shift", None, b""),
        ("f25", None, b""),
    ],
)
def test_key(key: str, character: str | None, expected: bytes) -> None:
    assert encode_key(key, character, NORMAL) == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [("up", b"\x1bOA"), ("home", b"\x1bOH"), ("end", b"\x1bOF"), ("shift+up", b"\x1b[1;2A"), ("pageup", b"\x1b[5~")],
)
def test_application_cursor_keys(key: str, expected: bytes) -> None:
    assert encode_key(key, None, APPLICATION) == expected


def test_every_letter_with_ctrl_and_alt() -> None:
    for number in range(26):
        letter = chr(ord("a") + number)
        assert encode_key(f"ctrl+{letter}", None, NORMAL) == bytes([number + 1])
        assert encode_key(f"alt+{letter}", letter, NORMAL) == b"\x1b" + letter.encode()


def test_paste() -> None:
    assert encode_paste("one\r\ntwo\nthree\tx", NORMAL) == b"one\rtwo\rthree\tx"
    assert encode_paste("hé", Modes(bracketed_paste=True)) == b"\x1b[200~h\xc3\xa9\x1b[201~"


@given(st.text(alphabet=st.sampled_from("ab\x1b[201~\x9b\x03\x04\n\r\t\x7fé")))
def test_a_paste_never_leaves_its_bracket(text: str) -> None:
    sent = encode_paste(text, Modes(bracketed_paste=True))
    inside = sent.removeprefix(b"\x1b[200~").removesuffix(b"\x1b[201~")
    assert len(inside) == len(sent) - 12
    assert not any(byte < 0x20 and byte not in b"\t\r" for byte in inside)
    assert "\x9b" not in inside.decode()


def test_focus() -> None:
    assert encode_focus(True, NORMAL) == b""
    assert encode_focus(True, Modes(focus_events=True)) == b"\x1b[I"
    assert encode_focus(False, Modes(focus_events=True)) == b"\x1b[O"


def test_wheel_as_arrows() -> None:
    assert encode_wheel_as_arrows(True, NORMAL) == b"\x1b[A" * 3
    assert encode_wheel_as_arrows(False, APPLICATION) == b"\x1bOB" * 3


SGR = Modes(mouse=MouseTracking.DRAG, mouse_encoding=MouseEncoding.SGR)


@pytest.mark.parametrize(
    ("button", "action", "expected"),
    [
        ("left", "press", b"\x1b[<0;5;3M"),
        ("left", "release", b"\x1b[<0;5;3m"),
        ("right", "press", b"\x1b[<2;5;3M"),
        ("middle", "release", b"\x1b[<1;5;3m"),
        ("left", "move", b"\x1b[<32;5;3M"),
        ("none", "move", b""),
        ("wheel_up", "press", b"\x1b[<64;5;3M"),
        ("wheel_down", "press", b"\x1b[<65;5;3M"),
        ("wheel_down", "release", b""),
    ],
)
def test_mouse_sgr(button: Button, action: Action, expected: bytes) -> None:
    assert encode_mouse(button, action, 4, 2, SGR) == expected


def test_mouse_modifiers_and_tracking() -> None:
    assert encode_mouse("left", "press", 0, 0, SGR, alt=True, ctrl=True) == b"\x1b[<24;1;1M"
    assert encode_mouse("left", "press", 0, 0, NORMAL) == b""
    every = Modes(mouse=MouseTracking.MOTION, mouse_encoding=MouseEncoding.SGR)
    assert encode_mouse("none", "move", 0, 0, every) == b"\x1b[<35;1;1M"
    clicks = Modes(mouse=MouseTracking.CLICK, mouse_encoding=MouseEncoding.SGR)
    assert encode_mouse("left", "move", 0, 0, clicks) == b""
    x10 = Modes(mouse=MouseTracking.PRESS)
    assert encode_mouse("left", "release", 0, 0, x10) == b""
    assert encode_mouse("left", "press", 0, 0, x10, ctrl=True) == b"\x1b[M !!"


def test_mouse_legacy_encodings() -> None:
    legacy = Modes(mouse=MouseTracking.CLICK)
    assert encode_mouse("left", "press", 0, 0, legacy) == b"\x1b[M !!"
    assert encode_mouse("left", "release", 0, 0, legacy) == b"\x1b[M#!!"
    assert encode_mouse("left", "press", 200, 0, legacy) == b"", "cannot be said in a byte of text"
    utf8 = Modes(mouse=MouseTracking.CLICK, mouse_encoding=MouseEncoding.UTF8)
    assert encode_mouse("left", "press", 200, 0, utf8) == ("\x1b[M " + chr(233) + "!").encode()
    urxvt = Modes(mouse=MouseTracking.CLICK, mouse_encoding=MouseEncoding.URXVT)
    assert encode_mouse("left", "press", 200, 0, urxvt) == b"\x1b[32;201;1M"


@pytest.mark.parametrize(
    ("key", "character", "flags", "expected"),
    [
        # What stays typing, so that a shell left in this mode can still be used.
        ("a", "a", DISAMBIGUATE, b"a"),
        ("A", "A", DISAMBIGUATE, b"A"),
        ("é", "é", DISAMBIGUATE, "é".encode()),
        ("space", " ", DISAMBIGUATE, b" "),
        ("question_mark", "?", DISAMBIGUATE, b"?"),
        ("enter", "\r", DISAMBIGUATE, b"\r"),
        ("tab", "\t", DISAMBIGUATE, b"\t"),
        ("backspace", "\x7f", DISAMBIGUATE, b"\x7f"),
        # What can now be told apart.
        ("escape", "\x1b", DISAMBIGUATE, b"\x1b[27u"),
        ("ctrl+i", None, DISAMBIGUATE, b"\x1b[105;5u"),
        ("ctrl+c", "\x03", DISAMBIGUATE, b"\x1b[99;5u"),
        ("ctrl+@", "\0", DISAMBIGUATE, b"\x1b[32;5u"),
        ("ctrl+space", None, DISAMBIGUATE, b"\x1b[32;5u"),
        ("alt+a", "a", DISAMBIGUATE, b"\x1b[97;3u"),
        ("alt+A", "A", DISAMBIGUATE, b"\x1b[97;4u"),
        ("ctrl+shift+a", None, DISAMBIGUATE, b"\x1b[97;6u"),
        ("ctrl+slash", None, DISAMBIGUATE, b"\x1b[47;5u"),
        ("super+a", None, DISAMBIGUATE, b"\x1b[97;9u"),
        ("shift+enter", None, DISAMBIGUATE, b"\x1b[13;2u"),
        ("shift+tab", None, DISAMBIGUATE, b"\x1b[9;2u"),
        ("ctrl+backspace", None, DISAMBIGUATE, b"\x1b[127;5u"),
        # Keys without text: never SS3, whatever the cursor mode.
        ("up", None, DISAMBIGUATE, b"\x1b[A"),
        ("ctrl+up", None, DISAMBIGUATE, b"\x1b[1;5A"),
        ("home", None, DISAMBIGUATE, b"\x1b[H"),
        ("f1", None, DISAMBIGUATE, b"\x1b[P"),
        ("f3", None, DISAMBIGUATE, b"\x1b[13~"),
        ("f5", None, DISAMBIGUATE, b"\x1b[15~"),
        ("shift+f1", None, DISAMBIGUATE, b"\x1b[1;2P"),
        ("f13", None, DISAMBIGUATE, b"\x1b[1;2P"),
        ("delete", None, DISAMBIGUATE, b"\x1b[3~"),
        # Everything as a sequence.
        ("a", "a", ALL_KEYS, b"\x1b[97u"),
        ("A", "A", ALL_KEYS, b"\x1b[97;2u"),
        ("enter", "\r", ALL_KEYS, b"\x1b[13u"),
        ("tab", "\t", ALL_KEYS, b"\x1b[9u"),
        ("A", "A", ALL_KEYS | ALTERNATES, b"\x1b[97:65;2u"),
        ("a", "a", ALL_KEYS | TEXT, b"\x1b[97;;97u"),
        ("A", "A", ALL_KEYS | TEXT, b"\x1b[97;2;65u"),
        ("ctrl+a", None, ALL_KEYS | TEXT, b"\x1b[97;5u"),
        ("ß", "ß", ALL_KEYS | ALTERNATES, b"\x1b[223u"),
        # Event types and text alone change no key we can name.
        ("escape", "\x1b", 2, b"\x1b"),
        ("f1", None, 2, b"\x1bOP"),
        ("ctrl+c", "\x03", TEXT, b"\x03"),
    ],
)
def test_kitty_keys(key: str, character: str | None, flags: int, expected: bytes) -> None:
    assert encode_key(key, character, Modes(kitty=flags, application_cursor=True)) == expected


@given(st.text(max_size=12), st.one_of(st.none(), st.text(max_size=2)), st.integers(0, 31))
def test_any_key_has_an_answer_in_any_mode(key: str, character: str | None, flags: int) -> None:
    assert isinstance(encode_key(key, character, Modes(kitty=flags)), bytes)

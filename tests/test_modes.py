"""Which modes a program switched on: against the terminal core's own opinion, in any chunking."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.modes import ModeTracker
from coder_tui.terminal.core import Modes, create_core, screen_text

PIECES = [
    *(b"\x1b[?%d%c" % (mode, final) for mode in (1, 7, 25, 1000, 1002, 1003, 1004, 1006, 2004) for final in b"hl"),
    *(b"\x1b[?%d%c" % (mode, final) for mode in (1049, 1047, 47) for final in b"hl"),
    b"\x1b[?1002;1006;2004h",
    b"\x1b[?1000;25l",
    b"\x1bc",
    b"\x1b[!p",
    b"\x1b[>1u",
    b"\x1b[>5u",
    b"\x1b[=3u",
    b"\x1b[<u",
    b"\x1b[<9u",
    b"\x1b[>4;2m",
    b"\x1b[>4m",
    b"\x1b[38;2;1;2;3m",
    b"\x1b[2J",
    b"\x1b]0;a title?\x07",
    b"\x1b]8;;http://x\x1b\\",
    b"\x1bPq#0;2\x1b\\",
    b"\x1b_Gx\x1b[?2004h\x1b\\",
    b"\x1b]2;cut\x18",
    b"\x1b(0",
    b"\x1b",
    b"\x1b[",
    b"\x1b]",
    b"\x1bP",
    b"\x1b[?10",
    b"49h",
    "é🙂漢".encode(),
    b"plain text? = <b>\r\n",
    b"\\",
    b"\x07",
    b"?",
    b"\x9b",
    b"x" * 100,
    b"\x1b[" + b"1;" * 40,
]
streams = st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join) | st.binary(max_size=200)


def state(tracker: ModeTracker) -> tuple[bytes, bytes, bool, bool]:
    return tracker.enter(), tracker.leave(), tracker.alternate, tracker.inside


@settings(max_examples=120, deadline=None)
@given(streams, st.lists(st.integers(1, 40), max_size=20))
def test_any_chunking_gives_the_same(data: bytes, sizes: list[int]) -> None:
    whole, split = ModeTracker(), ModeTracker()
    whole.feed(data)
    position = 0
    for size in sizes:
        split.feed(data[position : position + size])
        position += size
    for byte in data[position:]:
        split.feed(bytes([byte]))
    assert state(whole) == state(split)


def modes_of(data: bytes) -> Modes:
    core = create_core(20, 5)
    core.feed(data)
    core.take_dirty()
    return core.modes


@settings(max_examples=100, deadline=None)
@given(streams)
def test_entering_and_leaving_as_the_core_sees_it(data: bytes) -> None:
    tracker = ModeTracker()
    tracker.feed(data)
    entered, left = ModeTracker(), ModeTracker()
    entered.feed(tracker.enter())
    assert entered.enter() == tracker.enter()
    left.feed(data + tracker.leave())
    assert left.enter() == b""
    assert modes_of(tracker.enter() + b"\x18\x1b\\").alternate_screen == tracker.alternate
    assert modes_of(data + tracker.leave()) == modes_of(b"")


@settings(max_examples=100, deadline=None)
@given(streams, streams)
def test_any_terminal_can_be_brought_into_the_state(before: bytes, data: bytes) -> None:
    tracker, other = ModeTracker(), ModeTracker()
    tracker.feed(data)
    other.feed(before + b"\x18\x1b\\" + tracker.assert_all())
    assert (other.enter(), other.alternate) == (tracker.enter(), tracker.alternate)


@settings(max_examples=100, deadline=None)
@given(streams, streams)
def test_a_boundary_is_the_end_of_what_had_begun(before: bytes, after: bytes) -> None:
    tracker = ModeTracker()
    tracker.feed(before)
    cut = tracker.boundary(after)
    tracker.feed(after[:cut])
    assert 0 <= cut <= len(after)
    # ended, cut off by the next one, or still going on at the end of all there is
    assert not tracker.inside or cut == len(after) or after[cut:].startswith(b"\x1b")
    whole = ModeTracker()
    whole.feed(before + after)
    tracker.feed(after[cut:])
    assert state(tracker) == state(whole)


@pytest.mark.parametrize(
    ("before", "after", "cut"),
    [
        (b"", b"\x80\x80", 0),
        ("é".encode()[:1], "é".encode()[1:] + b"x", 1),
        ("🙂".encode()[:1], "🙂".encode()[1:] + b"x", 3),
        (b"text", b"text", 0),
        (b"\x1b[38;2", b";1;2;3mred", 7),
        (b"\x1b", b"[1mx", 3),
        (b"\x1b(", b"0x", 1),
        (b"\x1b]0;ti", b"tle\x07x", 4),
        (b"\x1b]0;ti", b"tle\x1b\\x", 5),
        (b"\x1bPq" + b"#" * 500, b"##\x07#\x1b\\x", 6),
        (b"\x1bPq", b"##\x1b[1mx", 2),
        (b"\x1b]2;never", b"ending", 6),
    ],
)
def test_where_a_reader_may_begin(before: bytes, after: bytes, cut: int) -> None:
    tracker = ModeTracker()
    tracker.feed(before)
    assert tracker.boundary(after) == cut


def test_the_rest_of_an_endless_string_stays_unseen() -> None:
    tracker = ModeTracker()
    tracker.feed(b"\x1b]52;c;" + b"A" * 100)
    core = create_core(20, 3)
    core.feed(tracker.enter() + b"52;c;AAAA\x07seen")
    assert screen_text(core) == "seen"


def test_mouse_modes_go_together() -> None:
    tracker = ModeTracker()
    tracker.feed(b"\x1b[?1002h\x1b[?1006h\x1b[?1000h\x1b[?1002h")
    assert tracker.enter() == b"\x1b[?1006h\x1b[?1000h\x1b[?1002h"
    assert tracker.is_on(1002)
    tracker.feed(b"\x1b[?1000l\x1b[?1006l")
    assert tracker.enter() == b""
    assert tracker.is_on(25)


def test_keyboards_of_both_screens() -> None:
    tracker = ModeTracker()
    tracker.feed(b"\x1b[>1u\x1b[?1049h\x1b[>3u\x1b[>7u")
    assert tracker.enter() == b"\x1b[>1u\x1b[?1049h\x1b[>3u\x1b[>7u"
    assert tracker.leave() == b"\x1b[<2u\x1b[?1049l\x1b[<1u"

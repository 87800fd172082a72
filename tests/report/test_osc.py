"""The scanner of program output: every sequence, at every chunk boundary, and what must be dropped."""

from __future__ import annotations

import base64
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.report.osc import Scanner
from coder_tui.report.signals import (
    WHOLE_LIMIT,
    Badge,
    Bell,
    Mark,
    Notice,
    Progress,
    Query,
    Reset,
    Signal,
    Status,
    Title,
    parse_status,
)


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def seen(data: bytes) -> list[Signal]:
    return list(Scanner().feed(data))


MESSAGE = "Apply 3 to add? é"
EXAMPLES: Sequence[tuple[bytes, list[Signal]]] = [
    (b"\x1b]7501;state=working:app=codex\x1b\\", [Status("working", app="codex")]),
    (b"\x1b]7501;state=idle\x07", [Status("idle")]),
    (
        f"\x1b]7501;state=blocked:kind=permission:id=a/b.c:msg={b64(MESSAGE)}:title={b64('T')}\x1b\\".encode(),
        [Status("blocked", "a/b.c", "permission", title="T", msg=MESSAGE)],
    ),
    (b"\x1b]7501;state=blocked:kind=mood:progress=7\x1b\\", [Status("blocked", progress=7)]),
    (b"\x1b]7501;state=done:kind=permission:progress=7\x1b\\", [Status("done")]),
    (b"\x1b]7501;state=idle:noise:future=1:state=working\x1b\\", [Status("working")]),
    (b"\x1b]7501;?\x1b\\", [Query(b"\x1b]7501;?\x1b\\")]),
    (b"\x1b]7501;?\x07", [Query(b"\x1b]7501;?\x07")]),
    (b"\x1b]9;4;1;40\x07", [Progress(1, 40)]),
    (b"\x1b]9;4;3\x1b\\", [Progress(3)]),
    (b"\x1b]9;4;0;\x1b\\", [Progress(0)]),
    (b"\x1b]9;4;9;1\x1b\\", []),
    (b"\x1b]9;Approval requested: ls\x07", [Notice("Approval requested: ls")]),
    (b"\x1b]9;2;a message box of ConEmu\x07", []),
    (b"\x1b]777;notify;Codex;done; all of it\x1b\\", [Notice("Codex", "done; all of it")]),
    (b"\x1b]777;precmd\x1b\\", []),
    (b"\x1b]99;;Hello\x1b\\", [Notice("Hello")]),
    (b"\x1b]99;i=1:d=0;Hel\x1b\\\x1b]99;i=1:d=0;lo\x1b\\\x1b]99;i=1:p=body;there\x1b\\", [Notice("Hello", "there")]),
    (f"\x1b]99;e=1;{b64('é')}\x1b\\".encode(), [Notice("é")]),
    (b"\x1b]99;i=1:p=?;\x1b\\\x1b]99;i=1:p=icon;abc\x1b\\", []),
    (b"\x1b]133;A\x07\x1b]133;D;2\x07\x1b]133;D\x07\x1b]133;Z\x07", [Mark("A"), Mark("D", 2), Mark("D")]),
    (b"\x1b]21337;status=busy;indicator=#ff0000;detail=tests\x07", [Badge("busy", "tests")]),
    (b"\x1b]0;\xe2\x9c\xb3 fix\x07\x1b]2;two\x1b\\", [Title("✳ fix"), Title("two")]),
    (b"ding\x07dong\x07", [Bell()]),
    (b"\x1bc", [Reset()]),
    # nothing of this is for us, and what follows it is
    (b"\x1b]8;;https://x\x07link\x1b]8;;\x07\x1b[31mred\x1b[0m\x1b(B", []),
    (b"\x1bPq#0\x07sixel\x1b\\\x07", [Bell()]),
    (b"\x1b_Gf=24;AAAA\x1b\\\x1b]9;x\x07", [Notice("x")]),
    # cut off: by CAN, by another sequence
    (b"\x1b]9;lost\x18\x1b]9;x\x07", [Notice("x")]),
    (b"\x1b]9;lost\x1b]9;x\x07", [Notice("x")]),
    (b"\x1b]9;lost\x1b[0m\x07", [Bell()]),
    (b"\x1b\x1b]9;x\x07", [Notice("x")]),
    # tmux's passthrough, with ESC doubled
    (b"\x1bPtmux;\x1b\x1b]7501;state=idle\x1b\x1b\\\x1b\\", [Status("idle")]),
    (b"\x1bPtmux;\x1b\x1b]7501;?\x07\x1b\\x", [Query(b"\x1b]7501;?\x07")]),
]


@pytest.mark.parametrize(("data", "signals"), EXAMPLES)
def test_what_a_sequence_says(data: bytes, signals: list[Signal]) -> None:
    assert seen(data) == signals


@pytest.mark.parametrize(("data", "signals"), EXAMPLES)
def test_one_byte_at_a_time(data: bytes, signals: list[Signal]) -> None:
    scanner = Scanner()
    found = [signal for byte in data for signal in scanner.feed(bytes([byte]))]
    assert [one for one in found if one != Bell()] == [one for one in signals if one != Bell()]
    assert (Bell() in found) == (Bell() in signals)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"state=busy",
        b"app=x",
        b"state=idle:id=a//b",
        b"state=idle:id=a b",
        b"state=idle:id=" + b"/".join([b"a"] * 9),
        b"state=idle:id=" + b"a" * 33,
        b"state=idle:id=" + b"/".join([b"a" * 32] * 4),
        b"state=idle:app=" + b"a" * 33,
        b"state=idle:app=bad!",
        b"state=idle:aaaaaaaaaaaaaaaaa=1",
        b"state=idle:msg=%%%",
        b"state=idle:msg=" + base64.b64encode(b"x" * 2049),
        b"state=idle:title=" + base64.b64encode(b"x" * 193),
        b"state=idle:msg=" + base64.b64encode(b"a\x1b[31m"),
        b"state=idle:msg=" + base64.b64encode(b"\xff\xfe"),
        b"state=idle:x=\t",
        b"state=idle:x=\xc3\xa9",
    ],
)
def test_reports_that_are_dropped_whole(body: bytes) -> None:
    assert parse_status(body) is None


def test_what_just_fits_is_kept() -> None:
    text = "x" * 2048
    assert parse_status(f"state=idle:msg={b64(text)}".encode()) == Status("idle", msg=text)
    assert parse_status(b"state=idle:title=" + base64.b64encode(b"y" * 192)) == Status("idle", title="y" * 192)
    longest = b"/".join([b"a" * 32] * 3 + [b"b" * 29])
    assert len(longest) == 128
    assert parse_status(b"state=idle:id=" + longest) == Status("idle", longest.decode())


@pytest.mark.parametrize("terminator", [b"\x07", b"\x1b\\"])
def test_the_limit_is_of_the_whole_sequence(terminator: bytes) -> None:
    def report(size: int) -> bytes:
        start = b"\x1b]7501;state=idle:x="
        return start + b"z" * (size - len(start) - len(terminator)) + terminator

    assert seen(report(WHOLE_LIMIT)) == [Status("idle")]
    assert seen(report(WHOLE_LIMIT + 1)) == []
    assert seen(report(3 * WHOLE_LIMIT) + report(50)) == [Status("idle")]


def test_half_a_sequence_for_ever_costs_no_memory() -> None:
    scanner = Scanner()
    for start in (b"\x1b]9;", b"\x1bPtmux;", b"\x1bP", b"\x1b_G", b"\x1b]7501;"):
        assert scanner.feed(start) == ()
        for _ in range(50):
            scanner.feed(b"a" * 65536)
            scanner.feed(b"b")
        assert sys.getsizeof(scanner._string) < 3 * WHOLE_LIMIT
        assert scanner.inside
        assert scanner.feed(b"\x1b\\\x1b]9;x\x07") == (Notice("x"),)
    for number in range(1000):
        scanner.feed(f"\x1b]99;i=n{number}:d=0;{'t' * 200}\x1b\\".encode())
    assert len(scanner._notes) <= 16


PIECES = st.one_of(
    st.sampled_from([data for data, _ in EXAMPLES]),
    st.binary(max_size=12),
    st.sampled_from([b"\x1b", b"\x1b]", b"\x1bP", b"\x1bPtmux;", b"\x1b\\", b"\x07", b"\x18", b"7501;", b"9;"]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=8).map(b"".join), st.data())
def test_where_it_is_cut_makes_no_difference(data: bytes, draw: st.DataObject) -> None:
    whole = [signal for signal in seen(data) if signal != Bell()]
    scanner, rest = Scanner(), data
    parts: list[Signal] = []
    while rest:
        size = draw.draw(st.integers(1, len(rest)))
        parts += scanner.feed(rest[:size])
        rest = rest[size:]
    assert [signal for signal in parts if signal != Bell()] == whole
    assert (Bell() in parts) == (Bell() in seen(data))


TEXT = st.text(st.characters(blacklist_categories=["Cc", "Cs"]), max_size=40)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["idle", "working", "done", "blocked", "error", "clear"]),
    st.lists(st.from_regex(r"[A-Za-z0-9_.+-]{1,12}", fullmatch=True), max_size=4).map("/".join),
    TEXT,
    TEXT,
)
def test_a_report_says_what_was_put_in(state: str, name: str, title: str, msg: str) -> None:
    body = f"state={state}:id={name}:title={b64(title)}:msg={b64(msg)}"
    assert seen(b"x\x1b]7501;" + body.encode() + b"\x1b\\y") == [Status(state, name, title=title, msg=msg)]

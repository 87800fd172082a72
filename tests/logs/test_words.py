"""Moments, structure, and lines for a file."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from coder_tui.errors import UsageError
from coder_tui.logs import written
from coder_tui.logs.buffer import LogBuffer
from coder_tui.logs.export import texts
from coder_tui.logs.moment import parse_moment
from coder_tui.logs.pretty import pretty

ZONE = timezone(timedelta(hours=2))
NOW = datetime(2026, 3, 2, 10, 30, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("10:00", datetime(2026, 3, 2, 10, 0, tzinfo=ZONE)),
        ("14:02:11", datetime(2026, 3, 1, 14, 2, 11, tzinfo=ZONE)),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=ZONE)),
        ("2026-03-01 14:02", datetime(2026, 3, 1, 14, 2, tzinfo=ZONE)),
        ("2026-03-01T14:02:00+00:00", datetime(2026, 3, 1, 16, 2, tzinfo=ZONE)),
        (" 10m ", NOW - timedelta(minutes=10)),
        ("-1.5h", NOW - timedelta(minutes=90)),
        ("1h30m ago", NOW - timedelta(minutes=90)),
    ],
)
def test_moments(text: str, at: datetime) -> None:
    assert parse_moment(text, NOW) == at


@pytest.mark.parametrize("text", ["", "soon", "25:00", "2026-13-01", "10", "1w", "ago", "999999999d"])
def test_what_is_no_moment_says_what_would_be_one(text: str) -> None:
    with pytest.raises(UsageError, match=r"is no moment\. Write 14:02"):
        parse_moment(text, NOW)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('GET {"a":[1],"b":"é"} ok', ["GET", "{", '  "a": [', "    1", "  ],", '  "b": "é"', "}", "ok"]),
        ('level=info msg="a \\"b\\" c" n=1', ["level  info", 'msg    a "b" c', "n      1"]),
        ("done: took=3s user=ana now", ["done: now", "took  3s", "user  ana"]),
        ("plain x=1 words", ["plain x=1 words"]),
        ("[] {} [broken", ["[] {} [broken"]),
        ("[" * 100_000, ["[" * 100_000]),
    ],
)
def test_structure(text: str, lines: list[str]) -> None:
    assert pretty(text) == lines


def test_lines_for_a_file_are_plain() -> None:
    buffer = LogBuffer()
    buffer.append([(1, 0.0, "warn", "s", "a\x1b[31mb\x1b[2J\u202e"), (2, 1e300, "error", "s", "")])
    buffer.note("the end", 1.5)
    every = ["1970-01-01T00:00:00.000Z [warn] ab<202E>", "- [error] ", "1970-01-01T00:00:01.500Z [note] -- the end"]
    assert list(texts(buffer.blocks())) == every
    assert list(texts(buffer.blocks(), [0, 2], times=False)) == ["ab<202E>", "-- the end"]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-03-01T12:00:00Z x", 1772366400.0),
        ("\x1b[2m2026-03-01 12:00:00,250+01:00\x1b[0m x", 1772362800.25),
        ('{"ts":"2026-03-01T12:00:00.123456789Z"}', 1772366400.123456),
        ("2026-03-01 12:00:00", datetime(2026, 3, 1, 12).timestamp()),
        ("2026-13-01 12:00:00", None),
        ("12:00:00 x", None),
    ],
)
def test_times_written_in_lines(text: str, at: float | None) -> None:
    assert written.written_at(text) == at


def test_going_to_a_time_that_is_written_in_the_lines() -> None:
    buffer = LogBuffer()
    texts = (f"2026-03-01T12:{i // 60:02}:{i % 60:02}Z {i}" if i % 3 else "    at frame" for i in range(600))
    buffer.append((i, 0.0, "info", "", text) for i, text in enumerate(texts))
    noon = 1772366400.0
    assert [written.since(buffer, noon + at) for at in (-9, 0, 100, 100.5, 598, 599, 600)] == [
        1,
        1,
        100,
        101,
        598,
        599,
        600,
    ]
    timed = LogBuffer()
    timed.append((i, float(i + 1), "info", "", "x") for i in range(9))
    assert written.since(timed, 5.0) == 4


def test_the_first_line_since_a_moment() -> None:
    buffer = LogBuffer()
    buffer.append((i, float(i), "info", "s", "x" * 1000) for i in range(2000))
    assert [buffer.since(at) for at in (-1.0, 0.5, 1234.0, 1999.0, 2000.0)] == [0, 1, 1234, 1999, 2000]

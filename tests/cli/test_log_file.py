"""Reading lines of files and pipes; what happens to a file that is followed."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.cli.log_feed import FileFeed, level_of
from coder_tui.cli.log_file import LineFile
from coder_tui.feeds.source import LogBatch, LogLine, LogMark, LogNote

PIECES = st.lists(
    st.sampled_from([b"a", b"\n", b"\r\n", "\u00e9".encode()[:1], "\u00e9".encode(), b"\xff", b"bb"]), max_size=30
)


def opened(path: Path) -> LineFile:
    return LineFile.open(path)


@settings(max_examples=50, deadline=None)
@given(pieces=PIECES, sizes=st.lists(st.integers(1, 7), min_size=1, max_size=8))
def test_any_cutting_gives_the_same_lines(pieces: list[bytes], sizes: list[int]) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"".join(pieces))
    os.close(writing)
    file, found, turn = LineFile(reading), list[bytes](), 0
    while (data := file.read(sizes[turn % len(sizes)])) is not None:
        turn += 1
        assert not data or data.endswith(b"\n")
        found.append(data)
    found.append(file.flush())
    file.close()
    assert b"".join(found) == b"".join(pieces)


def test_what_happens_to_a_followed_file_is_said_once(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"one\ntw")
    file = opened(path)
    assert (file.read(100), file.read(100), file.changed()) == (b"one\n", None, "")
    assert file.flush() == b"tw"
    with path.open("ab") as more:
        more.write(b"\nthree\n")
    assert file.changed() == ""  # there is something to read first
    assert file.read(100) == b"three\n"  # the end of a line that was given without it is no line
    path.write_bytes(b"new\n")
    assert file.read(100) is None
    assert file.changed() == "the file was truncated"
    assert file.read(100) == b"new\n"
    path.rename(tmp_path / "a.log.1")
    assert file.read(100) is None
    assert [file.changed(), file.changed()] == ["the file is gone: waiting for another one", ""]
    path.write_bytes(b"other\n")
    assert file.changed() == "another file of that name begins"
    assert (file.read(100), file.read(100), file.changed()) == (b"other\n", None, "")
    file.close()


def test_a_line_without_an_end_is_given_in_parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("coder_tui.cli.log_file._LONGEST", 1000)
    path = tmp_path / "a.log"
    path.write_bytes(b"x" * 5000 + b"\ny\n")
    file = opened(path)
    parts = iter(lambda: file.read(100), None)
    assert [len(part) for part in parts if part] == [1100, 1100, 1100, 1100, 603]
    file.close()


async def test_a_pipe_that_is_silent_holds_no_thread() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"one WARN\ntwo")
    file = LineFile(reading)
    events = FileFeed(file, "stdin", follow=True).follow_logs("", "")
    assert await anext(events) == LogNote(LogMark.OPEN)
    batch = await anext(events)
    assert isinstance(batch, LogBatch)
    assert [(line.level, line.output) for line in batch.lines] == [("warn", "one WARN")]
    waiting = asyncio.ensure_future(anext(events))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 0.01)
    os.close(writing)
    batch = await waiting
    assert isinstance(batch, LogBatch)
    assert isinstance(batch.lines[0], LogLine)
    assert (batch.lines[0].id, batch.lines[0].output) == (2, "two")
    assert await anext(events) == LogNote(LogMark.ENDED)
    file.close()


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("2026-03-01 12:00:00 ERROR boom", "error"),
        ("\x1b[1;31mWARN\x1b[0m x", "warn"),
        ('{"level":"info","msg":"ERROR"}', "info"),
        ("level=debug x", "debug"),
        ("[TRACE] x", "trace"),
        ("panic: runtime error", "error"),
        ("CRITICAL x", "error"),
        ("INFORMATION about inferred warnings", ""),
        ("nothing", ""),
        ("x" * 200 + " ERROR", ""),
    ],
)
def test_levels_at_the_head_of_a_line(line: str, level: str) -> None:
    assert level_of(line) == level

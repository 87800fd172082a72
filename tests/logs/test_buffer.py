"""The buffer against a naive model: a list of tuples."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.logs.buffer import LEVELS, NOTE, LogBuffer, RawLine

OUTPUTS = st.text(st.sampled_from("aé漢🙂 \x1b[31m\t\n\r\x00\ud800"), max_size=12)
LINES = st.lists(st.tuples(st.sampled_from(["info", "error", "strange"]), st.sampled_from(["s1", "s2"]), OUTPUTS))


def naive_lines(output: str) -> list[str]:
    """What `append` promises for one output, written the slow way."""
    text = output.replace("\r\n", "\n")
    for ending in ("\n", "\r"):
        if text.endswith(ending):
            text = text[:-1]
    return [line.encode("utf-8", "replace").decode() for line in text.split("\n")]


def numbered(lines: list[tuple[str, str, str]], repeats: int) -> list[RawLine]:
    return [(i, i / 8, *line) for i, line in enumerate(lines * repeats)]


@settings(max_examples=60, deadline=None)
@given(
    lines=LINES,
    repeats=st.sampled_from([1, 40]),
    cuts=st.lists(st.integers(0, 400), max_size=6),
    limit=st.integers(1, 6000),
    chunk=st.integers(1, 3000),
)
def test_any_chunking_and_any_eviction_equals_a_list(
    lines: list[tuple[str, str, str]], repeats: int, cuts: list[int], limit: int, chunk: int
) -> None:
    raw = numbered(lines, repeats)
    expected = [(i, at, level, source, text) for i, at, level, source, out in raw for text in naive_lines(out)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("coder_tui.logs.buffer._CHUNK", chunk)
        buffer = LogBuffer(limit)
        edges = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
        for start, stop in itertools.pairwise(edges):
            buffer.append(raw[start:stop])
    assert buffer.end == len(expected)
    held = [buffer.line(number) for number in range(buffer.first, buffer.end)]
    assert [
        (view.id, view.at, LEVELS[view.level] or "strange", view.source_id, view.text) for view in held
    ] == expected[buffer.first :]
    blocks = list(buffer.blocks())
    assert "".join(block.data.decode() for block in blocks) == "".join(f"{view.text}\n" for view in held)
    assert [block.first + i for block in blocks for i in range(len(block.levels))] == list(
        range(buffer.first, buffer.end)
    )


@settings(max_examples=30, deadline=None)
@given(start=st.integers(0, 700))
def test_blocks_from_any_line(start: int) -> None:
    buffer = LogBuffer()
    buffer.append((i, 0.0, "info", "s", f"line {i}") for i in range(600))
    text = b"".join(block.data for block in buffer.blocks(start)).decode()
    assert text == "".join(f"line {i}\n" for i in range(start, 600))


def test_eviction_keeps_the_bound_and_the_numbers() -> None:
    buffer = LogBuffer(limit=1 << 20)
    buffer.append((i, 0.0, "info", "s", f"{i:0100d}") for i in range(50_000))
    assert 0 < buffer.first < buffer.end == 50_000
    assert (1 << 19) < buffer.nbytes <= (1 << 20) + (512 << 10)
    assert int(buffer.line(buffer.first).text) == buffer.first
    with pytest.raises(IndexError):
        buffer.line(buffer.first - 1)
    with pytest.raises(IndexError):
        buffer.line(buffer.end)


def test_empty_lines_count_against_the_bound() -> None:
    buffer = LogBuffer(limit=1 << 20)
    buffer.append([(1, 0.0, "info", "s", "\n" * 300_000)])
    assert buffer.end == 300_000
    assert buffer.nbytes < 2 << 20


def test_a_huge_line_is_held_and_cut_on_request() -> None:
    buffer = LogBuffer(limit=1 << 20)
    huge = "漢" * (10 << 20 >> 1)
    buffer.append([(1, 0.0, "info", "s", "before"), (2, 0.0, "info", "s", huge), (3, 0.0, "info", "s", "after")])
    view = buffer.line(1, limit=1000)
    assert view.text == "漢" * 333  # 1000 is not a multiple of three bytes
    assert view.omitted == len(huge) * 3 - 1000
    assert buffer.line(1).text == huge
    assert buffer.line(2).text == "after"


def test_feed_goes_in_small_steps() -> None:
    buffer = LogBuffer()
    seen = [buffer.end for _ in buffer.feed([(1, 0.0, "info", "s", "x\n" * 1000), (2, 0.0, "info", "s", "y")])]
    assert seen == [256, 512, 768, 1001]


def test_a_bad_line_leaves_the_columns_whole() -> None:
    buffer = LogBuffer()
    buffer.append([(1, 0.0, "info", "s", "one")])
    with pytest.raises(OverflowError):
        buffer.append([(1 << 63, 0.0, "info", "s", "no such id")])
    buffer.append([(2, 0.0, "info", "s", "two")])
    assert [buffer.line(i).text for i in range(len(buffer))] == ["one", "two"]


def test_notes_and_names() -> None:
    buffer = LogBuffer()
    buffer.append([(7, 5.0, "warn", "0123456789", "x")])
    buffer.note("lost:\nconnection reset", 6.0)
    assert buffer.line(1) == (1, -1, 6.0, NOTE, "", "lost: connection reset", 0)
    assert buffer.name_of("0123456789") == "01234567"
    assert buffer.rename({"0123456789": "startup"})
    assert not buffer.rename({"0123456789": "startup"})
    assert buffer.name_of("0123456789") == "startup"

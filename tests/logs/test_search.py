"""The filter against a naive model: every term tried on every line alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count, islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.errors import UsageError
from coder_tui.logs import engine
from coder_tui.logs.ansi import plain
from coder_tui.logs.buffer import LEVELS, NOTE, LogBuffer
from coder_tui.logs.search import Filter, FilterError, Levels, SourceName, Text, catch_up, parse

WORDS = ["ss", "ß", "\u212a", "k", "ſ", "error", "Error", "err", "ana", "ÉTÉ", "été", "漢🙂", "Σ", "x", "9", "b"]
REGEXES = [
    r"^err",
    r"x$",
    r"\s\d",
    r"[^b]x",
    r"[^]b]9",
    r"\D9",
    r"(?:er+or)\s*x",
    r"[\sa]x",
    r"(?i)ANA",
    r"(?s)b.x",
    r"\Ax",
    r"x*",
    r"[a-f\d]{2}",
    r"É",
    r"a|^$",
    r"err|ana",
    r"ana+\s?b",
    r"(ana)?err",
    r"err\.*or",
    r"ana.?x?",
    r"ERR\w",
]
LINE = st.lists(
    st.sampled_from([*WORDS, " ", "  ", "a", "bb", "]", "\t", "\x1b[31m", "\x1b]0;x\x07", "\x9b0m"]), max_size=5
).map("".join)
TERM = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from([f"/{regex}/" for regex in REGEXES]),
    st.sampled_from(["level>=warn", "level:info", "level<debug", "level<=error", "source:start", "source:b"]),
)
FILTER = st.lists(st.tuples(st.booleans(), TERM), min_size=1, max_size=3).map(
    lambda terms: " ".join(("!" if negate else "") + term for negate, term in terms)
)


def naive(term: str, level: str, source: str, line: str) -> bool:
    negate, term = term.startswith("!"), term.removeprefix("!")
    if term.startswith("level"):
        operator, name = re.findall(r"level(\W+)(\w+)", term)[0]
        mine, other = LEVELS.index(level) if level in LEVELS else 0, LEVELS.index(name)
        holds = {":": mine == other, ">=": mine >= other, "<=": mine <= other, "<": mine < other}[operator] and mine > 0
    elif term.startswith("source:"):
        holds = term.removeprefix("source:") in source.lower()
    else:
        pattern = term[1:-1] if term.startswith("/") else re.escape(term)
        letters = re.sub(r"\\.", "", pattern)
        holds = re.search(pattern, line, re.IGNORECASE if letters == letters.lower() else 0) is not None
    return holds != negate


@contextmanager
def engine_of(patch: pytest.MonkeyPatch, native: str) -> Iterator[None]:
    """All that is installed, or what we have without it."""
    if native == "python":
        patch.setattr(engine, "engine", lambda: None)
    if native != "all":
        patch.setattr(engine, "finder", lambda: None)
    engine.compiled.cache_clear()
    yield
    engine.compiled.cache_clear()


@settings(max_examples=120, deadline=None)
@given(
    text=FILTER,
    native=st.sampled_from(["all", "re2", "python"]),
    lines=st.lists(
        st.tuples(st.sampled_from(["trace", "info", "warn", "error", "odd"]), st.sampled_from("ab"), LINE), max_size=30
    ),
    cuts=st.lists(st.integers(0, 30), max_size=4),
    limit=st.integers(100, 4000),
    chunk=st.integers(1, 800),
)
def test_hits_equal_the_naive_model(
    text: str, native: str, lines: list[tuple[str, str, str]], cuts: list[int], limit: int, chunk: int
) -> None:
    names = {"a": "Startup", "b": "Build"}
    with pytest.MonkeyPatch.context() as patch, engine_of(patch, native):
        patch.setattr("coder_tui.logs.engine._DENSE", 1)
        patch.setattr("coder_tui.logs.buffer._CHUNK", chunk)
        buffer = LogBuffer(limit)
        buffer.rename(names)
        found = Filter(parse(text), buffer)
        for i, (level, source, line) in enumerate(lines):
            buffer.append([(i, 0.0, level, source, line)])
            if i in cuts:
                found.update()
        found.update()
        assert not found.waiting
    expected = [
        number
        for number, (level, source, line) in enumerate(lines)
        if number >= buffer.first and all(naive(term, level, names[source], plain(line)) for term in text.split())
    ]
    assert list(found.hits) == expected


async def test_a_long_log_is_searched_in_slices() -> None:
    buffer = LogBuffer()
    buffer.append((i, 0.0, "info", "s", "x" * 100) for i in range(40_000))
    found = Filter(parse("x"), buffer)
    seen: list[int] = []

    def tell() -> None:
        seen.append(len(found.hits))
        if len(seen) == 1:
            buffer.append([(40_000, 0.0, "info", "s", "late x")])

    await catch_up(found, tell)
    assert seen[0] < 40_001 == seen[-1]
    assert list(found.hits) == list(range(40_001))


def test_lines_may_come_and_go_while_another_thread_searches() -> None:
    buffer = LogBuffer(limit=1 << 20)
    lines = ((i, 0.0, "info", "s", f"odd {'x' * 100}" if i % 2 else "even") for i in count())
    buffer.append(islice(lines, 10_000))
    found = Filter(parse("odd"), buffer)
    with ThreadPoolExecutor(1) as pool:
        for _ in range(30):
            job = pool.submit(found.scan, found.take(8))
            buffer.append(islice(lines, 1000))
            found.accept(job.result())
    found.update()
    assert buffer.first > 10_000
    assert list(found.hits) == [number for number in range(buffer.first, 40_000) if number % 2]


@pytest.mark.parametrize(
    ("regex", "literal"),
    [
        (r"req=\d+ done", " done"),
        (r"^2026.*Needle", "Needle"),
        (r"abcd+e", "abcd"),
        (r"abcd?e", "abc"),
        (r"a\.b\.c", "a.b.c"),
        (r"(abc)def", "def"),
        (r"(abc)?", ""),
        (r"abc|def", ""),
        (r"(?i)abc", ""),
        (r"[abc]xyz[]]", "xyz"),
        (r"\babc{2}d", ""),
        (r"\Qabc\E", ""),
    ],
)
def test_the_literal_that_a_regex_requires(regex: str, literal: str) -> None:
    assert engine.required(regex) == literal


@pytest.mark.skipif(engine.engine() is None, reason="no RE2 here")
def test_no_regex_takes_for_ever() -> None:
    buffer = LogBuffer()
    buffer.append([(1, 0.0, "info", "s", "a" * 50_000)])
    found = Filter(parse("/(a+)+b/"), buffer)
    found.update()  # exponential in Python's own engine
    assert not found.hits
    with pytest.raises(FilterError, match="invalid perl operator"):
        parse(r"/(?<=r)or/")


def test_dividers_pass_every_filter() -> None:
    buffer = LogBuffer()
    buffer.append([(1, 0.0, "info", "s", "a"), (2, 0.0, "error", "s", "b")])
    buffer.note("agent replaced", 0.0)
    for text, hits in (("level:error", [1, 2]), ("!a", [1, 2]), ("a", [0, 2]), ("source:none", [2])):
        found = Filter(parse(text), buffer)
        found.update()
        assert list(found.hits) == hits
        assert found.count == len(hits) - 1


def test_terms() -> None:
    query = parse("  pip !/re try\\/x/ level:ERROR source:Start level !level>=warn ")
    assert query.text == "pip !/re try\\/x/ level:ERROR source:Start level !level>=warn"
    assert query.terms == (
        Text("pip"),
        Text("re try/x", True, True),
        Levels(frozenset({5})),
        SourceName("start"),
        Text("level"),
        Levels(frozenset({0, 1, 2, 3})),
    )
    assert NOTE not in range(6)
    assert parse("").terms == ()


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("a level>=loud", 9, "trace, debug, info, warn, error"),
        ("level:", 6, "expected a level"),
        ("x !", 3, "after !"),
        ("/unclosed", 9, "/ at the end"),
        ("/a/b", 3, "then a space"),
        ("//", 2, "between the slashes"),
        ("ok /a(b/", 5, "the regex is wrong"),
        ("source:", 7, "source's name"),
    ],
)
def test_bad_filters_say_where(text: str, position: int, words: str) -> None:
    with pytest.raises(FilterError, match=re.escape(f"bad filter at {position + 1}")) as caught:
        parse(text)
    assert caught.value.position == position
    assert words in str(caught.value)
    assert isinstance(caught.value, UsageError)
    assert caught.value.exit_code == 2


def test_marks_for_highlighting() -> None:
    query = parse("err /\\d+/ !x Ana level:info")
    assert query.marks("an Error 42, Ana x") == [(3, 6), (9, 11), (13, 16)]
    assert parse("É").marks("é漢É") == [(2, 3)]

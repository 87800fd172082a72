"""The filter against a naive model: every term tried on every line alone."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.errors import UsageError
from coder_tui.logs.buffer import LEVELS, NOTE, LogBuffer
from coder_tui.logs.search import Filter, FilterError, Levels, SourceName, Text, line_safe, parse

WORDS = ["error", "Error", "err", "ana", "ÉTÉ", "été", "漢🙂", "İx", "Σ", "x", "9", "b"]
REGEXES = [
    r"^err",
    r"x$",
    r"\s\d",
    r"[^b]x",
    r"[^]b]9",
    r"\W\b",
    r"\D+9",
    r"(?:er+or)\s*(?!x)",
    r"(?<=r)or",
    r"[\sa]x",
    r"(?i)ANA",
    r"(?s)b.x",
    r"\Ax",
    r"x\Z",
    r"x*",
    r"(b)\1",
    r"[a-f\d]{2}",
    r"É",
    r"a|^$",
]
LINE = st.lists(st.sampled_from([*WORDS, " ", "  ", "a", "bb", "]", "\t"]), max_size=5).map("".join)
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
    elif term.startswith("/"):
        pattern = term[1:-1]
        fold = re.sub(r"\\.", "", pattern) == re.sub(r"\\.", "", pattern).lower()
        holds = re.search(pattern, line.lower() if fold else line, re.MULTILINE) is not None
    else:
        holds = term in (line.lower() if term == term.lower() else line)
    return holds != negate


@settings(max_examples=250, deadline=None)
@given(
    text=FILTER,
    lines=st.lists(
        st.tuples(st.sampled_from(["trace", "info", "warn", "error", "odd"]), st.sampled_from("ab"), LINE), max_size=30
    ),
    cuts=st.lists(st.integers(0, 30), max_size=4),
    limit=st.integers(100, 4000),
    chunk=st.integers(1, 800),
)
def test_hits_equal_the_naive_model(
    text: str, lines: list[tuple[str, str, str]], cuts: list[int], limit: int, chunk: int
) -> None:
    names = {"a": "Startup", "b": "Build"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("coder_tui.logs.buffer._CHUNK", chunk)
        buffer = LogBuffer(limit)
        buffer.rename(names)
        found = Filter(parse(text), buffer)
        for i, (level, source, line) in enumerate(lines):
            buffer.append([(i, 0.0, level, source, line)])
            if i in cuts:
                assert found.update()
        assert found.update()
    expected = [
        number
        for number, (level, source, line) in enumerate(lines)
        if number >= buffer.first and all(naive(term, level, names[source], line) for term in text.split())
    ]
    assert list(found.hits) == expected


@pytest.mark.parametrize("regex", REGEXES)
def test_rewritten_regexes_mean_the_same_on_one_line(regex: str) -> None:
    safe = line_safe(regex)
    if safe is None:
        assert re.search(r"\(\?[is]|\\[AZ]|\[\\s", regex)
        return
    for line in ("error x", "b9 bb", "", "anax", "a]9", "É é", "err\tor"):
        ours, theirs = re.search(safe, line, re.MULTILINE), re.search(regex, line, re.MULTILINE)
        assert (ours and ours.span()) == (theirs and theirs.span())


def test_a_budget_stops_the_search_and_update_goes_on() -> None:
    buffer = LogBuffer()
    buffer.append((i, 0.0, "info", "s", "x" * 100) for i in range(20_000))
    found = Filter(parse("x"), buffer)
    rounds = 0
    while not found.update(0):
        rounds += 1
        assert len(found.hits) < 20_000
    assert rounds > 3
    assert list(found.hits) == list(range(20_000))


def test_dividers_pass_every_filter() -> None:
    buffer = LogBuffer()
    buffer.append([(1, 0.0, "info", "s", "a"), (2, 0.0, "error", "s", "b")])
    buffer.note("agent replaced", 0.0)
    for text, hits in (("level:error", [1, 2]), ("!a", [1, 2]), ("a", [0, 2]), ("source:none", [2])):
        found = Filter(parse(text), buffer)
        found.update()
        assert list(found.hits) == hits


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
    assert parse("İ").marks("xİ") == [(1, 2)]

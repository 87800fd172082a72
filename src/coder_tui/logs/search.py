"""The log filter: a small language, and one pass over the buffer that goes on where it stopped.

    term := ["!"] ( word | "/" regex "/" | "level" (":" | "=" | ">=" | "<=" | ">" | "<") name | "source:" name )

A line must satisfy every term. Words and regexes without capital letters ignore case, with one they do not. Regexes
are RE2's (see `engine`), applied to each line alone. `source:` matches a part of the source's name.
Escape sequences are not part of the text searched. Our own dividers pass every filter.
"""

from __future__ import annotations

import asyncio
import re
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from math import inf
from time import monotonic

from coder_tui.errors import UsageError
from coder_tui.logs import ansi
from coder_tui.logs.buffer import LEVELS, NOTE, Block, LogBuffer
from coder_tui.logs.engine import Pattern, PatternError, compiled

_SLICE, _LONGER = 0.001, 8  # seconds of searching before what was found is told; so many times as long in threads
_HERE = 32 << 10  # bytes that are searched on the spot
_FEW = 16  # of so many lines one must still be wanted, or each is looked at alone
_OPERATORS: dict[str, Callable[[int, int], bool]] = {
    ":": int.__eq__,
    "=": int.__eq__,
    ">=": int.__ge__,
    "<=": int.__le__,
    ">": int.__gt__,
    "<": int.__lt__,
}
_TERM = re.compile(
    r"(?P<negate>!?)(?:level(?P<operator>>=|<=|[:=<>])(?P<level>\S*)|source:(?P<source>\S*)|"
    r"/(?P<regex>(?:\\.|[^/\\])*)(?P<closed>/?)(?=(?P<after>\S?))|(?P<word>\S*))"
)


class FilterError(UsageError):
    """A bad filter. `position` counts characters from 0."""

    def __init__(self, position: int, expected: str) -> None:
        super().__init__(f"bad filter at {position + 1}", why=expected, fix="correct it, or press escape to clear")
        self.position = position


@dataclass(frozen=True, slots=True)
class Text:
    """A word or a regex. `fold`: upper and lower case are the same."""

    source: str
    regex: bool = False
    negate: bool = False

    @property
    def fold(self) -> bool:
        """True when the term has no capital letter (those of escapes such as `\\S` do not count)."""
        letters = re.sub(r"\\.", "", self.source) if self.regex else self.source
        return letters == letters.lower()

    def pattern(self) -> Pattern:
        """The term ready to search. Raises PatternError."""
        return compiled(self.source, regex=self.regex, fold=self.fold)


@dataclass(frozen=True, slots=True)
class Levels:
    """The level codes let through."""

    codes: frozenset[int]


@dataclass(frozen=True, slots=True)
class SourceName:
    """Part of a source's display name, in any case."""

    part: str
    negate: bool = False


Term = Text | Levels | SourceName
Scanned = tuple[int, "array[int]"]
"""One more than the number of the last line that was searched, and the numbers of those that hit."""


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed filter. `text` is what was typed, trimmed."""

    text: str
    terms: tuple[Term, ...]

    def marks(self, line: str) -> list[tuple[int, int]]:
        """Where the positive words and regexes hit in a painted line: (start, end) in characters, to highlight."""
        positive = (term for term in self.terms if isinstance(term, Text) and not term.negate)
        return sorted(span for term in positive for span in term.pattern().spans(line))


def parse(text: str) -> Query:
    """Parse a filter; FilterError (a UsageError) names the position and what was expected."""
    terms: list[Term] = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        match = _TERM.match(text, position)
        if match is None:  # cannot be: every part of a term may be empty
            raise FilterError(position, "expected a word")
        terms.append(_term(match))
        position = match.end()
    return Query(text.strip(), tuple(terms))


def _term(match: re.Match[str]) -> Term:
    negate = bool(match["negate"])
    if match["level"] is not None:
        name = match["level"].lower()
        if name not in LEVELS[1:NOTE]:
            raise FilterError(match.start("level"), f"expected a level: {', '.join(LEVELS[1:NOTE])}")
        code, holds = LEVELS.index(name), _OPERATORS[match["operator"]]
        return Levels(frozenset(c for c in range(NOTE) if (c > 0 and holds(c, code)) != negate))
    if match["source"] is not None:
        if not match["source"]:
            raise FilterError(match.end(), "expected a source's name after source:")
        return SourceName(match["source"].lower(), negate)
    if match["regex"] is not None:
        if not match["closed"] or match["after"]:
            raise FilterError(match.end(), "expected / at the end of the regex, then a space")
        if not match["regex"]:
            raise FilterError(match.end(), "expected a regex between the slashes")
        term = Text(match["regex"].replace("\\/", "/"), True, negate)
        try:
            term.pattern()
        except PatternError as error:
            raise FilterError(match.start("regex") + error.position, f"the regex is wrong: {error}") from None
        return term
    if not match["word"]:
        raise FilterError(match.end(), "expected a word or /regex/ after !")
    return Text(match["word"], negate=negate)


_NONE = array("Q")


class Filter:
    """The lines of one buffer that pass a query, kept up to date. `hits` are line numbers, ascending.

    `update` does it all at once. For a long log the owner lets another thread `scan` what `take` gives, and hands the
    result to `accept`; only `scan` may run outside the owner's thread.
    """

    def __init__(self, query: Query, buffer: LogBuffer, *, notes: bool = True) -> None:
        self.query = query
        self._notes = notes  # our own dividers pass
        self.hits = array("Q")
        self._buffer = buffer
        self._next = 0
        self._texts = [
            (term.pattern(), term.negate)
            for term in sorted((term for term in query.terms if isinstance(term, Text)), key=_cheapest_first)
        ]
        codes = frozenset(range(NOTE)).intersection(*(t.codes for t in query.terms if isinstance(t, Levels)))
        wanted = b"[" + b"".join(b"\\x%02x" % code for code in sorted(codes)) + b"]" if codes else b"(?!)"
        self._level = None if len(codes) == NOTE else re.compile(wanted)
        self._names = [term for term in query.terms if isinstance(term, SourceName)]

    @property
    def quick(self) -> bool:
        """It is searched so fast that the event loop may do it, in slices."""
        return all(pattern.quick for pattern, _ in self._texts)

    @property
    def count(self) -> int:
        """How many lines were found, without our own dividers."""
        if not self._notes:
            return len(self.hits)
        notes = self._buffer.notes
        return len(self.hits) - bisect_left(notes, self._next) + bisect_left(notes, self._buffer.first)

    @property
    def waiting(self) -> int:
        """Lines not searched yet."""
        return self._buffer.end - max(self._next, self._buffer.first)

    def update(self) -> None:
        """Search all lines that are new, here and now."""
        self.accept(self.scan(self.take()))

    def take(self, most: int | None = None) -> list[Block]:
        """The next blocks to search, at most `most`."""
        return self._buffer.blocks(self._next, most)

    def scan(self, blocks: Iterable[Block], seconds: float = inf) -> list[Scanned]:
        """Search blocks in order until that time is over, at least one: where each ends, and its hits."""
        allowed = self._allowed() if self._names else None
        done: list[Scanned] = []
        until = monotonic() + seconds
        for block in blocks:
            rows = self._rows(block, allowed)
            numbers = array("Q", map(block.first.__add__, rows)) if rows else _NONE
            done.append((block.first + len(block.levels), numbers))
            if monotonic() > until:
                break
        return done

    def accept(self, done: Iterable[Scanned]) -> None:
        """Add what `scan` found, and forget hits whose lines were dropped."""
        for end, numbers in done:
            if end > self._next:  # else somebody else was quicker
                self.hits.extend(numbers[bisect_left(numbers, self._next) :])
                self._next = end
        if self.hits and self.hits[0] < self._buffer.first:
            del self.hits[: bisect_left(self.hits, self._buffer.first)]

    def _rows(self, block: Block, allowed: frozenset[int] | None) -> Sequence[int]:
        """Rows of the block that pass, ascending: the cheap questions first, the text of few lines one by one."""
        levels = block.levels
        rows: Sequence[int] = range(len(levels))
        if self._level is not None:
            rows = [match.start() for match in self._level.finditer(levels)]
        if allowed is not None:
            rows = [row for row in rows if block.sources[row] in allowed]
        if rows and self._texts:
            rows = self._search(block, rows)
        if NOTE in levels:
            own = {row for row, level in enumerate(levels) if level == NOTE}
            rows = sorted(own.union(rows) if self._notes else set(rows) - own)
        return rows

    def _search(self, block: Block, rows: Sequence[int]) -> Sequence[int]:
        data, ends, total = block.data, block.ends, len(block.levels)
        if block.escapes and len(words := ansi.strip(data)) != len(data):
            data, ends = words, array("I", accumulate(len(line) + 1 for line in words.split(b"\n")[:-1]))
        lines: list[bytes] = []
        for pattern, negate in self._texts:
            if not rows:
                break
            if len(rows) * _FEW < total:
                lines = lines or data.split(b"\n")
                rows = [row for row in rows if pattern.matches(lines[row]) != negate]
            elif len(rows) == total and not negate:
                rows = pattern.rows(data, ends)
            else:
                hit = set(pattern.rows(data, ends))
                rows = [row for row in rows if (row in hit) != negate]
        return rows

    def _allowed(self) -> frozenset[int]:
        names = [self._buffer.name_of(source_id).lower() for source_id in self._buffer.sources]
        return frozenset(
            index for index, name in enumerate(names) if all((t.part in name) != t.negate for t in self._names)
        )


async def catch_up(found: Filter, tell: Callable[[], None]) -> None:
    """Search all that waits without holding the event loop; `tell` is called when there is more to show.

    A slow search is done by two threads, which RE2 lets run beside each other and the loop. A quick one would hold the
    interpreter there as here, and every turn of the loop would have to wait for it: it is done here, slice by slice.
    """
    while blocks := found.take():
        quick = found.quick or sum(len(block.data) for block in blocks[:2]) <= _HERE
        while quick and blocks:
            done = found.scan(blocks, _SLICE)
            del blocks[: len(done)]
            found.accept(done)
            tell()
            await asyncio.sleep(0)
        if blocks:
            await _scan_in_threads(found, blocks, tell)


async def _scan_in_threads(found: Filter, blocks: Sequence[Block], tell: Callable[[], None]) -> None:
    """The first slice is short, and tells how many blocks make a longer one."""
    loop, pool = asyncio.get_running_loop(), _pool()
    done = await loop.run_in_executor(pool, found.scan, blocks, _SLICE)
    found.accept(done)
    tell()
    size = len(done) * _LONGER
    parts = (blocks[at : at + size] for at in range(len(done), len(blocks), size))
    jobs = [loop.run_in_executor(pool, found.scan, part) for part in parts]
    try:
        for job in jobs:
            found.accept(await job)
            tell()
    finally:
        for job in jobs:
            job.cancel()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2, thread_name_prefix="log-search")


def _cheapest_first(term: Text) -> tuple[bool, bool, int]:
    """Order of search: positive before negative, words before regexes, long before short."""
    return term.negate, term.regex, -len(term.source)

"""The log filter: a small language, and one pass over the buffer that goes on where it stopped.

    term := ["!"] ( word | "/" regex "/" | "level" (":" | "=" | ">=" | "<=" | ">" | "<") name | "source:" name )

A line must satisfy every term. Words and regexes without capital letters ignore case (the line is lowered), with one
they do not. Regexes are Python's, applied to each line alone. `source:` matches a part of the source's name.
The text searched is the raw one, escape sequences included. Our own dividers pass every filter.
"""

from __future__ import annotations

import re
import warnings
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import monotonic

from coder_tui.errors import UsageError
from coder_tui.logs.buffer import LEVELS, NOTE, Block, LogBuffer

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
    """A word or a regex. `fold`: the line is lowered before it is searched."""

    source: str
    regex: bool = False
    negate: bool = False

    @property
    def fold(self) -> bool:
        """True when the term has no capital letter (those of escapes such as `\\S` do not count)."""
        letters = re.sub(r"\\.", "", self.source) if self.regex else self.source
        return letters == letters.lower()

    def pattern(self) -> re.Pattern[str]:
        """The term as a regex for one line."""
        with warnings.catch_warnings():  # FutureWarning: possible nested set
            warnings.simplefilter("ignore")
            return re.compile(self.source if self.regex else re.escape(self.source), re.MULTILINE)

    def finder(self) -> Callable[[str, int], int] | None:
        """Finds the next hit in many lines joined, at or after a position (-1: none).

        None when the regex could match across a line break, so that lines must be tried one by one.
        """
        if not self.regex:
            needle = self.source
            return lambda text, position: text.find(needle, position)
        if (safe := line_safe(self.source)) is None:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            search = re.compile(safe, re.MULTILINE).search

        def find(text: str, position: int) -> int:
            match = search(text, position)
            return match.start() if match else -1

        return find


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


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed filter. `text` is what was typed, trimmed."""

    text: str
    terms: tuple[Term, ...]

    def marks(self, line: str) -> list[tuple[int, int]]:
        """Where the positive words and regexes hit in a painted line: (start, end) in characters, to highlight."""
        found: list[tuple[int, int]] = []
        for term in self.terms:
            if not isinstance(term, Text) or term.negate:
                continue
            subject = line.lower() if term.fold else line
            if len(subject) == len(line):
                found.extend(match.span() for match in term.pattern().finditer(subject) if match[0])
        return sorted(found)


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
        except re.error as error:
            raise FilterError(match.start("regex") + (error.pos or 0), f"the regex is wrong: {error.msg}") from None
        return term
    if not match["word"]:
        raise FilterError(match.end(), "expected a word or /regex/ after !")
    return Text(match["word"], negate=negate)


def line_safe(pattern: str) -> str | None:
    """The regex rewritten so that it cannot match a line break, or None when that is not certain.

    `\\s` becomes `[^\\S\\n]` and `[^x]` becomes `[^\\nx]`; what is not known to be harmless is refused.
    """
    if any(ord(character) < 0x20 for character in pattern) or re.search(r"\(\?(?![:=!]|<[=!]|P[<=])", pattern):
        return None
    out: list[str] = []
    inside = negated = False  # of a character class
    i = 0
    while i < len(pattern):
        character = pattern[i]
        piece = pattern[i : i + 2] if character == "\\" else character
        i += len(piece)
        if character == "\\":
            escape = piece[1:]
            if inside and not negated and escape.isalnum() and escape not in "dwS":
                return None
            if not inside and escape in _WIDE:
                piece = _WIDE[escape]
            elif escape.isalnum() and escape not in ("dDwWsSt" if inside else "dwSbBt123456789"):
                return None
        elif inside:
            inside = character != "]"
        elif character == "[":
            inside = True
            if negated := pattern[i : i + 1] == "^":
                piece, i = "[^\\n", i + 1
            if pattern[i : i + 1] == "]":  # a literal one
                piece, i = piece + "\\]", i + 1
        out.append(piece)
    return "".join(out)


_WIDE = {"s": r"[^\S\n]", "D": r"[^\d\n]", "W": r"[^\w\n]"}


class Filter:
    """The lines of one buffer that pass a query, kept up to date by `update`. `hits` are line numbers, ascending."""

    def __init__(self, query: Query, buffer: LogBuffer) -> None:
        self.query = query
        self.hits = array("Q")
        self._buffer = buffer
        self._next = 0
        texts = sorted((term for term in query.terms if isinstance(term, Text)), key=_cheapest_first)
        self._lead = texts[0].finder() if texts and not texts[0].negate else None
        self._lead_folds = bool(texts) and texts[0].fold
        self._others = [(t.pattern().search, t.fold, t.negate) for t in (texts[1:] if self._lead else texts)]
        codes = frozenset(range(NOTE)).intersection(*(t.codes for t in query.terms if isinstance(t, Levels)))
        self._level = re.compile(b"[" + b"".join(b"\\x%02x" % code for code in sorted(codes | {NOTE})) + b"]")
        self._names = [term for term in query.terms if isinstance(term, SourceName)]

    def update(self, budget: float = float("inf")) -> bool:
        """Search the lines that are new, for about `budget` seconds (a block of 64 KiB at least).

        Forgets hits whose lines were dropped. False when there is more to do.
        """
        if self.hits and self.hits[0] < self._buffer.first:
            del self.hits[: bisect_left(self.hits, self._buffer.first)]
        deadline = monotonic() + budget
        for block in self._buffer.blocks(self._next):
            self.hits.extend(block.first + row for row in self._scan(block))
            self._next = block.first + len(block.levels)
            if monotonic() > deadline:
                break
        return self._next >= self._buffer.end

    def _scan(self, block: Block) -> Iterator[int]:
        """Rows of the block that pass, ascending."""
        rows = self._candidates(block)
        notes = {match.start() for match in re.finditer(bytes([NOTE]), block.levels)}
        if notes:
            rows = iter(sorted(notes.union(rows)))
        sources = self._allowed() if self._names else None
        lines: list[bytes] | None = None
        for row in rows:
            if row not in notes:
                if not self._level.match(block.levels, row):
                    continue
                if sources is not None and block.sources[row] not in sources:
                    continue
                if self._others:
                    lines = lines or block.data.split(b"\n")
                    line = lines[row].decode("utf-8")
                    if not all(
                        bool(search(line.lower() if fold else line)) != negate for search, fold, negate in self._others
                    ):
                        continue
            yield row

    def _candidates(self, block: Block) -> Iterator[int]:
        """Rows worth a closer look: those the first word or regex hits, else those of the right level."""
        if self._lead is None:
            return (match.start() for match in self._level.finditer(block.levels))
        text = block.data.decode("utf-8")
        return _hit_rows(text.lower() if self._lead_folds else text, self._lead)

    def _allowed(self) -> frozenset[int]:
        names = [self._buffer.name_of(source_id).lower() for source_id in self._buffer.sources]
        return frozenset(
            index for index, name in enumerate(names) if all((t.part in name) != t.negate for t in self._names)
        )


def _cheapest_first(term: Text) -> tuple[bool, bool, int]:
    """Order of search: positive before negative, words before regexes, long before short."""
    return term.negate, term.regex, -len(term.source)


def _hit_rows(text: str, find: Callable[[str, int], int]) -> Iterator[int]:
    """Rows of the lines in `text` (each ended by a line break) with at least one hit, by counting line breaks."""
    row = position = 0
    while 0 <= (hit := find(text, position)) < len(text):
        row += text.count("\n", position, hit)
        yield row
        position = text.find("\n", hit) + 1
        row += 1

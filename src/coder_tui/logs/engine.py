"""Words and regexes compiled to find lines in a block of text: by RE2 where it is installed, else by Python's `re`.

RE2 is linear in the text whatever the pattern, and lets other threads run while it searches. It has neither
backreferences nor look-around, and its `\\d \\s \\w \\b` are ASCII; Python's follow Unicode. What every hit contains is
looked for first, by StringZilla where it is installed: it does that at the speed of memory, whatever the case.
"""

from __future__ import annotations

import re
import warnings
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import cache, lru_cache, partial
from importlib import import_module
from itertools import accumulate, compress, count, repeat
from operator import contains
from typing import Any, Protocol

_DENSE = 16  # hits in a block after which we ask whether there are too many to be looked at one by one
_SPARSE = 1 << 10  # bytes to the next hit, on average, that are few enough
_LITERAL = 3  # characters that a literal must have to be worth a pass of its own
_LONG = 1000  # characters of a regex beyond which we look for no literal


class PatternError(Exception):
    """The regex is wrong at `position` (characters from 0)."""

    def __init__(self, words: str, position: int = 0) -> None:
        super().__init__(words)
        self.position = position


class Pattern(Protocol):
    """A word or a regex, ready to search; any thread may."""

    quick: bool
    """Few hits are found at the speed of memory, but the interpreter is held meanwhile: a thread would gain nothing."""

    def rows(self, data: bytes, ends: Sequence[int]) -> Sequence[int]:
        """Rows of the lines with a hit, ascending. `data` is UTF-8, each line ended by a line break.

        `ends` are the offsets behind those.
        """

    def matches(self, line: bytes) -> bool:
        """Is there a hit in one line, given without its end?"""

    def spans(self, line: str) -> list[tuple[int, int]]:
        """Where it hits in one line: (start, end) in characters, without empty hits."""


@lru_cache(maxsize=64)
def compiled(source: str, *, regex: bool, fold: bool) -> Pattern:
    """A word as it stands, or a regex that is tried on each line alone; `fold` ignores case. Raises PatternError."""
    re2 = engine()
    return _Python(source, regex, fold) if re2 is None else _Re2(re2, source, regex, fold)


@cache
def engine() -> Any:
    """The module `re2` (google-re2), or None where it has no wheel."""
    try:
        return import_module("re2")
    except ImportError:
        return None


@cache
def finder() -> Any:
    """The module `stringzilla`, or None where it has no wheel."""
    try:
        return import_module("stringzilla")
    except ImportError:
        return None


def _find_by_pattern(pattern: Any, data: bytes, _literal: bytes, position: int) -> int:
    match = pattern.search(data, position)
    return match.start() if match else -1


class _Re2:
    def __init__(self, re2: Any, source: str, regex: bool, fold: bool) -> None:
        options = re2.Options()
        options.never_nl = options.never_capture = True
        options.log_errors = False
        options.max_mem = 64 << 20  # bytes; the default makes a big pattern fall back to a slow automaton
        flags = "(?mi)" if fold else "(?m)"
        pattern = _anchors(source) if regex else re2.escape(source)
        try:
            self._pattern = re2.compile(flags + pattern, options)
            self._to_end = re2.compile(f"{flags}(?:{pattern}).*", options)
        except re2.error as error:
            raise _explain(error, source) from None
        self._word = b"" if regex else source.encode("utf-8", "replace")
        self._fold = fold
        literal = required(source).encode("utf-8", "replace") if regex else self._word
        self._exact = not (regex or fold)  # where the literal is, there is a hit
        self._literal = literal
        self._find: Callable[[bytes, bytes, int], int] | None = None  # offset of its next place from there, or -1
        self.quick = False
        native = finder()
        if literal and native is not None:
            self._find = native.utf8_uncased_search if fold else native.find
            self.quick = True
        elif literal:
            self._find = partial(_find_by_pattern, re2.compile(flags + re2.escape(literal.decode()), options))

    def rows(self, data: bytes, ends: Sequence[int]) -> Sequence[int]:
        found = self._sparse(data, ends) if self._find is not None else None
        if found is not None:
            return found
        if self._word and not (self._fold and not (data.isascii() and self._word.isascii())):
            lines = (data.lower() if self._fold else data).decode().split("\n")  # looking into bytes is much slower
            return list(compress(count(), map(contains, lines, repeat(self._word.decode()))))
        return self._all(data, ends)

    def _sparse(self, data: bytes, ends: Sequence[int]) -> list[int] | None:
        """By the literal; None when there are too many of it."""
        find, literal, rows, hits, position = self._find, self._literal, list[int](), 0, 0
        while find and (start := find(data, literal, position)) >= 0:
            hits += 1
            if hits > _DENSE and hits * _SPARSE > start:
                return None
            row = bisect_right(ends, start)
            position = ends[row]
            if self._exact or self._pattern.search(data, ends[row - 1] if row else 0, position - 1):
                rows.append(row)
        return rows

    def _all(self, data: bytes, ends: Sequence[int]) -> list[int]:
        """By a pattern that matches to the end of the line."""
        rows: list[int] = []
        row = position = 0
        for match in self._to_end.finditer(data):
            start, end = match.span()
            if start < position:  # an empty match at the end of a line that was hit
                continue
            if start >= len(data):
                break
            row = bisect_right(ends, start, row)
            rows.append(row)
            position = end + 1
        return rows

    def matches(self, line: bytes) -> bool:
        return self._pattern.search(line) is not None

    def spans(self, line: str) -> list[tuple[int, int]]:
        if self._word and line.isascii():  # many times quicker
            text, word = line.lower() if self._fold else line, self._word.decode()
            starts = accumulate(map(len, text.split(word)[:-1]), lambda at, size: at + size + len(word))
            return [(start, start + len(word)) for start in starts]
        return [match.span() for match in self._pattern.finditer(line) if match.group()]


class _Python:
    quick = False

    def __init__(self, source: str, regex: bool, fold: bool) -> None:
        try:
            with warnings.catch_warnings():  # FutureWarning: possible nested set
                warnings.simplefilter("ignore")
                self._pattern = re.compile(
                    source if regex else re.escape(source), re.MULTILINE | (re.IGNORECASE if fold else 0)
                )
        except re.error as error:
            raise PatternError(error.msg, error.pos or 0) from None

    def rows(self, data: bytes, ends: Sequence[int]) -> Sequence[int]:
        search = self._pattern.search
        return [row for row, line in enumerate(data.decode("utf-8").split("\n")[:-1]) if search(line)]

    def matches(self, line: bytes) -> bool:
        return self._pattern.search(line.decode("utf-8")) is not None

    def spans(self, line: str) -> list[tuple[int, int]]:
        return [match.span() for match in self._pattern.finditer(line) if match[0]]


def _anchors(source: str) -> str:
    """`\\A` and `\\z` mean the ends of the line: a block of lines is searched at once."""
    return re.sub(r"\\(.)", lambda match: {"A": "^", "z": "$"}.get(match[1], match[0]), source, flags=re.DOTALL)


def _explain(error: Exception, source: str) -> PatternError:
    """Python's parser knows the place of a fault; what only RE2 refuses is said in its words."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(source)
    except re.error as found:
        return PatternError(found.msg, found.pos or 0)
    words = error.args[0] if error.args else ""
    return PatternError(words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words))


def required(source: str) -> str:
    """The longest literal that every match of the regex contains, or nothing when that is not plain to see."""
    if len(source) > _LONG or re.search(r"\(\?(?![:P])|\\[QEC]|(?<!\\)\|", source):
        return ""
    best = current = ""
    depth = position = 0
    while position < len(source):
        token = _TOKEN.match(source, position)
        if token is None:
            return ""
        position = token.end()
        depth += (token[0] == "(") - (token[0] == ")")
        literal, repeat = token["literal"], token["repeat"]
        if literal and not depth and (not repeat or repeat == "+"):
            current += literal[-1]
        if not literal or repeat or depth:
            best, current = max(best, current, key=len), ""
    best = max(best, current, key=len)
    return best if len(best) >= _LITERAL else ""


# a literal character or an escaped one that is no letter or digit, a class, any other escape, anything else
_TOKEN = re.compile(
    r"(?:(?P<literal>\\[^\w\s]|[^\\\[\](){}.*+?^$|])|\[\^?\]?(?:\\.|[^\]\\])*\]|\\.|[^\\\[])(?P<repeat>[*+?]|\{[\d,]*\})?",
    re.DOTALL,
)

r"""The filter language, the same in the TUI and in `ls`, `watch` and `wait`.

    filter = all { "|" all }            or
    all    = one { one }                and
    one    = { "!" } ( "(" filter ")" | /regex/ | word | "quoted words" | name:value | age>10m | is:stale )

Names: agent app deployment owner state workspace. Ages: `<` `<=` `>` `>=` and 90s, 10m, 1h30m, 4d, 1w.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from coder_tui.errors import UsageError
from coder_tui.fleet.snapshot import Row, Snapshot
from coder_tui.fleet.terms import FLAGS, VALUES, Age, Either, Every, Is, Named, Not, Regex, Term, Word, duration

LENGTH = 1000
"""Longest filter, in characters."""
_DEPTH = 20
_REGEX_LENGTH = 200
_REPEATS = 3
_OPTIONS = 3
_LITERAL = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_BARE = re.compile(r'[^\s"|():<>]+')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_REGEX = re.compile(r"/((?:[^/\\]|\\.)*)/", re.DOTALL)
_COMPARE = re.compile(r"[<>]=?")
_NAMES = ", ".join(f"{name}:" for name in (*sorted(VALUES), "is")) + " or age>"


class FilterError(UsageError):
    """A filter that cannot be read. `column` counts characters from 1; `expected` says what should stand there."""

    def __init__(self, column: int, expected: str, found: str = "") -> None:
        why = f"expected {expected}" + (f", found {found}" if found else "")
        super().__init__(f"bad filter at column {column}", why=why)
        self.column, self.expected = column, expected


@dataclass(frozen=True, slots=True)
class Query:
    """A filter. `text` is as typed; `str()` is the same filter in its plainest form; equal terms are equal queries."""

    term: Term
    text: str = field(default="", compare=False)

    def matches(self, row: Row, snapshot: Snapshot, now: datetime) -> bool:
        """Whether the row is wanted. `snapshot` is the one the row is from; `now` is aware."""
        return self.term.matches(row, snapshot, now)

    def __str__(self) -> str:
        return str(self.term)


def parse(text: str) -> Query:
    """Read a filter; an empty one matches everything. Raises FilterError (a UsageError) with column and expectation."""
    if len(text) > LENGTH:
        raise FilterError(LENGTH + 1, f"at most {LENGTH} characters")
    return Query(_Parser(text).all_of_it(), text)


class _Parser:
    """Recursive descent over one text; `at` is the next character, from 0."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def all_of_it(self) -> Term:
        self.space()
        if self.at == len(self.text):
            return Every()
        term = self.either(0)
        if self.at < len(self.text):  # only a closing parenthesis ends a filter early
            raise self.error("an opening parenthesis before this one")
        return term

    def either(self, depth: int) -> Term:
        terms = [self.every(depth)]
        while self.take("|"):
            terms.append(self.every(depth))
        return _flat(Either, terms)

    def every(self, depth: int) -> Term:
        terms = [self.one(depth)]
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            terms.append(self.one(depth))
        return _flat(Every, terms)

    def one(self, depth: int) -> Term:
        self.space()
        negated = False
        while self.take("!"):
            negated = not negated
        if self.take("("):
            if depth == _DEPTH:
                raise FilterError(self.at, f"at most {_DEPTH} parentheses inside each other")
            term = self.either(depth + 1)
            if not self.take(")"):
                raise self.error("a closing parenthesis")
        else:
            term = self.atom()
        self.space()
        if not negated:
            return term
        return term.term if isinstance(term, Not) else Not(term)

    def atom(self) -> Term:
        start = self.at
        if self.text.startswith("/", start):
            source = self.match(_REGEX)
            if source is None:
                raise FilterError(len(self.text) + 1, "a / that ends the regular expression")
            return Regex(source[1], _compiled(source[1], start + 1))
        if self.text.startswith('"', start):
            return Word(self.value("a word").casefold())
        name = self.match(_BARE)
        if name is None:
            raise self.error("a word, name:value, /regex/ or a parenthesis")
        if self.take(":"):
            return self.named(name[0].lower(), start)
        if compare := self.match(_COMPARE):
            return self.age(name[0].lower(), compare[0], start)
        return Word(name[0].casefold())

    def named(self, name: str, start: int) -> Term:
        if name not in VALUES and name != "is":
            raise FilterError(start + 1, f'{_NAMES}, or quotes around a word with ":"', f'"{name}:"')
        where = self.at
        value = self.value(f"a value after {name}:").casefold()
        if name != "is":
            return Named(name, value)
        if value not in FLAGS:
            raise FilterError(where + 1, f"one of {', '.join(FLAGS)}", f'"{value}"')
        return Is(value)

    def age(self, name: str, compare: str, start: int) -> Term:
        if name != "age":
            raise FilterError(start + 1, f'"age" before {compare}, or quotes around the word', f'"{name}"')
        where = self.at
        value = self.match(_BARE)
        limit = duration(value[0].lower()) if value else None
        if limit is None:
            raise FilterError(where + 1, "a time like 90s, 10m, 1h30m or 4d", f'"{value[0]}"' if value else "")
        return Age(compare, limit)

    def value(self, expected: str) -> str:
        """A bare or quoted text."""
        if not self.text.startswith('"', self.at):
            bare = self.match(_BARE)
            if bare is None:
                raise self.error(expected)
            return bare[0]
        quoted = self.match(_QUOTED)
        if quoted is None:
            raise FilterError(len(self.text) + 1, "a closing quote")
        return re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL)

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def take(self, mark: str) -> bool:
        """Whether that mark comes next; it and the space after it are consumed (not after a name's colon)."""
        if not self.text.startswith(mark, self.at):
            return False
        self.at += 1
        if mark != ":":
            self.space()
        return True

    def space(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def error(self, expected: str) -> FilterError:
        found = f'"{self.text[self.at]}"' if self.at < len(self.text) else "the end"
        return FilterError(self.at + 1, expected, found)


def _flat(kind: type[Every] | type[Either], terms: Iterable[Term]) -> Term:
    """One term as itself; groups of the same kind inside each other as one group."""
    flat = [inner for term in terms for inner in (term.terms if isinstance(term, kind) else (term,))]
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def _compiled(source: str, column: int) -> re.Pattern[str]:
    """Compile, or refuse what could take very long: `re` cannot be interrupted."""
    if len(source) > _REGEX_LENGTH:
        raise FilterError(column + _REGEX_LENGTH + 1, f"a regular expression of at most {_REGEX_LENGTH} characters")
    _refuse_slow(source, column)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about syntax that will change; nobody here can act on it
            return re.compile(source, re.IGNORECASE)
    except re.error as error:
        raise FilterError(column + (error.pos or 0) + 1, "a regular expression", str(error.msg)) from None
    except (ValueError, OverflowError, RecursionError) as error:
        raise FilterError(column, "a regular expression", str(error)) from None


def _refuse_slow(source: str, column: int) -> None:
    """Refuse what makes a backtracking matcher slow: repeated groups that hold repeats, options or choices
    (exponential), and many open repeats or options in a row (polynomial of that degree)."""
    plain = _LITERAL.sub(lambda found: "x" * len(found[0]), source)
    groups: list[bool] = []
    repeats = options = 0
    closed, before = False, ""
    for position, mark in enumerate(plain):
        repeat = mark in "*+{"
        option = mark == "?" and before not in {"(", "*", "+", "?", "}"}
        if repeat and closed:
            raise FilterError(column + position + 1, "no repeat of a group that repeats or has a choice", f'"{mark}"')
        repeats, options = repeats + repeat, options + option
        if (repeat or option or mark == "|") and groups:
            groups[-1] = True
        if mark == "(":
            groups.append(False)
        closed = mark == ")" and bool(groups) and groups.pop()
        if closed and groups:
            groups[-1] = True
        before = mark
    if repeats > _REPEATS or options > _OPTIONS:
        raise FilterError(column, f"at most {_REPEATS} repeats and {_OPTIONS} options in a regular expression")

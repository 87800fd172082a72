"""Puts an item into JSON text, comments and all, and takes it out again: the rest stays byte for byte.

An item goes right behind the opening bracket of its list or object. A list or object that has to be made for it is
written with one blank inside, `[ ]`, by which it is known for ours when it is empty again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_SKIPPED = re.compile(r'("(?:[^"\\\n]|\\.)*")|(//[^\n]*|/\*.*?\*/)', re.DOTALL)
_TRAILING = re.compile(r'("(?:[^"\\\n]|\\.)*")|,(?=\s*[}\]])')
_SPACE = re.compile(r"\s*")
_SCALAR = re.compile(r'"(?:[^"\\\n]|\\.)*"|[^\s,\]}:]+')
MADE = {"[": "[ ]", "{": "{ }"}


class Item(NamedTuple):
    """A member of an object (with its key) or of a list: from `start` to `end`, its value from `value`."""

    key: str
    start: int
    value: int
    end: int


def blank_comments(text: str) -> str:
    """The same length, with blanks for comments and for commas before a closing bracket."""
    text = _SKIPPED.sub(lambda found: found[1] or re.sub(r"[^\n]", " ", found[2]), text)
    return _TRAILING.sub(lambda found: found[1] or " ", text)


def add_member(text: str, path: tuple[str, ...], entry: Any) -> str:
    """`entry` in the list at `path`; what is missing on the way is made. `text` holds an object."""
    plain, at = blank_comments(text), _start(text)
    for depth, key in enumerate(path, 1):
        found = next((item for item in items(plain, at) if item.key == key), None)
        if found is None:
            made = MADE["[" if depth == len(path) else "{"]
            text = _insert(text, at, f"{json.dumps(key)}: {made}", depth)
            return add_member(text, path, entry)
        at = found.value
    return _insert(text, at, json.dumps(entry), len(path) + 1)


def remove_member(text: str, path: tuple[str, ...], entry: Any) -> str:
    """Without `entry` in the list at `path`, and without what was made for it."""
    plain, at = blank_comments(text), _start(text)
    trail: list[tuple[int, Item]] = []
    for key in path:
        item = next(item for item in items(plain, at) if item.key == key)
        trail.append((at, item))
        at = item.value
    ours = next(item for item in items(plain, at) if json.loads(plain[item.value : item.end]) == entry)
    text = _remove(text, plain, at, ours)
    for parent, item in reversed(trail):
        if text[item.value : item.value + 3] not in MADE.values():
            break
        plain = blank_comments(text)
        again = next(one for one in items(plain, parent) if one.start == item.start)
        text = _remove(text, plain, parent, again)
    return text


def items(plain: str, at: int) -> Iterator[Item]:
    """The items of the list or object whose bracket is at `at`. `plain` is valid JSON."""
    is_object, at = plain[at] == "{", _skip(plain, at + 1)
    while plain[at] not in "]}":
        start, key = at, ""
        if is_object:
            end = _end(plain, at)
            key = json.loads(plain[at:end])
            at = _skip(plain, _skip(plain, end) + 1)  # the colon
        end = _end(plain, at)
        yield Item(key, start, at, end)
        at = _skip(plain, end)
        if plain[at] == ",":
            at = _skip(plain, at + 1)


def _start(text: str) -> int:
    return blank_comments(text).index("{")


def _skip(plain: str, at: int) -> int:
    found = _SPACE.match(plain, at)
    return found.end() if found else at


def _end(plain: str, at: int) -> int:
    """Where the value at `at` ends."""
    if plain[at] in "[{":
        last = at
        for item in items(plain, at):
            last = item.end - 1
        return _skip(plain, last + 1) + 1
    found = _SCALAR.match(plain, at)
    if found is None:
        raise ValueError("it is not JSON")
    return found.end()


def _insert(text: str, bracket: int, item: str, depth: int) -> str:
    plain = blank_comments(text)
    comma = "" if plain[_skip(plain, bracket + 1)] in "]}" else ","
    return f"{text[: bracket + 1]}\n{'  ' * depth}{item}{comma}{text[bracket + 1 :]}"


def _remove(text: str, plain: str, bracket: int, item: Item) -> str:
    begin, end = item.start, item.end
    before = plain[bracket + 1 : begin]
    if text[bracket + 1 : begin].strip() == "":  # the first one: as it was put in
        begin = bracket + 1
        after = _skip(plain, end)
        if plain[after] == ",":
            end = after + 1
    elif "," in before:
        begin = bracket + 1 + before.rindex(",")
    return text[:begin] + text[end:]

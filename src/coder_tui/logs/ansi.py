"""Colours of log lines kept, everything else made harmless: plain runs of text and style, ready to paint.

SGR (ECMA-48 8.3.117) becomes run styles. Every other sequence is removed whole. Control characters, bidi overrides
and zero-width characters are made visible, so that a line can neither move the cursor nor hide or reorder its words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

Colour = int | tuple[int, int, int] | None
"""A palette index 0..255, red-green-blue bytes, or the default colour."""


class Style(NamedTuple):
    """How a run is written. `mark` is a character of ours that stands for an invisible one."""

    fg: Colour = None
    bg: Colour = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    reverse: bool = False
    strike: bool = False
    mark: bool = False


class Run(NamedTuple):
    """Text without control characters, in one style."""

    text: str
    style: Style


PLAIN = Style()
_TAB = 8

_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)(?P<params>[0-?]*)(?P<middle>[ -/]*)(?P<final>[@-~]?)"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x9c|\x1b\\)?"
    r"|\x1b[ -/]*[0-~]?"
)
_ENCODED = re.compile(
    rb"(?:\x1b\[|\xc2\x9b)[0-?]*[ -/]*[@-~]?"
    rb"|(?:\x1b[\]PX^_]|\xc2[\x90\x98\x9d-\x9f])(?:(?!\xc2\x9c)[^\x07\x1b\n])*(?:\x07|\xc2\x9c|\x1b\\)?"
    rb"|\x1b[ -/]*[0-~]?"
)  # the same in UTF-8, within a line
# C0, DEL, C1; then what reorders or hides text (UAX #9, zero width, tags, line separators); lone surrogates.
_INVISIBLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f]"
    r"|[\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)
_SUSPICIOUS = re.compile(r"[\x1b\x90\x98\x9b\x9d-\x9f]|" + _INVISIBLE.pattern)
_FLAGS = {
    1: {"bold": True},
    2: {"dim": True},
    3: {"italic": True},
    4: {"underline": True},
    7: {"reverse": True},
    9: {"strike": True},
    21: {"underline": True},
    22: {"bold": False, "dim": False},
    23: {"italic": False},
    24: {"underline": False},
    27: {"reverse": False},
    29: {"strike": False},
}


def runs(text: str) -> list[Run]:
    """One display line as runs. Empty for an empty line."""
    if not _SUSPICIOUS.search(text):
        return [Run(text, PLAIN)] if text else []
    result: list[Run] = []
    style, position, column = PLAIN, 0, 0
    for match in _SEQUENCE.finditer(text):
        for run in _visible(text[position : match.start()], style, column):
            result.append(run)
            column += len(run.text)
        position = match.end()
        if match["final"] == "m" and not match["middle"]:
            style = _sgr(match["params"], style)
    result.extend(_visible(text[position:], style, column))
    return result


def plain(text: str) -> str:
    """The words of a display line as painted, without style."""
    return "".join(run.text for run in runs(text))


def words(text: str) -> str:
    """A line without its escape sequences; other control characters stay."""
    return _SEQUENCE.sub("", text)


def strip(data: bytes) -> bytes:
    """UTF-8 lines without their escape sequences; line breaks stay where they are."""
    return _ENCODED.sub(b"", data)


def _visible(text: str, style: Style, column: int) -> Iterator[Run]:
    """Split at invisible characters; `column` is where the text starts, for tab stops."""
    position = 0
    for match in _INVISIBLE.finditer(text):
        if before := text[position : match.start()]:
            yield Run(before, style)
            column += len(before)
        position = match.end()
        stand_in = _stand_in(match[0], column)
        column += len(stand_in)
        yield Run(stand_in, style if match[0] == "\t" else style._replace(mark=True))
    if position < len(text):
        yield Run(text[position:], style)


def _stand_in(character: str, column: int) -> str:
    """What is painted for an invisible character: spaces for a tab, caret notation, or the code point's name."""
    code = ord(character)
    if character == "\t":
        return " " * (_TAB - column % _TAB)
    if code < 0x20 or code == 0x7F:
        return "^" + chr(code ^ 0x40)
    return f"<{code:04X}>"


def _sgr(params: str, style: Style) -> Style:
    """The style after one SGR sequence; colours as `38;5;n`, `38;2;r;g;b` and their colon forms (ISO 8613-6)."""
    if not re.fullmatch(r"[0-9;:]*", params) or len(params) > 256:
        return style
    fields = iter(params.split(";"))
    for text in fields:
        code, *sub = (_number(part) for part in text.split(":"))
        if code == 0:
            style = PLAIN
        elif code in (38, 48):
            colour = _colour(sub or _take(fields))
            style = style._replace(fg=colour) if code == 38 else style._replace(bg=colour)
        elif code == 4 and sub:
            style = style._replace(underline=sub[0] != 0)
        elif code in _FLAGS:
            style = style._replace(**_FLAGS[code])
        elif 30 <= code <= 37 or 90 <= code <= 97:
            style = style._replace(fg=code - 30 if code < 90 else code - 82)
        elif 40 <= code <= 47 or 100 <= code <= 107:
            style = style._replace(bg=code - 40 if code < 100 else code - 92)
        elif code == 39:
            style = style._replace(fg=None)
        elif code == 49:
            style = style._replace(bg=None)
    return style


def _number(text: str) -> int:
    return int(text[:6].partition(":")[0] or 0)


def _take(fields: Iterator[str]) -> list[int]:
    """The parameters of a colour in the semicolon form: its kind, then as many as the kind needs."""
    kind = _number(next(fields, ""))
    return [kind, *map(_number, islice(fields, {5: 1, 2: 3}.get(kind, 0)))]


def _colour(fields: list[int]) -> Colour:
    match fields:
        case [5, index] if index < 256:
            return index
        case [2, red, green, blue] | [2, _, red, green, blue, *_] if max(red, green, blue) < 256:
            return red, green, blue
        case _:
            return None

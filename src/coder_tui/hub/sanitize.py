"""Status messages as Coder stores them since v2.25: text only, on one line."""

from __future__ import annotations

import re

from coder_tui.text import one_line

_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\'\"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))|(\\)|([\"\n])"
)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"'}
_HTML = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|$)|<!--.*?(?:-->|$)|<[/!?a-z][^>]*>", re.IGNORECASE | re.DOTALL)


class _NotQuoted(ValueError):
    pass


def ui_text(message: str) -> str:
    """Escapes that somebody printed resolved, tags and control sequences removed, white space collapsed."""
    text = _HTML.sub("", _unquoted(message))
    return "".join(c for c in one_line(text) if c == " " or c.isprintable()).strip()


def _unquoted(text: str) -> str:
    """The text as Go's strconv.Unquote reads it between double quotes; unchanged where it would refuse."""
    try:
        return _ESCAPE.sub(_resolve, text)
    except _NotQuoted:
        return text


def _resolve(found: re.Match[str]) -> str:
    simple, hexa, four, eight, octal, _, _ = found.groups()
    if simple and simple in _SIMPLE:
        return _SIMPLE[simple]
    digits, base = (octal, 8) if octal else (hexa or four or eight, 16)
    number = int(digits, base) if digits else -1
    limit = 0xFF if octal else 0x10FFFF
    if not 0 <= number <= limit or 0xD800 <= number <= 0xDFFF:
        raise _NotQuoted
    return chr(number)

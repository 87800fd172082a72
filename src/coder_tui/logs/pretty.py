"""One log line taken apart: JSON indented, logfmt as a list of keys and values."""

from __future__ import annotations

import json
import re

_PAIR = re.compile(r'(?<!\S)([A-Za-z_@][\w.\-/@]*)=("(?:\\.|[^"\\])*"|[^\s"]*)(?=\s|$)')
_LONGEST = 1 << 20  # characters looked at


def pretty(text: str) -> list[str]:
    """Lines to show for a log line (without escape sequences). One line, unchanged, when it has no structure.

    Words before a JSON document or between logfmt pairs are kept on a line of their own.
    """
    text = text[:_LONGEST]
    return _json(text) or _logfmt(text) or [text]


def _json(text: str) -> list[str]:
    for match in re.finditer(r"[{\[]", text):
        try:
            value, end = json.JSONDecoder().raw_decode(text, match.start())
        except (ValueError, RecursionError):
            if match.end() > 4096:  # a line full of brackets
                break
            continue
        if not value or not isinstance(value, dict | list):
            continue
        lines = json.dumps(value, indent=2, ensure_ascii=False).split("\n")
        around = (text[: match.start()].strip(), text[end:].strip())
        return [*filter(None, around[:1]), *lines, *filter(None, around[1:])]
    return []


def _logfmt(text: str) -> list[str]:
    pairs = [(match[1], _unquoted(match[2])) for match in _PAIR.finditer(text)]
    if len(pairs) < 2:
        return []
    width = min(24, max(len(key) for key, _ in pairs))
    rest = " ".join(_PAIR.sub("", text).split())
    return [*filter(None, [rest]), *(f"{key:<{width}}  {value}" for key, value in pairs)]


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value[1:-1]

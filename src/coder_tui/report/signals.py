"""What a program may say to its terminal about itself, and how the bodies of such sequences read. Pure.

OSC 7501 (Program Status Protocol), OSC 9 and 9;4 (ConEmu, iTerm2), OSC 777 (rxvt), OSC 99 (kitty), OSC 133 (shell
integration), OSC 21337 (iTerm2), OSC 0 and 2 (titles). All text comes from a stranger and is not cleaned here.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass

STATES = frozenset({"idle", "working", "done", "blocked", "error", "clear"})
KINDS = frozenset({"permission", "question", "auth"})
WHOLE_LIMIT = 4096
"""Bytes of an OSC 7501 from ESC to its terminator, and of any other string that is looked at."""

_ID_LIMIT, _ID_DEPTH, _KEY_LIMIT, _TITLE_LIMIT, _MSG_LIMIT = 128, 8, 16, 192, 2048  # bytes, or segments
_NOTES = 16  # OSC 99 notifications that are not complete
_WORD = re.compile(r"[A-Za-z0-9_.+-]{1,32}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Status:
    """A report of OSC 7501. `id` "" is the program itself; `progress` in percent, None when it is not said."""

    state: str
    id: str = ""
    kind: str = ""
    progress: int | None = None
    app: str = ""
    title: str = ""
    msg: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """The program asks whether its terminal knows OSC 7501; `reply` is what to write to it."""

    reply: bytes


@dataclass(frozen=True, slots=True)
class Progress:
    """OSC 9;4. `state`: 0 none, 1 a value, 2 error, 3 indeterminate, 4 paused; `percent` 0 to 100."""

    state: int
    percent: int = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """A desktop notification (OSC 9, 777, 99)."""

    title: str
    body: str = ""


@dataclass(frozen=True, slots=True)
class Bell:
    """One BEL or several in one piece of output."""


@dataclass(frozen=True, slots=True)
class Title:
    """A new window title (OSC 0, 2)."""

    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Shell integration (OSC 133): A prompt, B input, C output, D end with `exit_code`, None when it is not said."""

    what: str
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class Badge:
    """iTerm2's session status (OSC 21337)."""

    status: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Reset:
    """RIS: the terminal forgets everything."""


Signal = Status | Query | Progress | Notice | Bell | Title | Mark | Badge | Reset


class Notes:
    """OSC 99: `metadata;payload`, in parts that share an id until d is not 0. Keeps few that are not complete."""

    def __init__(self) -> None:
        self._open: dict[str, list[str]] = {}  # id to title and body so far

    def clear(self) -> None:
        """Forget what is not complete."""
        self._open.clear()

    def __len__(self) -> int:
        return len(self._open)

    def read(self, rest: bytes) -> Notice | None:
        """What this part completes; None where more is to come, or where it is no notification."""
        metadata, _, payload = rest.partition(b";")
        keys = dict(pair.split("=", 1) for pair in metadata.decode("ascii", "replace").split(":") if "=" in pair)
        part = keys.get("p", "title")
        if part not in {"title", "body"} or len(payload) > WHOLE_LIMIT:
            return None  # icons, buttons, queries, the news that it was closed
        text = _base64(payload, WHOLE_LIMIT) if keys.get("e") == "1" else payload.decode("utf-8", "replace")
        if text is None:
            return None
        name = keys.get("i", "")[:64]
        note = self._open.pop(name, ["", ""]) if name else ["", ""]
        note[part == "body"] = (note[part == "body"] + text)[:WHOLE_LIMIT]
        if keys.get("d") == "0":
            if name:
                while len(self._open) >= _NOTES:
                    del self._open[next(iter(self._open))]
                self._open[name] = note
            return None
        return Notice(*note) if any(note) else None


def parse_status(body: bytes) -> Status | None:
    """What follows `7501;`; None for a report that has to be dropped.

    A pair without `=` is skipped, the last of a repeated key counts; a broken limit, bad base64 or a control character
    drops all of it (the spec's rules for terminals).
    """
    try:
        text = body.decode("ascii")
    except UnicodeDecodeError:
        return None
    if _CONTROL.search(text):
        return None
    values: dict[str, str] = {}
    for pair in text.split(":"):
        key, equals, value = pair.partition("=")
        if len(key) > _KEY_LIMIT:
            return None
        if equals:
            values[key] = value
    state, name, app = values.get("state", ""), values.get("id", ""), values.get("app", "")
    if state not in STATES or not _is_id(name) or (app and not _WORD.fullmatch(app)):
        return None
    title = _base64(values.get("title", "").encode(), _TITLE_LIMIT)
    msg = _base64(values.get("msg", "").encode(), _MSG_LIMIT)
    if title is None or msg is None or _CONTROL.search(title) or _CONTROL.search(msg):
        return None
    kind, progress = values.get("kind", ""), values.get("progress", "")
    known = progress.isdigit() and len(progress) < 4 and int(progress) <= 100 and state in {"working", "blocked"}
    return Status(
        state,
        name,
        kind if state == "blocked" and kind in KINDS else "",
        int(progress) if known else None,
        app,
        title,
        msg,
    )


def _is_id(text: str) -> bool:
    parts = text.split("/") if text else []
    return len(text) <= _ID_LIMIT and len(parts) <= _ID_DEPTH and all(_WORD.fullmatch(part) for part in parts)


def _base64(data: bytes, limit: int) -> str | None:
    """Decoded text of `limit` bytes at most; None where it is none. Padding may be missing."""
    try:
        raw = binascii.a2b_base64(data + b"=" * (-len(data) % 4), strict_mode=True) if data else b""
        return raw.decode("utf-8") if len(raw) <= limit else None
    except ValueError:
        return None


def _nine(text: str) -> Signal | None:
    """OSC 9: a notification, unless it begins with one of ConEmu's numbers; of those 4 is progress."""
    first, semicolon, rest = text.partition(";")
    if not first.isdigit() or not (semicolon or first == "4"):
        return Notice(text) if text else None
    if first != "4":
        return None
    state, _, percent = rest.partition(";")
    if state not in {"", "0", "1", "2", "3", "4"}:
        return None
    percent = percent.split(";")[0]
    return Progress(int(state or 0), min(100, int(percent)) if percent.isdigit() and len(percent) < 5 else 0)


def _seven(text: str) -> Signal | None:
    what, _, rest = text.partition(";")
    title, _, body = rest.partition(";")
    return Notice(title, body) if what == "notify" and (title or body) else None


def _mark(text: str) -> Signal | None:
    what, *more = text.split(";")
    if what not in {"A", "B", "C", "D"}:
        return None
    code = more[0] if what == "D" and more else ""
    return Mark(what, int(code) if code.isdecimal() and len(code) < 6 else None)


def _badge(text: str) -> Signal | None:
    keys = dict(pair.split("=", 1) for pair in text.split(";") if "=" in pair)
    status = keys.get("status", "")
    return Badge(status, keys.get("detail", "")) if status else None


READERS: dict[bytes, Callable[[str], Signal | None]] = {
    b"0": Title,
    b"2": Title,
    b"9": _nine,
    b"777": _seven,
    b"133": _mark,
    b"21337": _badge,
}
"""Number of a sequence to what reads its text."""

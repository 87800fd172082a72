"""What a program tells its terminal about itself, read off its raw output. Sans-I/O, bounded memory.

Sequences: OSC 7501 (Program Status Protocol), OSC 9 and 9;4 (ConEmu, iTerm2), OSC 777 (rxvt), OSC 99 (kitty),
OSC 133 (shell integration), OSC 21337 (iTerm2), OSC 0 and 2 (titles), BEL, RIS; also inside tmux's passthrough.
They may be cut anywhere between two pieces of output. All text comes from a stranger and is not cleaned here.
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

# A plain beginning lets `re` look for ESC with memchr.
_OPENS = re.compile(rb"\x1b[\]PX^_c]")
_ENDS_OSC = re.compile(rb"[\x07\x18\x1a\x1b]")
_ENDS_STRING = re.compile(rb"[\x18\x1a\x1b]")
_WORD = re.compile(r"[A-Za-z0-9_.+-]{1,32}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_TMUX = b"tmux;"


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

_NOTHING: tuple[Signal, ...] = ()
_GROUND, _ESCAPE, _OSC, _STRING = range(4)


class Scanner:
    """Feed it a program's output; it gives what was said, in order."""

    def __init__(self) -> None:
        self._at = _GROUND
        self._escaped = False  # the string's last byte was ESC
        self._tmux = False  # the string is tmux's passthrough: ESC ESC in it is one ESC
        self._string = bytearray()
        self._whole = True  # nothing of the string was dropped
        self._notes: dict[str, list[str]] = {}  # OSC 99: id to title and body so far
        self._rang = False

    @property
    def inside(self) -> bool:
        """Whether the output so far ends inside a sequence that is looked at."""
        return self._at != _GROUND

    def feed(self, data: bytes) -> tuple[Signal, ...]:
        """More output. Costs next to nothing where there is neither ESC nor BEL."""
        if self._at == _GROUND and b"\x07" not in data:
            if b"\x1b" not in data:
                return _NOTHING
            if _OPENS.search(data) is None:
                if data.endswith(b"\x1b"):
                    self._at = _ESCAPE
                return _NOTHING
        out: list[Signal] = []
        self._rang = False
        self._scan(data, out, 0)
        return tuple(out)

    def _scan(self, data: bytes, out: list[Signal], at: int) -> None:
        end = len(data)
        while at < end:
            if self._at == _GROUND:
                at = self._ground(data, at, out)
            elif self._at == _ESCAPE:
                at = self._escape(data, at, out)
            else:
                at = self._inside(data, at, out)

    def _ground(self, data: bytes, at: int, out: list[Signal]) -> int:
        found = _OPENS.search(data, at)
        stop = found.start() if found else len(data)
        if not self._rang and data.find(7, at, stop) >= 0:
            self._rang = True
            out.append(Bell())
        if found is None:
            self._at = _ESCAPE if data.endswith(b"\x1b") else _GROUND
            return len(data)
        if data[stop + 1] == 0x5D:  # the usual case: all of it is here
            begin = stop + 2
            last = _ENDS_OSC.search(data, begin, begin + WHOLE_LIMIT)
            if last is not None:
                border = last.start()
                if data[border] == 7 or data.startswith(b"\x1b\\", border):
                    terminator = b"\x07" if data[border] == 7 else b"\x1b\\"
                    self._osc(data[begin:border], terminator, out)
                    return border + len(terminator)
        self._open(data[stop + 1], out)
        return stop + 2

    def _escape(self, data: bytes, at: int, out: list[Signal]) -> int:
        """The byte after an ESC that ended a piece, or a string."""
        byte = data[at]
        if byte == 0x1B:
            return at + 1
        self._at = _GROUND
        if byte in b"]PX^_c":
            self._open(byte, out)
        elif byte == 7 and not self._rang:
            self._rang = True
            out.append(Bell())
        return at + 1

    def _open(self, byte: int, out: list[Signal]) -> None:
        if byte == 0x63:
            self._notes.clear()
            out.append(Reset())
            self._at = _GROUND
            return
        self._at = _OSC if byte == 0x5D else _STRING
        self._string.clear()
        self._whole = True
        self._escaped = self._tmux = False

    def _inside(self, data: bytes, at: int, out: list[Signal]) -> int:
        if self._escaped:
            return self._after_escape(data, at, out)
        stop = self._border(data, at)
        self._keep(data, at, stop)
        if stop == len(data):
            return stop
        byte = data[stop]
        if byte == 0x1B:
            self._escaped = True
        elif byte == 7:
            self._finish(b"\x07", out)
        else:  # CAN, SUB
            self._at = _GROUND
        return stop + 1

    def _border(self, data: bytes, at: int) -> int:
        """Where the string ends, or the piece."""
        ends = _ENDS_OSC if self._at == _OSC else _ENDS_STRING
        found = ends.search(data, at, at + WHOLE_LIMIT)
        if found is None and len(data) - at > WHOLE_LIMIT:  # nothing of it is kept: four looks with memchr are faster
            borders = [
                data.find(byte, at) for byte in ((7, 0x18, 0x1A, 0x1B) if self._at == _OSC else (0x18, 0x1A, 0x1B))
            ]
            return min((border for border in borders if border >= 0), default=len(data))
        return found.start() if found else len(data)

    def _after_escape(self, data: bytes, at: int, out: list[Signal]) -> int:
        self._escaped = False
        if self._at == _STRING and not self._tmux and self._string.startswith(_TMUX):
            self._tmux = True
        if data[at] == 0x5C:
            self._finish(b"\x1b\\", out)
            return at + 1
        if self._tmux and data[at] == 0x1B:
            self._keep(b"\x1b", 0, 1)
            return at + 1
        self._at = _ESCAPE  # the string is over without an end, and this byte begins something
        return at

    def _keep(self, data: bytes, at: int, stop: int) -> None:
        if self._whole and stop > at:
            if len(self._string) + stop - at > WHOLE_LIMIT:
                self._whole = False
                self._string.clear()
            elif self._at == _OSC or len(self._string) >= len(_TMUX):
                if self._at == _OSC or self._string.startswith(_TMUX):
                    self._string += data[at:stop]
            else:  # a string that is not tmux's need not be kept
                self._string += data[at:stop]

    def _finish(self, terminator: bytes, out: list[Signal]) -> None:
        body, osc, whole = bytes(self._string), self._at == _OSC, self._whole
        self._at = _GROUND
        self._string.clear()
        if not whole:
            return
        if osc:
            self._osc(body, terminator, out)
        elif body.startswith(_TMUX):
            inner = Scanner()
            inner._notes, inner._rang = self._notes, self._rang
            inner._scan(body[len(_TMUX) :], out, 0)
            self._rang = inner._rang

    def _osc(self, body: bytes, terminator: bytes, out: list[Signal]) -> None:
        number, _, rest = body.partition(b";")
        if number not in _READ:
            return
        read = _READERS.get(number)
        signal: Signal | None = None
        if number == b"7501":
            signal = Query(b"\x1b]7501;?" + terminator) if rest == b"?" else None
            if signal is None and len(body) + 2 + len(terminator) <= WHOLE_LIMIT:
                signal = parse_status(rest)
        elif number == b"99":
            signal = self._note(rest)
        elif read is not None:
            signal = read(rest.decode("utf-8", "replace"))
        if signal is not None:
            out.append(signal)

    def _note(self, rest: bytes) -> Notice | None:
        """OSC 99: `metadata;payload`, in parts that share an id until d is not 0."""
        metadata, _, payload = rest.partition(b";")
        keys = dict(pair.split("=", 1) for pair in metadata.decode("ascii", "replace").split(":") if "=" in pair)
        part = keys.get("p", "title")
        if part not in {"title", "body"} or len(payload) > WHOLE_LIMIT:
            return None  # icons, buttons, queries, the news that it was closed
        text = _base64(payload, WHOLE_LIMIT) if keys.get("e") == "1" else payload.decode("utf-8", "replace")
        if text is None:
            return None
        name = keys.get("i", "")[:64]
        note = self._notes.pop(name, ["", ""]) if name else ["", ""]
        note[part == "body"] = (note[part == "body"] + text)[:WHOLE_LIMIT]
        if keys.get("d") == "0":
            if name:
                while len(self._notes) >= _NOTES:
                    del self._notes[next(iter(self._notes))]
                self._notes[name] = note
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


_READERS: dict[bytes, Callable[[str], Signal | None]] = {
    b"0": Title,
    b"2": Title,
    b"9": _nine,
    b"777": _seven,
    b"133": _mark,
    b"21337": _badge,
}
_READ = frozenset(_READERS) | {b"7501", b"99"}

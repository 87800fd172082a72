"""asciicast: recordings of terminals, as asciinema writes and plays them. Sans-I/O.

Written is version 2 (a header line, then `[seconds, code, data]` a line, times since the start); read is version 3 too
(times since the event before). Codes: `o` output, `i` input, `r` a new size as `COLUMNSxROWS`; others are skipped.
Source: https://docs.asciinema.org/manual/asciicast/v2/ and v3/.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from coder_tui.errors import StorageError

MAX_CELLS = 1000
"""Columns and rows a recording may ask for at most; more is taken as this."""

_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")
_DECIMALS = 6


class Event(NamedTuple):
    """What happened `at` seconds (since the start): `code` is `o`, `i` or `r`."""

    at: float
    code: str
    data: str

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows of an `r` event; (0, 0) if it has none."""
        found = _SIZE.fullmatch(self.data)
        return (min(int(found[1]), MAX_CELLS), min(int(found[2]), MAX_CELLS)) if found else (0, 0)


@dataclass(frozen=True, slots=True)
class Header:
    """The first line. Sizes in cells; `timestamp` in Unix seconds; `idle_limit` in seconds, 0 for none."""

    columns: int
    rows: int
    timestamp: int = 0
    title: str = ""
    idle_limit: float = 0.0
    env: Mapping[str, str] = field(default_factory=dict)
    version: int = 2


class Encoder:
    """Makes the lines of a recording. Times are any clock's seconds; `start` is its time of the header.

    Output may split characters anywhere: the beginning of one is kept until it is whole. What is no UTF-8 becomes
    U+FFFD, since lines are JSON. Time never runs backwards.
    """

    def __init__(self, header: Header, start: float) -> None:
        self._header, self._start = header, start
        self._last = 0.0
        self._decoders = {code: codecs.getincrementaldecoder("utf-8")("replace") for code in "oi"}

    def header(self) -> bytes:
        """The first line."""
        header = self._header
        fields: dict[str, Any] = {"version": 2, "width": header.columns, "height": header.rows}
        if header.timestamp:
            fields["timestamp"] = header.timestamp
        if header.idle_limit:
            fields["idle_time_limit"] = header.idle_limit
        if header.title:
            fields["title"] = header.title
        if header.env:
            fields["env"] = dict(header.env)
        return _line(fields)

    def output(self, at: float, data: bytes) -> bytes:
        """What the program wrote: one line, or nothing while there is no whole character."""
        return self._event(at, "o", data)

    def input(self, at: float, data: bytes) -> bytes:
        """What was typed."""
        return self._event(at, "i", data)

    def resize(self, at: float, columns: int, rows: int) -> bytes:
        """A new size in cells."""
        return _line([self._time(at), "r", f"{columns}x{rows}"])

    def _event(self, at: float, code: str, data: bytes) -> bytes:
        text = self._decoders[code].decode(data)
        return _line([self._time(at), code, text]) if text else b""

    def _time(self, at: float) -> float:
        self._last = max(self._last, round(at - self._start, _DECIMALS))
        return self._last


def _line(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": ")).encode("utf-8", "replace") + b"\n"


def read(lines: Iterable[bytes], name: str) -> tuple[Header, Iterator[Event]]:
    """The header, and the events as they are read; `name` is for errors.

    A last line that was cut off (the recorder was killed, the disk was full) is the end. Raises StorageError, also from
    the iterator, for what is no recording.
    """
    numbered = enumerate(lines, 1)
    number, first = next(numbered, (1, b""))
    try:
        header = _header(json.loads(first))
    except (ValueError, RecursionError):
        raise _broken(name, number, "no asciicast header") from None
    return header, _events(numbered, name, header.version)


def _events(numbered: Iterator[tuple[int, bytes]], name: str, version: int) -> Iterator[Event]:
    last = 0.0
    for number, line in numbered:
        line = line.rstrip(b"\r\n") if (whole := line.endswith(b"\n")) else line
        if not line.strip() or line.startswith(b"#"):  # version 3 has comments
            continue
        try:
            at, code, data = json.loads(line)
            at = float(at)
            if not (isinstance(code, str) and isinstance(data, str) and math.isfinite(at)):
                raise ValueError
        except (ValueError, TypeError, RecursionError, OverflowError):
            if not whole:
                return
            raise _broken(name, number, "no asciicast event") from None
        last = max(last, last + at if version == 3 else at)
        if code in ("o", "i", "r"):
            yield Event(last, code, data)


def _header(fields: Any) -> Header:
    if not isinstance(fields, dict) or fields.get("version") not in (2, 3):
        raise ValueError
    version: int = fields["version"]
    term = fields.get("term") if version == 3 else {"cols": fields.get("width"), "rows": fields.get("height")}
    if not isinstance(term, dict):
        raise ValueError
    env, title = fields.get("env"), fields.get("title")
    return Header(
        columns=_cells(term.get("cols")),
        rows=_cells(term.get("rows")),
        timestamp=int(_number(fields.get("timestamp"))),
        title=title if isinstance(title, str) else "",
        idle_limit=_number(fields.get("idle_time_limit")),
        env={key: value for key, value in env.items() if isinstance(value, str)} if isinstance(env, dict) else {},
        version=version,
    )


def _cells(value: object) -> int:
    if type(value) is not int or value < 1:
        raise ValueError
    return min(value, MAX_CELLS)


def _number(value: object) -> float:
    if isinstance(value, (int, float)) and 0 <= value < 1e15:
        return float(value)
    return 0.0


def _broken(name: str, number: int, why: str) -> StorageError:
    return StorageError(f"{name} is no recording", why=f"line {number}: {why}", fix="give an asciicast v2 or v3 file")


def without_pauses(events: Iterable[Event], limit: float) -> Iterator[Event]:
    """The same events, no two more than `limit` seconds apart (0: as they are)."""
    if not limit:
        yield from events
        return
    before = now = 0.0
    for event in events:
        now += min(event.at - before, limit)
        before = event.at
        yield event._replace(at=now)


class Playback:
    """Where a player is in a recording. Sans-I/O: `advance` says what to show after so many seconds."""

    def __init__(self, header: Header, events: Iterable[Event], *, speed: float = 1.0) -> None:
        self.header = header
        self._events = [event for event in events if event.code in ("o", "r")]
        self._next = 0
        self.at = 0.0
        """Seconds of the recording that were played."""
        self.speed = speed
        self.paused = False

    @property
    def length(self) -> float:
        """Seconds of the whole recording."""
        return self._events[-1].at if self._events else 0.0

    @property
    def ended(self) -> bool:
        """Whether all of it was shown."""
        return self._next == len(self._events)

    def advance(self, seconds: float) -> Iterator[Event]:
        """What happens while `seconds` of real time pass; nothing when paused."""
        return iter(()) if self.paused else self._until(min(self.length, self.at + seconds * self.speed))

    def wait(self) -> float | None:
        """Real seconds until something happens; None when nothing will."""
        if self.paused or self.ended:
            return None
        return max(0.0, (self._events[self._next].at - self.at) / self.speed)

    def seek(self, to: float, reset: Callable[[], None]) -> Iterator[Event]:
        """What leads to the picture at `to` seconds; going back starts anew, with `reset` called first."""
        to = min(max(to, 0.0), self.length)
        if to < self.at:
            reset()
            self._next = 0
        return self._until(to)

    def _until(self, to: float) -> Iterator[Event]:
        self.at = to
        while self._next < len(self._events) and self._events[self._next].at <= to:
            event = self._events[self._next]
            self._next += 1
            yield event

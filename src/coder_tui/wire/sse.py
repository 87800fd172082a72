"""Server-sent events, sans-I/O: a tolerant parser and the strict encoder of Coder's contract.

Source: WHATWG HTML, "Server-sent events"; contract: `event: TYPE` first, then at most one `data: JSON` line, then a
blank line. One deliberate difference from WHATWG: an event without data is delivered too, because Coder's pings
have none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from coder_tui.errors import ProtocolError

DATA, PING, ERROR = "data", "ping", "error"
"""The event types of the contract."""

MAX_EVENT = 64 << 20
"""Bytes an event may take before we call the peer broken."""

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class SseEvent:
    """One event. `type` is `message` when the stream names none; `data` has its lines joined by a newline."""

    type: str
    data: bytes = b""


def encode_event(event_type: str, data: bytes | None = None) -> bytes:
    """One event in the strict form that Go readers demand. `data` is one line of JSON; a newline at its end is cut.

    Raises ValueError when type or data would break the framing.
    """
    if not event_type or not event_type.isprintable():
        raise ValueError("an event type is one printable word")
    head = b"event: " + event_type.encode()
    if data is None:
        return head + b"\n\n"
    data = data.rstrip(b"\r\n")
    if _LINE_END.search(data):
        raise ValueError("event data must be one line")
    return head + b"\ndata: " + data + b"\n\n"


class SseParser:
    """Feed bytes in any chunking, get events. An event cut off by the end of the stream is never delivered."""

    def __init__(self, max_event: int = MAX_EVENT) -> None:
        self._max = max_event
        self._buffer = bytearray()
        self._scanned = 0  # bytes of the buffer known to hold no line end
        self._after_cr = False  # a line feed at the start of the next chunk belongs to that line end
        self._first_line = True
        self._type = b""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[SseEvent]:
        """Events completed by `chunk`. Exhaust the iterator before feeding again.

        Raises ProtocolError when one event grows beyond `max_event` bytes.
        """
        if self._after_cr and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._after_cr = False
        self._buffer += chunk
        start = 0
        while match := _LINE_END.search(self._buffer, max(start, self._scanned)):
            line = bytes(self._buffer[start : match.start()])
            start = self._scanned = match.end()
            self._after_cr = match.group() == b"\r" and start == len(self._buffer)
            if event := self._line(line):
                yield event
        del self._buffer[:start]
        self._scanned = len(self._buffer)
        if self._size + len(self._buffer) > self._max:
            raise ProtocolError("the event stream is unreadable", why=f"one event exceeds {self._max} bytes")

    def _line(self, line: bytes) -> SseEvent | None:
        if self._first_line:
            self._first_line = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._dispatch()
        self._size += len(line)
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            self._type = value
        elif name == b"data":
            self._data.append(value)
        return None  # comments, ids, retry times and unknown fields carry nothing for us

    def _dispatch(self) -> SseEvent | None:
        event = None
        if self._type or self._data:
            event = SseEvent(self._type.decode("utf-8", "replace") or "message", b"\n".join(self._data))
        self._type, self._data, self._size = b"", [], 0
        return event

"""The terminal WebSocket's client side, sans-I/O: JSON objects without framing, as `GET /workspaceagents/{id}/pty`.

The client sends `{data?, height?, width?}` objects one after the other in binary frames; frame borders mean
nothing, so an object (or one of its UTF-8 sequences) may be split anywhere and several may share a frame.
Source: `codersdk/workspacesdk.ReconnectingPTYRequest`. The other direction is raw terminal output.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from coder_tui.errors import ProtocolError

MAX_REQUEST = 4 << 20
"""Bytes one request may take before the peer is called broken."""

MAX_CELLS = 0xFFFF
"""Largest width and height: the wire type is an unsigned 16-bit integer."""

_SPACE = b" \t\r\n"
_STRUCTURE = re.compile(rb'["{}]')
_STRING_END = re.compile(rb'["\\]')
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class PtyRequest:
    """Keystrokes, a new size in cells, or both (then the data goes first). A size counts only if both are non-zero."""

    data: str = ""
    height: int = 0
    width: int = 0

    @property
    def resizes(self) -> bool:
        """Whether the request changes the size."""
        return self.height > 0 and self.width > 0


def encode_request(data: str = "", *, height: int = 0, width: int = 0) -> bytes:
    """One request as it goes on the wire, empty fields left out. Sizes in cells, 0 to 65535 (else ValueError)."""
    if not (0 <= height <= MAX_CELLS and 0 <= width <= MAX_CELLS):
        raise ValueError(f"a size must be between 0 and {MAX_CELLS} cells")
    fields: dict[str, str | int] = {}
    if data:
        fields["data"] = _SURROGATE.sub("\ufffd", data)
    if height:
        fields["height"] = height
    if width:
        fields["width"] = width
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


class PtyRequestDecoder:
    """Feed bytes in any chunking, get whole requests in order.

    Every byte is looked at once, however finely an object is split. Raises ProtocolError for anything that is not a
    stream of JSON objects of the right types, or an object over `max_request` bytes; the decoder is of no use then.
    """

    def __init__(self, max_request: int = MAX_REQUEST) -> None:
        self._max = max_request
        self._buffer = bytearray()
        self._scanned = 0  # bytes of the buffer whose structure is known
        self._depth = 0  # open braces
        self._in_string = False

    def feed(self, data: bytes) -> list[PtyRequest]:
        """The requests completed by `data`."""
        buffer = self._buffer
        buffer += data
        requests: list[PtyRequest] = []
        start = 0
        while True:
            if self._depth == 0:
                start = self._skip_space(start)
                if start == len(buffer):
                    break
                if buffer[start] != 0x7B:
                    raise ProtocolError("the terminal's peer sent something other than JSON objects")
                self._depth, self._scanned = 1, start + 1
            end = self._find_end()
            if end is None:
                break
            requests.append(_request(bytes(buffer[start:end])))
            start = end
        del buffer[:start]
        self._scanned -= start
        if len(buffer) > self._max:
            raise ProtocolError("the terminal's peer sent an endless JSON object", why=f"over {self._max} bytes")
        return requests

    def _skip_space(self, position: int) -> int:
        buffer = self._buffer
        while position < len(buffer) and buffer[position] in _SPACE:
            position += 1
        self._scanned = position
        return position

    def _find_end(self) -> int | None:
        """Where the current object ends, or None while it is incomplete."""
        buffer, position = self._buffer, self._scanned
        while self._depth:
            if self._in_string:
                found = _STRING_END.search(buffer, position)
                if found is None:
                    position = len(buffer)
                    break
                if found.group() == b"\\":
                    if found.end() == len(buffer):
                        # what is escaped has not come yet: look at the backslash again
                        position = found.start()
                        break
                    position = found.end() + 1
                    continue
                self._in_string = False
            else:
                found = _STRUCTURE.search(buffer, position)
                if found is None:
                    position = len(buffer)
                    break
                token = found.group()
                if token == b'"':
                    self._in_string = True
                else:
                    self._depth += 1 if token == b"{" else -1
            position = found.end()
        self._scanned = position
        return position if self._depth == 0 else None


def _request(raw: bytes) -> PtyRequest:
    try:
        fields = json.loads(raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise ProtocolError("the terminal's peer sent broken JSON") from None
    data = fields.get("data")
    if data is None:
        data = ""
    elif not isinstance(data, str):
        raise ProtocolError("the terminal's peer sent broken JSON", why="data must be a string")
    # Go's decoder puts U+FFFD where an escape names half a surrogate pair
    return PtyRequest(_SURROGATE.sub("\ufffd", data), _cells(fields, "height"), _cells(fields, "width"))


def _cells(fields: dict[str, object], key: str) -> int:
    value = fields.get(key)
    if value is None:
        return 0
    if type(value) is not int or not 0 <= value <= MAX_CELLS:
        raise ProtocolError("the terminal's peer sent broken JSON", why=f"{key} must be between 0 and {MAX_CELLS}")
    return value

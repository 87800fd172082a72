"""Reads what a program tells its terminal about itself off its raw output. Sans-I/O, bounded memory.

Sequences: those of `signals`, BEL, RIS; also inside tmux's passthrough. They may be cut anywhere between two pieces of
output.
"""

from __future__ import annotations

import re

from coder_tui.report.signals import READERS, WHOLE_LIMIT, Bell, Notes, Query, Reset, Signal, parse_status

# A plain beginning lets `re` look for ESC with memchr.
_OPENS = re.compile(rb"\x1b[\]PX^_c]")
_ENDS_OSC = re.compile(rb"[\x07\x18\x1a\x1b]")
_ENDS_STRING = re.compile(rb"[\x18\x1a\x1b]")
_TMUX = b"tmux;"
_READ = frozenset(READERS) | {b"7501", b"99"}

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
        self._notes = Notes()
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
        read = READERS.get(number)
        signal: Signal | None = None
        if number == b"7501":
            signal = Query(b"\x1b]7501;?" + terminator) if rest == b"?" else None
            if signal is None and len(body) + 2 + len(terminator) <= WHOLE_LIMIT:
                signal = parse_status(rest)
        elif number == b"99":
            signal = self._notes.read(rest)
        elif read is not None:
            signal = read(rest.decode("utf-8", "replace"))
        if signal is not None:
            out.append(signal)

"""Output without what lets a program set the terminal's width: mode 40, which allows DECCOLM.

The width is the pane's to choose. libghostty-vt would change it, and it can crash doing so (see `GhosttyCore.resize`).
"""

from __future__ import annotations

import re

_CONTROLS = bytes(byte for byte in (*range(0x20), 0x7F) if byte not in b"\x18\x1a\x1b")
"""What may stand inside of a sequence without ending it; DEL is ignored, the others are obeyed at once."""
_C = re.escape(_CONTROLS)
_ALLOWS = re.compile(rb"\x1b[%b]*\[[%b]*\?([%b0-9:;]*4[%b]*0[%b0-9:;]*)(?=h)" % ((_C,) * 5))
_BEGUN = re.compile(rb"\x1b[%b]*(?:\[[%b]*(?:\?[%b0-9:;]*)?)?" % ((_C,) * 3))
_LONGEST = 4096
"""Bytes of an unfinished sequence that are waited with; a longer one says nothing."""


def without_width(data: bytes) -> tuple[bytes, bytes]:
    """`data` with mode 40 never set, and the sequence begun at its end, to be put before what comes next."""
    begun = b""
    last = data.rfind(b"\x1b")
    if last >= 0 and _BEGUN.fullmatch(data, last):
        data, begun = data[:last], data[last:]
        if len(begun) > _LONGEST:
            begun = b""
    return (_ALLOWS.sub(_without_40, data) if b"?" in data else data), begun


def _without_40(match: re.Match[bytes]) -> bytes:
    inside = match[0].removeprefix(b"\x1b")
    controls = bytes(byte for byte in inside if byte in _CONTROLS)
    modes = [mode for mode in match[1].translate(None, _CONTROLS).split(b";") if mode.lstrip(b"0") != b"40"]
    return controls + b"\x1b[?" + b";".join(modes)

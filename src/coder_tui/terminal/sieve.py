"""What libghostty-vt must not see of a program's output: the width (mode 40, DECCOLM) and hyperlinks (OSC 8).

The width is the pane's to choose. Hyperlinks make the library end the process (a fuzz of 120 seeds found it in every
eighth, and none without them), so they are kept here, and the cells of one are marked with an underline colour of
its own: that the library keeps, moves and forgets with the cell. What a program wants its link's underline coloured
is lost by it.
"""

from __future__ import annotations

import re
import secrets

from coder_tui.terminal.core import RGB

MAX_LINK_BYTES = 4096
"""A longer target is no link."""
_KEPT = 1 << 22  # characters of targets; the oldest are forgotten, and their cells are text like other
_LONGEST = MAX_LINK_BYTES + 256  # of an unfinished sequence; more of it says nothing

_CONTROLS = bytes(byte for byte in (*range(0x20), 0x7F) if byte not in b"\x18\x1a\x1b")
"""What may stand inside of a sequence without ending it; DEL is ignored, the others are obeyed at once."""


def _pattern(text: bytes) -> re.Pattern[bytes]:
    """With C for controls, D for parameters, and no blanks."""
    controls = re.escape(_CONTROLS)
    return re.compile(
        text.replace(b" ", b"").replace(b"C", b"[%b]*" % controls).replace(b"D", b"[%b0-9:;]*" % controls)
    )


_SETS_40 = _pattern(rb"\x1b C \[ C \? (D 4 C 0 D) (?=h)")
_MENTIONS_40 = _pattern(rb"\? D 4 C 0 D h")
# At the end of what is fed now, it is ended by an escape that comes with the next.
_LINK = rb"(?P<before>C) \] C 8 C ; (?P<link>[^\x07\x18\x1a\x1b]*) (?P<end>\x07|\x18|\x1a|(?=\x1b)|\Z)"
_MENTIONS_LINK = _pattern(rb"\] C 8 C ;")
# Besides links: RIS, and what restores or switches the pen (DECRC, SCORC, private modes).
_CLOSED = _pattern(rb"\x1b (?:" + _LINK + rb"|C (?:[8c] | \[ (?: D u | C \? D [hl])))")
# In a link also SGR.
_OPEN = _pattern(rb"\x1b (?:" + _LINK + rb"|C (?:[8c] | \[ (?: D [mu] | C \? D [hl])))")
_BEGUN = _pattern(rb"\x1b C (?: \[ C [<-?]? D | \] C (?: 8 C (?: ; [^\x07\x18\x1a\x1b]* )? )? )?")
_NO_LINK = b"\x1b[59m"


class Sieve:
    """Output comes through in any chunks, a sequence begun at the end of one with the next."""

    def __init__(self) -> None:
        self.links: dict[RGB, str] = {}
        """Targets of hyperlinks, as the program wrote them, by the underline colour that marks their cells."""
        self._marks: dict[str, RGB] = {}
        self._kept = 0
        self._mark = b""  # while in a link: what gives the pen its colour
        self._begun = b""

    def through(self, data: bytes) -> bytes:
        """What of `data` may be fed now."""
        if not self._begun and b"\x1b" not in data:
            return data
        data = self._begun + data
        last = data.rfind(b"\x1b")
        self._begun = b""
        if last >= 0 and _BEGUN.fullmatch(data, last):
            data, self._begun = data[:last], data[last : last + _LONGEST]
        if b"?" in data and _MENTIONS_40.search(data):
            data = _SETS_40.sub(_without_40, data)
        if self.links or (b"]" in data and _MENTIONS_LINK.search(data)):
            data = self._without_links(data)
        return data

    def _without_links(self, data: bytes) -> bytes:
        parts: list[bytes] = []
        at = 0
        while match := (_OPEN if self._mark else _CLOSED).search(data, at):
            parts += data[at : match.start()], self._instead(match)
            at = match.end()
        return b"".join((*parts, data[at:]))

    def _instead(self, match: re.Match[bytes]) -> bytes:
        if match["link"] is None:
            sequence = match[0]
            if sequence[-1:] == b"c":
                self._mark = b""
                return sequence
            return sequence + (self._mark or _NO_LINK)
        # It begins with an escape, as what it stands for: whatever was unfinished before ends here too.
        before = b"\x1b" + match["before"]
        _, separator, target = match["link"].translate(None, _CONTROLS).partition(b";")
        if match["end"] in (b"\x18", b"\x1a") or not separator:
            return before + b"\x18"
        self._mark = self._marking(target.decode("utf-8", "replace")) if 0 < len(target) <= MAX_LINK_BYTES else b""
        return before + (self._mark or _NO_LINK).removeprefix(b"\x1b")

    def _marking(self, target: str) -> bytes:
        mark = self._marks.get(target)
        if mark is None:
            mark = _color(secrets.randbelow(1 << 24))  # a program cannot hit it but by chance
            while mark in self.links:
                mark = _color(secrets.randbelow(1 << 24))
            self._marks[target], self.links[mark] = mark, target
            self._kept += len(target)
            while self._kept > _KEPT:
                oldest = next(iter(self._marks))
                self._kept -= len(oldest)
                del self.links[self._marks.pop(oldest)]
        return b"\x1b[58:2::%d:%d:%dm" % mark


def _color(number: int) -> RGB:
    return number >> 16, number >> 8 & 0xFF, number & 0xFF


def _without_40(match: re.Match[bytes]) -> bytes:
    inside = match[0].removeprefix(b"\x1b")
    controls = bytes(byte for byte in inside if byte in _CONTROLS)
    modes = [mode for mode in match[1].translate(None, _CONTROLS).split(b";") if mode.lstrip(b"0") != b"40"]
    return controls + b"\x1b[?" + b";".join(modes)

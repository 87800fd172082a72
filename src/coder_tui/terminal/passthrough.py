"""What a bare terminal needs between a person and a program elsewhere: the key that leaves, and old questions unasked.

Sans-I/O. Sources: xterm's control sequences (modifyOtherKeys), kitty's keyboard protocol.
"""

from __future__ import annotations

import re

# ctrl+] as the byte it always was, and as programs have it sent that asked for kitty's or xterm's way. Modifiers are
# counted from one; the lock keys (64, 128) do not matter. A key of another layout in the same place counts too.
_CTRL = rb"(?:5|69|133|197)"
_LEAVE = re.compile(
    rb"\x1d|\x1b\[(?:93(?::\d*)*|\d+:\d*:93);" + _CTRL + rb"(?::[12])?(?:;[\d:]*)?u|\x1b\[27;" + _CTRL + rb";93~"
)
# Releases, and presses of keys that only modify: neither is typing.
_SILENT = re.compile(rb"\x1b\[\d+(?::\d*)*;\d+:3(?:;[\d:]*)?[u~]|\x1b\[574(?:4[1-9]|5[0-2])[;:\d]*u")


class LeaveKey:
    """Finds `ctrl+]` in what is typed: once leaves, twice sends it. Whoever feeds it owns the clock.

    While `waiting`, one was typed and nothing since: call `leave` when no second one comes within a moment. A key that
    arrives in two reads is not recognised; terminals send keys whole.
    """

    def __init__(self) -> None:
        self.waiting = False
        self.left = False

    def feed(self, data: bytes) -> bytes:
        """What of `data` is for the program. Nothing is after `left`, nor what was typed after a single `ctrl+]`."""
        kept = bytearray()
        position = 0
        while position < len(data) and not self.left:
            found = _LEAVE.search(data, position)
            if self.waiting:
                silent = _SILENT.match(data, position)
                if silent:
                    position = silent.end()
                elif found and found.start() == position:
                    self.waiting = False
                    kept += found.group()
                    position = found.end()
                else:
                    self.leave()
            elif found:
                kept += data[position : found.start()]
                self.waiting = True
                position = found.end()
            else:
                kept += data[position:]
                break
        return bytes(kept)

    def leave(self) -> None:
        """No second one came."""
        self.waiting, self.left = False, True


_SEQUENCE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
_QUESTION = re.compile(
    rb"\x1b\[[>=]?[0-9;]*c"  # DA1, DA2, DA3
    rb"|\x1b\[\??[0-9;]*n"  # DSR
    rb"|\x1b\[\?(?:u|[0-9;]*[mS])"  # kitty's flags, XTQMODKEYS, XTSMGRAPHICS
    rb"|\x1b\[\??[0-9]*\$p"  # DECRQM
    rb"|\x1b\[>[0-9]*q"  # XTVERSION
    rb"|\x1b\[(?:1[1-9]|2[01])(?:;[0-9]*)*t|\x1b\[[0-9;]*(?:x|\*y)"  # XTWINOPS reports, DECREQTPARM, DECRQCRA
    rb"|\x1b\][0-9]+;(?:[^\x07\x1b]*[;=])?\?(?:\x07|\x1b\\)"  # colours, clipboard
    rb"|\x1bP[+$]q[^\x1b]*\x1b\\|\x1b_G[^\x1b;]*a=q[^\x1b]*\x1b\\"  # XTGETTCAP, DECRQSS, kitty graphics
)


def unasked(replay: bytes) -> bytes:
    """A replay without the questions to the terminal that text follows: they were answered when they were asked.

    A second answer would be typing, to whatever reads now. A question with no text after it may still be open.
    """
    if not _QUESTION.search(replay):
        return replay
    last = position = 0
    for sequence in _SEQUENCE.finditer(replay):
        if replay[position : sequence.start()].strip(b"\x00\x07"):
            last = sequence.start()
        position = sequence.end()
    if replay[position:].strip(b"\x00\x07"):
        last = len(replay)
    return _QUESTION.sub(b"", replay[:last]) + replay[last:]

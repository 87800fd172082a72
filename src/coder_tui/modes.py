"""Which terminal modes a program has switched on, read off its raw output: to switch them on again, or off.

Sans-I/O, and cheap enough for every byte of a flood: nothing but the few sequences that change these modes is looked
at. Sequences: xterm's control sequences (DECSET, DECSTR, RIS, modifyOtherKeys) and kitty's keyboard protocol.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Self

ALTERNATE = (1049, 1047, 47)
"""The alternate screen, in the order of what people use."""
# Switching any of a group off switches all of it off (xterm).
_GROUPS = (ALTERNATE, (9, 1000, 1002, 1003), (1005, 1006, 1015, 1016))
_GROUP = {mode: group for group in _GROUPS for mode in group}
# Besides: cursor keys, origin, autowrap, cursor, focus, bracketed paste, light and dark reports.
_DEFAULT_ON = frozenset({7, 25})
_TRACKED = frozenset({1, 6, 7, 25, 1004, 2004, 2031, *_GROUP})
_KITTY_DEPTH = 16  # entries in a stack of keyboard flags
_CARRY = 64  # bytes of an unfinished sequence that are kept; longer ones change no mode

# The search is at its fastest with a plain beginning and no groups.
_CHANGES = re.compile(rb"\x1b\[[!<-?][0-9;]{0,48}[hlump]")
_INTRODUCERS = (b"?", b">", b"<", b"=", b"!")
_RESET = re.compile(rb"\x1bc")
_CHANGES_AND_RESET = re.compile(_CHANGES.pattern + rb"|\x1bc")
_UNFINISHED = re.compile(
    rb"\x1b(?:\[[^\x18\x1a\x1b@-~]*|\][^\x07\x18\x1a\x1b]*|[PX^_][^\x18\x1a\x1b]*|[ -/]*)\Z", re.DOTALL
)
_FINISHED = re.compile(
    rb"\x1b(?:\[[^\x18\x1a\x1b@-~]*(?:[\x18\x1a@-~]|(?=\x1b))"
    rb"|\][^\x07\x18\x1a\x1b]*(?:[\x07\x18\x1a]|\x1b\\|(?=\x1b.))"
    rb"|[PX^_][^\x18\x1a\x1b]*(?:[\x18\x1a]|\x1b\\|(?=\x1b.))"
    rb"|[ -/]+[^ -/\x1b]|[^ -/\x1b\[\]PX^_]|[ -/]*(?=\x1b))",
    re.DOTALL,
)
_OPENING = {b"\x1b]": b"\x1b]9999;", **dict.fromkeys((b"\x1bP", b"\x1bX", b"\x1b^", b"\x1b_"), b"\x1bX")}
_CONTINUATION = re.compile(rb"[\x80-\xbf]{0,3}")


class ModeTracker:
    """The modes of a terminal that was fed the same bytes, and whether they end inside a sequence."""

    def __init__(self) -> None:
        self._changed: dict[int, bool] = {}  # modes that are not as a fresh terminal has them, in order of change
        self._keyboards: dict[bool, list[int]] = {False: [0], True: [0]}  # kitty's stacks: main, alternate screen
        self._other_keys = 0
        self._touched: set[int] = set()  # modes that were ever changed
        self._carry = b""  # the beginning of a sequence that has not ended
        self._fed = False

    def copy(self) -> Self:
        """Another one in the same state."""
        other = type(self)()
        other._changed = dict(self._changed)
        other._keyboards = {screen: list(stack) for screen, stack in self._keyboards.items()}
        other._other_keys, other._touched = self._other_keys, set(self._touched)
        other._carry, other._fed = self._carry, self._fed
        return other

    @property
    def alternate(self) -> bool:
        """Whether the alternate screen is shown."""
        return any(mode in self._changed for mode in ALTERNATE)

    @property
    def inside(self) -> bool:
        """Whether the bytes so far end inside an escape sequence."""
        return bool(self._carry)

    def is_on(self, mode: int) -> bool:
        """Whether a private mode (DECSET) that is tracked here is on."""
        return self._changed.get(mode, mode in _DEFAULT_ON)

    def feed(self, data: bytes) -> None:
        """More of the program's output; sequences may be split anywhere."""
        if not data:
            return
        self._fed = True
        if self._carry:
            data = self._carry + data
        # A look for a byte costs nearly nothing, and where nothing is on, a reset says nothing.
        found = _CHANGES.findall(data) if any(introducer in data for introducer in _INTRODUCERS) else []
        if (found or not self._fresh) and _RESET.search(data):
            found = _CHANGES_AND_RESET.findall(data)
        for sequence in found:
            self._apply(sequence)
        last = data.rfind(b"\x1b")
        self._carry = b""
        if last >= 0 and _UNFINISHED.match(data, last):
            self._carry = data[last:]
            if len(self._carry) > _CARRY or self._carry[2:3] == b":":
                self._carry = self._carry[:2] + b":"

    def boundary(self, data: bytes) -> int:
        """How many bytes of `data`, which comes next, belong to a sequence or character that began before it."""
        if self._carry:
            found = _FINISHED.match(self._carry + data)
            return found.end() - len(self._carry) if found else len(data)
        if not self._fed:
            return 0
        found = _CONTINUATION.match(data)
        return found.end() if found else 0

    def enter(self) -> bytes:
        """What brings a fresh terminal into this state, also into the middle of a string that has not ended."""
        parts = [*_keyboard(self._keyboards[False])]
        if self.alternate:
            parts += [_set(mode, True) for mode in ALTERNATE if mode in self._changed]
            parts += _keyboard(self._keyboards[True])
        parts += [_set(mode, on) for mode, on in self._changed.items() if mode not in ALTERNATE]
        if self._other_keys:
            parts.append(b"\x1b[>4;%dm" % self._other_keys)
        # What comes is the rest of a string, and must not be taken for a whole one.
        parts.append(_OPENING.get(self._carry[:2], self._carry))
        return b"".join(parts)

    def leave(self) -> bytes:
        """What brings a terminal in this state back to what a fresh one has. The alternate screen is left last."""
        parts = [b"\x18\x1b\\"] if self._carry else []
        # Also what seems off: terminals differ in what a reset leaves on. Not origin mode, which moves the cursor.
        touched = self._touched - {*ALTERNATE, 6} | (self._changed.keys() & {6})
        parts += [_set(mode, mode in _DEFAULT_ON) for mode in sorted(touched)]
        if self._other_keys:
            parts.append(b"\x1b[>4m")
        if self.alternate:
            parts += _no_keyboard(self._keyboards[True])
            parts += [_set(mode, False) for mode in ALTERNATE if mode in self._changed]
        parts += _no_keyboard(self._keyboards[False])
        return b"".join(parts)

    def assert_all(self) -> bytes:
        """What brings a terminal in any state into this one."""
        modes = [_set(mode, mode in _DEFAULT_ON) for mode in sorted(_TRACKED) if mode not in ALTERNATE]
        main = b"\x1b[<99u" + _set(ALTERNATE[0], False) + b"\x1b[<99u\x1b[>4m"
        return b"".join([main, *modes, self.enter()])

    def _apply(self, sequence: bytes) -> None:
        introducer, text, final = sequence[2:3], sequence[3:-1], sequence[-1:]
        if final == b"c":
            self._hard_reset()
        elif introducer == b"!" and final == b"p":
            self._soft_reset()
        elif introducer == b"?" and final in b"hl":
            for mode in _numbers(text):
                self._change(mode, final == b"h")
        elif introducer == b">" and final == b"m":
            key, value, *_ = [*_numbers(text), 0, 0]
            if key == 4 or not text:
                self._other_keys = value
        elif introducer in b"<=>" and final == b"u":
            self._keyboard(introducer, *_numbers(text))

    @property
    def _fresh(self) -> bool:
        return not (self._changed or self._other_keys) and all(stack == [0] for stack in self._keyboards.values())

    def _change(self, mode: int, on: bool) -> None:
        if mode in _TRACKED:
            self._touched.add(mode)
            alone = on and mode not in ALTERNATE
            for gone in (mode,) if alone else _GROUP.get(mode, (mode,)):
                self._changed.pop(gone, None)
            if on != (mode in _DEFAULT_ON):
                self._changed[mode] = on

    def _keyboard(self, what: bytes, first: int = -1, second: int = 1, *_: int) -> None:
        stack = self._keyboards[self.alternate]
        if what == b">":
            stack.append(max(first, 0))
            if len(stack) > _KITTY_DEPTH:
                del stack[1]
        elif what == b"<":
            count = 1 if first < 0 else first
            if count >= len(stack):  # emptied: no flags
                stack[:] = [0]
            elif count:
                del stack[-count:]
        elif what == b"=" and first >= 0:
            flags = stack[-1]
            stack[-1] = first if second == 1 else flags | first if second == 2 else flags & ~first

    def _soft_reset(self) -> None:
        for mode in (1, 6, 25):
            self._change(mode, mode in _DEFAULT_ON)

    def _hard_reset(self) -> None:
        self._changed.clear()
        self._keyboards = {False: [0], True: [0]}
        self._other_keys = 0


def _numbers(text: bytes) -> Iterator[int]:
    # a number of more than four digits is no mode
    return (int(part or 0) for part in text.split(b";") if len(part) < 5) if text else iter(())


def _set(mode: int, on: bool) -> bytes:
    return b"\x1b[?%d%c" % (mode, b"h" if on else b"l")


def _keyboard(stack: list[int]) -> Iterator[bytes]:
    if stack[0]:
        yield b"\x1b[=%du" % stack[0]
    yield from (b"\x1b[>%du" % flags for flags in stack[1:])


def _no_keyboard(stack: list[int]) -> Iterator[bytes]:
    if len(stack) > 1:
        yield b"\x1b[<%du" % (len(stack) - 1)
    if stack[0]:
        yield b"\x1b[=0u"

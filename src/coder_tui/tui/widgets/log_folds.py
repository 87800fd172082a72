"""Stages of a build's log: each is a divider and the lines below it, which are folded away when the stage is done."""

from __future__ import annotations

from array import array
from bisect import bisect_right

from coder_tui.logs.buffer import LEVELS, LogBuffer

_WARN = LEVELS.index("warn")


class LogFolds:
    """Which stages are folded: those that are done, unless something in them went wrong or a person chose otherwise."""

    def __init__(self) -> None:
        self._chosen: dict[int, bool] = {}  # by the divider's number: folded or not
        self._made_of: tuple[LogBuffer | None, int, int] = (None, 0, 0)
        self.hidden: dict[int, int] = {}
        """How many lines are folded away below a divider, by its number."""
        self._numbers = array("Q")

    def restart(self) -> None:
        """Another log."""
        self._chosen.clear()
        self._made_of = None, 0, 0

    def toggle(self, buffer: LogBuffer, number: int) -> bool:
        """Fold or unfold the stage of that divider; False when the line is none."""
        if number not in buffer.notes:
            return False
        self.numbers(buffer)
        self._chosen[number] = number not in self.hidden
        self._made_of = None, 0, 0
        return True

    def numbers(self, buffer: LogBuffer) -> array[int]:
        """Numbers of the lines to show, ascending."""
        if self._made_of != (buffer, buffer.first, buffer.end):
            self._made_of = buffer, buffer.first, buffer.end
            self._make(buffer)
        return self._numbers

    def _make(self, buffer: LogBuffer) -> None:
        notes = buffer.notes[max(0, bisect_right(buffer.notes, buffer.first) - 1) :]
        self.hidden = {}
        self._numbers = array("Q", range(buffer.first, notes[0] if notes else buffer.end))
        for place, note in enumerate(notes):
            done = place + 1 < len(notes)
            stop = notes[place + 1] if done else buffer.end
            if note >= buffer.first:
                self._numbers.append(note)
            lines = range(max(note + 1, buffer.first), stop)
            well = done and all(buffer.line(number, 0).level < _WARN for number in lines)
            if lines and self._chosen.get(note, well):
                self.hidden[note] = len(lines)
            else:
                self._numbers.extend(lines)

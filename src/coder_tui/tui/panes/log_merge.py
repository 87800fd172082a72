"""Merges the histories of several log streams by time."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import merge

from coder_tui.feeds.source import LogLine
from coder_tui.tui.panes.log_state import Tail


class History:
    """Holds back the histories of several streams until each is complete."""

    def __init__(self, streams: int) -> None:
        self._open = streams
        self._held: dict[str, tuple[Tail, list[LogLine]]] = {}
        self._done: set[str] = set()

    def keep(self, tail: Tail, lines: Sequence[LogLine]) -> bool:
        """Hold these lines back; False when they may be shown at once."""
        if not self._open:
            return False
        self._held.setdefault(tail.id, (tail, []))[1].extend(lines)
        return True

    def complete(self, tail: Tail) -> list[tuple[Tail, list[LogLine]]]:
        """That stream has told its history. With the last one: every line, in order of time, in runs of one stream."""
        if tail.id in self._done:
            return []
        self._done.add(tail.id)
        self._open -= 1
        if self._open:
            return []
        ordered = merge(
            *([(line.at, index, line) for line in lines] for index, (_, lines) in enumerate(self._held.values())),
            key=lambda entry: entry[:2],
        )
        tails = [tail for tail, _ in self._held.values()]
        runs: list[tuple[Tail, list[LogLine]]] = []
        for _, index, line in ordered:
            if not runs or runs[-1][0] is not tails[index]:
                runs.append((tails[index], []))
            runs[-1][1].append(line)
        return runs

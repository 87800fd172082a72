"""The end of a session's output, kept for whoever attaches next, cut where a terminal can begin to read."""

from __future__ import annotations

from collections import deque

from coder_tui.modes import ModeTracker

RING = 64 << 10
"""Bytes of output kept (contract `04-pty`)."""
_BATCH = 64 << 10
_SMALL = 4 << 10  # pieces are joined up to here, or single bytes would cost fifty each


class Replay:
    """A ring of the last 64 KiB, and the terminal modes that were on before it begins. Sans-I/O."""

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._before = ModeTracker()  # fed what has left the ring, but for `_gone`
        self._gone: list[bytes] = []  # a look at much at once is cheaper than many at little
        self._gone_size = 0

    def add(self, data: bytes) -> None:
        """More output."""
        pieces = self._pieces
        self._size += len(data)
        if pieces and len(pieces[-1]) < _SMALL:
            pieces[-1] += data
        else:
            pieces.append(data)
        while self._size - len(pieces[0]) >= RING:
            gone = pieces.popleft()
            self._size -= len(gone)
            self._gone.append(gone)
            self._gone_size += len(gone)
        if self._gone_size >= _BATCH:
            self._look()

    def _look(self) -> None:
        self._before.feed(b"".join(self._gone))
        self._gone.clear()
        self._gone_size = 0

    def read(self, *, fresh: bool = True) -> bytes:
        """What a client is sent first: the modes at the ring's start, then the output, from a boundary on.

        It begins neither inside an escape sequence nor inside a UTF-8 character. A terminal that is not `fresh` is
        told the modes that are off too.
        """
        ring = b"".join(self._pieces)
        self._look()
        tracker = self._before.copy()
        cut = max(0, len(ring) - RING)
        tracker.feed(ring[:cut])
        start = cut + tracker.boundary(ring[cut:])
        tracker.feed(ring[cut:start])
        return (tracker.enter() if fresh else tracker.assert_all()) + ring[start:]

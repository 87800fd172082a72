"""One client of a terminal session: a bounded queue of output between the program and a socket."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from coder_tui.hub.replay import Replay

FRAME = 32 << 10
"""Bytes in one frame to a client at most."""
HIGH = 1 << 20
"""Bytes that may wait for a client; with these waiting it is called slow."""
LOW = 256 << 10
"""Bytes down to which a slow client must get to be called fast again."""

# CAN and ST end whatever sequence the gap cut in two, SGR 0 ends its colours
_GAP = "\x18\x1b\\\x1b[0m\r\n[coder-tui: {} KiB of output skipped, this client was too slow]\r\n"


class Attachment:
    """Output waiting for one client. Memory never exceeds `HIGH` plus one read.

    A client that falls behind loses its backlog, is told so in the output, and continues from the replay.
    """

    def __init__(self, replay: Replay, relieved: Callable[[], None]) -> None:
        self._replay, self._relieved = replay, relieved
        self._chunks: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._skipped = 0
        self._behind = False
        self.size = 0
        self.close_code: int | None = None
        self.patient_after = 0.0  # loop time from which the program may be held up for this client again
        self._push(replay.read())

    def offer(self, data: bytes) -> None:
        """Queue output, or count it as skipped while the client is behind."""
        if self._behind:
            self._skipped += len(data)
        else:
            self._push(data)

    def drop(self) -> None:
        """The client is too slow: forget its backlog. It goes on from the replay once it asks for more."""
        self._skipped += self.size
        self._chunks.clear()
        self.size = 0
        self._behind = True
        self._wake.set()

    def finish(self, code: int) -> None:
        """Nothing more comes; close the socket with this code after what is queued."""
        if self.close_code is None:
            self.close_code = code
            self._wake.set()

    async def next(self) -> bytes | None:
        """Wait for output: up to 32 KiB, or None when the session has ended and all of it was taken."""
        while not self._chunks:
            if self._behind:
                self._behind = False
                replay = self._replay.read(fresh=False)
                self._push(_GAP.format(max(0, self._skipped - len(replay)) >> 10).encode() + replay)
                self._skipped = 0
                break
            if self.close_code is not None:
                return None
            self._wake.clear()
            await self._wake.wait()
        return self._take()

    def _push(self, data: bytes) -> None:
        if data:
            self._chunks.append(data)
            self.size += len(data)
            self._wake.set()

    def _take(self) -> bytes:
        taken: list[bytes] = []
        room = FRAME
        while self._chunks and room:
            chunk = self._chunks.popleft()
            if len(chunk) > room:
                self._chunks.appendleft(chunk[room:])
                chunk = chunk[:room]
            taken.append(chunk)
            room -= len(chunk)
        data = b"".join(taken)
        before, self.size = self.size, self.size - len(data)
        if self.size <= LOW < before:
            self._relieved()
        return data

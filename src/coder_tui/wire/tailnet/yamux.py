"""yamux, sans-I/O: many streams over one stream of bytes, for both sides. Time is passed in, monotonic seconds.

Source: hashicorp/yamux, `spec.md` and its defaults; contract, tailnet RPC, "yamux".

Memory is bounded whatever the peer does: it may have 256 streams, a window of 256 KiB of data that nobody consumed on
each, one unfinished frame, and 1 MiB of answers that nobody took.
"""

from __future__ import annotations

from coder_tui.errors import ProtocolError
from coder_tui.wire.tailnet.yamux_frames import (
    HEADER,
    Data,
    Event,
    Finished,
    Flag,
    GoneAway,
    Opened,
    Reset,
    Type,
    Writable,
    frame,
)

WINDOW = 256 << 10
"""Bytes each side may send on a new stream before the other makes room."""
BACKLOG = 256
"""Streams of the peer at a time, and ours that it has not accepted."""
PING_EVERY = 30.0
"""Seconds between two pings."""
PATIENCE = 10.0
"""Seconds a ping may stay without its reply."""
HALF_OPEN = 300.0
"""Seconds a stream may live on after we closed it, while the peer does not."""

_SIZE = HEADER.size
_MOST_ANSWERS = 1 << 20  # bytes
_UINT32 = (1 << 32) - 1


class _Stream:
    __slots__ = ("consumed", "finished", "receivable", "remote_finished", "sendable")

    def __init__(self) -> None:
        self.sendable = self.receivable = WINDOW
        self.consumed = 0  # bytes of which the peer has not been told
        self.finished = self.remote_finished = False


class Session:
    """One side of a session. After any call, `take()` what is to be sent.

    `receive` and `tick` raise ProtocolError when the session is dead; what `take` holds then may still be sent.
    """

    def __init__(self, *, client: bool, now: float) -> None:
        self._client, self._now = client, now
        self._next = 1 if client else 2
        self._streams: dict[int, _Stream] = {}
        self._theirs = 0  # how many of the streams the peer opened
        self._unaccepted: set[int] = set()
        self._finished_at: dict[int, float] = {}  # of streams that the peer has yet to close, oldest first
        self._buffer = bytearray()
        self._need = _SIZE  # bytes before looking again is worth it
        self._skip = 0  # bytes to come that belong to no stream
        self._out = bytearray()
        self._answers = 0  # bytes of it that the peer made us send
        self._ping, self._ping_due = 0, now + PING_EVERY
        self._ping_sent: float | None = None
        self._leaving = self._gone = False

    @property
    def streams(self) -> int:
        """How many are open, in whatever direction."""
        return len(self._streams)

    def take(self) -> bytes:
        """What is to be sent, once."""
        out = bytes(self._out)
        self._out.clear()
        self._answers = 0
        return out

    def open(self) -> int:
        """A new stream. Raises ProtocolError while the peer takes none."""
        if self._gone:
            raise ProtocolError("the server takes no new calls", why="it is going away")
        if len(self._unaccepted) >= BACKLOG:
            raise ProtocolError("the server takes no new calls", why=f"{BACKLOG} wait already")
        stream, self._next = self._next, self._next + 2
        self._streams[stream] = _Stream()
        self._unaccepted.add(stream)
        self._out += frame(Type.WINDOW_UPDATE, Flag.SYN, stream, 0)
        return stream

    def send(self, stream: int, data: bytes | bytearray | memoryview) -> int:
        """Send the beginning of `data`: as many bytes as there is room for. How many that were.

        Room comes back with `Writable`. A stream that is gone, or that we finished, takes nothing.
        """
        found = self._streams.get(stream)
        if found is None or found.finished:
            return 0
        size = min(len(data), found.sendable)
        if size:
            found.sendable -= size
            self._out += HEADER.pack(0, 0, 0, stream, size)
            self._out += data if size == len(data) else memoryview(data)[:size]
        return size

    def consumed(self, stream: int, size: int) -> None:
        """`size` bytes of the stream's data are done with: the peer learns it once half the window is free."""
        if (found := self._streams.get(stream)) is None or found.remote_finished:
            return
        found.consumed += size
        if found.consumed >= WINDOW // 2:
            self._out += frame(Type.WINDOW_UPDATE, Flag.NONE, stream, found.consumed)
            found.receivable += found.consumed
            found.consumed = 0

    def finish(self, stream: int) -> None:
        """We send no more on this stream."""
        if (found := self._streams.get(stream)) is None or found.finished:
            return
        found.finished = True
        self._out += frame(Type.WINDOW_UPDATE, Flag.FIN, stream, 0)
        if found.remote_finished:
            self._drop(stream)
        else:
            self._finished_at[stream] = self._now

    def reset(self, stream: int) -> None:
        """Drop the stream in both directions."""
        if stream in self._streams:
            self._out += frame(Type.WINDOW_UPDATE, Flag.RST, stream, 0)
            self._drop(stream)

    def go_away(self, code: int = 0) -> None:
        """Take no new streams. 0: normal, 1: the peer broke the protocol, 2: a fault of ours."""
        self._leaving = True
        self._out += frame(Type.GO_AWAY, Flag.NONE, 0, code)

    def tick(self, now: float) -> float:
        """Do what is due: pings, and streams left half-open. When to call again."""
        self._now = now
        if self._ping_sent is not None:
            if now - self._ping_sent >= PATIENCE:
                raise ProtocolError("the session is dead", why=f"no reply to a ping within {PATIENCE:.0f} seconds")
        elif now >= self._ping_due:
            self._ping = (self._ping + 1) & _UINT32
            self._ping_sent = now
            self._out += frame(Type.PING, Flag.SYN, 0, self._ping)
        for stream in [one for one, at in self._finished_at.items() if now - at >= HALF_OPEN]:
            self.reset(stream)
        due = self._ping_due if self._ping_sent is None else self._ping_sent + PATIENCE
        return min([due, *(at + HALF_OPEN for at in self._finished_at.values())])

    def receive(self, data: bytes, now: float) -> list[Event]:
        """What these bytes, in any chunking, make happen."""
        self._now = now
        events: list[Event] = []
        try:
            self._receive(data, events)
        except ProtocolError:
            self.go_away(1)
            raise
        return events

    def _receive(self, data: bytes, events: list[Event]) -> None:
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        buffer: bytes | bytearray = data
        if self._buffer:
            self._buffer += data
            buffer = self._buffer
        size, start = len(buffer), 0
        if size < self._need:
            if buffer is data:
                self._buffer += data
            return
        self._need = _SIZE
        while size - start >= _SIZE:
            version, kind, flags, stream, word = HEADER.unpack_from(buffer, start)
            if version:
                raise _broken(f"version {version}")
            body = start + _SIZE
            if not kind:  # data
                found = self._streams.get(stream)
                if found is None and not flags & Flag.SYN:
                    # for a stream that is gone: it was under way when we dropped it
                    start = body + word
                    continue
                if word > (found.receivable if found else WINDOW):
                    raise _broken("data beyond the window")
                end = body + word
                if end > size:
                    self._need = end - start
                    break
                if flags:
                    self._open_flags(stream, flags, events)
                    found = self._streams.get(stream)
                if found and word:
                    if found.remote_finished:
                        raise _broken("data on a stream that its sender closed")
                    found.receivable -= word
                    events.append(Data(stream, bytes(memoryview(buffer)[body:end])))
                if flags:
                    self._close_flags(stream, flags, events)
                start = end
                continue
            start = body
            if kind == Type.WINDOW_UPDATE:
                self._update(stream, flags, word, events)
            elif kind == Type.PING:
                self._pinged(flags, word)
            elif kind == Type.GO_AWAY:
                self._told_to_go(word, events)
            else:
                raise _broken(f"a frame of unknown type {kind}")
        if start > size:
            self._skip = start - size
        if buffer is data:
            self._buffer += memoryview(data)[start:]
        else:
            del self._buffer[:start]

    def _update(self, stream: int, flags: int, word: int, events: list[Event]) -> None:
        if flags:
            self._open_flags(stream, flags, events)
        found = self._streams.get(stream)
        if found is not None and word:
            if found.sendable + word > _UINT32:
                raise _broken("a window of more than 32 bits")
            if not found.sendable and not found.finished:
                events.append(Writable(stream))
            found.sendable += word
        if flags:
            self._close_flags(stream, flags, events)

    def _open_flags(self, stream: int, flags: int, events: list[Event]) -> None:
        if flags & Flag.SYN:
            if not stream or stream % 2 == self._client:
                raise _broken(f"stream {stream} opened from the wrong side")
            if stream in self._streams:
                raise _broken(f"stream {stream} opened twice")
            if self._leaving or self._theirs >= BACKLOG:
                self._answer(Type.WINDOW_UPDATE, Flag.RST, stream, 0)
            else:
                self._streams[stream] = _Stream()
                self._theirs += 1
                self._answer(Type.WINDOW_UPDATE, Flag.ACK, stream, 0)
                events.append(Opened(stream))
        if flags & Flag.ACK:
            self._unaccepted.discard(stream)

    def _close_flags(self, stream: int, flags: int, events: list[Event]) -> None:
        found = self._streams.get(stream)
        if found is None:
            return
        if flags & Flag.RST:
            self._drop(stream)
            events.append(Reset(stream))
        elif flags & Flag.FIN and not found.remote_finished:
            found.remote_finished = True
            events.append(Finished(stream))
            if found.finished:
                self._drop(stream)

    def _pinged(self, flags: int, word: int) -> None:
        if flags & Flag.SYN:
            self._answer(Type.PING, Flag.ACK, 0, word)
        elif self._ping_sent is not None and word == self._ping:
            self._ping_sent, self._ping_due = None, self._now + PING_EVERY

    def _told_to_go(self, code: int, events: list[Event]) -> None:
        if code:
            why = {1: "it says that we broke the protocol", 2: "it failed"}.get(code, f"its reason is {code}")
            raise ProtocolError("the peer ended the session", why=why)
        self._gone = True
        events.append(GoneAway())

    def _answer(self, kind: Type, flags: Flag, stream: int, word: int) -> None:
        self._out += frame(kind, flags, stream, word)
        self._answers += _SIZE
        if self._answers > _MOST_ANSWERS:
            raise _broken("more questions than it takes answers to")

    def _drop(self, stream: int) -> None:
        del self._streams[stream]
        self._finished_at.pop(stream, None)
        self._unaccepted.discard(stream)
        if stream % 2 != self._client:
            self._theirs -= 1


def _broken(why: str) -> ProtocolError:
    return ProtocolError("the peer's yamux is broken", why=why)

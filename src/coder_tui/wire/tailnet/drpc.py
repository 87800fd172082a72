"""dRPC, sans-I/O: packets to frames and frames to packets, for both sides of a call.

A frame is a control byte (bit 0: the packet's last; bits 1 to 6: its kind; bit 7: may be skipped by who does not know
it), three varints (stream, message, length) and `length` bytes. A packet is one or more frames of the same ids and
kind. Ids only ever ascend. Source: storj.io/drpc, `drpcwire`; contract, tailnet RPC, "dRPC framing".

One call at a time is all that Coder's peers make of it: over yamux each stream carries one call with stream id 1, on an
agent's socket calls follow one another with ids 1, 2, 3.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from coder_tui.errors import ProtocolError

MAX_PACKET = 4 << 20
"""Bytes of a joined packet before the peer is called broken."""
SPLIT = 64 << 10
"""Bytes of a packet's data that go into one frame."""
UNIMPLEMENTED = 12
"""Error code of a method that is not offered here; every other failure has code 0."""

_DONE, _SKIPPABLE = 0x01, 0x80
_WHOLE_MESSAGE = 2 << 1 | _DONE
_ID = (1 << 64) - 1
_VARINT = 10  # bytes of the longest


class Kind(IntEnum):
    """What a packet is. Its data is named behind."""

    INVOKE = 1
    """The method's path: the call begins."""
    MESSAGE = 2
    """A protobuf message."""
    ERROR = 3
    """Eight bytes of code, then text: the call failed."""
    CANCEL = 4
    """Nothing: the caller does not want the rest."""
    CLOSE = 5
    """Nothing: the call is over in both directions."""
    CLOSE_SEND = 6
    """Nothing: no more messages from this side."""
    INVOKE_METADATA = 7
    """A protobuf map of texts, before `INVOKE`: tracing data, which nobody needs."""


_MESSAGE = Kind.MESSAGE
_KINDS = {kind.value: kind for kind in Kind}


class Packet(NamedTuple):
    """One joined packet."""

    kind: Kind
    data: bytes = b""
    stream: int = 1
    message: int = 1


def encode(packet: Packet, split: int = SPLIT) -> bytes:
    """The packet as one frame, or as several of at most `split` bytes of data each."""
    kind, data, stream, message = packet
    ids = varint(stream) + varint(message)
    if len(data) <= split:
        return b"%c%b%b%b" % (kind << 1 | _DONE, ids, varint(len(data)), data)
    frames = bytearray()
    for start in range(0, len(data), split):
        part = data[start : start + split]
        done = start + split >= len(data)
        frames += b"%c%b%b%b" % (kind << 1 | done, ids, varint(len(part)), part)
    return bytes(frames)


def fault(data: bytes) -> tuple[int, str]:
    """Code and text of an `ERROR` packet's data; a text that is no UTF-8 has U+FFFD in it. Raises ProtocolError."""
    if len(data) < 8:
        raise ProtocolError("the peer's dRPC is broken", why="an error packet without a code")
    return int.from_bytes(data[:8], "big"), data[8:].decode("utf-8", "replace")


class Sender:
    """One direction of a connection: packets with ascending ids, as the bytes to write.

    Each method returns what goes on the wire. `call()` begins the next call on the same connection.
    """

    def __init__(self, stream: int = 1, split: int = SPLIT) -> None:
        self.stream = stream
        self._split, self._message = split, 0

    def call(self) -> int:
        """The next call's stream id; its message ids begin anew."""
        self.stream, self._message = self.stream + 1, 0
        return self.stream

    def answer(self, stream: int) -> None:
        """What follows belongs to the peer's call `stream`."""
        if stream != self.stream:
            self.stream, self._message = stream, 0

    def packet(self, kind: Kind, data: bytes = b"") -> bytes:
        """Any packet. Raises ValueError for data over `MAX_PACKET` bytes: the peer would refuse it."""
        size = len(data)
        if size > MAX_PACKET:
            raise ValueError(f"a packet holds {MAX_PACKET} bytes at most")
        self._message += 1
        if size > self._split:
            return encode(Packet(kind, data, self.stream, self._message), self._split)
        head = _SHORT[kind << 1 | _DONE] + varint(self.stream) + varint(self._message)
        return b"".join((head, varint(size), data))

    def invoke(self, path: str) -> bytes:
        """Begin a call of the method `path`."""
        return self.packet(Kind.INVOKE, path.encode())

    def message(self, data: bytes) -> bytes:
        """One protobuf message."""
        return self.packet(Kind.MESSAGE, data)

    def error(self, code: int, text: str) -> bytes:
        """The call failed. `code` fits eight bytes."""
        return self.packet(Kind.ERROR, code.to_bytes(8, "big") + text.encode("utf-8", "replace"))

    def close(self) -> bytes:
        """Over in both directions."""
        return self.packet(Kind.CLOSE)

    def close_send(self) -> bytes:
        """No more messages from here."""
        return self.packet(Kind.CLOSE_SEND)

    def cancel(self) -> bytes:
        """The rest is not wanted."""
        return self.packet(Kind.CANCEL)


class Receiver:
    """Feed bytes in any chunking, get joined packets in order.

    Raises ProtocolError for what the framing does not allow; the receiver is of no use then. Holds at most one
    unfinished packet (`limit` bytes) and one unfinished frame of it.
    """

    def __init__(self, limit: int = MAX_PACKET) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._need = 0  # bytes of it before looking again is worth it
        self._stream, self._message = 1, 0  # of the newest packet
        self._kind = 0  # and its kind while it is unfinished, else 0
        self._parts = bytearray()

    @property
    def pending(self) -> bool:
        """Whether something unfinished is held: the end of the bytes would cut it off."""
        return bool(self._buffer or self._kind)

    def feed(self, data: bytes) -> list[Packet]:
        """The packets completed by `data`."""
        packets: list[Packet] = []
        buffer = data
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._need:
                return packets
            buffer = bytes(self._buffer)
            self._buffer.clear()
        self._need = 0
        size, start = len(buffer), 0
        while size - start >= 4:
            control, stream, message, length = buffer[start : start + 4]
            at = start + 4
            if stream | message | length >= 0x80:  # a varint of several bytes: the slow way
                header = _header(buffer, start + 1)
                if header is None:
                    break
                stream, message, length, at = header
            if length > self._limit:
                raise _broken(f"a frame of {length} bytes")
            end = at + length
            if end > size:
                self._need = end - start
                break
            start = end
            if control == _WHOLE_MESSAGE and message > self._message and stream == self._stream and not self._kind:
                # nearly all of them
                self._message = message
                packets.append(Packet(_MESSAGE, buffer[at:end], stream, message))
            else:
                self._frame(packets, control, stream, message, buffer[at:end])
        if start < size:
            self._buffer += buffer[start:]
        return packets

    def _frame(self, packets: list[Packet], control: int, stream: int, message: int, data: bytes) -> None:
        kind = control >> 1 & 0x3F
        known = _KINDS.get(kind)
        if known is None and control & _SKIPPABLE:
            return  # for people who understand it
        if not (stream and message):
            raise _broken("an id of zero")
        if (stream, message) != (self._stream, self._message):
            if (stream, message) < (self._stream, self._message):
                raise _broken("an id that went back")
            # a newer packet ends an unfinished one
            self._stream, self._message, self._kind = stream, message, kind
            self._parts.clear()
        elif not self._kind:
            raise _broken("an id used twice")
        elif kind != self._kind:
            raise _broken("a packet of two kinds")
        if known is None:
            raise _broken(f"a packet of unknown kind {kind}")
        if self._parts or not control & _DONE:
            if len(self._parts) + len(data) > self._limit:
                raise _broken(f"a packet of more than {self._limit} bytes")
            self._parts += data
            if not control & _DONE:
                return
            data = bytes(self._parts)
            self._parts.clear()
        self._kind = 0
        packets.append(Packet(known, data, stream, message))


def _header(buffer: bytes, at: int) -> tuple[int, int, int, int] | None:
    """Stream, message, length and where the data begins; None while it is not all there."""
    values = []
    size = len(buffer)
    for _ in range(3):
        if at == size:
            return None
        value = buffer[at]
        at += 1
        if value >= 0x80:
            value &= 0x7F
            shift = 7
            while True:
                if at == size:
                    return None
                byte = buffer[at]
                at += 1
                value |= (byte & 0x7F) << shift
                if byte < 0x80:
                    break
                shift += 7
                if shift == 7 * _VARINT:
                    raise _broken("a number of more than ten bytes")
            if value > _ID:
                raise _broken("a number of more than 64 bits")
        values.append(value)
    return values[0], values[1], values[2], at


_SHORT = tuple(bytes((value,)) for value in range(0x80))


def varint(value: int) -> bytes:
    """`value`, which is not negative, in seven bits a byte, the low ones first."""
    if value < 0x80:
        return _SHORT[value]
    if value < 0x4000:
        return b"%c%c" % (value & 0x7F | 0x80, value >> 7)
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _broken(why: str) -> ProtocolError:
    return ProtocolError("the peer's dRPC is broken", why=why)

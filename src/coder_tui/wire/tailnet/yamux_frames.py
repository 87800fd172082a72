"""yamux's frames, and what a session says that they made happen.

A frame is version, type, flags, stream id and a length word (12 bytes, big-endian); a data frame's body follows.
Source: hashicorp/yamux, `spec.md`.
"""

from __future__ import annotations

import struct
from enum import IntEnum, IntFlag
from typing import NamedTuple

HEADER = struct.Struct(">BBHII")


class Type(IntEnum):
    """What a frame is."""

    DATA = 0
    WINDOW_UPDATE = 1
    PING = 2
    GO_AWAY = 3


class Flag(IntFlag):
    """What a frame does to its stream; on a ping `SYN` asks and `ACK` answers."""

    NONE = 0
    SYN = 1
    ACK = 2
    FIN = 4
    RST = 8


class Opened(NamedTuple):
    """The peer opened this stream; it is accepted already."""

    stream: int


class Data(NamedTuple):
    """Bytes of a stream. Say `consumed` when they are done with, or the peer stalls."""

    stream: int
    data: bytes


class Finished(NamedTuple):
    """The peer sends no more on this stream."""

    stream: int


class Reset(NamedTuple):
    """This stream is gone in both directions."""

    stream: int


class Writable(NamedTuple):
    """There is room again on a stream whose room was used up."""

    stream: int


class GoneAway(NamedTuple):
    """The peer takes no new streams; those that are open go on."""


Event = Opened | Data | Finished | Reset | Writable | GoneAway


def frame(kind: Type, flags: Flag, stream: int, word: int, body: bytes = b"") -> bytes:
    """One frame. `word` is the length of `body` for data."""
    return HEADER.pack(0, kind, flags, stream, word) + body

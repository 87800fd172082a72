"""What streams say, as plain data. No I/O here, so that the screen may know these types without the network."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class LogLine(NamedTuple):
    """One line of an agent's log. `id` ascends, with gaps. `output` is raw: make it safe before painting.

    A tuple, because a history has millions of them.
    """

    id: int
    at: datetime
    level: str
    source_id: str
    output: str


class LogMark(StrEnum):
    """What a note in a log stream is about."""

    OPEN = "open"  # history follows
    LIVE = "live"  # history is complete, following
    LOST = "lost"  # the stream broke; `retry_at` says when we try again
    SAID = "said"  # something happened to what is followed: `text` says it; the stream goes on as it was
    ENDED = "ended"  # the server ended the stream (agent replaced, job done)
    FAILED = "failed"  # no retry will help


@dataclass(frozen=True, slots=True)
class LogBatch:
    """Lines in order, each exactly once over all reconnects."""

    lines: tuple[LogLine, ...]


@dataclass(frozen=True, slots=True)
class LogNote:
    """The stream's own state, to be shown inline."""

    mark: LogMark
    text: str = ""
    retry_at: datetime | None = None


LogEvent = LogBatch | LogNote


@dataclass(frozen=True, slots=True)
class PtyOpened:
    """The socket is open; reset the emulator now, the replay follows. A resize has been sent already."""

    again: bool = False  # this is a reattach after a lost connection


@dataclass(frozen=True, slots=True)
class PtyOutput:
    """Raw terminal output; may split a UTF-8 or escape sequence at any point."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PtyLost:
    """The connection broke. The session lives on the server; we try again at `retry_at` with the same id."""

    why: str
    retry_at: datetime


@dataclass(frozen=True, slots=True)
class PtyEnded:
    """The session is over (close 1000) or cannot be had (`failed`, then with what `errors.py` exits for it).

    Nothing more follows.
    """

    why: str
    failed: bool = False
    exit_code: int = 0


PtyEvent = PtyOpened | PtyOutput | PtyLost | PtyEnded

"""`coder-tui logs push`: lines of stdin to the log of the agent we run in. Loads the standard library only.

Whoever writes to us must not be harmed by a deployment that is away or a log that is full: we read to the end of
stdin whatever happens, and say at the end what was lost. While a batch is under way nothing is read: the pipe holds
the writer back.
"""

from __future__ import annotations

import os
import select
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator

from coder_tui.errors import ApiError, CoderTuiError, UnreachableError
from coder_tui.report.reporter import Reporter
from coder_tui.report.states import LINE_LIMIT

BATCH_LINES = 200
BATCH_BYTES = 128 << 10
BATCH_SECONDS = 0.25
"""A batch is sent when it has so many lines or bytes, or when its first line has waited so long."""
PATIENCE = 10.0
"""Seconds that a batch is offered again to a deployment that does not answer; later batches get one try."""
_FIRST_PAUSE, _LAST_PAUSE = 0.5, 5.0
_FULL = 413


def push(arguments: Namespace) -> int:
    """Send stdin's lines; 0 when all were taken. Raises CredentialsError before reading, any other error at the end."""
    with Reporter.from_env() as reporter:
        pusher = Pusher(reporter, arguments.source, arguments.level)
        for batch in batches(sys.stdin.fileno()):
            pusher.send(batch)
    pusher.conclude()
    return 0


class Pusher:
    """Sends batches, and counts what could not be sent. `clock` and `sleep` in seconds."""

    def __init__(
        self,
        reporter: Reporter,
        source: str,
        level: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._reporter, self._source, self._level = reporter, source, level
        self._clock, self._sleep = clock, sleep
        self._source_id = ""
        self._patience = PATIENCE
        self._error: CoderTuiError | None = None
        self._refused = False  # for good
        self.lost = 0

    def send(self, lines: list[str]) -> None:
        """One batch, again and again while the deployment does not answer, as long as our patience lasts."""
        if self._refused:
            self.lost += len(lines)
            return
        until, pause = self._clock() + self._patience, _FIRST_PAUSE
        while True:
            try:
                self._try(lines)
            except UnreachableError as error:
                self._error = error
                if self._clock() + pause > until:
                    self._patience = 0.0
                    self.lost += len(lines)
                    return
                self._sleep(pause)
                pause = min(2 * pause, _LAST_PAUSE)
            except CoderTuiError as error:
                self._error, self._refused = error, True
                self.lost += len(lines)
                return
            else:
                self._patience = PATIENCE
                return

    def _try(self, lines: list[str]) -> None:
        if self._source and not self._source_id:
            self._source_id = self._reporter.log_source(self._source)
        self._reporter.logs(lines, self._level, self._source_id)

    def conclude(self) -> None:
        """Raise what went wrong, if lines were lost by it."""
        if not self.lost or self._error is None:
            return
        lines = f"{self.lost:,} line{'' if self.lost == 1 else 's'}"
        error = self._error
        if isinstance(error, ApiError) and error.status == _FULL:
            raise ApiError(
                f"the agent's log is full, {lines} {'was' if self.lost == 1 else 'were'} not stored",
                status=_FULL,
                why="an agent holds 1 MiB of log",
                fix="the next build of the workspace begins with an empty one",
            )
        error.what = f"{lines} {'was' if self.lost == 1 else 'were'} not delivered: {error.what}"
        raise error


def batches(fd: int) -> Iterator[list[str]]:
    """Lines of `fd` in batches; lines that are too long for the deployment are split. Ends with the input."""
    splitter = _Splitter()
    batch: list[str] = []
    size = 0
    due = 0.0
    while True:
        wait = max(0.0, due - time.monotonic()) if batch else None
        ready, _, _ = select.select([fd], [], [], wait)
        data = os.read(fd, BATCH_BYTES) if ready else None
        for line in splitter.feed(data) if data is not None else ():
            if not batch:
                due = time.monotonic() + BATCH_SECONDS
            batch.append(line)
            size += len(line)
            if len(batch) >= BATCH_LINES or size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch and (data == b"" or time.monotonic() >= due):
            yield batch
            batch, size = [], 0
        if data == b"":
            return


class _Splitter:
    """Bytes in, whole lines out; without their ends, at most `LINE_LIMIT` characters each."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[str]:
        """The lines that are complete now; empty `data` is the end. Bytes that are no UTF-8 become U+FFFD."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if self._rest and (not data or len(self._rest) > BATCH_BYTES):
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            text = line.removesuffix(b"\r").decode("utf-8", "replace")
            yield text[:LINE_LIMIT]
            for start in range(LINE_LIMIT, len(text), LINE_LIMIT):
                yield text[start : start + LINE_LIMIT]

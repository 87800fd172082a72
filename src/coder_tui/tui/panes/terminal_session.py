"""One attached terminal behind the pane: its emulator, its stream, and how it is doing. It lives on when hidden."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Protocol

from coder_tui.errors import CoderTuiError
from coder_tui.feeds.source import PtyEnded, PtyLost, PtyOpened, PtyOutput, PtyStream, PtyTarget
from coder_tui.terminal.core import Modes, create_core
from coder_tui.terminal.recorder import Recorder
from coder_tui.terminal.redraw import redraw
from coder_tui.terminal.turns import Turns
from coder_tui.text import one_line

SCROLLBACK_LINES = 10_000
# Output up to this size is fed at once, which takes well under a millisecond; more goes to a thread, in slices that
# hold the core for two milliseconds at most, so that painting and typing never wait longer.
_INLINE_BYTES, _SLICE_BYTES = 4 * 1024, 64 * 1024
_LOOP_SECONDS, _GATHER_SECONDS = 0.002, 0.004
# A reattached session repeats its last 64 KiB (contract: PTY). The queries in there were answered in their time, and
# the shell would take a second answer for typing; what it copied was copied then. Nothing says whether a session is
# new, and the replay comes right behind the answer to our request, which no program just started does: output that
# soon is a replay, and so is all that follows without a pause.
_REPLAY_BYTES, _REPLAY_SECONDS, _REATTACHED_SECONDS = 64 * 1024, 0.05, 0.5


class State(Enum):
    """How the connection is."""

    CONNECTING = "connecting"
    OPEN = "open"
    LOST = "lost"
    ENDED = "ended"


class PtySource(Protocol):
    """What terminals need of a `Source`."""

    def open_pty(self, target: PtyTarget, columns: int, rows: int) -> PtyStream:
        """See `feeds.source.Source`, here and below."""

    def terminals(self, deployment: str, agent_id: str) -> Sequence[PtyTarget]:
        """Those kept of an agent."""

    def keep_terminal(self, target: PtyTarget) -> None:
        """Keep one."""

    def forget_terminal(self, reconnect: str) -> None:
        """Keep it no more."""


class Session:
    """Feeds a core from a PTY stream. `on_change` is called on the loop after every event.

    `run` is to be driven by a worker. Everything else is to be called on the same loop. `fresh` says that the
    reconnect token is a new one, so that there cannot be anything to replay.
    """

    def __init__(
        self,
        source: PtySource,
        target: PtyTarget,
        columns: int,
        rows: int,
        on_change: Callable[[Session], None],
        *,
        fresh: bool = False,
    ) -> None:
        self.target = target
        self.state = State.CONNECTING
        self.why = ""
        self.title = ""
        self.failed = self.crashed = False
        self.retry_at: datetime | None = None
        self.copied = ""  # the newest text the program asked to copy (OSC 52), until somebody takes it
        self.may_copy: bool | None = None  # what the person said to that; None: not asked yet
        self.core = create_core(columns, rows, SCROLLBACK_LINES)
        self.core_lock = Turns()
        self.recorder: Recorder | None = None  # to be set and cleared by `record` and `stop_recording`
        self._on_change = on_change
        self._stream: PtyStream = source.open_pty(target, columns, rows)
        self._fresh = fresh
        self._replay_left, self._replay_until = 0, 0.0
        self._replies = b""  # not sent yet

    async def run(self) -> None:
        """Follow the stream to its end. Never raises but when cancelled: what goes wrong is shown in the pane."""
        loop = asyncio.get_running_loop()
        yielded = loop.time()
        try:
            async for event in self._stream:
                match event:
                    case PtyOutput(data):
                        await self._feed(data)
                    case PtyOpened(again):
                        self._opened(again)
                    case PtyLost(why, retry_at):
                        self.state, self.why, self.retry_at = State.LOST, one_line(why), retry_at
                    case PtyEnded(why, failed):
                        self._ended(why, failed=failed)
                self._on_change(self)
                if loop.time() - yielded > _LOOP_SECONDS:
                    await asyncio.sleep(0)
                    yielded = loop.time()
            if self.state is not State.ENDED:
                self._ended("")
        except CoderTuiError as error:
            self._ended(str(error), failed=True)
        except Exception as error:
            # A bug in the emulator or the stream costs this terminal, not the whole program; it is shown, not hidden.
            self._ended(f"{type(error).__name__}: {error}", failed=True)
        finally:
            self.stop_recording()
            await self._stream.close()
        self._on_change(self)

    def _opened(self, again: bool) -> None:
        with self.core_lock:
            self.core.reset()
            if self.recorder:
                self.recorder.restart()
        self.state, self.why, self.retry_at = State.OPEN, "", None
        self._replay_left = 0 if self._fresh and not again else _REPLAY_BYTES
        seconds = _REATTACHED_SECONDS if again else _REPLAY_SECONDS
        self._replay_until = asyncio.get_running_loop().time() + seconds

    def _ended(self, why: str, *, failed: bool = False) -> None:
        self.state, self.why, self.failed, self.retry_at = State.ENDED, one_line(why), failed, None

    async def _feed(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        replayed = self._replay_left > 0 and loop.time() < self._replay_until
        if len(data) <= _INLINE_BYTES:
            self._feed_slice(data)
        else:
            started = loop.time()
            await loop.run_in_executor(None, self._feed_slices, data)
            # In a flood every turn costs more than what came since the last: let more of it gather.
            await asyncio.sleep(max(0, started + _GATHER_SECONDS - loop.time()))
        with self.core_lock:
            replies, copied = self._replies + self.core.take_replies(), self.core.take_copied()
            self._replies = b""
            self.title = self.core.title
        if replayed:
            self._replay_left -= len(data)
            self._replay_until = max(self._replay_until, loop.time() + _REPLAY_SECONDS)
            return
        self._replay_left = 0
        self.copied = copied or self.copied
        self.send(replies)

    def _feed_slices(self, data: bytes) -> None:
        for start in range(0, len(data), _SLICE_BYTES):
            self._feed_slice(data[start : start + _SLICE_BYTES])

    def _feed_slice(self, data: bytes) -> None:
        with self.core_lock:
            self.core.feed(data)
            if self.recorder:
                self.recorder.output(data)

    def send(self, data: bytes) -> None:
        """Keystrokes, in the bytes of `terminal.keys`. Dropped when there is nobody to hear them."""
        if data and self.state is State.OPEN:
            self._stream.send(data.decode("utf-8", "replace"))

    def record(self, path: Path) -> None:
        """Record from now on, beginning with the picture as it is. Raises StorageError. Paint all of it anew."""
        with self.core_lock:
            self.recorder = Recorder(path, self.core.columns, self.core.rows, title=self.target.title)
            self.recorder.output(redraw(self.core))

    def stop_recording(self) -> Recorder | None:
        """The recorder that was stopped, if there was one."""
        with self.core_lock:
            recorder, self.recorder = self.recorder, None
            if recorder:
                recorder.close()
            return recorder

    def crash(self, error: Exception) -> None:
        """The emulator broke: this terminal ends, with words; a new try gets a new emulator."""
        self.crashed = True
        self._ended(f"{type(error).__name__}: {error}", failed=True)

    @property
    def modes(self) -> Modes:
        """What the program asked of keys and mouse."""
        try:
            with self.core_lock:
                return self.core.modes
        except Exception as error:
            self.crash(error)
            return Modes()

    def resize(self, columns: int, rows: int) -> None:
        """Give the emulator its new size now; `tell_size` tells the program."""
        try:
            with self.core_lock:
                self._replies += self.core.take_replies()  # of what is just being fed
                self.core.resize(columns, rows)
                if self.recorder:
                    self.recorder.resize(self.core.columns, self.core.rows)
                told = self.core.take_replies()  # a program may have asked for its size in band (mode 2048)
            self.send(told)
        except Exception as error:
            self.crash(error)

    def tell_size(self) -> None:
        """Tell the program (and every later reconnect) the emulator's size."""
        if self.state is not State.ENDED:
            self._stream.resize(self.core.columns, self.core.rows)

    def retry_now(self) -> None:
        """Do not wait for the countdown."""
        if self.state is State.LOST:
            self.state = State.CONNECTING
            self._stream.retry_now()

    @property
    def over(self) -> bool:
        """Whether the program ended, which a failure to reach it does not say."""
        return self.state is State.ENDED and not self.failed

    def seconds_left(self) -> int:
        """Until the next try, rounded up; 0 when there is none."""
        if self.retry_at is None:
            return 0
        return max(0, -int(-(self.retry_at - datetime.now(UTC)).total_seconds() // 1))

"""A terminal elsewhere in the terminal we were started in, until it ends or is left."""

from __future__ import annotations

import asyncio
import codecs
import signal
from datetime import UTC, datetime

from coder_tui.cli.outer import OuterTerminal
from coder_tui.cli.signals import EndSignals
from coder_tui.client.events import PtyEnded, PtyLost, PtyOpened, PtyOutput
from coder_tui.client.pty import PtyStream
from coder_tui.terminal.passthrough import LeaveKey, unasked
from coder_tui.terminal.recorder import Recorder
from coder_tui.text import one_line

LEAVE_SECONDS = 0.25
"""How long one `ctrl+]` waits for a second one, which would send it."""
_REPLAY_BYTES, _REPLAY_SECONDS = 64 << 10, 0.5  # a reattached session repeats this much, at once
_REPAINT_SECONDS = 0.1
_EARLY = 64 << 10  # bytes of input that wait for the first connection
_SLICE = 32 << 10  # bytes between two looks at the keyboard


class Attached:
    """One attachment. `replays`: the session was there before, so that its first output is a repetition."""

    def __init__(self, stream: PtyStream, signals: EndSignals, *, replays: bool, recorder: Recorder | None) -> None:
        self._stream, self._signals, self._recorder = stream, signals, recorder
        self._replays = replays
        self._leave = LeaveKey()
        self._leaving: asyncio.TimerHandle | None = None
        self._counting: asyncio.TimerHandle | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._over = asyncio.Event()
        self._lost: PtyLost | None = None
        self._early = bytearray()  # typed before there was anybody to hear it
        self._open = False
        self._replay_left, self._replay_until = 0, 0.0
        self._repaint = False
        self._outer = OuterTerminal(self._typed, self._resized, self._gone)
        self.ended: PtyEnded | None = None
        """How the session ended; None when it was left."""

    async def run(self) -> None:
        """Until it ended, was left, a signal came (`signals.code`) or the terminal vanished."""
        self._signals.how = self._over.set
        with self._outer:
            if self._signals.code:
                return
            self._resized()
            following = asyncio.create_task(self._follow(), name="attach:follow")
            over = asyncio.create_task(self._over.wait(), name="attach:over")
            try:
                await asyncio.wait([following, over], return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (following, over):
                    task.cancel()
                await asyncio.wait([following, over])
                await self._stream.close()
                for timer in (self._leaving, self._counting):
                    if timer is not None:
                        timer.cancel()
            if not following.cancelled():
                following.result()

    async def _follow(self) -> None:
        async for event in self._stream:
            match event:
                case PtyOutput(data):
                    await self._output(data)
                case PtyOpened(again):
                    await self._opened(again)
                case PtyLost():
                    self._lost = event
                    self._tell_lost()
                case PtyEnded():
                    self.ended = event

    async def _opened(self, again: bool) -> None:
        self._lost = None
        if again or self._replays:
            await self._outer.clear(keep=not again)
            self._replay_left = _REPLAY_BYTES
            self._replay_until = asyncio.get_running_loop().time() + _REPLAY_SECONDS
            self._repaint = True
        if again and self._recorder:
            self._recorder.restart()
        self._replays = self._open = True
        self._send(bytes(self._early))
        self._early.clear()

    async def _output(self, data: bytes) -> None:
        if self._replay_left > 0:
            if asyncio.get_running_loop().time() < self._replay_until:
                self._replay_left -= len(data)
                data = unasked(data)
            else:
                self._replay_left = 0
        if self._recorder:
            self._recorder.output(data)
        for start in range(0, len(data), _SLICE):
            await self._outer.write(data[start : start + _SLICE])
            await asyncio.sleep(0)
        if self._repaint:
            self._repaint = False
            if self._outer.alternate:
                self._ask_to_paint()

    def _ask_to_paint(self) -> None:
        # A replay may begin in the middle of a full-screen program's picture; a new size makes it paint all of it.
        columns, rows = self._outer.size
        if rows > 2:
            self._stream.resize(columns, rows - 1)
            asyncio.get_running_loop().call_later(_REPAINT_SECONDS, self._resized)

    def _resized(self) -> None:
        columns, rows = self._outer.size
        self._stream.resize(columns, rows)
        if self._recorder:
            self._recorder.resize(columns, rows)
        if self._lost is not None:
            self._tell_lost()

    def _typed(self, data: bytes) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None
        data = self._leave.feed(data)
        if self._lost is not None:
            if b"\r" in data or b"\x1b[13u" in data:
                self._stream.retry_now()
        elif self._open:
            self._send(data)
        elif len(self._early) < _EARLY:
            self._early += data
        if self._leave.left:
            self._over.set()
        elif self._leave.waiting:
            self._leaving = asyncio.get_running_loop().call_later(LEAVE_SECONDS, self._over.set)

    def _send(self, data: bytes) -> None:
        if data:
            self._stream.send(self._decoder.decode(data))
            if self._recorder:
                self._recorder.input(data)

    def _gone(self) -> None:
        self._signals.end(signal.SIGHUP)

    def _tell_lost(self) -> None:
        """The countdown, every second until it is over."""
        if self._counting is not None:
            self._counting.cancel()
            self._counting = None
        if self._lost is not None:
            self._counting = asyncio.get_running_loop().call_later(1, self._tell_lost)
            left = max(0, -int(-(self._lost.retry_at - datetime.now(UTC)).total_seconds() // 1))
            when = f"trying again in {left} s" if left else "trying again now"
            why = one_line(self._lost.why).rstrip(".")
            self._outer.status(f" coder-tui: {why}; {when} (enter: at once, ctrl+]: leave)")

"""When to try again: full jitter, and a reset that a connection has to earn.

A server that accepts and closes at once must not be redialled at once, so an open alone resets nothing. A connection
has proved itself when it delivered a valid message and lived for `proof` seconds.
Full jitter: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """Time and chance, so that tests own them. `monotonic` and `sleep` in seconds, `random` in [0, 1)."""

    now: Callable[[], datetime] = _now
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random


CLOCK = Clock()
"""The real one."""


async def sleep_or(event: asyncio.Event, seconds: float, clock: Clock = CLOCK) -> None:
    """Return after `seconds`, or when `event` is set."""
    waits = [asyncio.ensure_future(clock.sleep(seconds)), asyncio.ensure_future(event.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


class Backoff:
    """The reconnect policy of one connection.

    Call `opened()` at each open, `proved()` at each valid message, `lost()` when it broke or could not be opened,
    then await `pause()`. `base` is the ceiling of the first delay, `cap` of every delay, in seconds.
    """

    def __init__(self, clock: Clock = CLOCK, *, base: float = 0.5, cap: float = 30.0, proof: float = 5.0) -> None:
        self._clock, self._base, self._cap, self._proof = clock, base, cap, proof
        self._attempt = 0
        self._opened_at: float | None = None
        self._delivered = False
        self._delay = 0.0
        self._nudge = asyncio.Event()

    def opened(self) -> None:
        """The connection is open: nothing is proved yet."""
        self._opened_at, self._delivered = self._clock.monotonic(), False

    def proved(self) -> None:
        """A valid message arrived on it."""
        self._delivered = True

    def lost(self) -> datetime:
        """Choose the next delay; the time of the next try, for people to see."""
        opened_at, self._opened_at = self._opened_at, None
        if opened_at is not None and self._delivered and self._clock.monotonic() - opened_at >= self._proof:
            self._attempt = 0
        ceiling = min(self._cap, self._base * 2.0 ** min(self._attempt, 32))
        self._delay = self._clock.random() * ceiling
        self._attempt += 1
        self._nudge.clear()
        return self._clock.now() + timedelta(seconds=self._delay)

    async def pause(self) -> None:
        """Wait out the delay that `lost()` chose, or until somebody nudges."""
        await sleep_or(self._nudge, self._delay, self._clock)

    def nudge(self) -> None:
        """Try now: do not wait for the countdown."""
        self._nudge.set()

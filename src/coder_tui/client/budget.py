"""Our own limit on requests, below the deployment's: 512 a minute for each user (contract, base, headers, bodies).

One budget belongs to one deployment; every request and every upgrade of a socket takes from it. A 429 holds all of
them back for as long as the server asks, so that one busy stream does not make twenty others knock again.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from coder_tui.client.backoff import CLOCK, Clock

LIMIT = 512
"""Requests in any window of `WINDOW` seconds."""
WINDOW = 60.0
LONGEST_HOLD = 30.0
"""Seconds: a server that asks for more gets its 429 reported, and the caller decides."""


class Budget:
    """`take()` before each request; `hold()` when the server said that it is too busy."""

    def __init__(self, clock: Clock = CLOCK, *, limit: int = LIMIT) -> None:
        self._clock, self._limit = clock, limit
        self._taken: deque[float] = deque()
        self._held_until = -math.inf

    @property
    def spent(self) -> int:
        """Requests of the last `WINDOW` seconds."""
        self._forget()
        return len(self._taken)

    async def take(self) -> None:
        """Count one request, waiting first while the window is full or the server asked for time."""
        while (wait := self._wait()) > 0:
            await self._clock.sleep(wait)
        self._taken.append(self._clock.monotonic())

    def hold(self, seconds: float) -> bool:
        """Send nothing for `seconds`; False (and nothing is held) when that is longer than anybody should wait."""
        if seconds > LONGEST_HOLD:
            return False
        self._held_until = max(self._held_until, self._clock.monotonic() + seconds)
        return True

    def _wait(self) -> float:
        self._forget()
        now = self._clock.monotonic()
        full = self._taken[-self._limit] + WINDOW - now if len(self._taken) >= self._limit else 0.0
        return max(full, self._held_until - now)

    def _forget(self) -> None:
        horizon = self._clock.monotonic() - WINDOW
        while self._taken and self._taken[0] <= horizon:
            self._taken.popleft()


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that a 429 asks us to wait, 1 when it does not say. RFC 9110 allows a number of seconds or a date."""
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 1.0

"""How often one address may knock on an anonymous door."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from starlette.requests import Request

from coder_tui.hub.problems import Refused

PER_MINUTE = 60
"""Contract `00-transport`: login and similar."""
_WINDOW = 60.0  # seconds
_MOST = 4096  # addresses remembered


class Limit:
    """At most `most` requests of one address in a window of one minute that opens with the first. One event loop."""

    def __init__(self, most: int = PER_MINUTE, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._seen: dict[str, tuple[float, int]] = {}

    def check(self, request: Request) -> None:
        """Count this request. Raises Refused (429) saying in Retry-After, in seconds, when to come again."""
        address = request.client.host if request.client else ""
        now = self._clock()
        opened, count = self._seen.get(address, (now, 0))
        if now - opened >= _WINDOW:
            opened, count = now, 0
        if count >= self._most:
            again = str(max(1, math.ceil(opened + _WINDOW - now)))
            raise Refused(
                429,
                "You've been rate limited for sending too many requests!",
                f"try again in {again} seconds",
                headers={"Retry-After": again},
            )
        if len(self._seen) >= _MOST and address not in self._seen:
            self._forget(now)
        self._seen[address] = (opened, count + 1)

    def _forget(self, now: float) -> None:
        self._seen = {key: value for key, value in self._seen.items() if now - value[0] < _WINDOW}
        while len(self._seen) >= _MOST:
            del self._seen[next(iter(self._seen))]

"""How often somebody may knock on a door."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable

from starlette.requests import Request

from coder_tui.hub.problems import Refused

PER_MINUTE = 60
"""Contract `00-transport`: login and similar."""
API_PER_MINUTE = 512
"""Contract `00-transport`: everything else, for each user (or address, if anonymous) and path, as Coder counts."""
_WINDOW = 60.0  # seconds
_MOST = 8192  # keys remembered


class Limit:
    """At most `most` requests of one key in a window of one minute that opens with the first. One event loop."""

    def __init__(self, most: int = PER_MINUTE, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._seen: dict[Hashable, tuple[float, int]] = {}

    def check(self, request: Request, key: Hashable = None) -> None:
        """Count this request, under its address unless a `key` is given.

        Raises Refused (429) saying in Retry-After, in seconds, when to come again.
        """
        key = address(request) if key is None else key
        now = self._clock()
        opened, count = self._seen.get(key, (now, 0))
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
        if count == 0:
            self._seen.pop(key, None)  # so that the window that opened first comes first
            if len(self._seen) >= _MOST:
                del self._seen[next(iter(self._seen))]
        self._seen[key] = (opened, count + 1)


def address(request: Request) -> str:
    """Where the request comes from."""
    return request.client.host if request.client else ""

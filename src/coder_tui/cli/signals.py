"""Signals as clean ends."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable


class EndSignals:
    """SIGINT, SIGTERM and SIGHUP call `how` on the running loop, once. `code` is then 128 + the signal's number.

    `how` may be replaced while nothing has arrived.
    """

    def __init__(self, how: Callable[[], object]) -> None:
        self.code = 0
        self.how = how
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.end, number)

    def end(self, number: int) -> None:
        """As if the signal had arrived."""
        if not self.code:
            self.code = 128 + number
            self.how()

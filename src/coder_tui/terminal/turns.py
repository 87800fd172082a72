"""A lock for a core that one thread feeds without end and another one paints."""

from __future__ import annotations

import threading
from types import TracebackType


class Turns:
    """A lock that is not taken twice in a row past somebody who waits for it, as `threading.Lock` may be."""

    def __init__(self) -> None:
        self._next, self._held = threading.Lock(), threading.Lock()

    def __enter__(self) -> None:
        with self._next:
            self._held.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._held.release()

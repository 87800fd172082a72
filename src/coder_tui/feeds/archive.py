"""The history behind a screen: every question is answered in one thread of its own, so that the loop never waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from coder_tui.feeds.past import Past

T = TypeVar("T")


class Archive:
    """The history in `state_dir`, opened when it is first asked. `close()` it at the end."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._past: Past | None = None
        self._thread: ThreadPoolExecutor | None = None

    async def ask(self, question: Callable[[Past], T]) -> T:
        """What `question` makes of the past. Raises NotFoundError while there is none, StorageError, and its own."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="past")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, question)

    def close(self) -> None:
        """Close the file once what was asked is answered, without waiting for it."""
        if self._thread is not None:
            self._thread.submit(self._shut)
            self._thread.shutdown(wait=False)
            self._thread = None

    def _answer(self, question: Callable[[Past], T]) -> T:
        if self._past is None:
            from coder_tui.feeds.past import Past

            self._past = Past(self._state_dir)
        return question(self._past)

    def _shut(self) -> None:
        past, self._past = self._past, None
        if past is not None:
            past.close()

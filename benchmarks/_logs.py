"""What the figures of the logs share: lines, a pane in an app of its own, and Textual's `Log` in another."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

from textual.app import App, ComposeResult
from textual.widgets import Log

from coder_tui.feeds.source import LogBatch, LogEvent, LogLine, LogMark, LogNote, Source
from coder_tui.fleet.snapshot import Agent, Key, LogSource, Row, Snapshot, Workspace
from coder_tui.tui.panes.logs import LogsPane

SIZE = (200, 50)
FRAME, HISTORY = 125, 20_000  # lines of 100 bytes: in a frame of 32 KiB, and in one of a long history
_WORDS = ["alpha", "beta", "Gamma", "request", "timeout", "user", "GET", "/api/v2/items", "handled", "in", "ms"]
_T0 = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def texts(count: int) -> Iterator[str]:
    """Lines of about 100 characters, the same in every run; one in ten thousand holds `Needle42x`."""
    dice = random.Random(1)
    for number in range(count):
        text = f"2026-03-01T12:00:{number % 60:02d} req={number} {' '.join(dice.choices(_WORDS, k=10))}"
        yield f"{text[:90]} Needle42x" if number % 10_000 == 7 else text[:100]


def batches(count: int, batch: int = HISTORY) -> list[LogBatch]:
    """The lines as they come from a deployment, `batch` of them in a frame."""
    lines = [
        LogLine(number, _T0 + timedelta(milliseconds=number), "info", "s1", text)
        for number, text in enumerate(texts(count), 1)
    ]
    return [LogBatch(tuple(lines[at : at + batch])) for at in range(0, count, batch)]


class Batches:
    """A source with one log, which stays open."""

    snapshot = Snapshot()

    def __init__(self, batches: Sequence[LogBatch]) -> None:
        self._batches = batches

    async def follow_logs(self, deployment: str, agent_id: str) -> AsyncIterator[LogEvent]:
        yield LogNote(LogMark.OPEN)
        for batch in self._batches:
            yield batch
        yield LogNote(LogMark.LIVE)
        await asyncio.Event().wait()


def row() -> Row:
    """The agent whose log it is."""
    agent = Agent("a1", "main", "connected", "ready", log_sources=(LogSource("s1", "startup"),))
    workspace = Workspace("acme", "w", "api", "kira", "running", "start", build_number=1, agents=(agent,))
    return Row(Key("acme", "w", "main"), workspace, agent, None)


class Ours(App[None]):
    """Nothing but the pane."""

    def __init__(self, batches: Sequence[LogBatch]) -> None:
        super().__init__()
        self.pane = LogsPane(cast(Source, Batches(batches)))

    def compose(self) -> ComposeResult:
        yield self.pane

    @property
    def count(self) -> int:
        """Lines in the buffer."""
        return len(self.pane.buffer) if self.pane.buffer is not None else 0


class Theirs(App[None]):
    """Nothing but Textual's Log."""

    def compose(self) -> ComposeResult:
        yield Log()


async def painted(app: App[None]) -> None:
    """Until what was asked to be painted is."""
    done = asyncio.Event()
    app.call_after_refresh(done.set)
    await done.wait()

"""CPU of one scrolled line at 200x50, of the Logs pane against Textual's `Log`, each painted before the next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Log

from _bench import emit, median
from _logs import SIZE, Ours, Theirs, batches, painted, row, texts

LINES, STEPS, ROUNDS = 100_000, 200, 5


async def cost(app: App[None], step: Callable[[], object]) -> float:
    """CPU milliseconds a step."""
    for _ in range(20):
        step()
        await painted(app)
    began = time.process_time()
    for _ in range(STEPS):
        step()
        await painted(app)
    return (time.process_time() - began) / STEPS * 1000


async def ours() -> float:
    app = Ours(batches(LINES))
    async with app.run_test(size=SIZE) as pilot:
        app.pane.show(row())
        while app.count < LINES:
            await pilot.pause()
        app.pane.lines.scroll_top()
        return await cost(app, lambda: app.pane.lines.scroll_rows(1))


async def theirs() -> float:
    app = Theirs()
    async with app.run_test(size=SIZE) as pilot:
        log = app.query_one(Log)
        log.write_lines(texts(LINES))
        log.scroll_home(animate=False)
        await _still(pilot)
        return await cost(app, lambda: log.scroll_down(animate=False))


async def _still(pilot: Pilot[None]) -> None:
    for _ in range(3):
        await pilot.pause()


def main() -> None:
    pairs = [(asyncio.run(ours()), asyncio.run(theirs())) for _ in range(ROUNDS)]
    emit(
        "log_scroll",
        median([our / their for our, their in pairs]),
        "<= 0.25",
        "Textual Log",
        cpu_ms=median([our for our, _ in pairs]),
        peer_cpu_ms=median([their for _, their in pairs]),
        steps=STEPS,
        rounds=ROUNDS,
    )


if __name__ == "__main__":
    main()

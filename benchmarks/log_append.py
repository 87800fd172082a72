"""Lines a second into the Logs pane while it paints, a million of them, against Textual's `Log`.

They come in frames of 32 KiB of JSON, as live lines do: more is refused by Go's peers (contract: message sizes). The
detail has the same for the long frames of a history. Seconds are the process's CPU time: both are one busy thread, and
what else runs on the machine does not count. Each paints when it sees fit.
"""

from __future__ import annotations

import asyncio
import gc
import time

from textual.widgets import Log

from _bench import emit, median
from _logs import FRAME, HISTORY, SIZE, Ours, Theirs, batches, row, texts

LINES, ROUNDS = 1_000_000, 3


async def ours(count: int, batch: int) -> tuple[float, float]:
    """Lines a CPU second until the last one is painted, and the longest turn of the loop in CPU milliseconds."""
    app = Ours(batches(count, batch))
    gc.collect()  # what earlier rounds left
    gc.freeze()  # as the program does
    gc.set_threshold(50_000, 20, 50)
    async with app.run_test(size=SIZE) as pilot:
        stall = 0.0

        async def watch() -> None:
            nonlocal stall
            at = time.thread_time()
            while True:
                await asyncio.sleep(0)
                now = time.thread_time()
                if app.count > count // 100:  # not the first frame, which styles are looked up for
                    stall = max(stall, now - at)
                at = now

        watching = asyncio.create_task(watch())
        began = time.process_time()
        app.pane.show(row())
        assert app.pane.buffer is not None
        app.pane.buffer.limit = 1 << 30
        wanted = f"req={count - 1} "
        while app.count < count or wanted not in app.pane.lines.render_line(app.pane.lines.size.height - 1).text:
            await asyncio.sleep(0)
        took = time.process_time() - began
        watching.cancel()
        await pilot.pause()
        return count / took, stall * 1000


async def theirs(count: int, batch: int) -> float:
    lines = list(texts(count))
    app = Theirs()
    async with app.run_test(size=SIZE) as pilot:
        log = app.query_one(Log)
        began = time.process_time()
        for at in range(0, count, batch):
            log.write_lines(lines[at : at + batch])
            await asyncio.sleep(0)
        await pilot.pause()
        return count / (time.process_time() - began)


def main() -> None:
    pairs = [(asyncio.run(ours(LINES, FRAME)), asyncio.run(theirs(LINES, FRAME))) for _ in range(ROUNDS)]
    history = [(asyncio.run(ours(LINES, HISTORY)), asyncio.run(theirs(LINES, HISTORY))) for _ in range(ROUNDS)]
    emit(
        "log_append",
        median([our[0] / their for our, their in pairs]),
        ">= 20",
        "Textual Log",
        lines_per_cpu_second=round(median([our[0] for our, _ in pairs])),
        peer_lines_per_cpu_second=round(median([their for _, their in pairs])),
        longest_turn_cpu_ms=round(median([our[1] for our, _ in pairs]), 1),
        lines_in_a_frame=FRAME,
        history_ratio=round(median([our[0] / their for our, their in history]), 1),
        history_lines_per_cpu_second=round(median([our[0] for our, _ in history])),
        lines=LINES,
        rounds=ROUNDS,
    )


if __name__ == "__main__":
    main()

"""Search of a million lines as the pane does it, against `rg -c` on the same text in a file. The ratio is the worst.

The file was written at once. `rg` takes twice as long for one that was appended to, ten lines at a time, as a log is,
because it lies in smaller pieces in the page cache (`ratio_appended`).

`typing`: words typed letter by letter into the filter's and the search's prompt of a pane with those lines: how late
the event loop is meanwhile, and how long until the first hits are on the screen.
"""

from __future__ import annotations

import asyncio
import gc
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from textual.widgets import Input

from _bench import emit, median
from _logs import SIZE, Ours, batches, row, texts
from coder_tui.logs.buffer import LogBuffer
from coder_tui.logs.search import Filter, catch_up, parse

LINES, ROUNDS = 1_000_000, 7
QUERIES = {
    "literal": ("Needle42x", ["-F", "Needle42x"]),
    "regex": (r"/Needle\d+x$/", [r"Needle\d+x$"]),
    "icase_regex": (r"/needle\d+/", ["-i", r"needle\d+"]),
}
_BEAT, _PAUSE = 0.001, 0.033  # seconds between two beats, and between two letters: a key that repeats
TYPED = ("needle", "timeout", "/eedle.*x$/", "request GET", "level>=info Gamma")
ALSO = {
    "icase_literal": ("needle42x", ["-i", "-F", "needle42x"]),
    "inner_literal": (r"/^2026.*Needle/", ["^2026.*Needle"]),
    "class_first": (r"/[A-Z]eedle\w+/", [r"[A-Z]eedle\w+"]),
    "common_literal": ("Gamma", ["-F", "Gamma"]),
    "every_line": ("req=", ["-i", "-F", "req="]),
}


async def searched(buffer: LogBuffer, query: str) -> tuple[float, float, int]:
    """Seconds to all hits, to the first slice of them, and how many there are."""
    first: list[float] = []
    found = Filter(parse(query), buffer)
    began = time.perf_counter()
    await catch_up(found, lambda: first.append(time.perf_counter() - began) if found.hits else None)
    return time.perf_counter() - began, first[0], len(found.hits)


def ours(buffer: LogBuffer, query: str) -> tuple[float, float, int]:
    """The same in a loop of its own."""
    return asyncio.run(searched(buffer, query))


async def typing(count: int) -> dict[str, float]:
    """Milliseconds: how late a beat of the loop is while words are typed, and from a last letter to its painted hits.

    `cpu`: what the loop itself used between two beats, which other programs on the machine have no part in.
    """
    app = Ours(batches(count))
    late: list[float] = []
    busy: list[float] = []
    first: list[float] = []

    async def beat() -> None:
        while True:
            due, used = time.perf_counter() + _BEAT, time.thread_time()
            await asyncio.sleep(_BEAT)
            late.append(time.perf_counter() - due)
            busy.append(time.thread_time() - used)

    async with app.run_test(size=SIZE) as pilot:
        app.pane.show(row())
        assert app.pane.buffer is not None
        app.pane.buffer.limit = 1 << 30
        while app.count < count:
            await asyncio.sleep(0.01)
        app.pane.focus()
        await pilot.pause()
        gc.collect()
        gc.freeze()  # as the program does
        beating = asyncio.create_task(beat(), name="beat")
        for ask, what in ((app.pane.action_filter, "filter"), (app.pane.action_find, "find")):
            ask()
            field = app.pane.query_one(Input)
            for words in TYPED:
                for typed in range(len(words)):
                    field.value = words[:typed]
                    await asyncio.sleep(_PAUSE)
                began = time.perf_counter()
                field.value = words
                while not re.search(f"{what}: {re.escape(words)} \\([1-9]", str(app.pane.border_title)):
                    await asyncio.sleep(_BEAT)
                first.append(time.perf_counter() - began)
            app.pane.prompt.drop()
        beating.cancel()
    late.sort()
    busy.sort()
    return {
        "cpu_p99_ms": round(busy[len(busy) * 99 // 100] * 1000, 2),
        "late_p99_ms": round(late[len(late) * 99 // 100] * 1000, 2),
        "late_max_ms": round(late[-1] * 1000, 1),
        "first_hits_ms": round(median(first) * 1000, 1),
        "first_hits_max_ms": round(max(first) * 1000, 1),
    }


def theirs(rg: str, arguments: list[str], file: Path) -> tuple[float, int]:
    began = time.perf_counter()
    done = subprocess.run([rg, "-c", *arguments, str(file)], capture_output=True, text=True, check=True)
    return time.perf_counter() - began, int(done.stdout)


def main() -> None:
    rg = shutil.which("rg")
    if rg is None:
        emit("log_search", 0, "<= 1.0", "rg (not installed: skipped)")
        return
    buffer = LogBuffer(1 << 30)
    buffer.append((number, 1e9, "info", "s", text) for number, text in enumerate(texts(LINES)))
    detail: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as root:
        file, grown = Path(root) / "log", Path(root) / "grown"
        lines = [f"{text}\n" for text in texts(LINES)]
        with grown.open("ab", buffering=0) as out:
            for start in range(0, LINES, 10):
                out.write("".join(lines[start : start + 10]).encode())
        file.write_text("".join(lines))
        for name, (query, arguments) in (QUERIES | ALSO).items():
            pairs = [(ours(buffer, query), theirs(rg, arguments, file)) for _ in range(ROUNDS)]
            others = [(ours(buffer, query), theirs(rg, arguments, grown)) for _ in range(ROUNDS)]
            assert {our[2] for our, _ in pairs} == {their[1] for _, their in pairs}
            detail[name] = {
                "ratio": round(median([our[0] / their[0] for our, their in pairs]), 2),
                "ratio_appended": round(median([our[0] / their[0] for our, their in others]), 2),
                "ms": round(median([our[0] for our, _ in pairs]) * 1000),
                "first_ms": round(median([our[1] for our, _ in pairs]) * 1000),
                "rg_ms": round(median([their[0] for _, their in pairs]) * 1000),
            }
    detail["typing"] = asyncio.run(typing(LINES))
    detail["typing_in_10_000_lines"] = asyncio.run(typing(10_000))
    worst = max(detail[name]["ratio"] for name in QUERIES)
    emit("log_search", worst, "<= 1.0", "rg -c", lines=LINES, rounds=ROUNDS, **detail)


if __name__ == "__main__":
    main()

"""Search of a million lines as the pane does it, against `rg -c` on the same text in a file. The ratio is the worst."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from _bench import emit, median
from _logs import texts
from coder_tui.logs.buffer import LogBuffer
from coder_tui.logs.search import Filter, catch_up, parse

LINES, ROUNDS = 1_000_000, 7
QUERIES = {
    "literal": ("Needle42x", ["-F", "Needle42x"]),
    "regex": (r"/Needle\d+x$/", [r"Needle\d+x$"]),
    "icase_regex": (r"/needle\d+/", ["-i", r"needle\d+"]),
}
ALSO = {
    "icase_literal": ("needle42x", ["-i", "-F", "needle42x"]),
    "inner_literal": (r"/^2026.*Needle/", ["^2026.*Needle"]),
    "class_first": (r"/[A-Z]eedle\w+/", [r"[A-Z]eedle\w+"]),
    "common_literal": ("Gamma", ["-F", "Gamma"]),
    "every_line": ("req=", ["-i", "-F", "req="]),
}


def ours(buffer: LogBuffer, query: str) -> tuple[float, float, int]:
    """Seconds to all hits, to the first slice of them, and how many there are."""
    first: list[float] = []
    found = Filter(parse(query), buffer)
    began = time.perf_counter()
    asyncio.run(catch_up(found, lambda: first.append(time.perf_counter() - began) if found.hits else None))
    return time.perf_counter() - began, first[0], len(found.hits)


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
        file = Path(root) / "log"
        file.write_text("".join(f"{text}\n" for text in texts(LINES)))
        for name, (query, arguments) in (QUERIES | ALSO).items():
            pairs = [(ours(buffer, query), theirs(rg, arguments, file)) for _ in range(ROUNDS)]
            assert {our[2] for our, _ in pairs} == {their[1] for _, their in pairs}
            detail[name] = {
                "ratio": round(median([our[0] / their[0] for our, their in pairs]), 2),
                "ms": round(median([our[0] for our, _ in pairs]) * 1000),
                "first_ms": round(median([our[1] for our, _ in pairs]) * 1000),
                "rg_ms": round(median([their[0] for _, their in pairs]) * 1000),
            }
    worst = max(detail[name]["ratio"] for name in QUERIES)
    emit("log_search", worst, "<= 1.0", "rg -c", lines=LINES, rounds=ROUNDS, **detail)


if __name__ == "__main__":
    main()

"""RSS that a million lines of 100 bytes add in a LogBuffer, against the bytes themselves."""

from __future__ import annotations

import gc

import psutil

from _bench import emit
from _logs import texts
from coder_tui.logs.buffer import LogBuffer

LINES = 1_000_000


def main() -> None:
    process = psutil.Process()
    buffer = LogBuffer(1 << 30)
    buffer.append((0, 0.0, "info", "s", text) for text in texts(5000))  # whatever the first lines load
    total = 0
    gc.collect()
    before = process.memory_info().rss
    for number, text in enumerate(texts(LINES)):
        line = f"{text:<100.100}"
        total += len(line) + 1
        buffer.append([(number, 1e9 + number, "info", "s", line)])
    gc.collect()
    grown = process.memory_info().rss - before
    emit(
        "log_memory",
        grown / total,
        "<= 1.3",
        "the bytes of the lines",
        rss_mb=round(grown / 1e6, 1),
        bytes_mb=round(total / 1e6, 1),
        accounted_mb=round(buffer.nbytes / 1e6, 1),
        lines=LINES,
    )


if __name__ == "__main__":
    main()

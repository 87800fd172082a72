"""A log of 100 MB, from the start of the program to its first painted page, against lnav and toolong.

Peers that are not installed are named and skipped; `TOOLONG` may name toolong's `tl` (it wants an older Textual).
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from _bench import Drain, emit, median
from _logs import texts

LINES, ROUNDS = 1_000_000, 5


def measure(argv: list[str], wanted: bytes) -> float:
    """Seconds until a line of the log is on the screen."""
    began = time.perf_counter()
    term = Drain(argv, dict(os.environ))
    try:
        term.until(wanted, patience=60)
        return time.perf_counter() - began
    finally:
        term.close()


def main() -> None:
    peers = {"lnav": shutil.which("lnav"), "toolong": os.environ.get("TOOLONG") or shutil.which("tl")}
    with tempfile.TemporaryDirectory() as root:
        file = Path(root) / "big.log"
        file.write_text("".join(f"{text}\n" for text in texts(LINES)))
        ours = [sys.executable, "-m", "coder_tui", "logs", str(file)]
        argvs = {"ours": ours, **{name: [path, str(file)] for name, path in peers.items() if path}}
        for argv in argvs.values():
            measure(argv, b"alpha")
        pane = median([measure(ours, b"quit") for _ in range(ROUNDS)])  # the footer: keys work
        took: dict[str, list[float]] = {name: [] for name in argvs}
        for _ in range(ROUNDS):
            for name, argv in argvs.items():
                took[name].append(measure(argv, b"alpha"))
    ratios = {
        name: median([a / b for a, b in zip(took["ours"], seconds, strict=True)])
        for name, seconds in took.items()
        if name != "ours"
    }
    emit(
        "log_open",
        ratios.get("lnav", 0),
        "<= 1.0 of lnav, <= 0.2 of toolong",
        ", ".join(name if path else f"{name} (not installed: skipped)" for name, path in peers.items()),
        ours_ready_ms=round(pane * 1000),
        mb=round(sum(len(text) + 1 for text in texts(LINES)) / 1e6),
        **{f"{name}_ms": round(median(seconds) * 1000) for name, seconds in took.items()},
        **{f"ratio_{name}": round(ratio, 2) for name, ratio in ratios.items()},
        rounds=ROUNDS,
    )


if __name__ == "__main__":
    main()

"""First paint of a list of 10,000 agents: the Agents pane against Textual's DataTable with the same rows."""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

from _bench import Drain, emit

ROUNDS = 5


def measure(mode: str, seconds: float) -> dict[str, float]:
    """Run the app of `_fleet.py` in a terminal of 140x40; its figures."""
    with tempfile.TemporaryDirectory() as root:
        result = Path(root) / "result.json"
        argv = [sys.executable, str(Path(__file__).with_name("_fleet.py")), str(result), mode, str(seconds)]
        app = Drain(argv, dict(os.environ))
        try:
            app.process.wait(120)
        finally:
            app.close()
        found: dict[str, float] = json.loads(result.read_text())
        return found


def median_of(runs: list[dict[str, float]], name: str) -> float:
    """The median of one figure."""
    return statistics.median(run[name] for run in runs)


def main() -> None:
    """Measure both, one after the other, and print the ratio."""
    ours, table = [], []
    for _ in range(ROUNDS):
        ours.append(measure("ours", 0.1))
        table.append(measure("table", 0.1))
    mine, peers = median_of(ours, "paint_ms"), median_of(table, "paint_ms")
    emit(
        "fleet_paint",
        mine / peers,
        "<= 0.02",
        "Textual DataTable, the same rows",
        ours_ms=round(mine, 1),
        table_ms=round(peers, 1),
        **{
            f"{who}_{name}": round(median_of(runs, name), 1)
            for who, runs in (("ours", ours), ("table", table))
            for name in ("fleet_mb", "process_mb")
        },
        agents=10_000,
        rounds=ROUNDS,
    )


if __name__ == "__main__":
    main()

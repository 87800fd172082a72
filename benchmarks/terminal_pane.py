"""20 MB through a PTY into the painted Terminal pane at 200x50, against an attached tmux of that size.

Both run at once, each in a terminal that drains what it paints, and take turns stream by stream, so that a busy
machine slows both. Timed is from the key that starts a stream to its last line on the screen.
"""

from __future__ import annotations

import statistics
from itertools import pairwise
from typing import Any

from _bench import emit, median
from _terminal import COLUMNS, KINDS, MEGABYTES, ROWS, figures_of, in_pane, in_tmux, program, size_of, tmux

ROUNDS = 5


def frame_figures(frames: list[dict[str, Any]], spans: list[tuple[float, float]]) -> dict[str, float]:
    """Milliseconds between frames while a stream ran (worst maximum, median p95), and to make a frame's rows."""
    p95s, worst, builds = [], 0.0, []
    for start, end in spans:
        during = [frame for frame in frames if start <= frame["at"] <= end and frame["build"]]
        at = [frame["at"] for frame in during]
        gaps = sorted(b - a for a, b in pairwise(at))
        if gaps:
            p95s.append(gaps[int(len(gaps) * 0.95)])
            worst = max(worst, gaps[-1])
        builds += [frame["build"] + frame["read"] for frame in during]
    return {
        "gap_p95_ms": round(1000 * statistics.median(p95s or [0]), 1),
        "gap_max_ms": round(1000 * worst, 1),
        "strips_ms": round(1000 * statistics.median(builds or [0]), 2),
    }


def main() -> None:
    with program() as script:
        spans: dict[str, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
        peer: dict[str, list[float]] = {kind: [] for kind in KINDS}
        with in_pane(script) as (pane, result):
            if tmux() is None:
                rival = None
            else:
                with in_tmux(script) as rival:
                    for number in range(ROUNDS):
                        for kind in KINDS:
                            keys, wanted = f"{kind} {number}\r".encode(), f"done:{kind}:{number}::".encode()
                            start, end = rival.type(keys, wanted)
                            peer[kind].append(end - start)
                            spans[kind].append(pane.type(keys, wanted))
            frames = figures_of(pane, result)["frames"]
        detail: dict[str, Any] = {}
        ratios = []
        for kind in KINDS:
            size, ours = size_of(script, kind) / 1e6, [end - start for start, end in spans[kind]]
            ratios.append(median([b / a for a, b in zip(ours, peer[kind], strict=True)]))
            detail[kind] = {
                "ratio": round(ratios[-1], 2),
                "mb_s": round(size / statistics.median(ours), 1),
                "tmux_mb_s": round(size / statistics.median(peer[kind]), 1),
                **frame_figures(frames, spans[kind]),
            }
    emit(
        "terminal_pane",
        min(ratios),
        ">= 2 on every stream; gap p95 <= 35 ms, max <= 50; strips <= 2 ms (5 on sgr, unicode)",
        "an attached tmux" if tmux() else "tmux is not installed: skipped",
        **detail,
        megabytes=MEGABYTES,
        size=f"{COLUMNS}x{ROWS}",
        rounds=ROUNDS,
    )


if __name__ == "__main__":
    main()

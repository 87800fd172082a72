"""A key typed at the cockpit's terminal pane to its painted echo, through a hub; against a key to its echo in tmux.

Both echo with `cat` on a raw terminal, at 200x50, and take turns. Keys come at human pace. For comparison, the floor:
the smallest Textual app that shows a key.
"""

from __future__ import annotations

import statistics
import string
import sys
import tempfile
import threading
from contextlib import nullcontext
from pathlib import Path

from _bench import emit, hub
from _terminal import COLUMNS, ROWS, SMALLEST, Terminal, in_pane, in_tmux, tmux

KEYS = 150
_SCRIPT = "stty raw -echo; printf 'ready::'; exec cat\n"


def key(terminal: Terminal, number: int) -> float:
    """Milliseconds from a key to its echo. A key never comes twice in a row, so that something changes."""
    char = string.ascii_letters[number % 52].encode()
    start, end = terminal.type(char, char, 5)
    return (end - start) * 1000


def main() -> None:
    with hub() as ours, tempfile.TemporaryDirectory() as root:
        script = Path(root) / "program"
        script.write_text(_SCRIPT)
        workspace, _ = ours.workspace("bench", root)
        token = Path(root) / "token"
        token.write_text(ours.token)
        with ours.client() as client:
            resources = client.get(f"/workspaces/{workspace}").json()["latest_build"]["resources"]
        agent = next(agent["id"] for resource in resources for agent in resource.get("agents") or ())
        mine: list[float] = []
        peer: list[float] = []
        floor: list[float] = []
        pause = threading.Event()
        with in_pane(script, ("hub", ours.url, str(token), agent)) as (pane, _):
            smallest = Terminal([sys.executable, "-c", SMALLEST], COLUMNS, ROWS)
            smallest.type(b"", b"ready::")
            with in_tmux(script) if tmux() else nullcontext() as rival:
                for number in range(KEYS):
                    for terminal, times in ((pane, mine), (rival, peer), (smallest, floor)):
                        if terminal:
                            times.append(key(terminal, number))
                        pause.wait(0.02 + (number * 37 % 30) / 1000)
            smallest.close()

    def figures(times: list[float]) -> tuple[float, float]:
        return statistics.median(times[5:]), statistics.quantiles(times[5:], n=20)[-1]

    p50, p95 = figures(mine)
    peer_p50, peer_p95 = figures(peer) if peer else (float("nan"), float("nan"))
    emit(
        "terminal_echo",
        p50 / peer_p50 if peer else 0.0,
        "<= 2 at p50, p95 <= 40 ms above",
        "an attached tmux" if peer else "tmux is not installed: skipped",
        p50_ms=round(p50, 2),
        p95_ms=round(p95, 2),
        tmux_p50_ms=round(peer_p50, 2),
        tmux_p95_ms=round(peer_p95, 2),
        smallest_textual_app_p50_ms=round(figures(floor)[0], 2),
        p95_above_ms=round(p95 - peer_p95, 2),
        keys=KEYS,
        size=f"{COLUMNS}x{ROWS}",
    )


if __name__ == "__main__":
    main()

"""Process start to interactive (a key has an effect on the screen), against the smallest Textual app.

Where toolong (`tl`) is installed, its start on a file of one line stands beside: the cockpit should need 0.7 of it.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from _bench import Drain, as_installed, emit, hub, median

ROUNDS = 7
SMALLEST = """
from textual.app import App
from textual.widgets import Static
class Smallest(App):
    BINDINGS = [("question_mark", "hit", "hit")]
    def compose(self): yield Static("smallest ready")
    def action_hit(self): self.query_one(Static).update("the key was heard")
Smallest().run()
"""


def measure(argv: list[str], env: dict[str, str], first: bytes, key: bytes, effect: bytes) -> tuple[float, float]:
    """Seconds to the first painted frame and to the first key's effect."""
    start = time.perf_counter()
    term = Drain(argv, env)
    try:
        at = term.until(first)
        painted = time.perf_counter() - start
        term.send(key)
        term.until(effect, at)
        return painted, time.perf_counter() - start
    finally:
        term.close()


def main() -> None:
    with hub() as ours, tempfile.TemporaryDirectory() as root:
        compiled = as_installed(Path(root))
        ours.env.update(compiled)
        ours.workspace("bench", root)
        token = Path(root) / "token"
        token.write_text(ours.token)
        token.chmod(0o600)
        argv = [sys.executable, "-m", "coder_tui", "--url", ours.url, "--token-file", str(token)]
        small = [sys.executable, "-c", SMALLEST]
        toolong = shutil.which("tl")
        lines = Path(root) / "one.log"
        lines.write_text("onlyoneline\n")
        measure(argv, ours.env, b"Needs you", b"?", b"Acknowledge this")  # warms caches, saves the last known fleet
        pairs = [
            (
                measure(argv, ours.env, b"Needs you", b"?", b"Acknowledge this"),
                measure(small, os.environ | compiled, b"smallest", b"?", b"heard"),
            )
            for _ in range(ROUNDS)
        ]
        # its key finds: the box asks whether letters matter
        theirs = [
            measure([toolong, str(lines)], os.environ | compiled, b"onlyoneline", b"\x06", b"sensitive")[1]
            for _ in range(ROUNDS if toolong else 0)
        ]
    emit(
        "startup_ready",
        median([a[1] / b[1] for a, b in pairs]),
        "<= 1.6",
        "the smallest Textual app",
        ready_ms=round(median([a[1] for a, _ in pairs]) * 1000),
        smallest_ready_ms=round(median([b[1] for _, b in pairs]) * 1000),
        first_frame_ms=round(median([a[0] for a, _ in pairs]) * 1000),
        smallest_first_frame_ms=round(median([b[0] for _, b in pairs]) * 1000),
        toolong_ready_ms=round(median(theirs) * 1000) if theirs else "not installed, skipped",
        of_toolong=round(median([a[1] for a, _ in pairs]) / median(theirs), 3) if theirs else None,
        rounds=ROUNDS,
    )


if __name__ == "__main__":
    main()

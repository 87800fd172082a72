"""Process start to the last known fleet on the screen, from disk and with no hub there, against htop's first frame."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from _bench import Drain, as_installed, emit, hub, median

ROUNDS = 9


def first_frame(argv: list[str], env: dict[str, str], wanted: bytes) -> float:
    """Seconds until `wanted` was painted."""
    start = time.perf_counter()
    term = Drain(argv, env)
    try:
        term.until(wanted)
        return time.perf_counter() - start
    finally:
        term.close()


def main() -> None:
    """Remember a fleet, take its hub away, and start again and again."""
    htop = shutil.which("htop")
    with tempfile.TemporaryDirectory() as root:
        compiled = as_installed(Path(root))
        with hub() as ours:
            workspace, _ = ours.workspace("remembered", root)
            assert workspace
            token = Path(root) / "token"
            token.write_text(ours.token)
            token.chmod(0o600)
            argv = [sys.executable, "-m", "coder_tui", "--url", ours.url, "--token-file", str(token)]
            state = Path(root) / "state"
            env = ours.env | compiled | {"CODER_TUI_STATE_DIR": str(state)}
            seen = Drain(argv, env)
            seen.until(b"live")
            seen.close()  # which saves the fleet
        pairs = []
        for _ in range(ROUNDS):
            mine = first_frame(argv, env, b"remembered")
            pairs.append((mine, first_frame([htop], dict(os.environ), b"Uptime") if htop else 0.0))
    emit(
        "startup_paint",
        median([a / b for a, b in pairs]) if htop else 0.0,
        "<= 1.0",
        "htop's first frame" if htop else "htop: not installed, skipped",
        ours_ms=round(median([a for a, _ in pairs]) * 1000),
        htop_ms=round(median([b for _, b in pairs]) * 1000),
        rounds=ROUNDS,
    )


if __name__ == "__main__":
    main()

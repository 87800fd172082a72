"""CPU of the cockpit at rest (1,000 agents, nothing changes), against an idle bare Textual app beside it.

`--seconds N` shortens the look (default 60).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
from pathlib import Path

import psutil

from _bench import Drain, emit, hub

BARE = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self): yield Static("bare ready")
Bare().run()
"""
AGENTS = 1000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--agents", type=int, default=AGENTS)
    options = parser.parse_args()
    with hub() as ours, tempfile.TemporaryDirectory() as root:
        ours.fill(options.agents, root)
        token = Path(root) / "token"
        token.write_text(ours.token)
        token.chmod(0o600)
        cockpit = Drain([sys.executable, "-m", "coder_tui", "--url", ours.url, "--token-file", str(token)], ours.env)
        bare = Drain([sys.executable, "-c", BARE], dict(os.environ))
        try:
            cockpit.until(b"live")
            bare.until(b"bare")
            pause = threading.Event()
            pause.wait(15)  # streams open, the selection settles, ages stop counting seconds
            watched = [psutil.Process(term.process.pid) for term in (cockpit, bare)]
            before = [sum(process.cpu_times()[:2]) for process in watched]
            pause.wait(options.seconds)
            used = [sum(process.cpu_times()[:2]) - start for process, start in zip(watched, before, strict=True)]
        finally:
            cockpit.close()
            bare.close()
    ours_share, bare_share = (100 * seconds / options.seconds for seconds in used)
    emit(
        "idle_cpu",
        ours_share / bare_share if bare_share else 0.0,
        "<= the bare app + 0.3 % of a core",
        "an idle bare Textual app",
        percent_of_a_core=round(ours_share, 3),
        bare_percent=round(bare_share, 3),
        over_bare=round(ours_share - bare_share, 3),
        agents=options.agents,
        seconds=options.seconds,
    )


if __name__ == "__main__":
    main()

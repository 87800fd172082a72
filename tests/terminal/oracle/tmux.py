"""What tmux shows for recorded output."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# Writes the recording up to each cut; the cursor report that follows says that tmux has read all of it.
_PLAYER = """
import os, subprocess, sys, termios, tty
tmux, folder, *cuts = sys.argv[1:]
raw, start = open(folder + "/raw", "rb").read(), 0
tty.setraw(0)
for number, cut in enumerate(cuts):
    data, start = raw[start:int(cut)] + b"\\x1b[6n", int(cut)
    while data:
        data = data[os.write(1, data):]
    heard = b""
    while not heard.endswith(b"R"):
        heard += os.read(0, 1)
    subprocess.run([tmux, "wait-for", "-S", f"shown{number}"])
    subprocess.run([tmux, "wait-for", f"seen{number}"])
"""


def version(tmux: str) -> str:
    """Like `tmux 3.3a`."""
    return subprocess.run([tmux, "-V"], capture_output=True, text=True, check=True).stdout.strip()


def screens(tmux: str, folder: Path, raw: bytes, cuts: Sequence[int], columns: int, rows: int) -> list[str]:
    """`capture-pane -e -N -p` after each cut, of a detached server of its own that keeps its files in `folder`."""
    (folder / "raw").write_bytes(raw)
    (folder / "play.py").write_text(_PLAYER)
    env = {"PATH": os.environ["PATH"], "TMUX_TMPDIR": str(folder), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    server = [tmux, "-f", os.devnull, "-u", "-L", "oracle"]

    def run(*words: str) -> str:
        done = subprocess.run([*server, *words], env=env, capture_output=True, check=True, timeout=30)
        return done.stdout.decode()

    play = [sys.executable, "-I", "-S", str(folder / "play.py"), tmux, str(folder), *map(str, cuts)]
    run("new-session", "-d", "-x", str(columns), "-y", str(rows), "-P", *play, ";", "set", "-g", "status", "off")
    try:
        shown = []
        for number in range(len(cuts)):
            run("wait-for", f"shown{number}")
            shown.append(run("capture-pane", "-e", "-N", "-p"))
            run("wait-for", "-S", f"seen{number}")
        return shown
    finally:
        subprocess.run([*server, "kill-server"], env=env, check=False, capture_output=True)

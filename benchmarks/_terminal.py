"""Four streams of terminal output, a terminal that drains what is painted, and tmux as the peer."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

COLUMNS, ROWS = 200, 50
MEGABYTES = 20
KINDS = ("plain", "sgr", "redraw", "unicode")
_WORDS = (
    "request",
    "served",
    "cache",
    "miss",
    "worker",
    "lease",
    "renewed",
    "agent",
    "build",
    "queue",
    "stream",
    "shard",
)
_EMOJI = ("中文", "日本語", "한글", "😀", "🚀", "👍🏽", "e\u0301", "a\u0308", "ñ", "→", "⚠️", "👩‍💻", "🇩🇪")
# Types of the program: a line that names a file and a round; it writes the file, then clears and says so.
_SCRIPT = """\
stty -echo
printf 'ready::'
while read -r name round; do
  [ "$name" = end ] && exit
  cat "$0.d/$name"
  printf '\\033[0m\\033[H\\033[2Jdone:%s:%s::' "$name" "$round"
done
"""


def _plain(rng: random.Random) -> Iterator[str]:
    for number in range(10**9):
        words = " ".join(rng.choices(_WORDS, k=rng.randint(4, 16)))
        yield f"2026-03-01T12:00:{number % 60:02d}Z INFO worker-{number % 17} {words} id={number}\r\n"


def _sgr(rng: random.Random) -> Iterator[str]:
    while True:
        parts = []
        for _ in range(rng.randint(8, 24)):
            back = f";48;2;{rng.randrange(256)};{rng.randrange(256)};{rng.randrange(256)}" if rng.random() < 0.3 else ""
            fore = f"38;2;{rng.randrange(256)};{rng.randrange(256)};{rng.randrange(256)}"
            parts.append(f"\x1b[{rng.choice(('', '1;', '3;', '4;'))}{fore}{back}m{rng.choice(_WORDS)}\x1b[0m ")
        yield "".join(parts) + "\r\n"


def _redraw(rng: random.Random) -> Iterator[str]:
    while True:
        lines = []
        for y in range(1, ROWS + 1):
            bar = "|" * rng.randint(0, 60)
            text = (
                f"{rng.randrange(99999):>7} root 20 0 {rng.randrange(10**6):>9} {' '.join(rng.choices(_WORDS, k=12))}"
            )
            lines.append(f"\x1b[{y};1H\x1b[{rng.choice((32, 36, 37))}m{text[:120]} \x1b[1;31m{bar}\x1b[0m\x1b[K")
        yield "".join(lines)


def _unicode(rng: random.Random) -> Iterator[str]:
    while True:
        yield " ".join(rng.choice(_EMOJI) if rng.random() < 0.6 else rng.choice(_WORDS) for _ in range(30)) + "\r\n"


@contextmanager
def program(megabytes: float = MEGABYTES) -> Iterator[Path]:
    """The script to run under a shell; its streams lie beside it."""
    with tempfile.TemporaryDirectory(prefix="coder-tui-streams-") as root:
        script = Path(root) / "program"
        script.write_text(_SCRIPT)
        folder = Path(root) / "program.d"
        folder.mkdir()
        for kind, lines in zip(KINDS, (_plain, _sgr, _redraw, _unicode), strict=True):
            rng, parts, size = random.Random(4), [], 0
            source = lines(rng)
            while size < min(megabytes, 2) * 1e6:
                parts.append(next(source).encode())
                size += len(parts[-1])
            (folder / kind).write_bytes(b"".join(parts) * max(1, round(megabytes / 2)))
        yield script


def size_of(script: Path, kind: str) -> int:
    """Bytes of a stream."""
    return (script.parent / "program.d" / kind).stat().st_size


SMALLEST = """
from textual.app import App
from textual.widgets import Static
class Smallest(App):
    def compose(self): yield Static("ready::")
    def on_key(self, event): self.query_one(Static).update(event.character)
Smallest().run()
"""


class Terminal:
    """A program in a PTY of a size, drained and not kept: only what was awaited is looked for."""

    def __init__(self, argv: Sequence[str], columns: int, rows: int, env: dict[str, str] | None = None) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        env = dict(env or os.environ) | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"}
        for name in ("TMUX", "TMUX_PANE"):
            env.pop(name, None)

        # The launcher takes the terminal as the controlling one, which is how sizes and keys reach the program.
        code = "fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
        argv = [sys.executable, "-I", "-S", "-c", f"import fcntl, os, sys, termios; {code}", *argv]
        self.process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True)
        os.close(slave)
        self.painted = 0
        self._tail = b""
        self._wanted = b""
        self._found = threading.Event()
        self._found_at = 0.0
        self._lock = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self.master, 1 << 16)
            except OSError:
                return
            with self._lock:
                self.painted += len(data)
                self._tail = (self._tail + data)[-8192:] if len(data) < 8192 else data
                if self._wanted and self._wanted in self._tail:
                    self._wanted, self._found_at = b"", time.monotonic()
                    self._found.set()

    def type(self, keys: bytes, wanted: bytes, patience: float = 120) -> tuple[float, float]:
        """Type, and wait until `wanted` is painted: when each happened, on the monotonic clock."""
        self._found.clear()
        with self._lock:
            self._tail, self._wanted = b"", wanted
        start = time.monotonic()
        if keys:
            os.write(self.master, keys)
        if not self._found.wait(patience):
            raise TimeoutError(f"never painted {wanted!r}, last {self._tail[-500:]!r}")
        return start, self._found_at

    def close(self) -> None:
        """End it, unless it ended."""
        self.process.terminate()
        self.process.wait(20)
        os.close(self.master)


def tmux() -> str | None:
    """Where tmux is."""
    return shutil.which("tmux")


@contextmanager
def in_tmux(script: Path, columns: int = COLUMNS, rows: int = ROWS) -> Iterator[Terminal]:
    """The script in an attached tmux of that size."""
    path = tmux()
    assert path
    server = [path, "-f", os.devnull, "-L", f"coder-tui-bench-{os.getpid()}", "-u"]
    options = ("set -g status off", "set -as terminal-features ,xterm-256color:RGB", "set -sg escape-time 0")
    parts = [word for option in options for word in (*option.split(), ";")]
    terminal = Terminal([*server, *parts, "new-session", f"bash {script}"], columns, rows)
    try:
        terminal.type(b"", b"ready::")
        yield terminal
    finally:
        subprocess.run([*server, "kill-server"], check=False, capture_output=True)
        terminal.close()


@contextmanager
def in_pane(
    script: Path, link: Sequence[str] = ("local",), columns: int = COLUMNS, rows: int = ROWS
) -> Iterator[tuple[Terminal, Path]]:
    """The script in our Terminal pane of that size; when closed, what the pane measured lies in the second."""
    with tempfile.TemporaryDirectory(prefix="coder-tui-pane-") as root:
        result = Path(root) / "frames.json"
        app = Path(__file__).parent / "_pane.py"
        argv = [sys.executable, str(app), str(result), f"exec bash {script}", *link]
        terminal = Terminal(argv, columns + 2, rows + 2)  # its border
        try:
            terminal.type(b"", b"ready::")
            yield terminal, result
        finally:
            terminal.close()


def figures_of(terminal: Terminal, result: Path) -> dict[str, Any]:
    """End the program, and with it the pane: its `frames`, and how many bytes it `received` through a hub."""
    os.write(terminal.master, b"end\r")
    terminal.process.wait(30)
    figures: dict[str, Any] = json.loads(result.read_text())
    return figures

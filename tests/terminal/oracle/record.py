"""Records real programs, and what tmux and xterm-headless show for what they wrote.

    python -m tests.terminal.oracle.record [NAME ...]

Needs Linux, the programs, tmux, and node with the packages named in `xterm.mjs` (in $XTERM_MODULES). It is run by hand;
the recordings are committed. Everything happens in /srv/demo with an environment of its own, so that a recording says
nothing about the machine it was made on.
"""

from __future__ import annotations

import fcntl
import getpass
import gzip
import json
import os
import pty
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.terminal.oracle import tmux

from coder_tui.terminal.core import create_core

HERE = Path(__file__).parent
HOME = Path("/srv/demo")
_SETTLED, _PATIENCE = 1.2, 15.0


@dataclass(frozen=True)
class Program:
    """What to run, and what to type; the screen is compared before each of `keys` and after the last one."""

    command: str
    keys: Sequence[str]
    columns: int = 80
    rows: int = 24


_FILES = {
    "fib.py": '''"""Numbers of Fibonacci."""

from functools import cache

WORDS = {"one": 1, "two": 2.5, "three": None}


@cache
def fib(number: int) -> int:
    # naïve, but kept
    return number if number < 2 else fib(number - 1) + fib(number - 2)


class Printer:
    def show(self, text: str, *, end: str = "\\n") -> None:
        print(f"{text!r:>10}", end=end)


if __name__ == "__main__":
    for value in range(40):
        Printer().show(str(fib(value)))
''',
    "table.txt": "".join(
        f"{number:3} \x1b[{31 + number % 7}m{'█' * (number % 20)}\x1b[0m \x1b[38;5;{number}mcolour\x1b[0m"
        f" \x1b[38;2;{number};100;200mdirect\x1b[0m \x1b[1mbold\x1b[0m \x1b[4munder\x1b[0m 中文 é {'x' * 30}\n"
        for number in range(120)
    ),
    "app.py": """from textual.app import App
from textual.containers import Horizontal
from textual.widgets import Button, DataTable, Footer, Header
from textual.widgets import Input, ProgressBar, Tree


class Demo(App):
    CSS = "Tree { width: 30; } ProgressBar { margin: 1; }"
    BINDINGS = [("d", "toggle_dark", "Dark"), ("q", "quit", "Quit")]
    TITLE = "Demo"

    def compose(self):
        yield Header()
        with Horizontal():
            tree = Tree("agents")
            for name in ("api", "web", "数据"):
                tree.root.add(name).add_leaf("main")
            tree.root.expand()
            yield tree
            yield DataTable()
        yield Input(placeholder="Say something")
        yield ProgressBar(total=10, show_eta=False)
        yield Button("Go", variant="success")
        yield Footer()

    def on_mount(self):
        table = self.query_one(DataTable)
        table.add_columns("name", "state", "since")
        for number in range(30):
            table.add_row(f"agent-{number}", "working" if number % 3 else "idle", f"{number} min")
        self.query_one(ProgressBar).advance(4)


Demo().run()
""",
    ".config/htop/htoprc": "hide_userland_threads=1\nfields=0 17 18 38 39 40 2 46 47 49 1\ndelay=600\n"
    "left_meters=CPU Memory\nleft_meter_modes=1 1\nright_meters=Tasks\nright_meter_modes=2\n",
    ".tmux.conf": "set -g status-left '[demo] '\nset -g status-right 'right'\nset -g default-terminal tmux-256color\n"
    "set -g default-command 'sh'\nset -g automatic-rename off\n",
    "build.sh": """git init -q -b main . && git config user.name Kira && git config user.email kira@example.com
export GIT_AUTHOR_DATE='2026-03-01T12:00:00Z' GIT_COMMITTER_DATE='2026-03-01T12:00:00Z'
git add fib.py && git commit -qm 'Numbers' && git checkout -qb side && sed -i 's/40/50/;s/naïve/simple/' fib.py
git commit -qam 'More of them — zwölf' && git checkout -q main
git commit -q --allow-empty -m 'Release 1' && git tag v1
git merge -q side -m 'Merge side' && git checkout -qb next && echo '# end' >> fib.py && git commit -qam 'End'
""",
}
PROGRAMS = {
    "vim": Program(
        "vim -Nu NONE -c 'syntax on' -c 'set number hlsearch incsearch cursorline ruler showcmd' fib.py",
        (
            "/fib\r",
            "Goprint('中文 é 😀')\x1b",
            ":vsplit\r:set nowrap\r",
            "gg\x16jjlld",
            "u:help motion\r",
            "\x04\x04",
            ":qa!\r",
        ),
    ),
    "less": Program("less -R -N table.txt", ("\x04", "/direct\r", "G", "g", "q")),
    "htop": Program("unshare -pf --mount-proc htop", ("t", "\x1bOQ", "\x1b", "/sh\r", "\x1b[21~"), 100, 30),
    "nano": Program("nano -I -l -Y python fib.py", ("\x16hello 中文\r", "\x17fib\r", "\x07", "\x18", "\x18", "n")),
    "mc": Program(
        "mc -u -S default . .config",
        ("\x1bOB" * 9, "\x1bOR", "\x1b[21~", "\x1b[20~", "\x1bOC", "\x1b\x1b", "\x1b[15~", "\x1b\x1b", "\x1b[21~"),
        100,
        30,
    ),
    "tmux": Program(
        "tmux -u -L demo -f .tmux.conf new-session",
        (
            "printf '\\033[31mred\\033[0m 中文\\n'\r",
            "\x02%",
            "ls\r",
            '\x02"',
            "\x02w",
            "q",
            "\x02[",
            "\x1b[A\x1b[A ",
            "q",
            "\x02d",
        ),
        100,
        30,
    ),
    "git": Program(
        "sh",
        (
            "git log --graph --oneline --all --decorate --color | cat\r",
            "git show --stat -p side\r",
            "q",
            "git diff --word-diff v1 next\r",
            "exit\r",
        ),
    ),
    "textual": Program(
        f"{sys.executable} app.py",
        ("\t", "\x1b[B\x1b[B\r", "\t\x1b[B\x1b[B", "\thello", "\x10", "theme\x1b[B", "\x1b", "\x11"),
        100,
        30,
    ),
    # As it begins where nobody is signed in; from npm.
    "codex": Program(
        "codex --no-daemon", ("\x1b[B", "\x1b[B", "\r", "\x1b[B", "\r", "sk-中文 é", "\x1b", "\x03"), 100, 30
    ),
    "repl": Program(
        "python3 -q",
        (
            "sum(range(10))\r",
            "print('中文', 'e\\u0301', '\\033[31;4mred\\033[0m', sep='\\t')\r",
            "1/0\r",
            "for i in range(30): print('x' * i * 4)\r\r",
            "\x1b[A\x1b[A\x01#\r",
            "exit()\r",
        ),
    ),
}


def _environment() -> dict[str, str]:
    npm = [str(Path(found).parent)] if (found := shutil.which("codex")) else []
    path = ":".join([str(Path(sys.executable).parent), *npm, "/usr/bin", "/bin", "/usr/sbin"])
    return {
        "HOME": str(HOME),
        "PATH": path,
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "USER": "kira",
        "SHELL": "/bin/sh",
        "PS1": "$ ",
        "PAGER": "less -R",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def record(program: Program) -> tuple[bytes, list[int]]:
    """The output, and how much of it there was before each of the keys and at the end. Our core answers queries."""
    core = create_core(program.columns, program.rows)
    core.set_colors((220, 220, 220), (10, 10, 20))
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(HOME)
        os.execvpe("/bin/sh", ["/bin/sh", "-c", f"exec {program.command}"], _environment())
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", program.rows, program.columns, 0, 0))
    os.kill(pid, signal.SIGWINCH)
    raw, cuts = bytearray(), []

    def settle() -> bool:
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            if not select.select([fd], [], [], _SETTLED if raw else _PATIENCE)[0]:
                return True
            try:
                data = os.read(fd, 65536)
            except OSError:
                return False
            if not data:
                return False
            raw.extend(data)
            core.feed(data)
            if replies := core.take_replies():
                os.write(fd, replies)
        return True

    for keys in program.keys:
        settle()
        cuts.append(len(raw))
        os.write(fd, keys.encode())
    for _ in range(3):
        if not settle():
            break
    else:
        os.kill(pid, signal.SIGKILL)
        print("it did not end", file=sys.stderr)
    cuts.append(len(raw))
    os.close(fd)
    os.waitpid(pid, 0)
    who = f"{getpass.getuser()}@{socket.gethostname()}".encode()  # mc has it in its title
    return bytes(raw).replace(who, b"kira@demo".ljust(len(who), b"x")[: len(who)]), sorted(set(cuts))


def xterm(raw: bytes, cuts: Sequence[int], program: Program) -> list[object]:
    """What xterm-headless shows after each cut."""
    modules = Path(os.environ["XTERM_MODULES"])
    script = modules / "oracle.mjs"
    script.write_text((HERE / "xterm.mjs").read_text())
    argv = ["node", str(script), str(program.columns), str(program.rows), ",".join(map(str, cuts))]
    shown: list[object] = json.loads(subprocess.run(argv, input=raw, capture_output=True, check=True).stdout)
    return shown


def main() -> None:
    path = shutil.which("tmux")
    assert path, "tmux is needed"
    for name in sys.argv[1:] or PROGRAMS:
        program = PROGRAMS[name]
        subprocess.run(["tmux", "-L", "demo", "kill-server"], check=False, capture_output=True)
        shutil.rmtree(HOME, ignore_errors=True)
        for file, text in _FILES.items():
            (HOME / file).parent.mkdir(parents=True, exist_ok=True)
            (HOME / file).write_text(text)
        subprocess.run(["sh", "build.sh"], cwd=HOME, env=_environment(), check=True)
        raw, cuts = record(program)
        with tempfile.TemporaryDirectory() as folder:
            shown = tmux.screens(path, Path(folder), raw, cuts, program.columns, program.rows)
        expected = {
            "command": program.command.replace(sys.executable, "python"),
            "keys": list(program.keys),
            "columns": program.columns,
            "rows": program.rows,
            "cuts": cuts,
            "by": [tmux.version(path), "@xterm/headless 6.0.0"],
            "tmux": shown,
            "xterm": xterm(raw, cuts, program),
        }
        (HERE / f"{name}.raw.gz").write_bytes(gzip.compress(raw, mtime=0))
        packed = gzip.compress(json.dumps(expected, ensure_ascii=False).encode(), mtime=0)
        (HERE / f"{name}.json.gz").write_bytes(packed)
        print(f"{name}: {len(raw)} bytes, {len(cuts)} screens, {len(packed)} packed")
    shutil.rmtree(HOME, ignore_errors=True)


if __name__ == "__main__":
    main()

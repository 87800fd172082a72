"""The cockpit as a program in a real terminal: how it ends."""

from __future__ import annotations

import os
import pty
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.term import Term

TOKEN = "ABCDEFGHIJ-0123456789012345678901"
MAIN = "import sys; from coder_tui.cli.main import main; sys.exit(main())"
BUG = (
    "from coder_tui.tui.screens.cockpit import CockpitScreen\n"
    "def broken(self, snapshot):\n    token = 'x'; raise ZeroDivisionError(token)\n"
    "CockpitScreen.show_snapshot = broken\n" + MAIN
)
LEAVE_ALTERNATE = b"\x1b[?1049l"


def environ(directory: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CODER")}
    places = {f"CODER_TUI_{kind}_DIR": str(directory / kind.lower()) for kind in ("DATA", "STATE", "CONFIG", "CACHE")}
    return {**kept, **places, "CODER_URL": "http://127.0.0.1:1", "CODER_SESSION_TOKEN": TOKEN}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_restores_the_terminal(number: signal.Signals, tmp_path: Path) -> None:
    with Term([sys.executable, "-m", "coder_tui"], env=environ(tmp_path), columns=100, rows=30) as term:
        term.wait_for("next try in")  # a dead deployment is shown, not an exit
        term.process.send_signal(number)
        assert term.wait_exit() == 128 + number
        assert LEAVE_ALTERNATE in term.raw
        assert "Traceback" not in term.screen


def test_a_bug_restores_the_terminal_and_says_where_the_report_is(tmp_path: Path) -> None:
    with Term([sys.executable, "-c", BUG], env=environ(tmp_path), columns=200, rows=30) as term:
        assert term.wait_exit() == 1
        assert LEAVE_ALTERNATE in term.raw
        assert "this is a bug in coder-tui: ZeroDivisionError" in term.screen
        assert "Traceback" not in term.screen
        assert TOKEN.encode() not in term.raw
    [report] = (tmp_path / "state").glob("crash-*.txt")
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    text = report.read_text()
    assert "in broken" in text
    assert TOKEN not in text


def test_a_theme_that_does_not_exist(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "coder_tui", "--theme", "no-such-theme"]
    with Term(argv, env=environ(tmp_path), columns=200, rows=10) as term:
        assert term.wait_exit() == 3
        assert term.screen.startswith("coder-tui: ")
        assert "no-such-theme" in term.screen
        assert LEAVE_ALTERNATE not in term.raw


def test_a_terminal_that_vanishes_ends_it(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "coder_tui"],
        env=environ(tmp_path) | {"TERM": "xterm-256color"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,  # and no controlling terminal: no SIGHUP tells it
    )
    os.close(slave)
    painted = b""
    while b"next try" not in painted:
        painted += os.read(master, 65536)
    os.close(master)
    assert process.wait(15) == 128 + signal.SIGHUP

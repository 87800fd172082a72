"""The real program in a real terminal, against a real hub with a real shell."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Home
from tests.e2e.term import PATIENCE, Term

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

LEAVE = "\x1d"  # ctrl+]
PROMPT = r"│[^│]*[#$] +│"
RESTORED = b"\x1b[?1049l"  # the alternate screen is left


def report(state: str, message: str, *more: str) -> str:
    """What a person or an agent types in the workspace's shell."""
    words = [sys.executable, "-m", "coder_tui", "report", "--state", state, "--message", f"'{message}'", *more]
    return " ".join(words) + "\r"


def test_type_in_the_terminal_ack_an_alert_restart_and_it_is_still_acked(home: Home) -> None:
    home.run("new", "spike", "--directory", str(home.work), "--app", "helper", "--", "cat")
    with Term(home.program, env=home.env, columns=150, rows=45) as term:
        term.wait_for(r"spike")
        term.send("s")
        term.wait_for(PROMPT)
        term.send("echo the answer is $((6*7)); pwd\r")
        screen = term.wait_for(r"the answer is 42")
        assert home.work.name in screen
        term.send(report("idle", "May I run the migration?", "--needs-attention"))
        term.wait_for(r"Needs you \(1\)")
        term.wait_for(r"May I run the migration\?")
        term.send(LEAVE)
        term.wait_for(r"space next")
        term.send(" a")
        term.wait_for(r"Nobody needs you")
        term.send("q")
        assert term.wait_exit() == 0
        assert RESTORED in term.raw

    with Term(home.program, env=home.env, columns=150, rows=45) as term:
        term.wait_for(r"live")
        term.wait_for(r"Nobody needs you")
        term.send("s")
        # the same shell, reattached: its scrollback is replayed
        term.wait_for(r"the answer is 42")
        term.send(report("failure", "Which database?"))
        term.wait_for(r"Needs you \(1\)")
        term.send(LEAVE + "q")
        assert term.wait_exit() == 0


def test_what_an_agents_terminal_says_is_typed_back_to_it(home: Home) -> None:
    ask = "printf 'Run it? [y/N] '; read answer; echo \"you said $answer\"; exec cat"
    home.run("new", "asker", "--directory", str(home.work), "--", "sh", "-c", ask)
    with Term(home.program, env=home.env, columns=100, rows=30) as term:
        term.wait_for(r"asker")
        term.send("t")
        term.wait_for(r"Run it\? \[y/N\]")
        term.send("y\r")
        term.wait_for(r"you said y")


def test_the_window_can_have_any_size(home: Home) -> None:
    home.run("new", "spike", "--directory", str(home.work))
    with Term(home.program, env=home.env, columns=150, rows=45) as term:
        term.wait_for(r"Timeline")
        term.resize(60, 20)
        term.wait_for(lambda screen: "spike" in screen and "Timeline:" not in screen)
        term.resize(20, 5)
        term.wait_for(r"enlarge to|too small|< 40x10")
        term.resize(150, 45)
        term.wait_for(r"Needs you")
        term.send("q")
        assert term.wait_exit() == 0


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_restores_the_terminal(home: Home, end: signal.Signals) -> None:
    with Term(home.program, env=home.env) as term:
        term.wait_for(r"No agents yet")
        term.process.send_signal(end)
        term.wait_exit()
        assert RESTORED in term.raw
        assert term.raw.rindex(b"\x1b[?25h") > term.raw.index(b"\x1b[?25l")
        assert b"Traceback" not in term.raw


def test_a_dead_hub_is_said_and_found_again(home: Home) -> None:
    home.run("new", "spike", "--directory", str(home.work))
    pid = json.loads((home.root / "data" / "hub.json").read_text())["pid"]
    with Term(home.program, env=home.env, columns=150, rows=45) as term:
        term.wait_for(r"live")
        subprocess.run(["kill", "-9", str(pid)], check=True)
        term.wait_for(r"lost: next try")
        assert "spike" in term.screen
        home.run("hub", "start")
        term.wait_for(r"live", PATIENCE * 2)
        term.send("q")
        assert term.wait_exit() == 0


def test_hostile_text_is_shown_and_never_obeyed(home: Home) -> None:
    home.run("new", "spike", "--directory", str(home.work))
    evil = r"$(printf 'look \033]0;OWNED\007\033[2J[red]here[/red] \342\200\256txt')"
    with Term(home.program, env=home.env, columns=150, rows=45) as term:
        term.wait_for(r"spike")
        term.send("s")
        term.wait_for(PROMPT)
        term.send(report("working", "X", "--link", "https://acme.io/1").replace("'X'", f'"{evil}"'))
        term.wait_for(r"look \[red\]here\[/red\] txt")
        assert b"\x1b]0;OWNED" not in term.raw


@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")
def test_inside_tmux(home: Home, tmp_path: Path) -> None:
    home.run("new", "spike", "--directory", str(home.work))
    socket = str(tmp_path / "tmux.sock")

    def tmux(*words: str) -> str:
        return subprocess.run(
            ["tmux", "-S", socket, "-f", "/dev/null", *words],
            env=home.env,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        ).stdout

    tmux("new-session", "-d", "-x", "100", "-y", "30", " ".join(home.program))
    try:
        seen = ""
        # tmux tells when the pane's content settles for us: wait-for is not available, so look until the bound
        for _ in range(2000):
            seen = tmux("capture-pane", "-p")
            if re.search(r"spike.*\n(.*\n)*.*live|live.*\n(.*\n)*.*spike", seen):
                break
        assert "spike" in seen
        tmux("send-keys", "?")
        for _ in range(2000):
            seen = tmux("capture-pane", "-p")
            if "Acknowledge this alert" in seen:
                break
        assert "Acknowledge this alert" in seen
    finally:
        tmux("kill-server")

"""run, send, stop and rm against a real hub and real PTYs."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from coder_tui.cli.main import main
from coder_tui.hub.daemon import HubAddress

READER = """
import os, sys, tty
tty.setraw(0)
os.write(1, b"\\x1b[?2004hready")
size = os.get_terminal_size(0)
got = b""
while not got.endswith(b"\\r"):
    got += os.read(0, 1024)
with open(sys.argv[1], "w") as file:
    file.write(repr((got, tuple(size), tuple(os.get_terminal_size(0)))))
os.read(0, 1)
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory of a name of its own."""
    directory = tmp_path / f"My Project {os.getpid()}"
    directory.mkdir()
    return directory


def workspaces(capsys: pytest.CaptureFixture[str], name: str) -> list[dict[str, object]]:
    capsys.readouterr()
    assert main(["ls", "--json", f"workspace:{name}"]) == 0
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)["workspaces"]
    return found


def test_run_send_stop_rm(hub: HubAddress, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reader, got = place / "reader.py", place / "got"
    reader.write_text(READER)
    os.mkfifo(got)
    words = [sys.executable, "-I", str(reader), str(got)]
    assert main(["run", "--cwd", str(place), "--app", "reader", "--detach", "--", *words]) == 0
    address = capsys.readouterr().out.strip()
    name = address.partition("/")[2]
    assert name.startswith("my-project-")
    assert main(["run", "--cwd", str(place), "--detach", "--", "sleep", "600"]) == 0
    second = capsys.readouterr().out.strip().partition("/")[2]
    assert second == f"{name}-2"
    assert main(["run", "--cwd", str(place), "--name", name, "--detach", "--", "sleep", "600"]) == 6

    assert main(["send", name, "two\nlines\x1b[201~"]) == 0
    text, before, after = eval(got.read_text())
    assert text == b"\x1b[200~two\rlines[201~\x1b[201~\r"
    assert before == after  # looking in does not change the size

    assert main(["stop", name, second]) == 0
    assert main(["send", name, "hello"]) == 9
    assert main(["rm", name]) == 2
    assert main(["rm", "--yes", name, second]) == 0
    assert workspaces(capsys, name) == []
    assert main(["stop", name]) == 9


def test_keys_by_name(hub: HubAddress, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reader, got = place / "reader.py", place / "got"
    reader.write_text(READER)
    os.mkfifo(got)
    command = shlex.join([sys.executable, "-I", str(reader), str(got)])
    assert main(["run", "--cwd", str(place), "--name", f"keys-{os.getpid()}", "--detach", "--", command]) == 0
    name = capsys.readouterr().out.strip()
    assert main(["send", name, "--keys", "y", "up", "ctrl+c", "enter"]) == 0
    assert eval(got.read_text())[0] == b"y\x1b[A\x03\r"
    assert main(["send", name, "--keys", "hyperspace"]) == 2
    assert main(["send", name, ""]) == 2
    assert main(["rm", "--yes", name]) == 0


def test_a_worktree_for_a_branch(hub: HubAddress, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository = tmp_path / f"repo{os.getpid()}"
    identity = ["-c", "user.name=T", "-c", "user.email=t@example.com"]
    subprocess.run(["git", "init", "-q", str(repository)], check=True)
    commit = ["git", "-C", str(repository), *identity, "commit", "-q", "--allow-empty", "-m", "start"]
    subprocess.run(commit, check=True)
    for _ in range(2):  # made, and found again
        words = ["run", "--cwd", str(repository), "--worktree", "fix/login", "--detach", "--", "sleep 600"]
        assert main(words) == 0
        name = capsys.readouterr().out.strip().partition("/")[2]
        assert name == f"repo{os.getpid()}-fix-login"
        tree = tmp_path / name
        head = subprocess.run(["git", "-C", str(tree), "branch", "--show-current"], capture_output=True, check=True)
        assert head.stdout.strip() == b"fix/login"
        assert main(["rm", "--yes", name]) == 0
        capsys.readouterr()
    assert main(["run", "--cwd", str(tmp_path), "--worktree", "x", "--detach", "--", "true"]) == 2
    assert "Git" in capsys.readouterr().err


def test_an_agentapi_is_of_this_machine_unless_told(
    hub: HubAddress, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", "--cwd", str(place), "--detach", "--agentapi", "http://192.0.2.1:3284"]
    assert main([*words, "--", "sleep", "600"]) == 2
    assert "is not on this machine" in capsys.readouterr().err
    assert main([*words, "--agentapi-anywhere", "--", "sleep", "600"]) == 0
    name = capsys.readouterr().out.strip()
    assert main(["rm", "--yes", name]) == 0
    words = ["new", f"api-{os.getpid()}", "--directory", str(place), "--agentapi"]
    assert main([*words, "ftp://127.0.0.1"]) == 2
    assert main([*words, "http://[::1]:1/"]) == 0
    assert main(["rm", "--yes", f"api-{os.getpid()}"]) == 0


def test_run_needs_a_command(hub: HubAddress) -> None:
    assert main(["run", "--detach"]) == 2

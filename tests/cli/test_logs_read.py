"""`coder-tui logs` over a real hub, a file, a pipe, and in a real terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import httpx
import pytest
from tests.e2e.term import Term

from coder_tui.cli.main import main
from coder_tui.hub.daemon import HubAddress

PROGRAM = [sys.executable, "-m", "coder_tui"]


@pytest.fixture
def workspace(hub: HubAddress, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """A running workspace whose agent wrote three lines."""
    name = f"logs-{uuid.uuid4().hex[:8]}"
    assert main(["new", name, "--directory", str(tmp_path), "--", "/bin/sleep", "600"]) == 0
    assert main(["ls", "--json", f"workspace:{name}"]) == 0
    out = capsys.readouterr().out
    [found] = json.loads(out[out.index("{") :])["workspaces"]
    headers = {"Coder-Session-Token": hub.token_file.read_text().strip()}
    with httpx.Client(base_url=f"{hub.url}/api/v2", headers=headers) as client:
        [agent] = found["agents"]
        path = f"/workspaces/{found['id']}/external-agent/{agent['name']}/credentials"
        token = client.get(path).json()["agent_token"]
        lines = [
            {"output": "one\x1b[31m red", "level": "info"},
            {"output": "Two", "level": "error"},
            {"output": "three", "level": "info"},
        ]
        client.patch("/workspaceagents/me/logs", json={"logs": lines}, headers={"Coder-Session-Token": token})
    return name


def test_an_agents_log(workspace: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", workspace, "--grep", "one|two|three"]) == 0
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.endswith(f"/{workspace}.main.External] one\x1b[31m red")  # into a pipe as it is
    assert " [error] [" in second
    assert third.endswith("] three")
    assert main(["logs", workspace, "--grep", "Two", "--json", "--since", "1h"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["level"], found["source"], found["output"]) == ("error", "External", "Two")
    assert main(["logs", workspace, "--since", "2199-01-01"]) == 0
    assert capsys.readouterr().out == ""


def test_a_builds_log(workspace: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", workspace, "--build", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines
    assert all(line["source"] and "build 1" in line["log"] for line in lines)
    assert main(["logs", workspace, "--build", "--follow"]) == 0  # it is done, so this ends
    assert len(capsys.readouterr().out.splitlines()) == len(lines)


def test_following_prints_what_is_there_and_what_comes(workspace: str) -> None:
    with subprocess.Popen([*PROGRAM, "logs", workspace, "-f"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.endswith("three\n"):
                break
        process.terminate()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["logs", "no-such-workspace"], 9, "nothing is called no-such-workspace"),
        (["logs", "./no-such-file"], 9, "there is no file ./no-such-file"),
        (["logs", "x", "--grep", "a(b"], 2, "--grep: the regex is wrong at 2"),
        (["logs", "x", "--since", "soon"], 2, "'soon' is no moment"),
        (["logs"], 2, "WHAT"),
    ],
)
def test_wrong_words(
    hub: HubAddress, words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == code
    assert said in capsys.readouterr().err


def test_a_file_and_a_pipe_are_filtered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.log"
    file.write_bytes(b"one\r\n\x1b[31mERR\x1b[0mOR two\n\xff three")
    assert main(["logs", str(file), "--grep", "error"]) == 0
    assert capsys.readouterr().out == "\x1b[31mERR\x1b[0mOR two\n"
    done = subprocess.run([*PROGRAM, "logs", "-", "--json"], input=file.read_bytes(), capture_output=True, check=True)
    assert [json.loads(line)["output"] for line in done.stdout.splitlines()] == [
        "one",
        "\x1b[31mERR\x1b[0mOR two",
        "\ufffd three",
    ]
    assert main(["logs", str(file), "--since", "1h"]) == 2


def test_a_pipe_in_our_pane(directories: Path) -> None:
    program = " ".join(PROGRAM)
    lines = 'for i in 1 2 3; do echo line $i; done; echo \'{"level":"ERROR","n":4}\''
    with Term(["/bin/sh", "-c", f"({lines}) | {program} logs -"], env=os.environ, columns=80, rows=12) as term:
        term.wait_for("end of the log")
        term.send("/")
        term.wait_for("filter:")
        term.send("level:error")
        term.wait_for(lambda text: "line 3" not in text)
        term.send("\r")
        term.wait_for(lambda text: text.count("filter:") == 1 and "ERROR" in text)
        term.send("q")
        assert term.wait_exit() == 0


def test_the_pager_has_the_screen_and_gives_it_back(directories: Path, tmp_path: Path) -> None:
    file, pager = tmp_path / "a.log", tmp_path / "pager"
    file.write_text("one\ntwo ERROR\n")
    pager.write_text('#!/bin/sh\necho "paged: $(grep -c . "$1") lines"\ngrep -v nothing "$1"\nread answer\n')
    pager.chmod(0o755)
    env = {**os.environ, "PAGER": str(pager)}
    with Term([*PROGRAM, "logs", str(file), "--grep", "error"], env=env, columns=80, rows=12) as term:
        term.wait_for(lambda text: "two ERROR" in text and "one" not in text and "following" in text)
        term.send("v")
        term.wait_for("paged: 1 lines")  # what passes the filter
        term.send("\r")
        term.wait_for(lambda text: "paged" not in text and "Logs: a.log" in text)
        term.send("q")
        assert term.wait_exit() == 0


def test_a_file_is_on_the_screen_before_textual_is_and_the_screen_is_given_back(
    directories: Path, tmp_path: Path
) -> None:
    file = tmp_path / "a.log"
    file.write_bytes(b"".join(b"%d \x1b[2J%s\n" % (i, b"x" * 200) for i in range(100)))
    with Term([*PROGRAM, "logs", str(file)], env=os.environ, columns=60, rows=12) as term:
        assert b"Logs: a.log" not in term.raw
        first = term.wait_for("99 x")
        assert first.splitlines()[9].rstrip(" ").lstrip(" │").startswith("99 xxx")
        term.wait_for("Logs: a.log")
        with file.open("a") as more:
            more.write("growing\n")
        term.wait_for("growing")
        term.send("q")
        assert term.wait_exit() == 0
        assert not term.modes.alternate_screen
        assert term.raw.index(b"99 x") < term.raw.index(b"Logs: a.log")


def test_a_silent_pipe_can_be_left(directories: Path) -> None:
    program = " ".join(PROGRAM)
    script = f"mkfifo pipe; exec 3<>pipe; echo first >&3; {program} logs - <pipe; echo left $?"
    with Term(["/bin/sh", "-c", script], env=os.environ, columns=80, rows=12, cwd=str(directories)) as term:
        term.wait_for("first")
        term.wait_for("reading")
        term.send("q")
        term.wait_for("left 0")


def test_a_file_is_followed_into_a_pipe(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_text("one\n")
    words = [*PROGRAM, "logs", str(file), "--follow", "--grep", "o"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "one\n"
        with file.open("a") as more:
            more.write("two\nthree\n")
        assert process.stdout.readline() == "two\n"
        process.terminate()

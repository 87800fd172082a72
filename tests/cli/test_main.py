"""Exit codes, one sentence per failure, and never a traceback."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from coder_tui import __version__
from coder_tui.cli import main as entry
from coder_tui.cli import report
from coder_tui.cli.crash import redact
from coder_tui.cli.main import main
from coder_tui.errors import NotFoundError, UnreachableError

REPORT = ["report", "--state", "working"]


def one_sentence(err: str) -> str:
    assert err.startswith("coder-tui: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"coder-tui {__version__}\n"
    assert main(["hub", "--help"]) == 0
    assert "serve" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["dance"], "dance"),
        (["--tok"], "unrecognized arguments: --tok"),
        (["ls", "--token", "abc"], "a token is never given on the command line"),
        (["--token=abc"], "a token is never given on the command line"),
        (["hub"], "VERB"),
        (["hub", "serve", "--port", "70000"], "not a port"),
        (["demo", "--seconds", "soon"], "not a number of seconds"),
        (["report"], "--state"),
        (["report", "--state", "bored"], "bored"),
        (["ls", "--", "state:asks"], "nothing may follow --"),
        (["login", "https://dev.example"], "--token-stdin"),
        (["new", "spike", "--url", "https://dev.example"], "hub of this machine"),
        (["new", "spike", "--directory", "/does/not/exist"], "no directory /does/not/exist"),
    ],
)
def test_wrong_words(
    argv: list[str], words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CODER_TUI_DATA_DIR", str(tmp_path / "never-used"))
    assert main(argv) == 2
    assert words in one_sentence(capsys.readouterr().err)
    assert not list(tmp_path.iterdir())


def test_no_flag_takes_a_token(capsys: pytest.CaptureFixture[str]) -> None:
    for argv in (["--help"], ["ls", "--help"], ["new", "--help"], ["login", "--help"], ["doctor", "--help"]):
        main(argv)
        flags = {word.strip("[],") for word in capsys.readouterr().out.split() if word.strip("[],").startswith("--")}
        assert {flag for flag in flags if "token" in flag} <= {"--token-file", "--token-stdin"}


def test_without_a_terminal_the_cockpit_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "needs a terminal" in one_sentence(capsys.readouterr().err)


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def run(arguments: Namespace) -> int:
        raise error

    monkeypatch.setattr(report, "run", run)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UnreachableError("cannot reach x", why="refused", fix="try later"), 5),
        (ExceptionGroup("tasks", [ExceptionGroup("inner", [NotFoundError("no such workspace")])]), 9),
    ],
)
def test_our_errors_are_one_sentence(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(monkeypatch, error)
    assert main(REPORT) == code
    one_sentence(capsys.readouterr().err)


def test_text_of_strangers_cannot_steer_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(monkeypatch, UnreachableError("cannot\x1b]0;pwned\x07 reach\nx"))
    main(REPORT)
    assert one_sentence(capsys.readouterr().err) == "coder-tui: cannot reach x\n"


def test_ctrl_c(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    raising(monkeypatch, KeyboardInterrupt())
    assert main(REPORT) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("several", [False, True])
def test_a_bug_leaves_a_private_report_without_secrets(
    several: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    token, agent, other = "ABCDEFGHIJ-0123456789012345678901", "6f1f3c52-6a1f-4f1a-9f43-0d6f0f9f6f10", "hunter2hunter2"
    monkeypatch.setenv("CODER_TUI_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("MY_PASSWORD", other)
    bug: Exception = ZeroDivisionError(f"{token} {agent} {other} https://me:secret@dev.example/x")
    raising(monkeypatch, ExceptionGroup("tasks", [bug, NotFoundError("beside it")]) if several else bug)
    assert main(REPORT) == 1
    err = one_sentence(capsys.readouterr().err)
    [path] = (tmp_path / "state").iterdir()
    assert str(path) in err
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    assert "ZeroDivisionError" in text
    assert "https://[redacted]dev.example/x" in text
    for secret in (token, agent, other, "secret"):
        assert secret not in text
        assert secret not in err


def test_a_bug_is_told_even_where_no_report_can_be_kept(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "state").write_text("a file where a directory should be")
    monkeypatch.setenv("CODER_TUI_STATE_DIR", str(tmp_path / "state"))
    raising(monkeypatch, ZeroDivisionError("oh"))
    assert main(REPORT) == 1
    assert "No report was kept" in one_sentence(capsys.readouterr().err)


def test_redact_leaves_plain_words() -> None:
    assert redact("a-b c: https://dev.example/@me") == "a-b c: https://dev.example/@me"


def test_a_reader_that_went_away(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "coder_tui", "hub", "status", "--json", "--data", str(tmp_path)],
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
            timeout=30,
            check=False,
        )
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (entry.BROKEN_PIPE, "")

"""`coder-tui play` on a real terminal and into a pipe."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from tests.e2e.term import Term

from coder_tui.cli.main import main

CAST = (
    '{"version": 2, "width": 40, "height": 5}\n[0.01, "o", "\\u001b[?2004hone\\r\\n"]\n[0.02, "o", "\\u001b[32mtwo"]\n'
)


@pytest.fixture
def cast(tmp_path: Path) -> Path:
    path = tmp_path / "a.cast"
    path.write_text(CAST)
    return path


def environ(directory: Path) -> dict[str, str]:
    places = {f"CODER_TUI_{kind}_DIR": str(directory / kind.lower()) for kind in ("DATA", "STATE", "CONFIG", "CACHE")}
    return {**os.environ, **places}


def test_on_the_screen(cast: Path, tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "coder_tui", "play", str(cast)]
    with Term(argv, env=environ(tmp_path), columns=80, rows=12) as term:
        term.wait_for(r"(?s)one\n +two.*end  0:00 / 0:00")
        term.send("q")
        assert term.wait_exit() == 0
        assert not term.modes.alternate_screen
        assert not term.modes.bracketed_paste


def test_raw(cast: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["play", str(cast), "--raw", "--speed", "100"]) == 0
    assert capfdbinary.readouterr().out == b"\x1b[?2004hone\r\n\x1b[32mtwo"


@pytest.mark.parametrize(
    ("text", "words", "code", "said"),
    [
        (None, ["--raw"], 7, "cannot read"),
        ("hello", ["--raw"], 7, "is no recording: line 1: no asciicast header"),
        (CAST + "what\n", ["--raw"], 7, "line 4: no asciicast event"),
        (CAST, [], 2, "play needs a terminal"),
        (CAST, ["--speed", "0"], 2, "is no speed"),
        (CAST, ["--idle-limit", "-1"], 2, "is not a number of seconds"),
    ],
)
def test_what_cannot_be_played(
    tmp_path: Path, text: str | None, words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.cast"
    if text is not None:
        path.write_text(text)
    assert main(["play", str(path), *words]) == code
    assert said in capsys.readouterr().err

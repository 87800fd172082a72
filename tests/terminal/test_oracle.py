"""Real programs, as tmux and xterm-headless show them: cell by cell the same, but for what is named here."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.terminal.oracle import tmux
from tests.terminal.oracle.screens import UNKNOWN, Cell, differences, of_core, of_tmux, of_xterm

from coder_tui.terminal.fallback import BitttyCore
from coder_tui.terminal.ghostty import GhosttyCore

FOLDER = Path(__file__).parent / "oracle"
NAMES = sorted(path.name.removesuffix(".json.gz") for path in FOLDER.glob("*.json.gz"))

# Differences that are accepted, and why.
ACCEPTED: dict[str, tuple[Callable[[Cell, Cell], bool], str]] = {
    "unknown": (
        lambda ours, theirs: theirs == UNKNOWN and ours.text == " ",
        "tmux prints nothing for cells that were erased last at the end of a line, so only their blankness is compared",
    ),
}


def recording(name: str) -> tuple[bytes, dict[str, Any]]:
    expected: dict[str, Any] = json.loads(gzip.decompress((FOLDER / f"{name}.json.gz").read_bytes()))
    return gzip.decompress((FOLDER / f"{name}.raw.gz").read_bytes()), expected


def unexpected(ours: list[list[Cell]], theirs: list[list[Cell]]) -> list[tuple[int, int, Cell, Cell]]:
    return [
        difference
        for difference in differences(ours, theirs)
        if not any(accepts(*difference[2:]) for accepts, _ in ACCEPTED.values())
    ]


def screens(raw: bytes, expected: dict[str, Any]) -> list[list[list[Cell]]]:
    core = GhosttyCore(expected["columns"], expected["rows"], 1000)
    shown, start = [], 0
    for cut in expected["cuts"]:
        core.feed(raw[start:cut])
        start = cut
        shown.append(of_core(core))
    return shown


def test_the_programs_are_all_there() -> None:
    assert NAMES == ["codex", "git", "htop", "less", "mc", "nano", "repl", "textual", "tmux", "vim"]


@pytest.mark.parametrize("name", NAMES)
def test_recorded_screens(name: str) -> None:
    raw, expected = recording(name)
    columns, rows = expected["columns"], expected["rows"]
    for number, ours in enumerate(screens(raw, expected)):
        assert unexpected(ours, of_xterm(expected["xterm"][number])) == [], f"xterm-headless, screen {number}"
        assert unexpected(ours, of_tmux(expected["tmux"][number], columns, rows, ours)) == [], f"tmux, screen {number}"


@pytest.mark.parametrize("name", NAMES)
def test_screens_of_the_tmux_of_this_machine(name: str, tmp_path: Path) -> None:
    path = shutil.which("tmux")
    if path is None:
        pytest.skip("tmux is not installed; its recorded screens were compared")
    raw, expected = recording(name)
    columns, rows, cuts = expected["columns"], expected["rows"], expected["cuts"]
    theirs = tmux.screens(path, tmp_path, raw, cuts, columns, rows)
    for number, (ours, captured) in enumerate(zip(screens(raw, expected), theirs, strict=True)):
        assert unexpected(ours, of_tmux(captured, columns, rows, ours)) == [], f"{tmux.version(path)}, screen {number}"


@pytest.mark.parametrize("name", NAMES)
def test_the_fallback_shows_the_same_text(name: str) -> None:
    """Its colours are not compared: it is there so that something is."""
    raw, expected = recording(name)
    core = BitttyCore(expected["columns"], expected["rows"], 1000)
    start = 0
    for number, cut in enumerate(expected["cuts"]):
        core.feed(raw[start:cut])
        start = cut
        ours, theirs = of_core(core), of_xterm(expected["xterm"][number])
        assert [[cell.text for cell in row] for row in ours] == [[cell.text for cell in row] for row in theirs], number


def test_differences_are_seen() -> None:
    """The comparison can fail."""
    raw, expected = recording("vim")
    ours = screens(raw, expected)[0]
    theirs = of_xterm(expected["xterm"][0])
    theirs[3][2] = theirs[3][2]._replace(fg="201")
    assert [(y, x) for y, x, _, _ in unexpected(ours, theirs)] == [(3, 2)]
    captured = expected["tmux"][0].replace("\x1b[32m", "\x1b[33m").replace("\x1b[94m", "\x1b[95m")
    assert unexpected(ours, of_tmux(captured, expected["columns"], expected["rows"], ours))


def test_recordings_say_nothing_of_the_machine() -> None:
    for path in FOLDER.glob("*.gz"):
        assert path.stat().st_size < 60_000
        text = gzip.decompress(path.read_bytes())
        assert not any(word in text for word in (b"root@", b"/home/", b"/Users/", b"/tmp/", b"site-packages"))

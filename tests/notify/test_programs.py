from __future__ import annotations

import sys
from pathlib import Path

from coder_tui.notify.outlook import outlook
from coder_tui.notify.programs import desktop, no_desktop, run
from coder_tui.notify.settings import Settings, parse_quiet_hours

EVIL = 'x"; $(touch pwned) `id` \\n <b>&amp; -e'


def test_arguments_are_data() -> None:
    mac = desktop("--help", EVIL, "darwin")
    assert mac[0] == "osascript"
    assert mac[-2:] == ["coder-tui: --help", EVIL]
    assert EVIL not in "".join(mac[:-1])
    linux = desktop(EVIL, "--help\x1b[2J", "linux")
    assert linux[-3:] == ["--", f"coder-tui: {EVIL}", "--help"]
    assert desktop("a", "<b>\\n&", "linux")[-1] == "&lt;b&gt;\\\\n&amp;"


async def test_a_program_gets_its_input_and_says_how_it_ended(tmp_path: Path) -> None:
    file = tmp_path / "got"
    program = f"import sys; open({str(file)!r}, 'w').write(sys.stdin.read() + sys.argv[1])"
    assert await run([sys.executable, "-c", program, "$HOME; x"], b'{"a": 1}') == ""
    assert file.read_text() == '{"a": 1}$HOME; x'
    assert "ended with code 3" in await run(["/bin/sh", "-c", "exit 3"])
    assert "No such file" in await run([str(tmp_path / "nothing")])


async def test_a_program_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    assert "took longer" in await run(["/bin/sh", "-c", "sleep 600 & sleep 600"], b"x" * 200_000, patience=0.1)


def test_what_is_to_be_expected_of_each_channel() -> None:
    have = {"notify-send": "/usr/bin/notify-send", "hook": "/bin/hook"}
    told = dict(outlook(Settings(), {"TERM": "xterm"}, "linux", have.get))
    assert told == {
        "when": "unfocused",
        "bell": "works, as loud as the terminal makes it",
        "terminal": 'does not work: this terminal is not known to show any (terminal = "osc9" tries)',
        "desktop": "does not work: there is no desktop here; no level uses it",
        "command": "none is set (command in [notify])",
        "title": "counts who needs you",
        "status": "a terminal that answers OSC 7501 is told of every agent",
    }
    asked = Settings(asks=("desktop",), command=("hook",), quiet_hours=parse_quiet_hours("22:00-08:00"))
    inside = {"TERM": "tmux", "TMUX": "x", "KITTY_WINDOW_ID": "1", "DISPLAY": ":0"}
    told = dict(outlook(asked, inside, "linux", have.get))
    assert told["when"] == "unfocused, never 22:00-08:00"
    assert told["terminal"] == "works: OSC 99 to kitty, through tmux (allow-passthrough must be on)"
    assert (told["desktop"], told["command"]) == ("works", "works: /bin/hook")
    assert no_desktop("darwin", have.get, {}) == "osascript is not there"
    assert no_desktop("linux", lambda _: None, inside).startswith("notify-send is not installed")
    told = dict(outlook(Settings(command=("x",), terminal="none"), {}, "linux", have.get))
    assert (told["terminal"], told["command"]) == ("switched off", "does not work: there is no program x")

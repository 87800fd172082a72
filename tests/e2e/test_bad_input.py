"""Wrong input of every kind: one sentence with cause and next step, the documented exit code, no traceback."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from tests.e2e.conftest import Home
from tests.e2e.term import Term

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


def sentence(text: str) -> str:
    """The one line on stderr."""
    lines = [line for line in text.splitlines() if line.strip()]
    assert len(lines) == 1, text
    assert "Traceback" not in text
    return lines[0]


def test_a_wrong_token(home: Home) -> None:
    home.run("hub", "start")
    url = json.loads((home.root / "data" / "hub.json").read_text())["url"]
    token = home.root / "wrong"
    token.write_text("aaaaaaaaaa-bbbbbbbbbbbbbbbbbbbbbb")
    said = sentence(home.run("ls", "--url", url, "--token-file", str(token), code=4).stderr)
    assert "token" in said.lower() or "sign" in said.lower()
    assert "bbbbbbbbbb" not in said
    with Term([*home.program, "--url", url, "--token-file", str(token)], env=home.env) as term:
        screen = term.wait_for(r"refused|login")
        assert "bbbbbbbbbb" not in screen
        term.send("q")
        assert term.wait_exit() == 0


def test_a_dead_url(home: Home) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        token = home.root / "token"
        token.write_text("aaaaaaaaaa-bbbbbbbbbbbbbbbbbbbbbb")
        assert url in sentence(home.run("ls", "--url", url, "--token-file", str(token), code=5).stderr)
        with Term([*home.program, "--url", url, "--token-file", str(token)], env=home.env) as term:
            term.wait_for(r"lost: next try")
            term.send("q")
            assert term.wait_exit() == 0


def test_a_port_in_use(home: Home) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = str(busy.getsockname()[1])
        assert port in sentence(home.run("hub", "serve", "--port", port, code=8).stderr)


def test_an_unwritable_data_directory(home: Home) -> None:
    (home.root / "data").write_text("a file is in the way")
    assert str(home.root / "data") in sentence(home.run("hub", "serve", code=7).stderr)


def test_a_corrupt_state_file_is_moved_aside_and_said(home: Home) -> None:
    state = home.root / "state"
    state.mkdir()
    with Term(home.program, env=home.env) as term:
        term.wait_for(r"No agents yet")
        term.send("q")
        assert term.wait_exit() == 0
    databases = [path for path in state.iterdir() if path.suffix == ".db"]
    for path in list(state.iterdir()):
        if path not in databases:
            path.unlink()
    for path in databases:
        path.write_bytes(os.urandom(4096))
    with Term(home.program, env=home.env) as term:
        term.wait_for(r"No agents yet")
        term.send("q")
        assert term.wait_exit() == 0
        assert b"Traceback" not in term.raw
    aside = [path.name for path in state.iterdir() if "corrupt" in path.name]
    assert all(any(name.startswith(path.name) for name in aside) for path in databases), aside


def test_a_corrupt_hub_database(home: Home) -> None:
    home.run("hub", "start")
    home.run("hub", "stop")
    (file,) = [path for path in (home.root / "data").iterdir() if path.suffix in {".db", ".sqlite", ".sqlite3"}]
    file.write_bytes(os.urandom(8192))
    said = sentence(home.run("hub", "serve", code=7).stderr)
    assert str(file) in said


@pytest.mark.parametrize(
    ("words", "code", "names"),
    [
        (["frobnicate"], 2, "frobnicate"),
        (["ls", "age>"], 2, "column 5"),
        (["--theme", "no-such-theme"], 2, "terminal"),
        (["new", "Not A Name"], 6, "name"),
        (["ls", "--deployment", "nowhere"], 4, "nowhere"),
        (["report", "--state", "working"], 4, "CODER_AGENT"),
    ],
)
def test_wrong_words(home: Home, words: list[str], code: int, names: str) -> None:
    assert names in sentence(home.run(*words, code=code).stderr)


def test_a_bad_configuration_names_file_and_key(home: Home) -> None:
    config = home.root / "config"
    config.mkdir()
    (config / "config.toml").write_text('quiet_after = "soon"\n')
    said = sentence(home.run("ls", code=3).stderr)
    assert "config.toml" in said
    assert "quiet_after" in said


def test_a_bad_theme_is_a_sentence_in_a_restored_terminal(home: Home, tmp_path: Path) -> None:
    with Term([*home.program, "--theme", "no-such-theme"], env=home.env) as term:
        assert term.wait_exit() == 3
        assert "no-such-theme" in term.screen
        assert b"Traceback" not in term.raw

"""`coder-tui hub password` and `hub link`: secrets from stdin into private files."""

from __future__ import annotations

import io
import json
import stat
from pathlib import Path

import pytest

from coder_tui.cli.main import main
from coder_tui.hub.external_auth import token_path
from coder_tui.hub.identity import local_email
from coder_tui.hub.passwords import PASSWORD_FILE, check_password, has_password

SECRET = "correct horse battery"


def give(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_a_password_is_stored_as_a_hash(
    directories: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = directories / "data"
    give(monkeypatch, "short\n")
    assert main(["hub", "password"]) == 2
    assert not has_password(data)
    give(monkeypatch, SECRET + "\n")
    assert main(["hub", "password"]) == 0
    out, err = capsys.readouterr()
    assert (out, local_email() in err, SECRET in err) == ("", True, False)
    assert check_password(data, SECRET)
    assert json.loads((data / PASSWORD_FILE).read_text())["scrypt"] == [1 << 14, 8, 5]
    assert stat.S_IMODE((data / PASSWORD_FILE).stat().st_mode) == 0o600


def test_a_token_is_stored_for_a_provider_that_has_no_command(
    directories: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = directories / "data"
    data.mkdir()
    (data / "hub.toml").write_text(
        "[[external_auth]]\nid = 'forge'\nurl = 'https://forge.test'\n"
        "[[external_auth]]\nid = 'github'\ncommand = ['gh', 'auth', 'token']\n"
    )
    for provider, text, code in (
        ("nobody", "t0ken", 9),
        ("github", "t0ken", 2),
        ("forge", "two words", 2),
        ("forge", "", 2),
    ):
        give(monkeypatch, text)
        assert main(["hub", "link", provider]) == code
    give(monkeypatch, "t0ken\n")
    assert main(["hub", "link", "forge"]) == 0
    assert "t0ken" not in "".join(capsys.readouterr())
    path = token_path(data, "forge")
    assert path.read_text() == "t0ken\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (data / "hub.toml").write_text("[[external_auth]]\nid = 'forge'\n")
    assert main(["hub", "link", "forge"]) == 3
    assert main(["hub", "serve"]) == 3
    assert "hub.toml" in capsys.readouterr().err

"""Logging in and out on a terminal, against a real hub; and config.toml, of which every other byte stays."""

from __future__ import annotations

import io
import json
import os
import stat
import sys
import tomllib
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.e2e.term import Term

from coder_tui.cli.main import main
from coder_tui.cli.remember import without
from coder_tui.config import load_config
from coder_tui.errors import ConfigError
from coder_tui.hub.daemon import HubAddress
from coder_tui.hub.passwords import store_password

PASSWORD = "correct-horse-battery"
BROWSER = '#!/bin/sh\necho "$1" >> {opened}\n'


def terminal(directories: Path, *words: str, **more: str) -> Term:
    kept = {name: value for name, value in os.environ.items() if name.startswith("CODER_") or name in {"PATH", "HOME"}}
    return Term([sys.executable, "-m", "coder_tui", *words], env=kept | more, columns=150, rows=20)


def fresh_token(hub: HubAddress) -> str:
    headers = {"Coder-Session-Token": hub.token_file.read_text().strip()}
    made = httpx.post(f"{hub.url}/api/v2/users/me/keys", headers=headers)
    made.raise_for_status()
    token: str = made.json()["key"]
    return token


def status(hub: HubAddress, token: str) -> int:
    return httpx.get(f"{hub.url}/api/v2/users/me", headers={"Coder-Session-Token": token}).status_code


def test_a_token_from_the_browser(hub: HubAddress, directories: Path) -> None:
    opened, browser = directories / "opened", directories / "browser"
    browser.write_text(BROWSER.format(opened=opened))
    browser.chmod(0o700)
    token = fresh_token(hub)
    with terminal(directories, "login", hub.url, "--name", "acme", BROWSER=str(browser)) as term:
        term.wait_for("or press enter to open that page:")
        assert f"{hub.url}/cli-auth" in term.screen
        assert not opened.exists(), "never by itself"
        term.send("\r")
        term.wait_for("Paste the token:")
        assert opened.read_text() == f"{hub.url}/cli-auth\n"
        term.send(f"{token}\r")
        assert term.wait_exit() == 0
        assert "stored as deployment acme" in term.screen
        assert token.encode() not in term.raw
    entry = load_config().deployments["acme"]
    assert (entry.url, entry.token_file.read_text().strip()) == (hub.url, token)
    assert stat.S_IMODE(entry.token_file.stat().st_mode) == 0o600


def test_a_wrong_token_and_none(hub: HubAddress, directories: Path) -> None:
    with terminal(directories, "login", hub.url) as term:
        term.wait_for("Paste it here")
        term.send("nonsense-token\r")
        assert term.wait_exit() == 4
        assert "does not accept" in term.screen
        assert b"nonsense" not in term.raw
    with terminal(directories, "login", hub.url, BROWSER="true") as term:
        term.wait_for("Paste it here")
        term.send("\r")
        term.wait_for("Paste the token:")
        term.send("\r")
        assert term.wait_exit() == 4
        assert "no token was given" in term.screen
    assert not (directories / "config").exists()


def test_a_password(hub: HubAddress, hub_data: Path, directories: Path) -> None:
    store_password(hub_data, PASSWORD)
    email = httpx.get(
        f"{hub.url}/api/v2/users/me", headers={"Coder-Session-Token": hub.token_file.read_text().strip()}
    ).json()["email"]
    for password, code in (("wrong-" + PASSWORD, 4), (PASSWORD, 0)):
        with terminal(directories, "login", hub.url, "--password") as term:
            term.wait_for("Email:")
            term.send(f"{email}\r")
            term.wait_for("Password:")
            term.send(f"{password}\r")
            assert term.wait_exit() == code, term.screen
            assert PASSWORD.encode() not in term.raw
            assert ("logged in to" if code == 0 else "does not accept this email and password") in term.screen
    (entry,) = load_config().deployments.values()
    token = entry.token_file.read_text().strip()
    assert token.encode() not in term.raw
    assert status(hub, token) == 200
    assert main(["logout"]) == 0
    assert status(hub, token) == 401
    assert not entry.token_file.exists()
    assert load_config().deployments == {}


def test_login_needs_a_terminal_or_stdin(
    hub: HubAddress, directories: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in ([], ["--password"]):
        assert main(["login", hub.url, *words]) == 2
        assert "--token-stdin" in capsys.readouterr().err
    assert main(["login", hub.url, "--password", "--token-stdin"]) == 2


def login(directories: Path, name: str, url: str, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(token))
    assert main(["login", url, "--token-stdin", "--name", name]) == 0


def test_logout_forgets_one_and_leaves_every_other_byte(
    hub: HubAddress, directories: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dotfiles = directories / "dotfiles.toml"
    before = '# mine\r\ntheme = "dark"   # \N{SNOWMAN}\r\n\r\n[deployments.old]\r\nurl="http://127.0.0.1:1"\r\ntoken_file="o"\r\n'
    dotfiles.write_bytes(before.encode())
    file = directories / "config" / "config.toml"
    file.parent.mkdir()
    file.symlink_to(dotfiles)
    token = fresh_token(hub)
    login(directories, "acme", hub.url, token, monkeypatch)
    assert file.is_symlink()
    added = dotfiles.read_bytes().decode()
    assert added.startswith(before)
    assert main(["logout"]) == 2
    assert "acme, old" in capsys.readouterr().err.replace("old, acme", "acme, old")
    assert main(["logout", "nobody"]) == 2
    assert main(["logout", "acme"]) == 0
    assert status(hub, token) == 401
    assert dotfiles.read_bytes().decode().rstrip() == before.rstrip()
    assert not (file.parent / "acme.token").exists()
    assert main(["logout", "old"]) == 0, "there is no token to end"
    assert load_config().theme == "dark"
    assert token not in "".join(capsys.readouterr())


def test_logout_without_the_deployment(
    hub: HubAddress, directories: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = directories / "config"
    config.mkdir()
    (config / "dead.token").write_text("some-token")
    (config / "dead.token").chmod(0o600)
    (config / "config.toml").write_text("[deployments.dead]\nurl = 'http://127.0.0.1:1'\ntoken_file = 'dead.token'\n")
    assert main(["logout"]) == 5
    err = capsys.readouterr().err
    assert "dead is forgotten" in err
    assert "may still be valid" in err
    assert "some-token" not in err
    assert not (config / "dead.token").exists()
    # a token file that is not ours is left alone
    (config / "config.toml").write_text(f"[deployments.hub]\nurl = '{hub.url}'\ntoken_file = '{hub.token_file}'\n")
    assert main(["logout", "hub"]) == 0
    assert hub.token_file.exists()


def test_deployments_lists_each_with_its_link(
    hub: HubAddress, directories: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["deployments", "--json"]) == 0
    [only] = json.loads(capsys.readouterr().out)["deployments"]
    assert (only["name"], only["link"], only["url"]) == ("local", "ok", hub.url)
    config = directories / "config"
    config.mkdir()
    (config / "t").write_text("some-token")
    (config / "t").chmod(0o600)
    entry = "[deployments.{}]\nurl = '{}'\ntoken_file = '{}'\n"
    dead, lost = entry.format("dead", "http://127.0.0.1:1", "t"), entry.format("lost", "https://x.io", "missing")
    (config / "config.toml").write_text(dead + lost)
    assert main(["deployments", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["deployments"]
    assert {one["name"]: one["link"] for one in found} == {"dead": "retrying", "lost": "refused", "local": "ok"}
    assert "missing" in next(one["why"] for one in found if one["name"] == "lost")
    assert main(["deployments"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].split() == ["NAME", "LINK", "URL", "USER", "VERSION", "SOURCE"]
    assert "connection refused" in out
    assert main(["deployments", "--json", "--deployment", "dead", "--deployment", "local"]) == 0
    found = json.loads(capsys.readouterr().out)["deployments"]
    assert [one["name"] for one in found] == ["dead", "local"]
    assert "some-token" not in out


TABLE = '[deployments."a.b"]\nurl = "https://a.b"\ntoken_file = "a.b.token"\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (TABLE, ""),
        ("# top\n\n" + TABLE, "# top\n\n"),
        (
            "# top\n\n" + TABLE + "\n# about c\n[deployments.c]\nurl = 'x'\n",
            "# top\n\n# about c\n[deployments.c]\nurl = 'x'\n",
        ),
        ("theme = 'x'\n" + TABLE + "# end\n", "theme = 'x'\n"),
        (TABLE.replace("\n", "\r\n") + "\r\n[other]\r\n", "\r\n[other]\r\n"),
        (" [ deployments . 'a.b' ] # mine\nurl = 'x'\n[z]\n", "[z]\n"),
        ("x = '''\n[deployments.\"a.b\"]\n'''\n" + TABLE, "x = '''\n[deployments.\"a.b\"]\n'''\n"),
    ],
    ids=["alone", "at the end", "in the middle", "comment behind", "crlf", "spelled freely", "in a string"],
)
def test_a_table_is_cut_out(before: str, after: str) -> None:
    assert without(before, "a.b", Path("c.toml")) == after


def test_what_is_not_a_table_is_left_to_the_person() -> None:
    for text in ('deployments = {"a.b" = {url = "x"}}\n', '[deployments]\n"a.b".url = "x"\n'):
        with pytest.raises(ConfigError, match="by hand"):
            without(text, "a.b", Path("c.toml"))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["# note\n", "\n", "[z]\nq = 1\n", "[[w]]\nr = [\n  1,\n]\n"]), max_size=6), st.data())
def test_whatever_stands_around_stays(parts: list[str], data: st.DataObject) -> None:
    parts = list(dict.fromkeys(parts))
    at = data.draw(st.integers(0, len(parts)))
    text = "".join([*parts[:at], TABLE, *parts[at:]])
    kept = without(text, "a.b", Path("c.toml"))
    assert tomllib.loads(kept) == tomllib.loads("".join(parts))
    assert kept.startswith("".join(parts[:at]))


def test_the_hub_stands_beside_what_nobody_named(
    hub: HubAddress, directories: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def named(*words: str) -> tuple[int, list[str]]:
        code = main(["ls", "--json", *words])
        return code, [one["name"] for one in json.loads(capsys.readouterr().out)["deployments"]]

    config = directories / "config"
    config.mkdir()
    (config / "t").write_text("some-token")
    (config / "t").chmod(0o600)
    entry = "[deployments.{}]\nurl = 'http://127.0.0.1:{}'\ntoken_file = 't'\n"
    (config / "config.toml").write_text(entry.format("one", 1) + entry.format("two", 2))
    assert named() == (5, ["one", "two", "local"])
    assert named("--deployment", "all") == (5, ["one", "two", "local"])
    assert named("--deployment", "two") == (5, ["two"])
    assert named("--deployment", "two", "--deployment", "local") == (5, ["two", "local"])
    assert named("--deployment", "local") == (0, ["local"])
    monkeypatch.setenv("CODER_URL", "http://127.0.0.1:3")
    monkeypatch.setenv("CODER_SESSION_TOKEN", "some-token")
    assert named() == (5, ["127.0.0.1:3"]), "what the environment names is what is meant"
    assert named("--deployment", "all") == (5, ["127.0.0.1:3", "one", "two", "local"])

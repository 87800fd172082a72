"""Which credentials are found where, and that a token never goes astray or into a text."""

from __future__ import annotations

from pathlib import Path

import pytest

from coder_tui.client.credentials import Credentials, cli_session_dir, find_credentials, normalize_url
from coder_tui.client.headers import parse_headers
from coder_tui.config import load_config
from coder_tui.errors import CredentialsError

TOKEN = "0123456789-abcdefghijklmnopqrstuv"


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """A session directory as the coder CLI writes it."""
    directory = tmp_path / "coderv2"
    directory.mkdir()
    (directory / "url").write_text("https://cli.example.com\n")
    (directory / "session").write_text(f"{TOKEN}\n")
    return directory


def configured(tmp_path: Path, *names: str, mode: int = 0o600) -> Path:
    lines = []
    for name in names:
        token = tmp_path / f"{name}.token"
        token.write_text(f"token-of-{name}\n")
        token.chmod(mode)
        lines.append(f'[deployments.{name}]\nurl = "https://{name}.example.com"\ntoken_file = "{name}.token"\n')
    path = tmp_path / "config.toml"
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("dev.acme.io", "https://dev.acme.io"),
        ("dev.acme.io:8443/", "https://dev.acme.io:8443"),
        (" http://LOCALHOST:3000// ", "http://localhost:3000"),
        ("https://acme.io/coder/", "https://acme.io/coder"),
        ("https://acme.io/?token=x#y", "https://acme.io"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_urls_are_normalised(text: str, url: str) -> None:
    assert normalize_url(text) == url


@pytest.mark.parametrize("text", ["", "ftp://x", "https://", "https://a b", "http://x:99999", "https://me:secret@x"])
def test_bad_urls_are_refused_without_quoting_them(text: str) -> None:
    with pytest.raises(CredentialsError) as caught:
        normalize_url(text)
    assert "secret" not in str(caught.value)
    assert "https://coder.example.com" in str(caught.value)


def test_the_order_of_the_sources(tmp_path: Path, session: Path) -> None:
    config = load_config(path=configured(tmp_path, "one", "two"), environ={})
    environ = {"CODER_URL": "env.example.com", "CODER_SESSION_TOKEN": "env-token", "CODER_CONFIG_DIR": str(session)}

    (flags,) = find_credentials(url="flag.example.com", token="flag-token", config=config, environ=environ)
    assert (flags.name, flags.url, flags.token) == ("flag.example.com", "https://flag.example.com", "flag-token")
    (env,) = find_credentials(config=config, environ=environ)
    assert (env.url, env.token) == ("https://env.example.com", "env-token")
    found = find_credentials(config=config, environ={"CODER_CONFIG_DIR": str(session)})
    assert [(one.name, one.token) for one in found] == [("one", "token-of-one"), ("two", "token-of-two")]
    (cli,) = find_credentials(environ={"CODER_CONFIG_DIR": str(session)})
    assert (cli.url, cli.token) == ("https://cli.example.com", TOKEN)
    assert find_credentials(environ={"CODER_CONFIG_DIR": str(tmp_path / "none")}) == []
    (picked,) = find_credentials(deployments=["two"], config=config, environ=environ)
    assert picked.name == "two"


def test_half_a_pair_says_what_is_missing(tmp_path: Path) -> None:
    nowhere = {"CODER_CONFIG_DIR": str(tmp_path)}
    with pytest.raises(CredentialsError, match=r"no session token for https://x\.io.*coder login https://x\.io"):
        find_credentials(environ={**nowhere, "CODER_URL": "x.io"})
    with pytest.raises(CredentialsError, match="a session token but no deployment URL"):
        find_credentials(environ={**nowhere, "CODER_SESSION_TOKEN": "secret-token"})
    (tmp_path / "url").write_text("https://x.io")
    with pytest.raises(CredentialsError, match="stored no session token"):
        find_credentials(environ=nowhere)


def test_a_stored_token_only_goes_to_its_own_url(tmp_path: Path, session: Path) -> None:
    environ = {"CODER_CONFIG_DIR": str(session)}
    with pytest.raises(CredentialsError, match="no session token for https://evil"):
        find_credentials(url="evil.example.com", environ=environ)
    with pytest.raises(CredentialsError, match="no session token for https://evil"):
        find_credentials(
            url="evil.example.com", environ={**environ, "CODER_URL": "good.example.com", "CODER_SESSION_TOKEN": "t"}
        )
    (same,) = find_credentials(url="CLI.example.com/", environ=environ)
    assert same.token == TOKEN
    config = load_config(path=configured(tmp_path, "one"), environ={})
    (named,) = find_credentials(url="one.example.com", config=config, environ=environ)
    assert (named.name, named.token) == ("one", "token-of-one")
    (env_token,) = find_credentials(environ={**environ, "CODER_SESSION_TOKEN": "other"})
    assert (env_token.url, env_token.token) == ("https://cli.example.com", "other")


def test_token_files_must_be_private_and_filled(tmp_path: Path) -> None:
    config = load_config(path=configured(tmp_path, "one", mode=0o644), environ={})
    with pytest.raises(CredentialsError, match=r"not private.*chmod 600"):
        find_credentials(config=config, environ={})
    (tmp_path / "one.token").chmod(0o600)
    (tmp_path / "one.token").write_text("\n")
    with pytest.raises(CredentialsError, match="is empty"):
        find_credentials(config=config, environ={})
    (tmp_path / "one.token").unlink()
    with pytest.raises(CredentialsError, match="cannot read the token of deployment one"):
        find_credentials(config=config, environ={})
    with pytest.raises(CredentialsError, match=r"no deployment is called 'three'.*one"):
        find_credentials(deployments=["three"], config=config, environ={})


def test_nothing_shows_the_token() -> None:
    found = Credentials("x", "https://x.io", "secret", "flags", (("CF-Access", "hidden"),))
    for text in (repr(found), str(found), f"{found}"):
        assert "secret" not in text
        assert "hidden" not in text
    with pytest.raises(CredentialsError) as caught:
        Credentials("x", "https://x.io", "secret\nInjected: yes", "flags")
    assert "secret" not in str(caught.value)


def test_where_the_cli_keeps_its_session(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli_session_dir(Path("/given"), {"CODER_CONFIG_DIR": "/env"}) == Path("/given")
    assert cli_session_dir(None, {"CODER_CONFIG_DIR": "/env"}) == Path("/env")
    monkeypatch.setattr("sys.platform", "linux")
    assert cli_session_dir(None, {"XDG_CONFIG_HOME": "/xdg", "HOME": "/home/kira"}) == Path("/xdg/coderv2")
    assert cli_session_dir(None, {"HOME": "/home/kira"}) == Path("/home/kira/.config/coderv2")
    monkeypatch.setattr("sys.platform", "darwin")
    macos = Path("/Users/kira/Library/Application Support/coderv2")
    assert cli_session_dir(None, {"XDG_CONFIG_HOME": "/xdg", "HOME": "/Users/kira"}) == macos


def test_extra_headers(tmp_path: Path) -> None:
    assert parse_headers('A=1, "B=2,3",C=x=y') == (("A", "1"), ("B", "2,3"), ("C", "x=y"))
    assert parse_headers("") == ()
    for bad in ("secret", "=secret", "A B=secret", "A=sec\x07ret", '"A=secret'):
        with pytest.raises(CredentialsError) as caught:
            parse_headers(bad)
        assert "secret" not in str(caught.value)
    environ = {"CODER_URL": "x.io", "CODER_SESSION_TOKEN": "t", "CODER_HEADER": "A=1", "CODER_CONFIG_DIR": "/none"}
    assert find_credentials(environ=environ)[0].headers == (("A", "1"),)
    config = load_config(path=configured(tmp_path, "one", "two"), environ={})
    several = find_credentials(config=config, environ={"CODER_HEADER": "A=1"})
    assert all(not one.headers for one in several), "which of them the header is meant for is unknown"

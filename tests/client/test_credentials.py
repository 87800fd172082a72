"""Which credentials are found where, and that a token never goes astray or into a text."""

from __future__ import annotations

import base64
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

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


def faulty(found: list[Credentials]) -> dict[str, str]:
    return {one.name: str(one.fault) for one in found if one.fault}


def test_one_bad_deployment_of_several_is_its_own_fault(tmp_path: Path) -> None:
    config = load_config(path=configured(tmp_path, "one", "two", "three"), environ={})
    (tmp_path / "two.token").chmod(0o644)
    found = find_credentials(config=config, environ={})
    assert [one.name for one in found] == ["one", "two", "three"]
    assert list(faulty(found)) == ["two"]
    assert "chmod 600" in faulty(found)["two"]
    some = find_credentials(deployments=["two", "one", "two"], config=config, environ={})
    assert [one.name for one in some] == ["two", "one"]
    with pytest.raises(CredentialsError, match="not private"):
        find_credentials(deployments=["two"], config=config, environ={})
    with pytest.raises(CredentialsError, match="no deployment is called 'four'"):
        find_credentials(deployments=["one", "four"], config=config, environ={})


def test_all_means_every_source(tmp_path: Path, session: Path) -> None:
    config = load_config(path=configured(tmp_path, "one", "two"), environ={})
    environ = {"CODER_CONFIG_DIR": str(session), "CODER_URL": "ONE.example.com", "CODER_SESSION_TOKEN": "env-token"}
    found = find_credentials(deployments=["all"], config=config, environ=environ)
    assert [(one.url, one.token) for one in found] == [
        ("https://one.example.com", "env-token"),  # the same deployment twice: the environment goes first
        ("https://two.example.com", "token-of-two"),
        ("https://cli.example.com", TOKEN),
    ]
    (session / "session").unlink()
    found = find_credentials(deployments=["all"], config=config, environ={"CODER_CONFIG_DIR": str(session)})
    assert [one.name for one in found] == ["one", "two"], "a coder CLI that is logged out is no obstacle"


def test_two_deployments_never_share_a_name(tmp_path: Path, session: Path) -> None:
    config = load_config(path=configured(tmp_path, "one"), environ={})
    config.deployments["cli.example.com"] = config.deployments["one"]
    found = find_credentials(deployments=["all"], config=config, environ={"CODER_CONFIG_DIR": str(session)})
    assert [one.name for one in found] == ["one", "cli.example.com"], "the same URL under two names is one"
    config.deployments["cli.example.com"] = replace(config.deployments["one"], url="http://other")
    found = find_credentials(deployments=["all"], config=config, environ={"CODER_CONFIG_DIR": str(session)})
    assert [one.name for one in found] == ["one", "cli.example.com", "cli.example.com'"]


def test_tls_files_and_header_command_of_a_deployment(tmp_path: Path) -> None:
    path = configured(tmp_path, "one", "two")
    path.write_text(
        path.read_text()
        + 'ca_file = "ca.pem"\ncert_file = "me.pem"\nkey_file = "/keys/me.key"\nheader_command = "mint"\n'
    )
    config = load_config(path=path, environ={})
    environ = {"CODER_CLIENT_TLS_CA_FILE": "/env/ca.pem", "CODER_HEADER_COMMAND": "env-command"}
    one, two = find_credentials(config=config, environ=environ)
    assert (one.tls.ca_file, one.tls.cert_file) == (Path("/env/ca.pem"), None)
    assert (two.tls.ca_file, two.tls.cert_file) == (tmp_path / "ca.pem", tmp_path / "me.pem")
    assert two.tls.key_file == Path("/keys/me.key")
    assert (one.header_command, two.header_command) == ("", "mint"), "whose is the one of the environment?"
    (one,) = find_credentials(deployments=["one"], config=config, environ=environ)
    (two,) = find_credentials(deployments=["two"], config=config, environ=environ)
    assert (one.header_command, two.header_command) == ("env-command", "mint")


class Keyring(ModuleType):
    """Stands in for the library: what is stored, or how it fails."""

    def __init__(self, value: str | Exception | None) -> None:
        super().__init__("keyring")
        self.value = value
        self.asked: list[tuple[str, str]] = []

    def get_password(self, service: str, account: str) -> str | None:
        self.asked.append((service, account))
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


def stored(**hosts: str) -> str:
    entries = {host: {"coder_url": f"https://{host}", "api_token": token} for host, token in hosts.items()}
    return base64.b64encode(json.dumps(entries).encode()).decode()


@pytest.fixture
def mac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Mac whose coder CLI is logged in to two deployments, the newest in its `url` file."""
    monkeypatch.setattr("sys.platform", "darwin")
    directory = tmp_path / "Library" / "Application Support" / "coderv2"
    directory.mkdir(parents=True)
    (directory / "url").write_text("https://Dev.Acme.io")
    (directory / "session").write_text("file-token")
    return tmp_path


def test_the_keychain_of_the_coder_cli(mac: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = Keyring(stored(**{"dev.acme.io": "secret-1", "eu.acme.io:8443": "secret-2"}))
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    environ = {"HOME": str(mac)}
    (found,) = find_credentials(environ=environ)
    assert (found.url, found.token) == ("https://dev.acme.io", "secret-1")
    assert "keychain" in found.source
    assert keyring.asked == [("coder-v2-credentials", "coder-login-credentials")]
    (other,) = find_credentials(url="https://EU.acme.io:8443", environ=environ)
    assert other.token == "secret-2"
    with pytest.raises(CredentialsError, match="no session token for https://other"):
        find_credentials(url="other.acme.io", environ=environ)

    keyring.asked.clear()
    for off in ({"CODER_USE_KEYRING": "false"}, {"CODER_CONFIG_DIR": str(mac / "Library/Application Support/coderv2")}):
        (found,) = find_credentials(environ=environ | off)
        assert found.token == "file-token"
    find_credentials(environ=environ | {"CODER_URL": "x.io", "CODER_SESSION_TOKEN": "t"})
    assert not keyring.asked, "the user is not asked for a permission that is not needed"


@pytest.mark.parametrize(
    "value",
    [None, "", "not base64!", base64.b64encode(b"[]").decode(), stored(), RuntimeError("locked"), "e30", "\N{SNOWMAN}"],
    ids=["none", "empty", "text", "list", "other hosts", "locked", "cut", "snowman"],
)
def test_an_unusable_keychain_leaves_the_file(
    mac: Path, monkeypatch: pytest.MonkeyPatch, value: str | Exception | None
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", Keyring(value))
    (found,) = find_credentials(environ={"HOME": str(mac)})
    assert found.token == "file-token"


def test_without_the_keyring_library(mac: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing: dict[str, None] = {"keyring": None}
    monkeypatch.setattr(sys, "modules", sys.modules | missing)
    (found,) = find_credentials(environ={"HOME": str(mac)})
    assert found.token == "file-token"
    (mac / "Library/Application Support/coderv2/session").unlink()
    with pytest.raises(CredentialsError, match=r"keyring that we cannot read.*coder-tui login https://dev\.acme\.io"):
        find_credentials(environ={"HOME": str(mac)})


def test_linux_has_no_keychain(session: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = Keyring(stored(**{"cli.example.com": "secret-1"}))
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    monkeypatch.setattr("sys.platform", "linux")
    home = session.parent
    (home / ".config").mkdir()
    session.rename(home / ".config" / "coderv2")
    (found,) = find_credentials(environ={"HOME": str(home)})
    assert found.token == TOKEN
    assert not keyring.asked

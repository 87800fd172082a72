"""Where credentials come from: flags, environment, our configuration, the `coder` CLI's session files.

A token is only ever sent to the URL it was stored with, or that was named together with it. Sources: the `coder`
CLI's documented variables and its session directory (`url` and `session`, plain text, 0600).
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from coder_tui.config import Config
from coder_tui.errors import CredentialsError

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Credentials:
    """One deployment and the session token for it. Neither `repr` nor `str` shows the token or the headers.

    `name` is unique among the deployments in use; `source` says in words where they were found.
    """

    name: str
    url: str
    token: str = field(repr=False)
    source: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if not self.token.isascii() or not self.token.isprintable() or " " in self.token:
            raise CredentialsError(
                f"the session token for {self.url} is malformed", why=f"found in {self.source}", fix="copy it again"
            )

    @property
    def is_loopback(self) -> bool:
        """The deployment is on this machine: no proxy is ever between."""
        return (urlsplit(self.url).hostname or "") in _LOOPBACK


def normalize_url(url: str) -> str:
    """The deployment's URL as `https://host[:port][/path]`: scheme defaults to https, no slash at the end.

    Raises CredentialsError when it is not an http(s) URL, or when it holds a password.
    """
    text = url.strip()
    text = text if "://" in text else f"https://{text}"
    bad = CredentialsError("the deployment URL is wrong", fix="give it like https://coder.example.com")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        bad.why = str(error)
        raise bad from None
    if parts.scheme not in {"http", "https"} or not host or any(c.isspace() for c in text):
        bad.why = "it needs a host, and http or https"
        raise bad
    if parts.username or parts.password:
        bad.why = "a URL must not hold a user name or password"
        raise bad
    netloc = f"[{host}]" if ":" in host else host
    netloc = f"{netloc}:{port}" if port else netloc
    return urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", ""))


def find_credentials(
    *,
    url: str = "",
    token: str = "",
    deployment: str = "",
    config: Config | None = None,
    global_config: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> list[Credentials]:
    """The deployments to talk to, from the first source that names any; empty when none does.

    `url`, `token`, `deployment` and `global_config` are what the command line said. `deployment` picks one entry of
    the configuration. Raises CredentialsError for half a pair, an unreadable token file or an unknown name.
    """
    session = cli_session_dir(global_config, environ)
    found = _find(url, token, deployment, config=config or Config(), session=session, environ=environ)
    if headers := parse_headers(environ.get("CODER_HEADER", "")):
        if len(found) > 1:
            # which deployment they are meant for is unknown, and they may be secret
            return found
        found = [replace(one, headers=headers) for one in found]
    return found


def _find(
    url: str,
    token: str,
    deployment: str,
    *,
    config: Config,
    session: Path,
    environ: Mapping[str, str],
) -> list[Credentials]:
    if deployment:
        if deployment not in config.deployments:
            known = ", ".join(sorted(config.deployments)) or "none"
            raise CredentialsError(f"no deployment is called {deployment!r}", why=f"{config.path} names: {known}")
        return [_configured(deployment, config)]
    env_url, env_token = environ.get("CODER_URL", "").strip(), environ.get("CODER_SESSION_TOKEN", "").strip()
    if url or token:
        if url and not token and (not env_url or _same(url, env_url)):
            token = env_token
        return [_pair(url or env_url, token, "flags", config, session)]
    if env_url or env_token:
        return [_pair(env_url, env_token, "CODER_URL and CODER_SESSION_TOKEN", config, session)]
    if config.deployments:
        return [_configured(name, config) for name in config.deployments]
    return _from_session(session)


def _pair(url: str, token: str, source: str, config: Config, session: Path) -> Credentials:
    """Complete half a pair from what is stored for the same URL, or say what is missing."""
    if token and not url:
        url = _read(session / "url")  # as the CLI does: a token from the environment for the URL it is logged in to
    if not url:
        raise CredentialsError(
            "there is a session token but no deployment URL", fix="give the URL too (--url, or CODER_URL)"
        )
    url = normalize_url(url)
    if token:
        return Credentials(_host(url), url, token, source)
    for name, entry in config.deployments.items():
        if _same(entry.url, url):
            return _configured(name, config)
    if _same(_read(session / "url"), url) and (token := _read(session / "session")):
        return Credentials(_host(url), url, token, f"the coder CLI's session in {session}")
    raise CredentialsError(
        f"there is no session token for {url}",
        fix=f"set CODER_SESSION_TOKEN, or run `coder login {url}`",
    )


def _configured(name: str, config: Config) -> Credentials:
    entry = config.deployments[name]
    path = entry.token_file
    try:
        mode = path.stat().st_mode
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "it is not text"
        raise CredentialsError(
            f"cannot read the token of deployment {name}",
            why=f"{path}: {reason}",
            fix="write the session token into it",
        ) from None
    if mode & 0o077:
        raise CredentialsError(
            f"the token of deployment {name} is not private", why=f"others can read {path}", fix=f"run chmod 600 {path}"
        )
    if not token:
        raise CredentialsError(f"the token of deployment {name} is missing", why=f"{path} is empty")
    return Credentials(name, normalize_url(entry.url), token, f"{config.path} [deployments.{name}]")


def _from_session(session: Path) -> list[Credentials]:
    url, token = _read(session / "url"), _read(session / "session")
    if not url:
        return []
    url = normalize_url(url)
    if not token:
        raise CredentialsError(
            f"the coder CLI knows {url} but stored no session token in {session}",
            why="it is logged out, or keeps the token in the system's keyring",
            fix=f"run `CODER_USE_KEYRING=false coder login {url}`, or set CODER_SESSION_TOKEN",
        )
    return [Credentials(_host(url), url, token, f"the coder CLI's session in {session}")]


def cli_session_dir(global_config: Path | None, environ: Mapping[str, str] = os.environ) -> Path:
    """Where the `coder` CLI keeps `url` and `session`: flag, `CODER_CONFIG_DIR`, else the platform's place."""
    if global_config:
        return global_config.expanduser()
    if directory := environ.get("CODER_CONFIG_DIR"):
        return Path(directory).expanduser()
    home = Path(environ.get("HOME") or Path.home())
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "coderv2"
    base = environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else home / ".config") / "coderv2"


def parse_headers(text: str) -> tuple[tuple[str, str], ...]:
    """`CODER_HEADER`: one CSV record of `name=value`. Raises CredentialsError, never quoting a value."""
    try:
        fields = next(csv.reader([text], strict=True, skipinitialspace=True), [])
    except csv.Error:
        raise CredentialsError("CODER_HEADER is wrong", why="it is not comma separated name=value pairs") from None
    headers = []
    for item in fields:
        name, equals, value = item.partition("=")
        name = name.strip()
        if not equals or not name or not name.isascii() or not all(c.isalnum() or c in "!#$%&'*+-.^_`|~" for c in name):
            raise CredentialsError("CODER_HEADER is wrong", why="each header must be name=value")
        if not value.isprintable():
            raise CredentialsError("CODER_HEADER is wrong", why=f"the value of {name} has control characters")
        headers.append((name, value))
    return tuple(headers)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "it is not text"
        raise CredentialsError(f"cannot read {path}", why=reason) from None


def _same(one: str, other: str) -> bool:
    return bool(one and other) and normalize_url(one).lower() == normalize_url(other).lower()


def _host(url: str) -> str:
    return urlsplit(url).netloc

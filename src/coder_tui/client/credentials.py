"""Where credentials come from: flags, environment, our configuration, the `coder` CLI's session files.

A token is only ever sent to the URL it was stored with, or that was named together with it. Sources: the `coder`
CLI's documented variables and its session directory (`url` and `session`, plain text, 0600).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from coder_tui.client import keychain
from coder_tui.client.headers import Headers, parse_headers
from coder_tui.client.tls import TlsFiles
from coder_tui.config import Config
from coder_tui.errors import CredentialsError
from coder_tui.text import one_line

EVERY = "all"
"""The deployment name that means every one that can be found."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Credentials:
    """One deployment and the session token for it. Neither `repr` nor `str` shows the token or the headers.

    `name` is unique among the deployments in use; `source` says in words where they were found. `fault` is why they
    cannot be used: one bad deployment of several is shown as such, and stands in nobody's way. `served` is asked
    before the token is sent: where it says no, whoever listens at the URL is not who we mean.
    """

    name: str
    url: str
    token: str = field(repr=False)
    source: str
    headers: Headers = field(default=(), repr=False)
    header_command: str = field(default="", repr=False)
    tls: TlsFiles = field(default=TlsFiles())
    fault: CredentialsError | None = field(default=None, compare=False, repr=False)
    served: Callable[[], bool] = field(default=lambda: True, compare=False, repr=False)

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
    deployments: Sequence[str] = (),
    config: Config | None = None,
    global_config: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> list[Credentials]:
    """The deployments to talk to, from the first source that names any; empty when none does.

    `url`, `token`, `deployments` and `global_config` are what the command line said. `deployments` names entries of
    the configuration; `all` among them means every deployment of every source. Raises CredentialsError for half a
    pair or an unknown name. What cannot be used is an error when it is the only one, else a `fault` of that one.
    """
    finder = _Finder(config or Config(), environ, global_config)
    return finder.equipped(finder.find(url, token, deployments))


class _Finder:
    """What is stored and set, looked at only as far as needed: the keychain may ask the user."""

    def __init__(self, config: Config, environ: Mapping[str, str], global_config: Path | None) -> None:
        self.config, self.environ = config, environ
        self.session = cli_session_dir(global_config, environ)
        given = bool(global_config or environ.get("CODER_CONFIG_DIR"))
        self.keychain = keychain.is_used(environ, directory_given=given)
        self.env_url = environ.get("CODER_URL", "").strip()
        self.env_token = environ.get("CODER_SESSION_TOKEN", "").strip()

    def find(self, url: str, token: str, deployments: Sequence[str]) -> list[Credentials]:
        if EVERY in deployments:
            configured = self.configured(self.config.deployments, alone=False)
            return _distinct([*self.from_environment(), *configured, *self.from_cli(alone=False)])
        if deployments:
            return self.configured(dict.fromkeys(deployments))
        if url or token:
            if url and not token and (not self.env_url or _same(url, self.env_url)):
                token = self.env_token
            return [self.pair(url or self.env_url, token, "flags")]
        return self.from_environment() or self.configured(self.config.deployments) or self.from_cli()

    def equipped(self, found: list[Credentials]) -> list[Credentials]:
        """With the TLS files and headers of the environment, where the configuration gives none of its own."""
        files = TlsFiles.of_environment(self.environ)
        found = [replace(one, tls=one.tls or files) for one in found]
        if len(found) == 1:  # with several, which one they are meant for is unknown, and they may be secret
            (one,) = found
            headers = parse_headers(self.environ.get("CODER_HEADER", ""))
            command = one.header_command or self.environ.get("CODER_HEADER_COMMAND", "").strip()
            found = [replace(one, headers=headers, header_command=command)]
        return found

    def from_environment(self) -> list[Credentials]:
        if not (self.env_url or self.env_token):
            return []
        return [self.pair(self.env_url, self.env_token, "CODER_URL and CODER_SESSION_TOKEN")]

    def configured(self, names: Iterable[str], *, alone: bool = True) -> list[Credentials]:
        wanted = list(names)
        alone = alone and len(wanted) == 1
        found = []
        for name in wanted:
            try:
                found.append(self.entry(name))
            except CredentialsError as error:
                if alone or name not in self.config.deployments:
                    raise
                url = one_line(self.config.deployments[name].url)
                found.append(Credentials(name, url, "", str(self.config.path), fault=error))
        return found

    def from_cli(self, *, alone: bool = True) -> list[Credentials]:
        """The deployment that the `coder` CLI is logged in to; being logged out of it is an error only when alone."""
        url = _read(self.session / "url")
        if not url:
            return []
        url = normalize_url(url)
        if found := self.cli_token(url):
            return [Credentials(_host(url), url, *found)]
        if not alone:
            return []
        raise CredentialsError(
            f"the coder CLI knows {url} but stored no session token in {self.session}",
            why="it is logged out, or keeps the token in a keyring that we cannot read",
            fix=f"run `coder-tui login {url}`, or set CODER_SESSION_TOKEN",
        )

    def cli_token(self, url: str) -> tuple[str, str] | None:
        """The `coder` CLI's token for `url` and where it was found; the keychain comes before the file, as there."""
        if self.keychain and (token := keychain.token_for(_host(url))):
            return token, "the coder CLI's entry in the keychain"
        if _same(_read(self.session / "url"), url) and (token := _read(self.session / "session")):
            return token, f"the coder CLI's session in {self.session}"
        return None

    def pair(self, url: str, token: str, source: str) -> Credentials:
        """Complete half a pair from what is stored for the same URL, or say what is missing."""
        if token and not url:
            url = _read(self.session / "url")  # as the CLI does: a token for the URL it is logged in to
        if not url:
            raise CredentialsError(
                "there is a session token but no deployment URL", fix="give the URL too (--url, or CODER_URL)"
            )
        url = normalize_url(url)
        if token:
            return Credentials(_host(url), url, token, source)
        for name, entry in self.config.deployments.items():
            if _same(entry.url, url):
                return self.entry(name)
        if found := self.cli_token(url):
            return Credentials(_host(url), url, *found)
        raise CredentialsError(
            f"there is no session token for {url}",
            fix=f"run `coder-tui login {url}` or `coder login {url}`, or set CODER_SESSION_TOKEN",
        )

    def entry(self, name: str) -> Credentials:
        """One deployment of the configuration. Raises CredentialsError."""
        if name not in self.config.deployments:
            known = ", ".join(sorted(self.config.deployments)) or "none"
            raise CredentialsError(f"no deployment is called {name!r}", why=f"{self.config.path} names: {known}")
        entry = self.config.deployments[name]
        token = _private(name, entry.token_file)
        files = TlsFiles(entry.ca_file, entry.cert_file, entry.key_file)
        source = f"{self.config.path} [deployments.{name}]"
        return Credentials(
            name, normalize_url(entry.url), token, source, header_command=entry.header_command, tls=files
        )


def _private(name: str, path: Path) -> str:
    """The token in a file of ours, which nobody else may read."""
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
    return token


def _distinct(found: Iterable[Credentials]) -> list[Credentials]:
    """Each deployment once (the first that names it), and each under a name of its own."""
    kept: dict[str, Credentials] = {}
    for one in found:
        name = one.name
        if any(other.url.lower() == one.url.lower() for other in kept.values()):
            continue
        while name in kept:
            name += "'"
        kept[name] = replace(one, name=name)
    return list(kept.values())


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

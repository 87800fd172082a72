"""The user's configuration: flag > environment > `config.toml` > default.

```toml
theme = "dark"
quiet_after = "10m"           # a working agent that says nothing for this long is `quiet`
due_within = "30m"            # a deadline this near is `due`
clipboard = "ask"             # programs in terminals may copy (OSC 52): allow, ask (once per terminal), deny
history_days = 14             # how long what was seen is kept for replay, digest and stats; 0 keeps nothing
log_megabytes = 64            # of each log that stay in memory while it is looked at; older lines are dropped

[deployments.acme]
url = "https://dev.acme.io"
token_file = "acme.token"     # 0600, relative to the configuration directory
ca_file = "acme-ca.pem"       # optional: a CA to trust beside the system's
cert_file = "me.pem"          # optional: a client certificate, and its key
key_file = "me.key"
header_command = "cloudflared-headers"   # optional: its output lines are extra headers, name=value

[notify]                      # see notify/settings.py
when = "unfocused"
quiet_hours = "22:00-08:00"
```

The environment sets `CODER_TUI_THEME`, `CODER_TUI_QUIET_AFTER`, `CODER_TUI_DUE_WITHIN` and `CODER_TUI_CLIPBOARD`. No
secret is ever in the file: tokens live in files of their own.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from coder_tui import paths
from coder_tui.errors import ConfigError
from coder_tui.notify.settings import CHECKS, Settings

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_SETTINGS = ("theme", "quiet_after", "due_within", "clipboard")


def parse_duration(text: str) -> timedelta:
    """`90s`, `10m`, `1h30m`, `2d` as a timedelta. Raises ValueError saying what was expected."""
    match = _DURATION.fullmatch(text.strip())
    if not match or not any(match.groups()):
        raise ValueError('expected a duration like "90s", "10m" or "1h30m"')
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    try:
        duration = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise ValueError("the duration is too long") from None
    if not duration:
        raise ValueError("the duration must be longer than zero")
    return duration


# Checked by hand: a library for it would take a third of the time to the first frame to load.


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("expected text, in quotes")
    return value


def _filled(value: object) -> str:
    if not _text(value):
        raise ValueError("must not be empty")
    return _text(value)


def _file(value: object) -> Path:
    return Path(_filled(value))


def _duration(value: object) -> timedelta:
    if not isinstance(value, str):
        raise ValueError('expected a duration like "10m", in quotes')
    return parse_duration(value)


def _clipboard(value: object) -> str:
    if value not in ("allow", "ask", "deny"):
        raise ValueError('expected "allow", "ask" or "deny"')
    return str(value)


def _days(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 3650:
        raise ValueError("expected a number of days, 0 to 3650")
    return value


def _megabytes(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 4096:
        raise ValueError("expected a number of megabytes, 1 to 4096")
    return value


_CONFIG: Mapping[str, Callable[[object], object]] = {
    "theme": _text,
    "quiet_after": _duration,
    "due_within": _duration,
    "clipboard": _clipboard,
    "history_days": _days,
    "log_megabytes": _megabytes,
}
_DEPLOYMENT: Mapping[str, Callable[[object], object]] = {
    "url": _filled,
    "token_file": _file,
    "ca_file": _file,
    "cert_file": _file,
    "key_file": _file,
    "header_command": _text,
}
_REQUIRED = ("url", "token_file")
_NAME = re.compile(r"\w[\w .:-]{0,63}")


@dataclass(frozen=True)
class DeploymentConfig:
    """A named Coder deployment. `token_file` holds the session token and nothing else; the other files are PEM."""

    url: str
    token_file: Path
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    header_command: str = ""

    def placed(self, base: Path) -> DeploymentConfig:
        """With every path absolute: relative ones start at `base`."""
        files = {
            name: base / value.expanduser()
            for name in ("token_file", "ca_file", "cert_file", "key_file")
            if (value := getattr(self, name)) is not None
        }
        return replace(self, **files)


@dataclass(frozen=True)
class Config:
    """The whole configuration, complete with defaults. `path` is the file it was (or would be) read from."""

    deployments: dict[str, DeploymentConfig] = field(default_factory=dict)
    theme: str = ""
    quiet_after: timedelta = timedelta(minutes=10)
    due_within: timedelta = timedelta(minutes=30)
    clipboard: Literal["allow", "ask", "deny"] = "ask"
    history_days: int = 14
    log_megabytes: int = 64
    notify: Settings = field(default_factory=Settings)
    path: Path = Path("config.toml")


def load_config(
    flags: Mapping[str, str | None] | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    path: Path | None = None,
) -> Config:
    """Read and check the configuration; a missing file means defaults.

    `flags` maps setting names to what the command line said (None: not said). Raises ConfigError naming the file
    (or variable, or flag) and the key.
    """
    path = path or paths.config_dir() / "config.toml"
    data = _read(path)
    origin: dict[str, str] = {}
    for name in _SETTINGS:
        variable = f"CODER_TUI_{name.upper()}"
        if value := environ.get(variable):
            data[name], origin[name] = value, variable
        if value := (flags or {}).get(name):
            data[name], origin[name] = value, "--" + name.replace("_", "-")
    deployments = _deployments(path, data.pop("deployments", {}))
    notify = _notify(path, data.pop("notify", {}))
    return Config(deployments, **_checked(path, data, _CONFIG, origin=origin), notify=notify, path=path)


def _notify(path: Path, table: object) -> Settings:
    if not isinstance(table, dict):
        raise ConfigError(f"{path} is wrong", why="notify: expected a table, [notify]")
    return Settings(**_checked(path, table, CHECKS, where="notify."))


def _deployments(path: Path, tables: object) -> dict[str, DeploymentConfig]:
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise ConfigError(f"{path} is wrong", why="deployments: expected tables like [deployments.acme]")
    found = {}
    for name, table in tables.items():
        where = f"deployments.{name}."
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"{path} is wrong", why=f"deployments.{name}: not a name of letters, digits, spaces and _ . : -"
            )
        values = _checked(path, table, _DEPLOYMENT, where=where)
        for key in _REQUIRED:
            if key not in values:
                raise ConfigError(f"{path} is wrong", why=f"{where}{key}: missing", fix="add it")
        found[name] = DeploymentConfig(**values).placed(path.parent)
    return found


def _checked(
    path: Path,
    values: Mapping[str, object],
    checks: Mapping[str, Callable[[object], object]],
    *,
    where: str = "",
    origin: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """The values, each passed through its check. `where` is the table they are in; `origin` names what is not from
    the file."""
    found = {}
    for key, value in values.items():
        if key not in checks:
            raise _unknown(path, where + key, key)
        try:
            found[key] = checks[key](value)
        except ValueError as error:  # which does not quote the value: a token may have been pasted into the wrong place
            if key in origin:
                raise ConfigError(f"{origin[key]} is wrong", why=str(error)) from None
            raise ConfigError(f"{path} is wrong", why=f"{where}{key}: {error}") from None
    return found


def _unknown(path: Path, place: str, key: str) -> ConfigError:
    if key == "token":
        return ConfigError(
            f"{path} is wrong",
            why=f"{place}: tokens do not belong in this file",
            fix="put the token into a file of mode 0600 and name that as token_file",
        )
    return ConfigError(f"{path} is wrong", why=f"{place}: unknown key", fix="remove it or correct its spelling")


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"cannot read {path}", why=error.strerror or str(error)) from None
    except UnicodeDecodeError:
        raise ConfigError(f"cannot read {path}", why="it is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML", why=str(error), fix="correct that line") from None

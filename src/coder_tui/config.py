"""The user's configuration: flag > environment > `config.toml` > default.

```toml
theme = "dark"
quiet_after = "10m"           # a working agent that says nothing for this long is `quiet`
due_within = "30m"            # a deadline this near is `due`
clipboard = "ask"             # programs in terminals may copy (OSC 52): allow, ask (once per terminal), deny
history_days = 14             # how long what was seen is kept for replay, digest and stats; 0 keeps nothing

[deployments.acme]
url = "https://dev.acme.io"
token_file = "acme.token"     # 0600, relative to the configuration directory
ca_file = "acme-ca.pem"       # optional: a CA to trust beside the system's
cert_file = "me.pem"          # optional: a client certificate, and its key
key_file = "me.key"
header_command = "cloudflared-headers"   # optional: its output lines are extra headers, name=value
```

The environment sets `CODER_TUI_THEME`, `CODER_TUI_QUIET_AFTER`, `CODER_TUI_DUE_WITHIN` and `CODER_TUI_CLIPBOARD`. No
secret is ever in the file: tokens live in files of their own.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from coder_tui import paths
from coder_tui.errors import ConfigError

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


def _duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str):
        return parse_duration(value)
    raise ValueError('expected a duration like "10m", in quotes')


Duration = Annotated[timedelta, BeforeValidator(_duration)]
_Name = Annotated[str, Field(pattern=r"^[\w][\w .:-]{0,63}$")]


class DeploymentConfig(BaseModel):
    """A named Coder deployment. `token_file` holds the session token and nothing else; the other files are PEM."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(min_length=1)
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
        return self.model_copy(update=files)


class Config(BaseModel):
    """The whole configuration, complete with defaults. `path` is the file it was (or would be) read from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    deployments: dict[_Name, DeploymentConfig] = {}
    theme: str = ""
    quiet_after: Duration = timedelta(minutes=10)
    due_within: Duration = timedelta(minutes=30)
    clipboard: Literal["allow", "ask", "deny"] = "ask"
    history_days: int = Field(default=14, ge=0, le=3650)
    path: Path = Field(default=Path("config.toml"), exclude=True)


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
    if "path" in data:
        raise ConfigError(f"{path} is wrong", why="path: unknown key", fix="remove it")
    origin: dict[str, str] = {}
    for name in _SETTINGS:
        variable = f"CODER_TUI_{name.upper()}"
        if value := environ.get(variable):
            data[name], origin[name] = value, variable
        if value := (flags or {}).get(name):
            data[name], origin[name] = value, "--" + name.replace("_", "-")
    try:
        config = Config.model_validate({**data, "path": path})
    except ValidationError as error:
        raise _explain(path, origin, error) from None
    resolved = {name: entry.placed(path.parent) for name, entry in config.deployments.items()}
    return config.model_copy(update={"deployments": resolved})


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


def _explain(path: Path, origin: Mapping[str, str], error: ValidationError) -> ConfigError:
    # the faulty value itself is not quoted: a token may have been pasted into the wrong place
    fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
    parts = [str(part) for part in fault["loc"] if part != "[key]"]
    key = ".".join(parts)
    kind = fault["type"]
    if parts and parts[0] in origin:
        return ConfigError(f"{origin[parts[0]]} is wrong", why=fault["msg"].removeprefix("Value error, "))
    if kind == "extra_forbidden":
        if parts[-1] == "token":
            return ConfigError(
                f"{path} is wrong",
                why=f"{key}: tokens do not belong in this file",
                fix="put the token into a file of mode 0600 and name that as token_file",
            )
        return ConfigError(f"{path} is wrong", why=f"{key}: unknown key", fix="remove it or correct its spelling")
    if kind == "missing":
        return ConfigError(f"{path} is wrong", why=f"{key}: missing", fix="add it")
    return ConfigError(f"{path} is wrong", why=f"{key}: {fault['msg'].removeprefix('Value error, ')}")

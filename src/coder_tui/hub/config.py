"""What the hub's owner may set: `hub.toml` in the data directory, read once when the hub starts.

```toml
[identity]                         # who may vouch for machines; relative paths start at the data directory
aws_certificates = ["lab.pem"]     # more signers of AWS documents, for any region
azure_roots = []                   # more roots for Azure's signer
azure_intermediates = []           # issuing authorities, where the hub cannot fetch them
azure_fetch_issuers = true
google_keys_url = "https://..."    # a JWKS; google_keys_file = "keys.json" where the hub reaches no network
google_audience = "coder"          # "*" takes any
single_use = false                 # an Azure or Google proof buys a token only once

[[external_auth]]                  # the first that matches is taken
id = "github"
type = "github"
match = "github.com"               # a host, a pattern of hosts (*.acme.io), or a regular expression for the clone URL
command = ["gh", "auth", "token"]  # prints a token
url = "https://github.com/login"   # where a person signs in; without a command he also stores the token himself:
                                   #   coder-tui hub link github < token
```
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from coder_tui.errors import ConfigError

if TYPE_CHECKING:
    from coder_tui.hub.instance_identity.service import IdentityConfig

CONFIG_FILE = "hub.toml"
_STRICT = ConfigDict(extra="forbid", frozen=True)
_Word = Annotated[str, Field(min_length=1)]
_Web = Annotated[str, Field(pattern=r"^https?://[^\s/]+\S*$")]


class IdentityTable(BaseModel):
    """`[identity]`."""

    model_config = _STRICT

    aws_certificates: list[Path] = []
    azure_roots: list[Path] = []
    azure_intermediates: list[Path] = []
    azure_fetch_issuers: bool = True
    google_keys_url: _Web | None = None
    google_keys_file: Path | None = None
    google_audience: _Word | None = None
    single_use: bool = False

    def service_config(self, base: Path) -> IdentityConfig:
        """As the verifying service takes it. Loads cryptography."""
        from coder_tui.hub.instance_identity.service import IdentityConfig

        def paths(names: list[Path]) -> tuple[Path, ...]:
            return tuple(base / name.expanduser() for name in names)

        default = IdentityConfig()
        return IdentityConfig(
            aws_certificates=paths(self.aws_certificates),
            azure_roots=paths(self.azure_roots),
            azure_intermediates=paths(self.azure_intermediates),
            azure_fetch_issuers=self.azure_fetch_issuers,
            google_keys_url=self.google_keys_url or default.google_keys_url,
            google_keys_file=base / self.google_keys_file.expanduser() if self.google_keys_file else None,
            google_audience=None if self.google_audience == "*" else self.google_audience or default.google_audience,
            single_use=self.single_use,
        )


class ExternalAuthTable(BaseModel):
    """One `[[external_auth]]`: where tokens for other services come from."""

    model_config = _STRICT

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
    type: str = ""
    match: str = ""
    command: list[_Word] = []
    url: _Web | None = None

    @field_validator("match")
    @classmethod
    def _readable(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            if not is_host(value):
                raise ValueError(f"neither a host nor a regular expression: {error}") from None
        return value

    @model_validator(mode="after")
    def _has_a_source(self) -> Self:
        if not self.command and self.url is None:
            raise ValueError("needs a command that prints a token, or a url where a person gets one")
        return self


class HubConfig(BaseModel):
    """The whole file, complete with defaults."""

    model_config = _STRICT

    identity: IdentityTable | None = None
    external_auth: list[ExternalAuthTable] = []

    @model_validator(mode="after")
    def _ids_differ(self) -> Self:
        ids = [provider.id for provider in self.external_auth]
        twice = next((one for one in ids if ids.count(one) > 1), None)
        if twice:
            raise ValueError(f"external_auth: the id {twice} is there twice")
        return self


def is_host(text: str) -> bool:
    """Whether a `match` names hosts: letters, digits, dots, hyphens, stars."""
    return re.fullmatch(r"[A-Za-z0-9*][A-Za-z0-9*.-]*", text) is not None


def load_hub_config(data_dir: Path) -> HubConfig:
    """The owner's settings; none when there is no file. Raises ConfigError naming the file and the key."""
    path = data_dir / CONFIG_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return HubConfig()
    except OSError as error:
        raise ConfigError(f"cannot read {path}", why=error.strerror or str(error)) from None
    except UnicodeDecodeError:
        raise ConfigError(f"cannot read {path}", why="it is not UTF-8 text") from None
    import tomllib  # most hubs have no such file

    try:
        data: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML", why=str(error), fix="correct that line") from None
    try:
        return HubConfig.model_validate(data)
    except ValidationError as error:
        # the faulty value is not quoted: a token may have been pasted into the wrong place
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        key = ".".join(str(part) for part in fault["loc"])
        why = {"extra_forbidden": "unknown key"}.get(fault["type"], fault["msg"].removeprefix("Value error, "))
        raise ConfigError(f"{path} is wrong", why=f"{key}: {why}" if key else why, fix="correct it") from None

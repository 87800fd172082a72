"""Which deployments the command line means: those that can be found, and the hub of this machine."""

from __future__ import annotations

import os
from argparse import Namespace
from dataclasses import replace
from functools import partial
from pathlib import Path

from coder_tui.client.credentials import EVERY, Credentials, find_credentials
from coder_tui.config import Config, load_config
from coder_tui.errors import CredentialsError
from coder_tui.hub import daemon
from coder_tui.paths import data_dir

HUB_NAME = "local"
"""What the hub of this machine is called; no deployment of the configuration may be."""


def configuration(arguments: Namespace) -> Config:
    """The configuration, with the flags laid over it. Raises ConfigError."""
    return load_config({"theme": arguments.theme or None})


def chosen(arguments: Namespace, config: Config) -> list[Credentials]:
    """What flags, environment, configuration and the coder CLI name; empty when none names any.

    The hub of this machine is among them where it is named (`--deployment local`), and beside those that nobody named
    one by one where it runs. Raises CredentialsError, and StorageError or HubError for a hub that is named.
    """
    named: list[str] = arguments.deployment
    others = [name for name in named if name != HUB_NAME]
    found: list[Credentials] = []
    if others or not named:
        found = find_credentials(
            url=arguments.url,
            token=read_token(arguments.token_file) if arguments.token_file else "",
            deployments=others,
            config=config,
        )
    if HUB_NAME in named:
        return [*found, of_hub(daemon.start(data_dir()))]
    told = named or arguments.url or arguments.token_file or os.environ.get("CODER_URL")
    looked = not told and not os.environ.get("CODER_SESSION_TOKEN")
    return with_hub(found) if EVERY in named or (looked and found) else found


def chosen_again(arguments: Namespace, name: str) -> Credentials:
    """The one called `name` among `chosen_or_hub` now, perhaps after a login elsewhere. Raises as that does, and
    CredentialsError when it is gone."""
    for one in chosen_or_hub(arguments, configuration(arguments)):
        if one.name == name:
            return one
    raise CredentialsError(f"there is no deployment {name} any more", fix="log in again: `coder-tui login URL`")


def with_hub(found: list[Credentials]) -> list[Credentials]:
    """`found`, and the hub of this machine if it runs and is not among them under another name."""
    hub = daemon.discover(data_dir())
    if hub is None or any(one.url == hub.url for one in found):
        return found
    taken = {one.name for one in found}
    return [*found, replace(of_hub(hub), name=f"{HUB_NAME} hub" if HUB_NAME in taken else HUB_NAME)]


def chosen_or_hub(arguments: Namespace, config: Config) -> list[Credentials]:
    """As `chosen`, or the local hub, started if needed. Raises CredentialsError, StorageError, HubError."""
    return chosen(arguments, config) or [of_hub(daemon.start(data_dir()))]


def of_hub(address: daemon.HubAddress) -> Credentials:
    """The person's credentials for a hub of this machine."""
    source = f"the local hub, {address.token_file}"
    served = partial(daemon.serves, address.token_file.parent, address.url)
    return Credentials(HUB_NAME, address.url, read_token(address.token_file), source, served=served)


def read_token(path: Path) -> str:
    """The token in the file at `path`. Raises CredentialsError naming the file, never quoting it."""
    try:
        with path.expanduser().open(encoding="utf-8") as file:
            token = file.read(4096).strip()
    except (OSError, UnicodeDecodeError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "it is not text"
        raise CredentialsError(f"cannot read the token file {path}", why=why) from None
    if not token:
        raise CredentialsError(f"the token file {path} is empty", fix="write the session token into it")
    return token

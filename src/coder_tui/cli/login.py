"""`coder-tui login URL --token-stdin`: check a token, then remember the deployment in our configuration."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from argparse import Namespace
from pathlib import Path

from coder_tui import paths
from coder_tui.cli.deployments import HUB_NAME
from coder_tui.client.credentials import Credentials, normalize_url
from coder_tui.config import Config, load_config
from coder_tui.errors import ConfigError, CredentialsError, UsageError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,62}")


def run(arguments: Namespace) -> int:
    """Read the token, ask the deployment who it belongs to, store it. Nothing is written before it was accepted."""
    from coder_tui.client.rest import RestClient

    config = load_config()
    url = normalize_url(arguments.address)
    name = arguments.name or _free_name(url, config)
    if not _NAME.fullmatch(name) or name == HUB_NAME:
        raise UsageError(f"{name!r} cannot name a deployment", fix="use letters, digits, dots and dashes with --name")
    if sys.stdin.isatty():
        print(f"Paste the session token of {url}/cli-auth and press ctrl+d:", file=sys.stderr)
    token = sys.stdin.read(4096).strip()
    if not token:
        raise CredentialsError("no token arrived on stdin", fix=f"open {url}/cli-auth to get one")

    async def check() -> str:
        async with RestClient(Credentials(name, url, token, "stdin")) as client:
            return (await client.me()).username

    user = asyncio.run(check())
    store(config, name, url, token)
    print(f"logged in to {url} as {user}; stored as deployment {name} in {config.path}", file=sys.stderr)
    return 0


def _free_name(url: str, config: Config) -> str:
    """The host, or the name under which this URL is known already."""
    for name, entry in config.deployments.items():
        if normalize_url(entry.url) == url:
            return name
    return re.sub(r"[^A-Za-z0-9.-]", "-", url.partition("://")[2])


def store(config: Config, name: str, url: str, token: str) -> None:
    """Add or replace `[deployments.NAME]`, leaving every other line as it is. Raises ConfigError, StorageError."""
    path: Path = config.path
    paths.ensure_private(path.parent)
    token_file = path.parent / f"{name}.token"
    known = config.deployments.get(name)
    if known and normalize_url(known.url) != url:
        raise ConfigError(
            f"deployment {name} exists already", why=f"it is {known.url}", fix="choose another name with --name"
        )
    if known:
        token_file = known.token_file
    paths.write_private(token_file, token + "\n")
    if known:
        return
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    # a JSON string of printable ASCII is a TOML basic string too
    table = f"[deployments.{json.dumps(name)}]\nurl = {json.dumps(url)}\ntoken_file = {json.dumps(token_file.name)}\n"
    paths.write_private(path, text.rstrip("\n") + ("\n\n" if text.strip() else "") + table)

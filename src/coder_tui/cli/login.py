"""`coder-tui login URL`: get a session token, check it, then remember the deployment in our configuration.

By default with a token from the deployment's own page, `--password` with email and password, `--token-stdin` for
scripts. No token and no password ever stands in argv, in output or in a log.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from argparse import Namespace
from collections.abc import Mapping

from coder_tui.cli.deployments import HUB_NAME
from coder_tui.cli.remember import store
from coder_tui.client.credentials import EVERY, Credentials, normalize_url
from coder_tui.client.headers import parse_headers
from coder_tui.client.tls import TlsFiles
from coder_tui.config import Config, load_config
from coder_tui.errors import CredentialsError, UsageError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,62}")


def run(arguments: Namespace) -> int:
    """Get the token, ask the deployment who it belongs to, store it. Nothing is written before it was accepted."""
    config = load_config()
    url = normalize_url(arguments.address)
    name = arguments.name or _free_name(url, config)
    if not _NAME.fullmatch(name) or name in {HUB_NAME, EVERY}:
        raise UsageError(f"{name!r} cannot name a deployment", fix="use letters, digits, dots and dashes with --name")
    anonymous = visitor(url, name, config, os.environ)
    if arguments.token_stdin:
        token = _from_stdin(url)
    elif not sys.stdin.isatty():
        raise UsageError("login asks on a terminal", why="stdin is none", fix="use --token-stdin in scripts and pipes")
    elif arguments.password:
        token = asyncio.run(_password_login(anonymous, *_ask_for_password()))
    else:
        token = _from_browser(url)
    user = asyncio.run(_owner(anonymous, token))
    store(config, name, url, token)
    _say(f"logged in to {url} as {user}; stored as deployment {name} in {config.path}")
    if os.environ.get("CODER_SESSION_TOKEN") or os.environ.get("CODER_URL"):
        _say("CODER_URL or CODER_SESSION_TOKEN is set and goes first: unset it, or use --deployment")
    return 0


def visitor(url: str, name: str, config: Config, environ: Mapping[str, str]) -> Credentials:
    """Credentials without a token: what is needed to get through to the deployment."""
    entry = config.deployments.get(name)
    own = TlsFiles(entry.ca_file, entry.cert_file, entry.key_file) if entry else TlsFiles()
    command = entry.header_command if entry else ""
    return Credentials(
        name,
        url,
        "",
        "what was typed",
        parse_headers(environ.get("CODER_HEADER", "")),
        command or environ.get("CODER_HEADER_COMMAND", "").strip(),
        own or TlsFiles.of_environment(environ),
    )


async def _owner(anonymous: Credentials, token: str) -> str:
    from dataclasses import replace

    from coder_tui.client.rest import RestClient

    async with RestClient(replace(anonymous, token=token)) as client:
        return (await client.me()).username


async def _password_login(anonymous: Credentials, email: str, password: str) -> str:
    from coder_tui.client.rest import RestClient

    async with RestClient(anonymous) as client:
        return await client.login(email, password)


def _from_stdin(url: str) -> str:
    if sys.stdin.isatty():
        _say(f"Paste the session token of {url}/cli-auth and press ctrl+d:")
    return _needed(sys.stdin.read(4096), url)


def _from_browser(url: str) -> str:
    """The page is opened by a key press only; the pasted token is not shown."""
    from getpass import getpass

    page = f"{url}/cli-auth"
    _say(f"Your session token is at {page}")
    token = getpass("Paste it here (it is not shown), or press enter to open that page: ").strip()
    if not token:
        import webbrowser

        if not webbrowser.open(page):
            _say("no browser could be started: open the page by hand")
        token = getpass("Paste the token: ")
    return _needed(token, url)


def _ask_for_password() -> tuple[str, str]:
    from getpass import getpass

    print("Email: ", end="", file=sys.stderr, flush=True)
    email = sys.stdin.readline().strip()
    if not email:
        raise CredentialsError("no email was given")
    return email, getpass("Password: ")


def _needed(token: str, url: str) -> str:
    token = token.strip()
    if not token:
        raise CredentialsError("no token was given", fix=f"open {url}/cli-auth to get one")
    return token


def _free_name(url: str, config: Config) -> str:
    """The host, or the name under which this URL is known already."""
    for name, entry in config.deployments.items():
        if normalize_url(entry.url) == url:
            return name
    return re.sub(r"[^A-Za-z0-9.-]", "-", url.partition("://")[2])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)

"""`coder-tui logout [NAME]`: the deployment forgets our session, and so do we."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace

from coder_tui.cli.remember import forget
from coder_tui.client.credentials import find_credentials
from coder_tui.config import Config, load_config
from coder_tui.errors import CoderTuiError, CredentialsError, UsageError


def run(arguments: Namespace) -> int:
    """0 when the session is over there too; else it is only forgotten here, and the exit code says why."""
    config = load_config()
    name = arguments.name or _only(config)
    if name not in config.deployments:
        known = ", ".join(sorted(config.deployments)) or "none"
        raise UsageError(f"no deployment is called {name!r}", why=f"{config.path} names: {known}")
    failure = asyncio.run(_end(config, name))
    forget(config, name)
    print(f"deployment {name} is forgotten", file=sys.stderr)
    if failure is None:
        return 0
    print(f"coder-tui: its session token may still be valid: {failure}", file=sys.stderr)
    return failure.exit_code


async def _end(config: Config, name: str) -> CoderTuiError | None:
    """End the session at the deployment. A token that it refuses already is no failure."""
    from coder_tui.client.rest import RestClient

    try:
        (credentials,) = find_credentials(deployments=[name], config=config)
    except CredentialsError:
        return None  # there is no token to end
    try:
        async with RestClient(credentials) as client:
            await client.logout()
    except CredentialsError:
        return None
    except CoderTuiError as error:
        return error
    return None


def _only(config: Config) -> str:
    names = list(config.deployments)
    if len(names) != 1:
        why = f"{config.path} names {', '.join(names) or 'none'}"
        raise UsageError("which deployment?", why=why, fix="give its name: `coder-tui logout NAME`")
    return names[0]

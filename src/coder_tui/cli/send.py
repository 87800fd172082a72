"""`coder-tui send WHAT TEXT`: type into a program's terminal without attaching to it. Its size stays as it is."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from datetime import UTC, datetime

from coder_tui.cli.agents import tell
from coder_tui.cli.deployments import chosen_or_hub, configuration
from coder_tui.cli.ls import look
from coder_tui.cli.what import Place, the_place
from coder_tui.client.credentials import Credentials
from coder_tui.client.pty import PtyStream
from coder_tui.client.rest import RestClient
from coder_tui.errors import NotFoundError, UsageError
from coder_tui.terminal.core import Modes
from coder_tui.terminal.keys import encode_key
from coder_tui.tui.typed import type_keys, type_text

LIMIT = 1 << 20
"""Characters of text at most: what a program does not read is lost."""


def run(arguments: Namespace) -> int:
    """Send text and Return, or keys by name. Raises NotFoundError, UsageError, UnreachableError, ApiError."""
    text = sys.stdin.read(LIMIT + 1) if arguments.text == ["-"] else " ".join(arguments.text)
    if len(text) > LIMIT:
        raise UsageError(f"this is more than {LIMIT} characters", fix="send a file's name instead")
    if not text.strip() and not arguments.no_enter:
        raise UsageError("there is nothing to send", fix="give a text, or --keys enter")
    if arguments.keys:
        for key in text.split():
            if not encode_key(key, None, Modes()):
                raise UsageError(f"there is no key called {key!r}", fix="as in: enter, escape, ctrl+c, up, y")
    return asyncio.run(_run(arguments, text))


async def _run(arguments: Namespace, text: str) -> int:
    config = configuration(arguments)
    every = chosen_or_hub(arguments, config)
    snapshot, errors = await look(every, config)
    try:
        place = the_place(snapshot, arguments.what, datetime.now(UTC), shell=False)
    except NotFoundError:
        if errors:
            raise errors[0] from None
        raise
    tell(errors)
    if place.app is None:
        raise NotFoundError(f"{place.address} runs no command to send to", fix="open a shell with `coder-tui attach`")
    credentials = next(one for one in every if one.name == place.deployment)
    await _send(credentials, place, place.app.id, text, keys=arguments.keys, enter=not arguments.no_enter)
    return 0


async def _send(credentials: Credentials, place: Place, reconnect: str, text: str, *, keys: bool, enter: bool) -> None:
    async with await asyncio.to_thread(RestClient, credentials) as rest:
        command = place.app.command if place.app else ""
        # no size: the one who looks at the terminal keeps his
        stream = PtyStream(credentials, place.agent.id, reconnect, (0, 0), command=command, tls=rest.tls)
        if keys:
            await type_keys(stream, place.address, text.split())
        else:
            await type_text(stream, place.address, text, enter=enter)

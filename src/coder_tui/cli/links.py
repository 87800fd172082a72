"""`coder-tui deployments`: every deployment that can be found, and how we stand with it."""

from __future__ import annotations

import asyncio
import json
from argparse import Namespace
from typing import Any

from coder_tui.cli.deployments import chosen_or_hub, configuration
from coder_tui.client.credentials import EVERY, Credentials
from coder_tui.client.rest import RestClient
from coder_tui.errors import CoderTuiError, CredentialsError
from coder_tui.fleet.snapshot import LinkState
from coder_tui.text import one_line

PATIENCE = 10.0
"""Seconds a deployment gets to answer."""
COLUMNS = ("name", "link", "url", "user", "version", "source")


def run(arguments: Namespace) -> int:
    """Print one line (or JSON object) for each. 0 also when some do not answer: that is what was asked."""
    config = configuration(arguments)
    arguments.deployment = arguments.deployment or ([] if arguments.url else [EVERY])
    found = asyncio.run(_ask_all(chosen_or_hub(arguments, config)))
    if arguments.json:
        print(json.dumps({"deployments": found}, indent=2))
        return 0
    table = [COLUMNS, *(tuple(str(row[name] or "") for name in COLUMNS) for row in found)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row, line in zip([None, *found], table, strict=True):
        text = "  ".join(cell.ljust(wide) for cell, wide in zip(line, widths, strict=True)).rstrip()
        print(text.upper() if row is None else text)
        if row and row["why"]:
            print(f"  {row['why']}")
    return 0


async def _ask_all(credentials: list[Credentials]) -> list[dict[str, Any]]:
    return await asyncio.gather(*(_ask(one) for one in credentials))


async def _ask(one: Credentials) -> dict[str, Any]:
    """Who it is and who we are. `link` is `ok`, `refused` or `retrying`, as the cockpit's link states are called."""
    answer: dict[str, Any] = {"name": one.name, "url": one.url, "source": one.source, "link": "ok", "why": ""}
    answer |= {"user": None, "version": None, "latency_ms": None}
    try:
        # in a thread: a header command may take its time, and the others do not wait for it
        async with await asyncio.to_thread(RestClient, one, timeout=PATIENCE) as client:
            answer["version"] = one_line((await client.build_info()).version)
            answer["user"] = one_line((await client.me()).username)
            answer["latency_ms"] = round(client.latency_ms or 0.0, 1)
    except CoderTuiError as error:
        refused = isinstance(error, CredentialsError)
        answer |= {"link": str(LinkState.REFUSED if refused else LinkState.RETRYING), "why": one_line(str(error))}
    return answer

"""`coder-tui ls [FILTER]`: the fleet, once, without a screen."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sys
import unicodedata
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from coder_tui.cli.deployments import chosen_or_hub, configuration
from coder_tui.client.credentials import Credentials
from coder_tui.client.rest import RestClient
from coder_tui.config import Config
from coder_tui.errors import ApiError, CoderTuiError, CredentialsError
from coder_tui.feeds import memory
from coder_tui.feeds.journal import Word
from coder_tui.feeds.shared import HUB, refusals, words
from coder_tui.fleet import query
from coder_tui.fleet.codec import snapshot_json
from coder_tui.fleet.convert import workspace_row
from coder_tui.fleet.events import DeploymentChanged, Event, FleetListed, StandingsChanged
from coder_tui.fleet.snapshot import Deployment, Link, LinkState, Row, Snapshot
from coder_tui.fleet.store import Store
from coder_tui.paths import state_dir
from coder_tui.text import one_line
from coder_tui.tui.states import of_row

MINE = "owner:me"
"""What the cockpit shows too: an administrator does not want everybody's."""


def run(arguments: Namespace) -> int:
    """Print the fleet; a deployment that fails is told on stderr, and its exit code is ours."""
    config = configuration(arguments)
    now = datetime.now(UTC)
    text = " ".join(arguments.filter)
    query.parse(text)  # a bad filter is said before anything is asked
    snapshot, errors = asyncio.run(look(chosen_or_hub(arguments, config), config))
    snapshot = narrow(snapshot, text, now)
    if arguments.json:
        print(json.dumps(snapshot_json(snapshot, now), indent=2))
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        for line in table(snapshot, now, width):
            print(line)
    for error in errors:
        print(f"coder-tui: {one_line(str(error))}", file=sys.stderr)
    return errors[0].exit_code if errors else 0


async def look(credentials: Sequence[Credentials], config: Config) -> tuple[Snapshot, list[CoderTuiError]]:
    """Read every deployment once, all at the same time: what is known, and what failed."""
    store = Store(config.quiet_after, config.due_within)
    errors: list[CoderTuiError] = []
    said: dict[str, list[Word]] = {}
    for events in await asyncio.gather(*(_read(one, errors, said) for one in credentials)):
        store.apply(*events)
    if said or (state_dir() / memory.FILE).exists():
        remembered = memory.Memory(state_dir())
        for name, some in said.items():
            remembered.merge(name, some)
        remembered.refresh()
        store.apply(StandingsChanged(remembered.standings))
        remembered.close()
    return store.snapshot, errors


async def _read(credentials: Credentials, errors: list[CoderTuiError], said: dict[str, list[Word]]) -> list[Event]:
    """What one deployment knows; `said` gets what a hub's other clients said about alerts."""
    deployment = Deployment(credentials.name, credentials.url)
    try:
        # in a thread: a header command may take its time, and the others do not wait for it
        async with await asyncio.to_thread(RestClient, credentials) as client:
            info, user, workspaces = await asyncio.gather(client.build_info(), client.me(), client.workspaces(MINE))
            latency = client.latency_ms
            if HUB in info.version:
                with contextlib.suppress(ApiError):  # an older hub has no such route
                    shared = await client.shared()
                    deployment = replace(deployment, refused=refusals(shared))
                    if shared.standings:
                        said[deployment.name] = words(shared.standings)
    except CoderTuiError as error:
        errors.append(error)
        state = LinkState.REFUSED if isinstance(error, CredentialsError) else LinkState.RETRYING
        return [DeploymentChanged(replace(deployment, link=Link(state, datetime.now(UTC), str(error))))]
    now = datetime.now(UTC)
    return [
        DeploymentChanged(
            replace(
                deployment,
                user=user.username,
                version=info.version,
                is_hub=HUB in info.version,
                link=Link(LinkState.POLLING, now, latency_ms=latency, refreshed_at=now),
            )
        ),
        FleetListed(deployment.name, tuple(workspace_row(deployment.name, one, now) for one in workspaces), now),
    ]


def narrow(snapshot: Snapshot, text: str, now: datetime) -> Snapshot:
    """Only what the filter `text` matches. Raises UsageError for a bad filter."""
    if not text.strip():
        return snapshot
    wanted = query.parse(text)
    rows = tuple(row for row in snapshot.rows if wanted.matches(row, snapshot, now))
    keys = {row.key for row in rows}
    ids = {row.key[:2] for row in rows}
    return replace(
        snapshot,
        rows=rows,
        workspaces=tuple(one for one in snapshot.workspaces if (one.deployment, one.id) in ids),
        alerts=tuple(alert for alert in snapshot.alerts if alert.key in keys),
        index=None,
    )


def table(snapshot: Snapshot, now: datetime, width: int | None = None) -> Iterator[str]:
    """Lines for people, cut to `width` columns if given. Every text in a snapshot is safe to print already."""
    several = len(snapshot.deployments) > 1
    lines = [("STATE", "AGE", "WORKSPACE", "APP", "MESSAGE")]
    for row in snapshot.rows:
        look = of_row(row)
        place = f"{row.key.deployment} {row.workspace.title}" if several else row.workspace.title
        lines.append(
            (_state(row, look.word), age(look.at, now), place, _app(row), row.status.message if row.status else "")
        )
    widths = [max(cells(line[column]) for line in lines) for column in range(4)]
    for line in lines:
        padded = [text + " " * (wide - cells(text)) for text, wide in zip(line, widths, strict=False)]
        yield cut("  ".join((*padded, line[-1])).rstrip(), width)


def _state(row: Row, word: str) -> str:
    if row.alert and word == row.alert.standing:  # hushed: the level is not said by the word
        word = f"{row.alert.level} {word}"
    elif row.muted:
        word += " muted"
    return word + (" due" if row.due else "") + (" stale" if row.stale else "")


def _app(row: Row) -> str:
    return "/".join(part for part in (row.key.agent, row.key.app) if part)


def age(since: datetime | None, now: datetime) -> str:
    """`40s`, `3m`, `2h`, `5d`; empty for never."""
    if since is None:
        return ""
    seconds = max(0, int((now - since).total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def cells(text: str) -> int:
    """Columns of a terminal that `text` takes."""
    return sum(map(_cell, text))


def cut(text: str, width: int | None) -> str:
    """The beginning of `text` that fits into `width` columns."""
    if width is None or cells(text) <= width:
        return text
    taken = 0
    for index, character in enumerate(text):
        taken += _cell(character)
        if taken > width - 1:
            return text[:index] + "…"
    return text


def _cell(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1

"""`coder-tui explain|ack|snooze|mute|unmute WHAT` and `undo`: what a person says about alerts, without a screen.

A cockpit that runs over the same state directory notices within two seconds, other clients of a hub within one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from argparse import Namespace
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from coder_tui.cli.agents import called, tell
from coder_tui.cli.deployments import chosen_or_hub, configuration
from coder_tui.cli.ls import look
from coder_tui.client.rest import RestClient
from coder_tui.errors import CoderTuiError, NotFoundError
from coder_tui.feeds.memory import Memory
from coder_tui.feeds.shared import push
from coder_tui.fleet import query
from coder_tui.fleet.codec import SCHEMA_VERSION
from coder_tui.fleet.explain import explain
from coder_tui.fleet.snapshot import Alert, Key, Row, Snapshot
from coder_tui.fleet.standing import tomorrow
from coder_tui.paths import state_dir
from coder_tui.text import one_line


def explained(arguments: Namespace) -> int:
    """Print why each row is in its state: the evidence, its source and age. What was not watched grows no log."""
    now = datetime.now(UTC)
    snapshot, rows = _rows(arguments, now)
    if arguments.json:
        found = [{"key": str(row.key), "explanation": dict(explain(row, snapshot, now))} for row in rows]
        print(json.dumps({"schema": SCHEMA_VERSION, "rows": found}, indent=2))
        return 0
    for index, row in enumerate(rows):
        print(("\n" if index else "") + _name(row))
        for label, text in explain(row, snapshot, now):
            print(f"  {label:<10}{one_line(text)}")
    return 0


def ack(arguments: Namespace) -> int:
    """Acknowledge the alerts of the rows. Raises NotFoundError when none has one, StorageError."""
    return _say(arguments, "Acknowledged", lambda memory, alerts: memory.acknowledge(_events(alerts), _keys(alerts)))


def snooze(arguments: Namespace) -> int:
    """Hush the alerts of the rows for a while. Raises NotFoundError when none has one, StorageError."""
    now = datetime.now(UTC)
    until: datetime | None = now + arguments.span
    if arguments.until_tomorrow:
        until = tomorrow(now)
    elif arguments.until_next_event:
        until = None
    end = f"until {until.astimezone():%a %H:%M}" if until else "until its next event"
    return _say(
        arguments, f"Snoozed {end}:", lambda memory, alerts: memory.snooze(_events(alerts), _keys(alerts), until)
    )


def mute(arguments: Namespace) -> int:
    """Hush all alerts of the rows, or hear them again. Raises StorageError."""
    snapshot, rows = _rows(arguments, datetime.now(UTC))
    with contextlib.closing(Memory(state_dir())) as memory:
        memory.mute([row.key for row in rows], arguments.muted)
        _share(arguments, snapshot, memory)
    for row in rows:
        print(f"{'Muted' if arguments.muted else 'Unmuted'} {_name(row)}")
    return 0


def undo(_: Namespace) -> int:
    """Take the last step back. Raises NotFoundError when there is none, StorageError."""
    with contextlib.closing(Memory(state_dir())) as memory:
        keys = memory.undo()
    if not keys:
        raise NotFoundError("there is nothing to undo")
    for key in keys:
        print(f"Undone for {one_line(' '.join(part for part in key if part))}")
    return 0


def _say(arguments: Namespace, done: str, change: Callable[[Memory, Sequence[Alert]], None]) -> int:
    snapshot, rows = _rows(arguments, datetime.now(UTC))
    calling = [(row, row.alert) for row in rows if row.alert is not None and not row.alert.acked]
    if not calling:
        raise NotFoundError(f"{one_line(' '.join(arguments.what))} has no alert that calls you")
    with contextlib.closing(Memory(state_dir())) as memory:
        change(memory, [alert for _, alert in calling])
        _share(arguments, snapshot, memory)
    for row, alert in calling:
        print(f"{done} {_name(row)}: {alert.level}")
    return 0


def _share(arguments: Namespace, snapshot: Snapshot, memory: Memory) -> None:
    """Send it to the hubs that were read; what does not arrive is sent by the next cockpit."""

    async def send() -> None:
        for one in chosen_or_hub(arguments, configuration(arguments)):
            known = snapshot.deployments.get(one.name)
            if known is not None and known.is_hub:
                with contextlib.suppress(CoderTuiError):
                    async with RestClient(one) as client:
                        await push(client, one.name, memory)

    asyncio.run(send())


def _rows(arguments: Namespace, now: datetime) -> tuple[Snapshot, list[Row]]:
    """The rows that WHAT means. Trouble with one deployment is told; it is raised when nothing is found beside it."""
    config, what = configuration(arguments), " ".join(arguments.what)
    query.parse(what)  # a bad filter is said before anything is asked
    snapshot, errors = asyncio.run(look(chosen_or_hub(arguments, config), config))
    try:
        rows = called(snapshot, what, now)
    except NotFoundError:
        if errors:
            raise errors[0] from None
        raise
    tell(errors)
    return snapshot, rows


def _events(alerts: Sequence[Alert]) -> list[str]:
    return [alert.event_id for alert in alerts]


def _keys(alerts: Sequence[Alert]) -> list[Key]:
    return [alert.key for alert in alerts]


def _name(row: Row) -> str:
    return one_line(" ".join(part for part in (row.workspace.title, row.key.agent, row.key.app) if part))

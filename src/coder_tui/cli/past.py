"""`coder-tui digest`, `stats` and `replay`: what the history says, for people and for programs."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from coder_tui.cli.agents import table
from coder_tui.cli.ls import narrow
from coder_tui.cli.ls import table as fleet_table
from coder_tui.feeds.past import Call, Past, Waits, percentile
from coder_tui.fleet import query
from coder_tui.fleet.codec import SCHEMA_VERSION, snapshot_json, time_json
from coder_tui.fleet.snapshot import Key
from coder_tui.fleet.timeline import exact_age
from coder_tui.logs.moment import parse_moment
from coder_tui.paths import state_dir


def digest(arguments: Namespace) -> int:
    """Print what asked, failed, got lost and finished, and what of it nobody reacted to."""
    now = datetime.now(UTC)
    since = now - arguments.since
    with contextlib.closing(Past(state_dir())) as past:
        found = past.digest(since, now)
    parts, missed = found.parts, found.missed
    if arguments.json:
        told: dict[str, Any] = {name: [_call(call) for call in some] for name, some in parts.items()}
        told["missed"] = [_call(call) for call in missed]
        told["links"] = [
            {"deployment": name, "at": time_json(at), "state": state, "why": why}
            for name, at, state, why in found.links
        ]
        head = {"schema": SCHEMA_VERSION, "since": time_json(since), "at": time_json(now)}
        print(json.dumps({**head, **told}, indent=2))
        return 0
    print(f"Since {_clock(since)}: " + ", ".join(f"{len(some)} {name}" for name, some in parts.items()))
    for name, some in (("missed", missed), *parts.items()):
        if some:
            print(f"\n{name.capitalize()} ({len(some)})")
            rows = [(_clock(call.since), _place(call), call.met(now), call.message) for call in some]
            for line in list(table(("", "", "", ""), rows))[1:]:
                print(f"  {line}")
    return 0


def stats(arguments: Namespace) -> int:
    """Print how long each app waited for a person (asks and failed), and its time in each state."""
    now = datetime.now(UTC)
    since = now - arguments.since
    with contextlib.closing(Past(state_dir())) as past:
        found = past.waits(since, now)
    every = tuple(sorted(seconds for one in found for seconds in one.waits))
    if arguments.json:
        apps = [{"key": str(one.key), "workspace": one.title, **_figures(one)} for one in found]
        figures = {"waits": len(every), "p50": percentile(every, 0.5), "p95": percentile(every, 0.95)}
        head = {"schema": SCHEMA_VERSION, "since": time_json(since), "at": time_json(now)}
        print(json.dumps({**head, "total": figures, "apps": apps}, indent=2))
        return 0
    names = sorted({state for one in found for state in one.states})
    rows = [
        (
            f"{one.title} {_inside(one.key)}".strip(),
            str(len(one.waits)),
            _age(percentile(one.waits, 0.5)),
            _age(percentile(one.waits, 0.95)),
            *(_age(one.states.get(name)) for name in names),
        )
        for one in found
    ]
    total = (_age(percentile(every, 0.5)), _age(percentile(every, 0.95)))
    rows.append(("all", str(len(every)), *total, *("" for _ in names)))
    for line in table(("AGENT", "WAITS", "P50", "P95", *(name.upper() for name in names)), rows):
        print(line)
    return 0


def replay(arguments: Namespace) -> int:
    """Print the fleet as it was. Raises UsageError for a bad time or filter, NotFoundError when nothing is known."""
    now = datetime.now(UTC)
    moment = parse_moment(arguments.at, now.astimezone()).astimezone(UTC)
    text = " ".join(arguments.filter)
    query.parse(text)
    with contextlib.closing(Past(state_dir())) as past:
        snapshot, watched = past.at(moment), past.watched(moment)
    snapshot = narrow(snapshot, text, moment)
    if arguments.json:
        print(json.dumps(snapshot_json(snapshot, moment), indent=2))
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        for line in fleet_table(snapshot, moment, width):
            print(line)
    if watched != moment:
        last = f", the last time before was {watched.astimezone():%a %H:%M:%S}" if watched else ""
        print(f"coder-tui: nobody watched then{last}", file=sys.stderr)
    return 0


def _call(call: Call) -> dict[str, Any]:
    waited = (call.met_at - call.since).total_seconds() if call.met_at else None
    return {
        "key": str(call.key),
        "workspace": call.title,
        "level": str(call.level),
        "event": call.event_id,
        "since": time_json(call.since),
        "message": call.message,
        "acked_at": time_json(call.acked_at),
        "ended_at": time_json(call.ended_at),
        "ended": call.ended or None,
        "waited": waited,
        "missed": call.missed,
    }


def _figures(one: Waits) -> dict[str, Any]:
    waits: Sequence[float] = one.waits
    figures = {"waits": len(waits), "p50": percentile(one.waits, 0.5), "p95": percentile(one.waits, 0.95)}
    return {**figures, "seconds_in_state": {name: round(spent, 3) for name, spent in one.states.items()}}


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone():%a %H:%M}"


def _place(call: Call) -> str:
    return f"{call.title} {_inside(call.key)}".strip()


def _inside(key: Key) -> str:
    return "/".join(part for part in (key.agent, key.app) if part)


def _age(seconds: float | None) -> str:
    return "" if seconds is None else exact_age(timedelta(seconds=seconds))

"""How a row stood, as one short JSON text for the history, and rows made of such texts again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, MutableMapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from coder_tui.fleet.rows import alert_place, place
from coder_tui.fleet.snapshot import (
    Agent,
    Alert,
    App,
    Deployment,
    Key,
    Level,
    LinkState,
    Row,
    Snapshot,
    Status,
    Workspace,
)

_HEARD = frozenset({LinkState.LIVE, LinkState.POLLING})


def body_of(row: Row) -> str:
    """What the list shows of the row: equal texts look equal. Staleness is the link's and left out."""
    space, agent, app, status, alert = row.workspace, row.agent, row.app, row.status, row.alert
    values: dict[str, Any] = {
        "space": [space.owner, space.name, space.build_status, space.transition, space.build_number],
        "deadline": _text(space.deadline),
        "agent": agent and [agent.id, agent.name, agent.status, agent.lifecycle],
        "app": app and [app.id, app.slug, app.name],
        "status": status
        and [status.id, _text(status.at), status.state, status.message, status.uri, status.needs_attention],
        "alert": alert
        and [
            str(alert.level), alert.event_id, _text(alert.since), alert.message, alert.why,
            alert.acked, alert.seen, alert.muted, alert.snoozed, _text(alert.until),
        ],
        "flags": [row.due, row.muted],
    }  # fmt: skip
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False)


def row_of(key: Key, body: str, stale: bool) -> Row:
    """A row as thin as its text: enough for lists, filters and `--json`. Raises ValueError for another text."""
    try:
        found = json.loads(body)
        owner, name, build, transition, number = found["space"]
        status = _status(found["status"])
        app = agent = None
        if found["app"]:
            app_id, slug, app_name = found["app"]
            app = App(app_id, slug, app_name, statuses=(status,) if status else ())
        if found["agent"]:
            agent_id, agent_name, health, lifecycle = found["agent"]
            agent = Agent(agent_id, agent_name, health, lifecycle, apps=(app,) if app else ())
        space = Workspace(
            key.deployment, key.workspace_id, name, owner, build, transition,
            build_number=number, deadline=_time(found["deadline"]),
            agents=(agent,) if agent else (), last_status=None if agent else status,
        )  # fmt: skip
        due, muted = found["flags"]
        return Row(key, space, agent, app, _alert(key, found["alert"]), due, stale, None, muted)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not a moment of a row: {error}") from None


def snapshot_of(
    at: datetime,
    rows: Iterable[tuple[Key, str]],
    deployments: Mapping[str, Deployment],
    known: MutableMapping[Key, tuple[str, Row]] | None = None,
) -> Snapshot:
    """The fleet as it stood at `at`: rows as `body_of` wrote them, deployments with their links of that moment.

    Rows that look as they do in `known` are taken from there, so that `is` tells what changed; it is kept up to date.
    """
    found = []
    known = {} if known is None else known
    for key, body in rows:
        one = deployments.get(key.deployment)
        stale = one is None or one.link.state not in _HEARD
        was = known.get(key)
        if was is None or was[0] != body or was[1].stale != stale:
            was = known[key] = body, row_of(key, body, stale)
        found.append(was[1])
    found.sort(key=lambda row: (*place(row.workspace), row.key))
    merged: dict[tuple[str, str], Workspace] = {}
    for row in found:
        merged.setdefault(row.key[:2], row.workspace)
    return Snapshot(
        at=at,
        deployments=MappingProxyType(dict(deployments)),
        workspaces=tuple(merged.values()),
        rows=tuple(found),
        alerts=tuple(sorted((row.alert for row in found if row.alert), key=alert_place)),
        confirmed=frozenset(deployments),
    )


def _status(found: list[Any] | None) -> Status | None:
    if not found:
        return None
    ident, at, *rest = found
    return Status(ident, _sure(at), *rest)


def _alert(key: Key, found: list[Any] | None) -> Alert | None:
    if not found:
        return None
    level, event, since, message, why, acked, seen, muted, snoozed, until = found
    return Alert(key, Level(level), event, _sure(since), message, why, acked, seen, muted, snoozed, _time(until))


def _text(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment else None


def _time(text: str | None) -> datetime | None:
    return _sure(text) if text else None


def _sure(text: str) -> datetime:
    return datetime.fromisoformat(text)

"""What changed between two snapshots, row by row and link by link, as `watch` tells it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from coder_tui.fleet.codec import SCHEMA_VERSION, alert_json, status_json, time_json
from coder_tui.fleet.moments import body_of
from coder_tui.fleet.outcome import outcome
from coder_tui.fleet.snapshot import Deployment, Row, Snapshot


@dataclass(frozen=True, slots=True)
class RowChange:
    """`event`: `listed` (it stood there when we began), `changed`, `appeared`, or `left` (gone, or the filter does not
    match it any more; `row` is the last one known)."""

    event: str
    row: Row


@dataclass(frozen=True, slots=True)
class LinkChange:
    """The link to a deployment has another state."""

    deployment: Deployment


class Watch:
    """Compares each snapshot with the one before; `wanted` says whether a row passes the filter."""

    def __init__(self, wanted: Callable[[Row, Snapshot], bool]) -> None:
        self._wanted = wanted
        self._told: dict[tuple[str, ...], tuple[Row, str]] = {}
        self._links: dict[str, str] = {}
        self._confirmed: frozenset[str] = frozenset()

    def update(self, snapshot: Snapshot) -> Iterator[RowChange | LinkChange]:
        """What is new, links first. Rows that only look the same are not told; a deployment's rows begin when its list
        was read."""
        for name, deployment in snapshot.deployments.items():
            if self._links.get(name) != deployment.link.state:
                self._links[name] = deployment.link.state
                yield LinkChange(deployment)
        first = snapshot.confirmed - self._confirmed
        self._confirmed = snapshot.confirmed
        seen = set()
        for row in snapshot.rows:
            if row.key.deployment not in snapshot.confirmed:
                continue
            known = self._told.get(row.key)
            if known and known[0] is row:
                seen.add(row.key)
                continue
            if not self._wanted(row, snapshot):
                continue
            seen.add(row.key)
            body = f"{body_of(row)}{row.stale}"
            self._told[row.key] = row, body
            if known is None:
                yield RowChange("listed" if row.key.deployment in first else "appeared", row)
            elif known[1] != body:
                yield RowChange("changed", row)
        for key in sorted(self._told.keys() - seen):
            yield RowChange("left", self._told.pop(key)[0])


def change_json(change: RowChange | LinkChange, now: datetime) -> dict[str, Any]:
    """One line of `watch --json`. Keys may be added without raising `schema`; a change of meaning raises it."""
    if isinstance(change, LinkChange):
        link = change.deployment.link
        return {
            "schema": SCHEMA_VERSION,
            "at": time_json(now),
            "event": "link",
            "deployment": change.deployment.name,
            "state": str(link.state),
            "why": link.why,
        }
    row = change.row
    return {
        "schema": SCHEMA_VERSION,
        "at": time_json(now),
        "event": change.event,
        "key": str(row.key),
        "deployment": row.key.deployment,
        "workspace": row.workspace.title,
        "workspace_id": row.key.workspace_id,
        "agent": row.key.agent,
        "app": row.key.app,
        "outcome": str(outcome(row)),
        "build_status": row.workspace.build_status,
        "agent_status": row.agent.status if row.agent else None,
        "due": row.due,
        "stale": row.stale,
        "muted": row.muted,
        "status": status_json(row.status, now),
        "attention": alert_json(row.alert, now) if row.alert else None,
    }

"""The fleet as JSON, in the documented form that `--json` prints."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from coder_tui.fleet.snapshot import Agent, Alert, Deployment, Row, Snapshot, Status, Workspace

SCHEMA_VERSION = 1
"""Version of `snapshot_json`. Keys may be added without raising it; a change of meaning raises it."""


def snapshot_json(snapshot: Snapshot, now: datetime) -> dict[str, Any]:
    """The fleet for `ls --json` and scripts: plain JSON values, ages in whole seconds at `now`, times in RFC 3339.

    `{schema, at, cached, deployments: [...], workspaces: [{..., agents: [{..., apps: [...]}]}], attention: [...]}`.
    Each app has its current `status` (null when it has not reported since its build) and its `attention`; what
    stands on a workspace without agents is its own `last_status` and `attention`.
    """
    found: dict[tuple[str, str], list[Row]] = {}
    for row in snapshot.rows:
        found.setdefault(row.key[:2], []).append(row)
    return {
        "schema": SCHEMA_VERSION,
        "at": time_json(now),
        "cached": snapshot.cached,
        "deployments": [_deployment(one, now) for one in snapshot.deployments.values()],
        "workspaces": [_workspace(one, found.get((one.deployment, one.id), []), now) for one in snapshot.workspaces],
        "attention": [{"key": str(alert.key), **alert_json(alert, now)} for alert in snapshot.alerts],
    }


def _deployment(deployment: Deployment, now: datetime) -> dict[str, Any]:
    link = deployment.link
    return {
        "name": deployment.name,
        "url": deployment.url,
        "user": deployment.user,
        "version": deployment.version,
        "hub": deployment.is_hub,
        "link": {
            "state": str(link.state),
            "since": time_json(link.since),
            "why": link.why,
            "latency_ms": link.latency_ms,
            "refreshed_age": _age(link.refreshed_at, now),
        },
    }


def _workspace(workspace: Workspace, rows: list[Row], now: datetime) -> dict[str, Any]:
    own = next((row for row in rows if row.agent is None), None)
    return {
        "deployment": workspace.deployment,
        "id": workspace.id,
        "owner": workspace.owner,
        "name": workspace.name,
        "template": workspace.template,
        "build": {
            "number": workspace.build_number,
            "status": workspace.build_status,
            "transition": workspace.transition,
            "reason": workspace.build_reason,
            "error": workspace.build_error,
            "age": _age(workspace.build_at, now),
        },
        "deadline": time_json(workspace.deadline),
        "due": any(row.due for row in rows),
        "stale": any(row.stale for row in rows),
        "favorite": workspace.favorite,
        "outdated": workspace.outdated,
        "dormant": workspace.dormant,
        "last_status": status_json(workspace.last_status, now),
        "attention": alert_json(own.alert, now) if own and own.alert else None,
        "agents": [_agent(agent, [row for row in rows if row.agent is agent], now) for agent in workspace.agents],
    }


def _agent(agent: Agent, rows: list[Row], now: datetime) -> dict[str, Any]:
    return {
        "id": agent.id,
        "name": agent.name,
        "parent_id": agent.parent_id,
        "status": agent.status,
        "lifecycle": agent.lifecycle,
        "healthy": agent.healthy,
        "health_reason": agent.health_reason,
        "version": agent.version,
        "last_connected_age": _age(agent.last_connected_at, now),
        "logs_length": agent.logs_length,
        "apps": [
            {
                "id": row.app.id,
                "slug": row.app.slug,
                "name": row.app.name,
                "health": row.app.health,
                "key": str(row.key),
                "status": status_json(row.app.latest, now),
                "reports": len(row.app.statuses),
                "due": row.due,
                "muted": row.muted,
                "attention": alert_json(row.alert, now) if row.alert else None,
            }
            for row in rows
            if row.app
        ],
    }


def status_json(status: Status | None, now: datetime) -> dict[str, Any] | None:
    """A status as plain JSON values; its age in seconds at `now`."""
    if status is None:
        return None
    return {
        "id": status.id,
        "state": status.state,
        "message": status.message,
        "uri": status.uri,
        "at": time_json(status.at),
        "age": _age(status.at, now),
        "needs_user_attention": status.needs_attention,
    }


def alert_json(alert: Alert, now: datetime) -> dict[str, Any]:
    """An alert as plain JSON values; its age in seconds at `now`."""
    return {
        "level": str(alert.level),
        "event": alert.event_id,
        "since": time_json(alert.since),
        "age": _age(alert.since, now),
        "message": alert.message,
        "why": alert.why,
        "acked": alert.acked,
        "standing": alert.standing,
        "snoozed_until": time_json(alert.until),
    }


def time_json(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None


def _age(since: datetime | None, now: datetime) -> int | None:
    return max(0, int((now - since).total_seconds())) if since else None

"""Why a row shows what it shows: the evidence, its source and age, what it overruled, what would change it."""

from __future__ import annotations

from datetime import datetime

from coder_tui.fleet.attention import last_word
from coder_tui.fleet.health import health
from coder_tui.fleet.snapshot import Level, LinkState, Row, Snapshot, Status
from coder_tui.fleet.timeline import exact_age

Explanation = list[tuple[str, str]]
"""Label and one sentence or two, in reading order."""

_CHANGES = {
    Level.ASKS: "an answer, after which the app reports another state; or an acknowledgement of this event",
    Level.FAILED: "a newer report; or an acknowledgement of this event",
    Level.LOST: "the agent connecting again, or a new build; or an acknowledgement of this spell",
    Level.DONE: "a newer report, twelve hours, or an acknowledgement of this event",
    Level.QUIET: "any report, or growth of the agent's log; or an acknowledgement",
}


def explain(row: Row, snapshot: Snapshot, now: datetime) -> Explanation:
    """Explain one row of `snapshot` at `now` (aware). Labels: state, evidence, source, age, message, link, hushed,
    due, agent, workspace, stale, overruled, reporter, changes; those with nothing to say are left out."""
    found = [
        ("state", _state(row)),
        ("evidence", _evidence(row)),
        ("source", _source(row)),
        ("age", _age(row, now)),
        ("message", (row.alert.message if row.alert else "") or (row.status.message if row.status else "")),
        ("link", row.status.uri if row.status else ""),
        ("hushed", _hushed(row, now)),
        ("due", _due(row, now)),
        ("agent", _agent(row, now)),
        ("workspace", _workspace(row, now)),
        ("stale", _stale(row, snapshot, now)),
        ("overruled", "; ".join(_overruled(row, now))),
        ("reporter", health(row, snapshot.deployments.get(row.workspace.deployment), now)),
        ("changes", _changes(row)),
    ]
    return [(label, text) for label, text in found if text]


def _state(row: Row) -> str:
    if row.alert:
        standing = row.alert.standing
        words = {"acked": " (acknowledged)", "new": "", "seen": ""}.get(standing, f" ({standing})")
        return f"{row.alert.level}{words}"
    return row.status.state if row.status else "unknown"


def _evidence(row: Row) -> str:
    if row.alert:
        return row.alert.why
    name = row.app.name if row.app else row.workspace.title
    if row.status:
        return f"{name} reported {row.status.state or 'an empty state'}"
    if row.app and row.app.statuses:
        return f"{name} has not reported since the running build began"
    return f"{name} has never reported: it has no reporter, or nothing to say yet" if row.app else "no app reports here"


def _source(row: Row) -> str:
    where = row.workspace.deployment
    level = row.alert.level if row.alert else None
    if level is Level.LOST:
        return f"build and agent status as {where} gives them, beside the app's last report"
    if level is Level.QUIET:
        return f"absence: no report at {where} and no growth of the agent's log; output on a screen is not work"
    return f"app status {row.status.id} at {where}, time of its server's clock" if row.status else ""


def _age(row: Row, now: datetime) -> str:
    parts = []
    if row.alert:
        parts.append(f"{row.alert.level} for {exact_age(now - row.alert.since)}")
    if row.status:
        parts.append(f"last report {exact_age(now - row.status.at)} ago")
        if row.status.at > now:
            parts.append(f"the server's clock is ahead of ours by {exact_age(row.status.at - now)} or more")
    return "; ".join(parts)


def _hushed(row: Row, now: datetime) -> str:
    """What a person said that keeps it out of Needs you."""
    parts = ["all alerts of this app are muted until somebody unmutes it"] if row.muted else []
    if row.alert and row.alert.snoozed:
        end = f"{exact_age(row.alert.until - now)} more" if row.alert.until else "the app's next event"
        parts.append(f"this event is snoozed for {end}" if row.alert.until else f"this event is snoozed until {end}")
    return "; ".join(parts)


def _due(row: Row, now: datetime) -> str:
    deadline = row.workspace.deadline
    if not deadline or row.workspace.build_status != "running":
        return ""
    if deadline <= now:
        return f"its deadline passed {exact_age(now - deadline)} ago"
    return f"{'soon: ' if row.due else ''}the workspace stops in {exact_age(deadline - now)}"


def _agent(row: Row, now: datetime) -> str:
    agent = row.agent
    if agent is None:
        return ""
    text = f"{agent.name} is {agent.status or 'of unknown status'}, lifecycle {agent.lifecycle or 'unknown'}"
    if agent.status != "connected" and agent.last_connected_at:
        text += f", last contact {exact_age(now - agent.last_connected_at)} ago"
    # newer servers call an agent that is still connecting unhealthy
    return f"{text}; {agent.health_reason}" if agent.health_reason and agent.status != "connecting" else text


def _workspace(row: Row, now: datetime) -> str:
    space = row.workspace
    text = f"{space.title} is {space.build_status or 'of unknown status'}: build {space.build_number}"
    if space.build_reason:
        text += f" ({space.build_reason})"
    if space.build_at:
        text += f", {exact_age(now - space.build_at)} old"
    return f"{text}; {space.build_error}" if space.build_error else text


def _stale(row: Row, snapshot: Snapshot, now: datetime) -> str:
    if not row.stale:
        return ""
    deployment = snapshot.deployments.get(row.workspace.deployment)
    link = deployment.link if deployment else None
    text = f"the link to {row.workspace.deployment} is {link.state if link else LinkState.CONNECTING}"
    if link and link.why:
        text += f" ({link.why})"
    seen = max(filter(None, (row.workspace.seen_at, link.refreshed_at if link else None)), default=None)
    return f"{text}; last confirmed {exact_age(now - seen)} ago" if seen else f"{text}; never confirmed"


def _overruled(row: Row, now: datetime) -> list[str]:
    """Evidence that exists and does not count."""
    parts = []
    said = last_word(row.workspace, row.agent, row.app)
    if row.alert and row.alert.level in (Level.LOST, Level.QUIET) and row.status:
        parts.append(f"the report of {_said(row.status, now)}")
    elif row.alert and said and said.latest.id != row.alert.event_id:
        parts.append(f"the report of {_said(said.latest, now)}, which adds no word of its own")
    if row.app and (history := [status for status in row.app.statuses if not row.app.current(status)]):
        count = f"{len(history)} report{'s' if len(history) > 1 else ''}"
        parts.append(f"{count} from before the running build, the last {_said(history[0], now)}")
    return parts


def _said(status: Status, now: datetime) -> str:
    return f"{status.state} {exact_age(now - status.at)} ago"


def _changes(row: Row) -> str:
    if row.alert:
        return _CHANGES[row.alert.level]
    if row.status and row.status.state == "working":
        return "any report; silence, which is called quiet after a while; the agent getting lost"
    return "a report for this app" if row.app else ""

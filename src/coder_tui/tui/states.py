"""How a row's state looks: one shape, one word, one voice, one moment. Lists and timeline agree here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from coder_tui.fleet import attention
from coder_tui.fleet.snapshot import Deployment, LinkState, Row, Status, Workspace
from coder_tui.text import one_line

# The states of the wire (contract: app statuses) and how we show them. Others are shown by their own word.
_WIRE = {
    "working": ("working", "working", "working"),
    "idle": ("idle", "idle", "idle"),
    "complete": ("done", "complete", "done"),
    "failure": ("failed", "failure", "failed"),
}


LOST = frozenset({LinkState.RETRYING, LinkState.REFUSED})
"""Links over which nothing comes."""


@dataclass(frozen=True, slots=True)
class Look:
    """`shape` names a glyph, `voice` a colour of the theme, `at` since when."""

    shape: str
    word: str
    voice: str
    at: datetime | None = None


def of_status(status: Status) -> Look:
    """The look of one reported status."""
    if attention.asks(status):
        return Look("asks", "asks", "asks", status.at)
    shape, word, voice = _WIRE.get(status.state, ("unknown", status.state or "unknown", "muted"))
    return Look(shape, word, voice, status.at)


def of_workspace(workspace: Workspace) -> Look:
    """The look of a workspace by its newest build."""
    status = workspace.build_status or "unknown"
    voice = "failed" if status in ("failed", "canceled") else "muted"
    return Look("workspace" if status == "running" else "stopped", status, voice, workspace.build_at)


def of_row(row: Row) -> Look:
    """The look of a row: its open alert first, then the agent's health, then what its app reported last."""
    alert, agent, status = row.alert, row.agent, row.status
    if alert is not None and alert.open:
        return Look(alert.level.value, alert.level.value, alert.level.value, alert.since)
    if alert is not None and (alert.snoozed or alert.muted):
        return Look(alert.level.value, alert.standing, "muted", alert.since)
    if agent is None:
        return of_workspace(row.workspace)
    if agent.status in attention.GONE:
        return Look("lost", "offline", "muted", agent.disconnected_at)
    if status is None:
        if row.app is not None:
            return Look("unknown", "no report", "faint")
        word = agent.lifecycle or agent.status or "unknown"
        return Look("idle" if word == "ready" else "unknown", word, "muted", agent.first_connected_at)
    look = of_status(status)
    if alert is not None or look.shape in ("done", "failed"):  # seen already: keep the word, lower the voice
        return Look(look.shape, look.word, "muted", look.at)
    return look


def lost_at(row: Row, deployments: Mapping[str, Deployment]) -> datetime | None:
    """Since when nothing is known of a stale row: its link was lost then, or it was only ever read from disk."""
    deployment = deployments.get(row.key.deployment)
    if deployment is not None and deployment.link.state in LOST and deployment.link.refreshed_at:
        return deployment.link.since
    return row.workspace.seen_at


def name_of(row: Row) -> str:
    """`agent/app`, as short as it stays unique."""
    if row.agent is None:
        return ""
    return one_line(f"{row.agent.name}/{row.app.slug}" if row.app else row.agent.name)


def path_of(row: Row) -> list[str]:
    """Workspace, agent, app: what is there of it, safe to paint."""
    parts = [row.workspace.title]
    if row.agent is not None:
        parts.append(row.agent.name)
    if row.app is not None:
        parts.append(row.app.name or row.app.slug)
    return [one_line(part) for part in parts]

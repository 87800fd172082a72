"""What can happen to the fleet, as frozen facts. Feeds make them, `fleet.store.Store` applies them.

Times are aware datetimes in UTC. Events of one deployment must be applied in the order in which they were learned.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from coder_tui.fleet.snapshot import Deployment, Workspace
from coder_tui.fleet.standing import Standings


@dataclass(frozen=True, slots=True)
class FleetListed:
    """The whole list of one deployment was read at `at`: what is not in `workspaces` no longer exists there.

    `cached` marks a list from disk: painted at once, but nothing in it has been confirmed, and nothing alerts on it.
    """

    deployment: str
    workspaces: tuple[Workspace, ...]
    at: datetime
    cached: bool = False


@dataclass(frozen=True, slots=True)
class WorkspaceChanged:
    """One workspace as it is at `at` (the deployment's name is in the row)."""

    workspace: Workspace
    at: datetime


@dataclass(frozen=True, slots=True)
class WorkspaceGone:
    """A workspace was deleted, or is no longer visible to this user."""

    deployment: str
    workspace_id: str


@dataclass(frozen=True, slots=True)
class DeploymentChanged:
    """A deployment was added, or its link state, user or version changed."""

    deployment: Deployment


@dataclass(frozen=True, slots=True)
class AcksChanged:
    """The complete set of acknowledged event ids (`Alert.event_id`); the other standings stay."""

    acked: frozenset[str]


@dataclass(frozen=True, slots=True)
class StandingsChanged:
    """Everything people said about alerts: acknowledged, snoozed, muted, seen."""

    standings: Standings


@dataclass(frozen=True, slots=True)
class Slept:
    """This machine was asleep from `since` to `until`: what was not heard then was not silence."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed: `quiet`, `due` and the age limit of `done` are judged again at `at`."""

    at: datetime


Event = (
    FleetListed | WorkspaceChanged | WorkspaceGone | DeploymentChanged | AcksChanged | StandingsChanged | Slept | Tick
)

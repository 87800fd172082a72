"""Rows to wire types: what a client sees of workspaces, builds, agents and apps.

Everything is read in bulk, so that a list of a thousand workspaces costs a handful of queries. Rules of derivation:
`codersdk` (build status, agent status and health), contract `02-workspaces`.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from coder_tui.hub.clock import maybe_time, to_time
from coder_tui.hub.identity import ORGANIZATION_NAME, TEMPLATE_NAME, TEMPLATE_VERSION_NAME, VERSION, Site, machine
from coder_tui.hub.schedule import parse_schedule
from coder_tui.wire.agents import AgentStatus, LifecycleState, WorkspaceAgent, WorkspaceAgentHealth, WorkspaceApp
from coder_tui.wire.logs import ProvisionerJobLog, WorkspaceAgentLog, WorkspaceAgentLogSource
from coder_tui.wire.statuses import WorkspaceAppStatus
from coder_tui.wire.workspaces import (
    JobStatus,
    MatchedProvisioners,
    ProvisionerJob,
    ProvisionerJobInput,
    ProvisionerJobMetadata,
    Workspace,
    WorkspaceBuild,
    WorkspaceHealth,
    WorkspaceResource,
    build_status,
)

AGENT_API_VERSION = "2.6"

_OS, _ARCH = machine()
_SHUTTING_DOWN = {
    LifecycleState.SHUTTING_DOWN,
    LifecycleState.SHUTDOWN_TIMEOUT,
    LifecycleState.SHUTDOWN_ERROR,
    LifecycleState.OFF,
}


def live_workspace_ids(db: sqlite3.Connection, among: Sequence[str] | None = None) -> list[str]:
    """Ids of all workspaces, or of those among the given ones, that are not deleted."""
    if among is None:
        rows = db.execute("SELECT id FROM workspaces WHERE NOT deleted")
    else:
        rows = db.execute(
            "SELECT id FROM workspaces WHERE NOT deleted AND id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(among)),),
        )
    return [row[0] for row in rows]


def load_workspaces(db: sqlite3.Connection, ids: Iterable[str], site: Site) -> dict[str, Workspace]:
    """These workspaces (deleted ones too) with their latest builds, by id; unknown ids are left out.

    Their apps come without `statuses`, which may be thousands: `Snapshots` adds them as text.
    """
    keys = json.dumps(list(ids))
    rows = db.execute("SELECT * FROM workspaces WHERE id IN (SELECT value FROM json_each(?))", (keys,)).fetchall()
    latest = db.execute(
        "SELECT b.*, w.name AS workspace_name FROM json_each(?) k JOIN workspaces w ON w.id = k.value JOIN builds b"
        " ON b.workspace_id = w.id AND b.number = (SELECT max(number) FROM builds WHERE workspace_id = w.id)",
        (keys,),
    ).fetchall()
    builds = {build.workspace_id: build for build in _builds(db, latest, site, statuses=False)}
    return {row["id"]: _workspace(db, row, builds[row["id"]], site) for row in rows if row["id"] in builds}


def load_builds(
    db: sqlite3.Connection, site: Site, *, build_id: str = "", workspace_id: str = "", since: int = 0
) -> list[WorkspaceBuild]:
    """The build of that id, or those of a workspace created at or after `since` (microseconds), newest first."""
    rows = db.execute(
        "SELECT b.*, w.name AS workspace_name FROM builds b JOIN workspaces w ON w.id = b.workspace_id"
        " WHERE b.id = ? OR (b.workspace_id = ? AND b.created_at >= ?) ORDER BY b.created_at DESC, b.number DESC",
        (build_id, workspace_id, since),
    ).fetchall()
    return _builds(db, rows, site)


def load_agent(db: sqlite3.Connection, agent_id: str) -> WorkspaceAgent | None:
    """One agent, unless unknown or its workspace is deleted."""
    rows = db.execute(
        "SELECT a.* FROM agents a JOIN workspaces w ON w.id = a.workspace_id WHERE a.id = ? AND NOT w.deleted",
        (agent_id,),
    ).fetchall()
    return next(iter(_agents(db, rows).values()), None)


def agent_log(row: sqlite3.Row) -> WorkspaceAgentLog:
    """One line of an agent."""
    return WorkspaceAgentLog(
        id=row["id"],
        created_at=to_time(row["created_at"]),
        output=row["output"],
        level=row["level"],
        source_id=row["source_id"],
    )


def build_log(row: sqlite3.Row) -> ProvisionerJobLog:
    """One line of a build."""
    return ProvisionerJobLog(
        id=row["id"],
        created_at=to_time(row["created_at"]),
        log_source=row["source"],
        log_level=row["level"],
        stage=row["stage"],
        output=row["output"],
    )


def _workspace(db: sqlite3.Connection, row: sqlite3.Row, build: WorkspaceBuild, site: Site) -> Workspace:
    newest = db.execute(
        "SELECT * FROM statuses WHERE workspace_id = ? ORDER BY created_at DESC, id DESC LIMIT 1", (row["id"],)
    ).fetchone()
    schedule: str = row["autostart_schedule"]
    failing = [agent.id for resource in build.resources for agent in resource.agents if not agent.health.healthy]
    return Workspace(
        id=row["id"],
        created_at=to_time(row["created_at"]),
        updated_at=to_time(row["updated_at"]),
        owner_id=site.user.id,
        owner_name=site.user.username,
        organization_id=site.organization_id,
        organization_name=ORGANIZATION_NAME,
        template_id=site.template_id,
        template_name=TEMPLATE_NAME,
        template_display_name="Local",
        template_allow_user_cancel_workspace_jobs=True,
        template_active_version_id=site.template_version_id,
        latest_build=build,
        latest_app_status=app_status(newest) if newest else None,
        name=row["name"],
        autostart_schedule=schedule,
        next_start_at=parse_schedule(schedule).after(datetime.now(UTC)) if schedule else None,
        ttl_ms=row["ttl_ms"],
        dormant_at=maybe_time(row["dormant_at"]),
        allow_renames=True,
        last_used_at=to_time(row["last_used_at"]),
        health=WorkspaceHealth(healthy=not failing, failing_agents=failing),
        favorite=bool(row["favorite"]),
    )


def _builds(
    db: sqlite3.Connection, rows: Sequence[sqlite3.Row], site: Site, *, statuses: bool = True
) -> list[WorkspaceBuild]:
    done = [row["id"] for row in rows if row["job_status"] == JobStatus.SUCCEEDED]
    agent_rows = db.execute(
        "SELECT * FROM agents WHERE build_id IN (SELECT value FROM json_each(?)) ORDER BY name", (json.dumps(done),)
    ).fetchall()
    agents = _agents(db, agent_rows, statuses=statuses)
    of_build: dict[str, list[sqlite3.Row]] = defaultdict(list)
    for agent in agent_rows:
        of_build[agent["build_id"]].append(agent)
    return [_build(row, [(a["resource_id"], agents[a["id"]]) for a in of_build[row["id"]]], site) for row in rows]


def _build(row: sqlite3.Row, agents: Sequence[tuple[str, WorkspaceAgent]], site: Site) -> WorkspaceBuild:
    created_at = to_time(row["created_at"])
    return WorkspaceBuild(
        id=row["id"],
        created_at=created_at,
        updated_at=to_time(row["updated_at"]),
        workspace_id=row["workspace_id"],
        workspace_name=row["workspace_name"],
        workspace_owner_id=site.user.id,
        workspace_owner_name=site.user.username,
        template_version_id=site.template_version_id,
        template_version_name=TEMPLATE_VERSION_NAME,
        build_number=row["number"],
        transition=row["transition"],
        initiator_id=site.user.id,
        initiator_name=site.user.username,
        job=ProvisionerJob(
            id=row["job_id"],
            created_at=created_at,
            started_at=maybe_time(row["started_at"]),
            completed_at=maybe_time(row["completed_at"]),
            canceled_at=maybe_time(row["canceled_at"]),
            error=row["job_error"],
            status=row["job_status"],
            organization_id=site.organization_id,
            initiator_id=site.user.id,
            tags={"scope": "organization", "owner": ""},
            input=ProvisionerJobInput(workspace_build_id=row["id"]),
            metadata=ProvisionerJobMetadata(
                template_version_name=TEMPLATE_VERSION_NAME,
                template_id=site.template_id,
                template_name=TEMPLATE_NAME,
                template_display_name="Local",
                workspace_id=row["workspace_id"],
                workspace_name=row["workspace_name"],
                workspace_build_transition=row["transition"],
            ),
        ),
        reason=row["reason"],
        resources=[
            WorkspaceResource(
                id=resource_id,
                created_at=agent.created_at,
                job_id=row["job_id"],
                workspace_transition=row["transition"],
                type="local_directory",
                name=agent.name,
                agents=[agent],
            )
            for resource_id, agent in agents
        ],
        deadline=maybe_time(row["deadline"]),
        status=build_status(row["transition"], row["job_status"]),
        matched_provisioners=MatchedProvisioners(count=1, available=1, most_recently_seen=created_at),
    )


def _agents(db: sqlite3.Connection, rows: Sequence[sqlite3.Row], *, statuses: bool = True) -> dict[str, WorkspaceAgent]:
    keys = json.dumps([row["id"] for row in rows])
    sources: dict[str, list[WorkspaceAgentLogSource]] = defaultdict(list)
    for row in db.execute(
        "SELECT * FROM log_sources WHERE agent_id IN (SELECT value FROM json_each(?)) ORDER BY created_at, id", (keys,)
    ):
        sources[row["agent_id"]].append(log_source(row))
    apps: dict[str, list[WorkspaceApp]] = defaultdict(list)
    for row in db.execute(
        "SELECT * FROM apps WHERE agent_id IN (SELECT value FROM json_each(?)) ORDER BY display_name, slug", (keys,)
    ).fetchall():
        apps[row["agent_id"]].append(
            WorkspaceApp(
                id=row["id"],
                slug=row["slug"],
                display_name=row["display_name"] or row["slug"],
                command=row["command"],
                statuses=app_statuses(db, row["id"]) if statuses else [],
            )
        )
    return {row["id"]: _agent(row, apps[row["id"]], sources[row["id"]]) for row in rows}


def _agent(row: sqlite3.Row, apps: list[WorkspaceApp], sources: list[WorkspaceAgentLogSource]) -> WorkspaceAgent:
    first, lost = maybe_time(row["first_connected_at"]), maybe_time(row["disconnected_at"])
    if first is None:
        status = AgentStatus.CONNECTING
    else:
        status = AgentStatus.CONNECTED if lost is None else AgentStatus.DISCONNECTED
    return WorkspaceAgent(
        id=row["id"],
        created_at=to_time(row["created_at"]),
        updated_at=to_time(row["updated_at"]),
        first_connected_at=first,
        # the hub is the agent: it is in touch as long as it answers
        last_connected_at=(lost or datetime.now(to_time(0).tzinfo)) if first else None,
        disconnected_at=lost,
        started_at=maybe_time(row["started_at"]),
        ready_at=maybe_time(row["ready_at"]),
        status=status,
        lifecycle_state=row["lifecycle"],
        name=row["name"],
        resource_id=row["resource_id"],
        instance_id=row["instance_id"],
        architecture=_ARCH,
        operating_system=_OS,
        environment_variables=json.loads(row["environment"]),
        logs_length=row["logs_length"],
        logs_overflowed=bool(row["logs_overflowed"]),
        directory=row["directory"],
        expanded_directory=row["directory"],
        version=VERSION if first else "",
        api_version=AGENT_API_VERSION if first else "",
        apps=apps,
        health=_health(status, row["lifecycle"]),
        display_apps=["web_terminal"],
        log_sources=sources,
    )


def _health(status: str, lifecycle: str) -> WorkspaceAgentHealth:
    """`codersdk` order of checks; since v2.33 a connecting agent counts as unhealthy."""
    reason = ""
    if status != AgentStatus.CONNECTED and lifecycle == LifecycleState.OFF:
        reason = "agent is not running"
    elif status == AgentStatus.CONNECTING:
        reason = "agent has not yet connected"
    elif status == AgentStatus.DISCONNECTED:
        reason = "agent has lost connection"
    elif lifecycle == LifecycleState.START_ERROR:
        reason = "agent startup script exited with an error"
    elif lifecycle in _SHUTTING_DOWN:
        reason = "agent is shutting down"
    return WorkspaceAgentHealth(healthy=not reason, reason=reason)


def log_source(row: sqlite3.Row) -> WorkspaceAgentLogSource:
    """One log source of an agent."""
    return WorkspaceAgentLogSource(
        workspace_agent_id=row["agent_id"],
        id=row["id"],
        created_at=to_time(row["created_at"]),
        display_name=row["display_name"],
        icon=row["icon"],
    )


def app_statuses(db: sqlite3.Connection, app_id: str) -> list[WorkspaceAppStatus]:
    """All of an app, newest first."""
    rows = db.execute("SELECT * FROM statuses WHERE app_id = ? ORDER BY created_at DESC, id DESC", (app_id,))
    return [app_status(row) for row in rows]


def app_status(row: sqlite3.Row) -> WorkspaceAppStatus:
    """One reported status."""
    return WorkspaceAppStatus(
        id=row["id"],
        created_at=to_time(row["created_at"]),
        workspace_id=row["workspace_id"],
        agent_id=row["agent_id"],
        app_id=row["app_id"],
        state=row["state"],
        message=row["message"],
        uri=row["uri"],
        icon=row["icon"],
        needs_user_attention=bool(row["needs_user_attention"]),
    )

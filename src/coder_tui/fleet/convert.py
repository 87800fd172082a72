"""From the wire to rows: text made safe, times made sane, statuses sorted, and old ones told from current ones.

Rules and their sources are in the wire contract: `codersdk.Workspace` and what the server promises about order
(before v2.30 none), app ids (before v2.24 new for each build) and reset of statuses (never).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from coder_tui.fleet.snapshot import Agent, App, LogSource, Status, Workspace
from coder_tui.text import clean, one_line
from coder_tui.wire import agents as wire_agents
from coder_tui.wire import statuses as wire_statuses
from coder_tui.wire import workspaces as wire_workspaces
from coder_tui.wire.base import ZERO_UUID

STATUS_LIMIT = 200
"""Newest statuses kept per app; the server has no limit, and a reporter may run wild."""
TEXT_LIMIT = 2000
"""Longest name or message kept, in characters (servers since v2.22 allow 160 bytes)."""
URL_LIMIT = 8192
"""Longest link or address kept, in characters; a longer one is dropped, as half a link is none."""


def workspace_row(deployment: str, workspace: wire_workspaces.Workspace, at: datetime) -> Workspace:
    """The row of one workspace as the deployment described it at `at` (aware). Never raises on odd content."""
    build = workspace.latest_build
    build_at = _time(build.created_at)
    since = build_at if build.transition == wire_workspaces.Transition.START else None
    last = _status(workspace.latest_app_status) if workspace.latest_app_status else None
    agents = [agent for resource in build.resources for agent in resource.agents]
    orphan = _orphan(workspace.latest_app_status, agents)
    return Workspace(
        deployment=deployment,
        id=clean(workspace.id),
        name=_text(workspace.name),
        owner=_text(workspace.owner_name),
        build_status=_text(build.status),
        transition=_text(build.transition),
        build_id=clean(build.id),
        build_number=build.build_number,
        build_at=build_at,
        build_error=_text(build.job.error),
        build_reason=_text(build.reason),
        deadline=_time(build.deadline),
        last_used_at=_time(workspace.last_used_at),
        template=_text(workspace.template_display_name or workspace.template_name),
        outdated=workspace.outdated,
        favorite=workspace.favorite,
        dormant=_time(workspace.dormant_at) is not None,
        agents=_in_order(_agent(agent, since, orphan) for agent in agents),
        last_status=last if last and (since is None or last.at >= since) else None,
        seen_at=at,
    )


def _orphan(
    latest: wire_statuses.WorkspaceAppStatus | None, agents: list[wire_agents.WorkspaceAgent]
) -> dict[str, Status]:
    """App id -> the workspace's newest status, for an app that has no statuses of its own.

    It belongs to the app with its id. Servers before v2.24 give apps new ids with each build, so an unknown id
    is given to the only visible app there is; with several we do not guess.
    """
    if latest is None:
        return {}
    apps = [app for agent in agents for app in agent.apps]
    named = [app for app in apps if app.id == latest.app_id]
    visible = [app for app in apps if not app.hidden]
    found = named or (visible if len(visible) == 1 else [])
    return {app.id: _status(latest) for app in found}


def _agent(agent: wire_agents.WorkspaceAgent, since: datetime | None, orphan: dict[str, Status]) -> Agent:
    return Agent(
        id=clean(agent.id),
        name=_text(agent.name),
        status=_text(agent.status),
        lifecycle=_text(agent.lifecycle_state),
        parent_id=clean(agent.parent_id) if agent.parent_id and agent.parent_id != ZERO_UUID else None,
        healthy=agent.health.healthy,
        health_reason=_text(agent.health.reason),
        directory=_text(agent.expanded_directory or agent.directory),
        os=_text(agent.operating_system),
        arch=_text(agent.architecture),
        version=_text(agent.version),
        created_at=_time(agent.created_at),
        first_connected_at=_time(agent.first_connected_at),
        last_connected_at=_time(agent.last_connected_at),
        disconnected_at=_time(agent.disconnected_at),
        logs_length=agent.logs_length,
        logs_overflowed=agent.logs_overflowed,
        log_sources=tuple(LogSource(clean(source.id), _text(source.display_name)) for source in agent.log_sources),
        apps=tuple(_app(app, since, orphan.get(app.id)) for app in agent.apps),
    )


def _app(app: wire_agents.WorkspaceApp, since: datetime | None, orphan: Status | None) -> App:
    statuses = sorted((_status(status) for status in app.statuses), key=lambda status: (status.at, status.id))
    if not statuses and orphan:
        statuses = [orphan]
    return App(
        id=clean(app.id),
        slug=_text(app.slug),
        name=_text(app.display_name) or _text(app.slug),
        command=app.command,
        url=_url(app.url),
        external=app.external,
        hidden=app.hidden,
        health=_text(app.health),
        statuses=tuple(statuses[: -STATUS_LIMIT - 1 : -1]),
        since=since,
    )


def _status(status: wire_statuses.WorkspaceAppStatus) -> Status:
    at = _time(status.created_at) or datetime.min.replace(tzinfo=UTC)
    # an acknowledgement belongs to the id, so there must be one
    known = clean(status.id) if status.id != ZERO_UUID else ""
    return Status(
        id=known or f"{clean(status.app_id)}@{at.isoformat()}",
        at=at,
        state=_text(status.state),
        message=_text(status.message),
        uri=_url(status.uri),
        needs_attention=status.needs_user_attention,
    )


def _in_order(agents: Iterable[Agent]) -> tuple[Agent, ...]:
    """By name, sub-agents (dev containers) right after their parent. Servers promise no order."""
    listed = list(agents)
    names = {agent.id: agent.name for agent in listed}

    def place(agent: Agent) -> tuple[str, bool, str, str]:
        parent = names.get(agent.parent_id) if agent.parent_id else None
        return ((agent.name if parent is None else parent).casefold(), parent is not None, agent.name, agent.id)

    return tuple(sorted(listed, key=place))


def _text(value: str) -> str:
    return one_line(value[: 2 * TEXT_LIMIT])[:TEXT_LIMIT]


def _url(value: str) -> str:
    return clean(value).strip() if len(value) <= URL_LIMIT else ""


def _time(value: datetime | None) -> datetime | None:
    """Aware UTC; None for Go's zero time and for years that no clock of a deployment can mean."""
    if value is None or not 1970 <= value.year < 9000:
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

"""Everything known about an agent as lines of label and value, grouped. Pure: what to say, not how it looks.

Values are raw text from outside: whoever paints them makes them safe.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from coder_tui.fleet.timeline import exact_age

if TYPE_CHECKING:
    from coder_tui.feeds.closeups import Details
    from coder_tui.wire.agents import WorkspaceAgent, WorkspaceAgentMetadata
    from coder_tui.wire.workspaces import Workspace

_VOICES: Mapping[str, str] = {
    "connected": "done",
    "ready": "done",
    "running": "done",
    "succeeded": "done",
    "healthy": "done",
    "ok": "done",
    "connecting": "quiet",
    "starting": "quiet",
    "disconnected": "lost",
    "timeout": "lost",
    "failed": "failed",
    "unhealthy": "failed",
    "exit_failure": "failed",
    "start_error": "failed",
    "start_timeout": "failed",
    "shutdown_error": "failed",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One line. A heading has no key. `at` is a moment whose age is shown behind the value; `secret` values are
    hidden until somebody asks; `stale` ones are marked."""

    label: str
    value: str = ""
    key: str | None = None
    voice: str = "foreground"
    at: datetime | None = None
    secret: bool = False
    stale: bool = False


def facts(details: Details) -> list[Fact]:
    """The lines, group by group; groups and values that are empty are left out."""
    groups: Sequence[tuple[str, Iterator[Fact]]] = (
        ("Agent", _agent(details.agent)),
        ("Metadata", _metadata(details)),
        ("Workspace", _workspace(details.workspace)),
        ("Build", _build(details.workspace)),
        ("Resource", _resource(details)),
        ("Apps", _apps(details.agent)),
        ("Scripts", _scripts(details.agent)),
        ("Log sources", _log_sources(details.agent)),
        ("Environment", _environment(details.agent)),
        ("More of the agent", _more(details.agent)),
    )
    found: list[Fact] = []
    for title, lines in groups:
        kept = [one for one in lines if one.value or one.at is not None]
        if kept:
            found += [Fact(title), *kept]
    return found


def _fact(group: str, label: str, value: object, at: datetime | None = None, *, plain: bool = False) -> Fact:
    text = str(value) if value is not None else ""
    return Fact(label, text, f"{group}/{label}", "foreground" if plain else _VOICES.get(text, "foreground"), at)


def _moment(group: str, label: str, at: datetime | None) -> Fact:
    """A moment: its local time, and its age behind it. The year 1 is Go's never."""
    if (at := _real(at)) is None:
        return Fact(label, key=f"{group}/{label}")
    return _fact(group, label, f"{at.astimezone():%Y-%m-%d %H:%M:%S}", at)


def _real(at: datetime | None) -> datetime | None:
    return at if at is not None and at.year > 1 else None


def _yes(value: bool) -> str:
    return "yes" if value else ""


def _words(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _seconds(seconds: float) -> str:
    return exact_age(timedelta(seconds=seconds)) if seconds else ""


def _agent(agent: WorkspaceAgent) -> Iterator[Fact]:
    group = "agent"
    health = "healthy" if agent.health.healthy else "unhealthy"
    yield _fact(group, "Status", agent.status)
    yield _fact(group, "Lifecycle", agent.lifecycle_state)
    yield Fact("Health", _words(health, agent.health.reason), "agent/Health", _VOICES[health])
    yield _fact(group, "Directory", agent.expanded_directory or agent.directory, plain=True)
    yield _fact(group, "System", "/".join(part for part in (agent.operating_system, agent.architecture) if part))
    yield _fact(group, "Version", _words(agent.version, f"API {agent.api_version}" if agent.api_version else ""))
    yield _moment(group, "Last seen", agent.last_connected_at)
    yield _moment(group, "Lost", agent.disconnected_at)
    yield _fact(group, "Troubleshooting", agent.troubleshooting_url, plain=True)


def _more(agent: WorkspaceAgent) -> Iterator[Fact]:
    group = "more"
    full = ", full: nothing more is stored" if agent.logs_overflowed else ""
    yield _fact(group, "Log", f"{agent.logs_length:,} bytes{full}")
    yield _moment(group, "Created", agent.created_at)
    yield _moment(group, "First seen", agent.first_connected_at)
    yield _moment(group, "Started", agent.started_at)
    yield _moment(group, "Ready", agent.ready_at)
    yield _fact(group, "Connects within", _seconds(agent.connection_timeout_seconds))
    yield _fact(group, "Startup script", agent.startup_script_behavior)
    yield _fact(group, "Subsystems", _words(*agent.subsystems))
    yield _fact(group, "Shown apps", _words(*agent.display_apps))
    yield _fact(group, "Name", agent.name, plain=True)
    yield _fact(group, "Instance", agent.instance_id, plain=True)
    yield _fact(group, "Parent", agent.parent_id, plain=True)
    yield _fact(group, "Resource", agent.resource_id)
    yield _fact(group, "Id", agent.id)


def _metadata(details: Details) -> Iterator[Fact]:
    if details.metadata_why:
        yield Fact("Metadata", f"cannot be read: {details.metadata_why}", "metadata", "failed")
    for item in details.metadata:
        yield _measured(item, details.metadata_at)


def _measured(item: WorkspaceAgentMetadata, received: datetime | None) -> Fact:
    """Coder: a result older than interval and timeout together is stale; one never collected has the year 1."""
    about, result = item.description, item.result
    label, key = about.display_name or about.key, f"metadata/{about.key}"
    if _real(result.collected_at) is None:
        return Fact(label, "waiting for its first value", key, "faint")
    stale = about.interval > 0 and result.age > about.interval + about.timeout
    at = received - timedelta(seconds=result.age) if received else None
    if result.error:
        return Fact(label, f"error: {result.error}", key, "failed", at, stale=stale)
    return Fact(label, result.value.strip() or "(empty)", key, "bright", at, stale=stale)


def _workspace(workspace: Workspace) -> Iterator[Fact]:
    group = "workspace"
    health = "" if workspace.health.healthy else "unhealthy"
    yield _fact(group, "Name", workspace.name, plain=True)
    yield _fact(group, "Owner", workspace.owner_name, plain=True)
    yield _fact(group, "Organization", workspace.organization_name, plain=True)
    template = workspace.template_display_name or workspace.template_name
    yield _fact(group, "Template", _words(template, "outdated" if workspace.outdated else ""), plain=True)
    yield _fact(group, "Health", health)
    yield _moment(group, "Created", workspace.created_at)
    yield _moment(group, "Last used", workspace.last_used_at)
    yield _fact(group, "Starts by itself", workspace.autostart_schedule, plain=True)
    yield _moment(group, "Next start", workspace.next_start_at)
    yield _fact(group, "Stops after", _seconds((workspace.ttl_ms or 0) / 1000))
    yield _moment(group, "Dormant", workspace.dormant_at)
    yield _moment(group, "Deleted at", workspace.deleting_at)
    updates = workspace.automatic_updates
    yield _fact(group, "Updates", updates if updates != "never" else "")
    yield _fact(group, "Favourite", _yes(workspace.favorite))
    yield _fact(group, "Shared with", _words(*(actor.name for actor in workspace.shared_with)), plain=True)
    yield _fact(group, "Id", workspace.id)


def _build(workspace: Workspace) -> Iterator[Fact]:
    group, build = "build", workspace.latest_build
    job = build.job
    yield _fact(group, "Number", build.build_number)
    yield _fact(group, "Status", build.status)
    yield _fact(group, "Transition", build.transition)
    yield _fact(group, "Reason", _words(build.reason, f"by {build.initiator_name}" if build.initiator_name else ""))
    yield _moment(group, "Created", build.created_at)
    took = job.completed_at - job.started_at if job.completed_at and job.started_at else None
    yield Fact(
        "Job",
        _words(job.status, f"took {exact_age(took)}" if took else ""),
        "build/Job",
        _VOICES.get(job.status, "foreground"),
    )
    if job.error:
        yield Fact("Error", job.error, "build/Error", "failed")
    queue = f"{job.queue_position} of {job.queue_size}" if job.status == "pending" and job.queue_size else ""
    yield _fact(group, "Queue", queue)
    yield _fact(group, "Worker", job.worker_name, plain=True)
    yield _fact(group, "Template version", build.template_version_name, plain=True)
    yield _moment(group, "Stops at", build.deadline)
    yield _moment(group, "At the latest", build.max_deadline)
    yield _fact(group, "Daily cost", build.daily_cost or "")
    yield _fact(group, "Id", build.id)


def _resource(details: Details) -> Iterator[Fact]:
    resource = details.resource
    if resource is None:
        return
    yield _fact("resource", "Name", ".".join(part for part in (resource.type, resource.name) if part), plain=True)
    for item in resource.metadata:
        yield Fact(item.key, item.value, f"resource/{item.key}", secret=item.sensitive)


def _apps(agent: WorkspaceAgent) -> Iterator[Fact]:
    for app in agent.apps:
        newest = max(app.statuses, key=lambda status: (status.created_at, status.id), default=None)
        health = app.health if app.health != "disabled" else ""
        what = app.command or app.url
        said = f"{newest.state}: {newest.message}" if newest else ""
        value = _words(health, said or what) or "no report yet"
        voice = _VOICES.get(app.health, "foreground")
        yield Fact(
            app.slug or app.display_name, value, f"app/{app.slug}", voice, _real(newest.created_at) if newest else None
        )


def _scripts(agent: WorkspaceAgent) -> Iterator[Fact]:
    for index, script in enumerate(agent.scripts):
        when = _words(
            "at start" if script.run_on_start else "",
            "at stop" if script.run_on_stop else "",
            f"cron {script.cron}" if script.cron else "",
            "blocks login" if script.start_blocks_login else "",
            f"at most {_seconds(script.timeout / 1e9)}" if script.timeout else "",
        )
        ended = "" if script.exit_code is None else f"exit {script.exit_code}"
        value = _words(script.status, ended, when, script.log_path) or "never runs"
        voice = "failed" if script.exit_code else _VOICES.get(script.status, "foreground")
        yield Fact(script.display_name or f"script {index + 1}", value, f"script/{script.id}/{index}", voice)


def _log_sources(agent: WorkspaceAgent) -> Iterator[Fact]:
    for source in agent.log_sources:
        yield Fact(
            source.display_name or "unnamed", source.id, f"source/{source.id}", "muted", _real(source.created_at)
        )


def _environment(agent: WorkspaceAgent) -> Iterator[Fact]:
    """Values may hold secrets: names are shown, values when somebody asks."""
    for name, value in sorted(agent.environment_variables.items()):
        yield Fact(name, value or "(empty)", f"environment/{name}", secret=bool(value))

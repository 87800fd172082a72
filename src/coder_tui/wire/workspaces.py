"""Workspaces, builds, resources and provisioner jobs."""

from __future__ import annotations

from enum import StrEnum

from coder_tui.wire.agents import WorkspaceAgent
from coder_tui.wire.base import ZERO_TIME, ZERO_UUID, Time, WireModel
from coder_tui.wire.statuses import WorkspaceAppStatus


class Transition(StrEnum):
    """What a build does to a workspace."""

    START = "start"
    STOP = "stop"
    DELETE = "delete"


class BuildStatus(StrEnum):
    """Status of a workspace's latest build, derived from job and transition."""

    PENDING = "pending"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    CANCELING = "canceling"
    CANCELED = "canceled"
    DELETING = "deleting"
    DELETED = "deleted"


class JobStatus(StrEnum):
    """Status of a provisioner job."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    CANCELING = "canceling"
    CANCELED = "canceled"
    FAILED = "failed"
    UNKNOWN = "unknown"


_RUNNING = {
    Transition.START: BuildStatus.STARTING,
    Transition.STOP: BuildStatus.STOPPING,
    Transition.DELETE: BuildStatus.DELETING,
}
_SUCCEEDED = {
    Transition.START: BuildStatus.RUNNING,
    Transition.STOP: BuildStatus.STOPPED,
    Transition.DELETE: BuildStatus.DELETED,
}


def build_status(transition: str, job_status: str) -> str:
    """The status Coder derives for a build; a cancelled start is `canceled`, not `stopped`."""
    if job_status == JobStatus.RUNNING:
        return _RUNNING.get(Transition(transition), BuildStatus.PENDING)
    if job_status == JobStatus.SUCCEEDED:
        return _SUCCEEDED.get(Transition(transition), BuildStatus.RUNNING)
    return job_status


class ProvisionerJobInput(WireModel):
    """What the job works on."""

    OMIT = frozenset({"template_version_id", "workspace_build_id", "error"})

    template_version_id: str = ""
    workspace_build_id: str = ""
    error: str = ""


class ProvisionerJobMetadata(WireModel):
    """Names that belong to the job's ids."""

    OMIT = frozenset({"workspace_id", "workspace_name", "workspace_build_transition"})

    template_version_name: str = ""
    template_id: str = ZERO_UUID
    template_name: str = ""
    template_display_name: str = ""
    template_icon: str = ""
    workspace_id: str = ""
    workspace_name: str = ""
    workspace_build_transition: str = ""


class ProvisionerJob(WireModel):
    """The job that carries a build out."""

    OMIT = frozenset(
        {
            "started_at",
            "completed_at",
            "canceled_at",
            "error",
            "error_code",
            "worker_id",
            "worker_name",
            "available_workers",
        }
    )

    id: str = ZERO_UUID
    created_at: Time = ZERO_TIME
    started_at: Time | None = None
    completed_at: Time | None = None
    canceled_at: Time | None = None
    error: str = ""
    error_code: str = ""
    status: str = ""
    worker_id: str = ""
    worker_name: str = ""
    file_id: str = ZERO_UUID
    tags: dict[str, str] = {}
    queue_position: int = 0
    queue_size: int = 0
    organization_id: str = ZERO_UUID
    initiator_id: str = ZERO_UUID
    input: ProvisionerJobInput = ProvisionerJobInput()
    type: str = "workspace_build"
    available_workers: list[str] = []
    metadata: ProvisionerJobMetadata = ProvisionerJobMetadata()
    logs_overflowed: bool = False


class WorkspaceResourceMetadata(WireModel):
    """A labelled value of a resource. Sensitive ones must not be shown unasked."""

    key: str = ""
    value: str = ""
    sensitive: bool = False


class WorkspaceResource(WireModel):
    """A resource of a build; agents live in resources."""

    OMIT = frozenset({"agents", "metadata"})

    id: str = ZERO_UUID
    created_at: Time = ZERO_TIME
    job_id: str = ZERO_UUID
    workspace_transition: str = ""
    type: str = ""
    name: str = ""
    hide: bool = False
    icon: str = ""
    agents: list[WorkspaceAgent] = []
    metadata: list[WorkspaceResourceMetadata] = []
    daily_cost: int = 0


class MatchedProvisioners(WireModel):
    """How many provisioners could take the job."""

    count: int = 0
    available: int = 0
    most_recently_seen: Time | None = None


class WorkspaceBuild(WireModel):
    """One build of a workspace. `build_number` counts from 1."""

    OMIT = frozenset({"workspace_owner_avatar_url", "matched_provisioners", "has_ai_task", "has_external_agent"})

    id: str = ZERO_UUID
    created_at: Time = ZERO_TIME
    updated_at: Time = ZERO_TIME
    workspace_id: str = ZERO_UUID
    workspace_name: str = ""
    workspace_owner_id: str = ZERO_UUID
    workspace_owner_name: str = ""
    workspace_owner_avatar_url: str = ""
    template_version_id: str = ZERO_UUID
    template_version_name: str = ""
    build_number: int = 0
    transition: str = ""
    initiator_id: str = ZERO_UUID
    initiator_name: str = ""
    job: ProvisionerJob = ProvisionerJob()
    reason: str = ""
    resources: list[WorkspaceResource] = []
    deadline: Time | None = None
    max_deadline: Time | None = None
    status: str = ""
    daily_cost: int = 0
    matched_provisioners: MatchedProvisioners | None = None
    template_version_preset_id: str | None = None
    has_ai_task: bool | None = None
    has_external_agent: bool | None = None


class WorkspaceHealth(WireModel):
    """Health of the workspace's agents."""

    healthy: bool = True
    failing_agents: list[str] = []


class SharedWorkspaceActor(WireModel):
    """A user or group the workspace is shared with."""

    OMIT = frozenset({"avatar_url"})

    id: str = ZERO_UUID
    actor_type: str = ""
    name: str = ""
    avatar_url: str = ""
    roles: list[str] = []


class Workspace(WireModel):
    """A workspace with its latest build, complete."""

    OMIT = frozenset({"autostart_schedule", "ttl_ms", "shared_with"})

    id: str = ZERO_UUID
    created_at: Time = ZERO_TIME
    updated_at: Time = ZERO_TIME
    owner_id: str = ZERO_UUID
    owner_name: str = ""
    owner_avatar_url: str = ""
    organization_id: str = ZERO_UUID
    organization_name: str = ""
    template_id: str = ZERO_UUID
    template_name: str = ""
    template_display_name: str = ""
    template_icon: str = ""
    template_allow_user_cancel_workspace_jobs: bool = False
    template_active_version_id: str = ZERO_UUID
    template_require_active_version: bool = False
    template_use_classic_parameter_flow: bool = False
    latest_build: WorkspaceBuild = WorkspaceBuild()
    latest_app_status: WorkspaceAppStatus | None = None
    outdated: bool = False
    name: str = ""
    autostart_schedule: str = ""
    ttl_ms: int | None = None
    last_used_at: Time = ZERO_TIME
    deleting_at: Time | None = None
    dormant_at: Time | None = None
    health: WorkspaceHealth = WorkspaceHealth()
    automatic_updates: str = "never"
    allow_renames: bool = False
    favorite: bool = False
    next_start_at: Time | None = None
    is_prebuild: bool = False
    task_id: str | None = None
    shared_with: list[SharedWorkspaceActor] = []


class WorkspacesResponse(WireModel):
    """A page of workspaces; `count` is the number of matches over all pages."""

    workspaces: list[Workspace] = []
    count: int = 0


class WorkspaceBuildParameter(WireModel):
    """A rich parameter of a build or a new workspace."""

    name: str = ""
    value: str = ""


class CreateWorkspaceBuild(WireModel):
    """Body of `POST /workspaces/{id}/builds`, the fields we use."""

    OMIT = frozenset({"dry_run", "orphan", "rich_parameter_values", "log_level", "reason"})

    transition: str = ""
    dry_run: bool = False
    orphan: bool = False
    rich_parameter_values: list[WorkspaceBuildParameter] = []
    log_level: str = ""
    reason: str = ""


class CreateWorkspace(WireModel):
    """Body of `POST /users/{user}/workspaces`. `ttl_ms` is milliseconds."""

    OMIT = frozenset({"template_id", "rich_parameter_values", "ttl_ms"})

    name: str = ""
    template_id: str = ""
    rich_parameter_values: list[WorkspaceBuildParameter] = []
    ttl_ms: int | None = None


class WorkspaceUsage(WireModel):
    """Body of `POST /workspaces/{id}/usage`: both or neither."""

    agent_id: str = ""
    app_name: str = ""


class ExtendWorkspace(WireModel):
    """Body of `PUT /workspaces/{id}/extend`: the new deadline."""

    deadline: Time = ZERO_TIME


class UpdateWorkspace(WireModel):
    """Body of `PATCH /workspaces/{id}`: the new name."""

    name: str = ""


class UpdateTTL(WireModel):
    """Body of `PUT /workspaces/{id}/ttl`: milliseconds until a started workspace stops; null or 0: never."""

    ttl_ms: int | None = None


class UpdateAutostart(WireModel):
    """Body of `PUT /workspaces/{id}/autostart`: a weekly cron line (`CRON_TZ=Europe/Berlin 30 9 * * 1-5`), or null."""

    schedule: str | None = None


class UpdateDormancy(WireModel):
    """Body of `PUT /workspaces/{id}/dormant`."""

    dormant: bool = False

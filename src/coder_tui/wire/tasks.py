"""Tasks: a prompt plus a workspace whose template has an AI app (`/tasks`, `/api/experimental/tasks`)."""

from __future__ import annotations

from coder_tui.wire.agents import WorkspaceAgentHealth
from coder_tui.wire.base import ZERO_TIME, ZERO_UUID, Time, WireModel
from coder_tui.wire.workspaces import WorkspaceBuild


class TaskState(WireModel):
    """What the task's app last said; `state` is `failed` here, not `failure`."""

    timestamp: Time = ZERO_TIME
    state: str = ""
    message: str = ""
    uri: str = ""


class Task(WireModel):
    """One task (`codersdk.Task`)."""

    OMIT = frozenset({"owner_avatar_url", "workspace_status", "workspace_build_number"})

    id: str = ZERO_UUID
    organization_id: str = ZERO_UUID
    owner_id: str = ZERO_UUID
    owner_name: str = ""
    owner_avatar_url: str = ""
    name: str = ""
    display_name: str = ""
    template_id: str = ZERO_UUID
    template_version_id: str = ZERO_UUID
    template_name: str = ""
    template_display_name: str = ""
    template_icon: str = ""
    workspace_id: str | None = None
    workspace_name: str = ""
    workspace_status: str = ""
    workspace_build_number: int = 0
    workspace_agent_id: str | None = None
    workspace_agent_lifecycle: str | None = None
    workspace_agent_health: WorkspaceAgentHealth | None = None
    workspace_app_id: str | None = None
    initial_prompt: str = ""
    status: str = ""
    current_state: TaskState | None = None
    created_at: Time = ZERO_TIME
    updated_at: Time = ZERO_TIME


class TaskList(WireModel):
    """A page of tasks."""

    tasks: list[Task] = []
    count: int = 0


class TaskLogEntry(WireModel):
    """One message of a task's conversation."""

    id: int = 0
    content: str = ""
    type: str = ""
    time: Time = ZERO_TIME


class TaskLogs(WireModel):
    """The conversation; a stored snapshot of its end while the task is paused."""

    OMIT = frozenset({"snapshot", "snapshot_at"})

    logs: list[TaskLogEntry] = []
    snapshot: bool = False
    snapshot_at: Time | None = None


class TaskInput(WireModel):
    """Body of `POST .../send` and `PATCH .../input`."""

    input: str = ""


class TaskBuild(WireModel):
    """Answer of `POST .../pause` and `.../resume`."""

    workspace_build: WorkspaceBuild | None = None

"""Agents and their apps, as found in a workspace's resources and at `GET /workspaceagents/{id}`."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from coder_tui.wire.base import ZERO_TIME, ZERO_UUID, Time, WireModel
from coder_tui.wire.logs import WorkspaceAgentLogSource
from coder_tui.wire.statuses import WorkspaceAppStatus


class AgentStatus(StrEnum):
    """Connection of an agent, derived by the server when read."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    TIMEOUT = "timeout"


class LifecycleState(StrEnum):
    """Lifecycle state, reported by the agent."""

    CREATED = "created"
    STARTING = "starting"
    START_TIMEOUT = "start_timeout"
    START_ERROR = "start_error"
    READY = "ready"
    SHUTTING_DOWN = "shutting_down"
    SHUTDOWN_TIMEOUT = "shutdown_timeout"
    SHUTDOWN_ERROR = "shutdown_error"
    OFF = "off"


class Healthcheck(WireModel):
    """Health check of an app. Seconds; an empty url means none."""

    url: str = ""
    interval: int = 0
    threshold: int = 0


class WorkspaceApp(WireModel):
    """An app of an agent; `slug` is the key that reports use."""

    OMIT = frozenset({"url", "display_name", "command", "icon", "subdomain_name", "group", "tooltip"})

    id: str = ZERO_UUID
    url: str = ""
    external: bool = False
    slug: str = ""
    display_name: str = ""
    command: str = ""
    icon: str = ""
    subdomain: bool = False
    subdomain_name: str = ""
    sharing_level: str = "owner"
    healthcheck: Healthcheck = Healthcheck()
    health: str = "disabled"
    group: str = ""
    hidden: bool = False
    open_in: str = "slim-window"
    tooltip: str = ""
    statuses: list[WorkspaceAppStatus] = []


class WorkspaceAgentHealth(WireModel):
    """`reason` is empty when healthy. Newer servers call a connecting agent unhealthy: look at `status` too."""

    OMIT = frozenset({"reason"})

    healthy: bool = True
    reason: str = ""


class DerpLatency(WireModel):
    """Latency to one DERP region, in milliseconds (`codersdk.DERPRegion`)."""

    preferred: bool = False
    latency_ms: float = 0.0


class WorkspaceAgentScript(WireModel):
    """A start, stop or cron script. `timeout` is in nanoseconds."""

    OMIT = frozenset({"exit_code", "status"})

    id: str = ZERO_UUID
    log_source_id: str = ZERO_UUID
    log_path: str = ""
    script: str = ""
    cron: str = ""
    run_on_start: bool = False
    run_on_stop: bool = False
    start_blocks_login: bool = False
    timeout: int = 0
    display_name: str = ""
    exit_code: int | None = None
    status: str = ""


class WorkspaceAgentMetadataDescription(WireModel):
    """What a metadata item shows. Seconds."""

    display_name: str = ""
    key: str = ""
    script: str = ""
    interval: int = 0
    timeout: int = 0


class WorkspaceAgentMetadataResult(WireModel):
    """The last value of a metadata item; never collected when `collected_at` is the zero time. Age in seconds."""

    collected_at: Time = ZERO_TIME
    age: int = 0
    value: str = ""
    error: str = ""


class WorkspaceAgentMetadata(WireModel):
    """One metadata item of an agent."""

    result: WorkspaceAgentMetadataResult = WorkspaceAgentMetadataResult()
    description: WorkspaceAgentMetadataDescription = WorkspaceAgentMetadataDescription()


class WorkspaceAgent(WireModel):
    """An agent of a build. Its id changes with each build; `logs_length` is bytes stored."""

    OMIT = frozenset(
        {
            "first_connected_at",
            "last_connected_at",
            "disconnected_at",
            "started_at",
            "ready_at",
            "instance_id",
            "directory",
            "expanded_directory",
            "latency",
            "metadata",
        }
    )

    id: str = ZERO_UUID
    parent_id: str | None = None
    created_at: Time = ZERO_TIME
    updated_at: Time = ZERO_TIME
    first_connected_at: Time | None = None
    last_connected_at: Time | None = None
    disconnected_at: Time | None = None
    started_at: Time | None = None
    ready_at: Time | None = None
    status: str = ""
    lifecycle_state: str = ""
    name: str = ""
    resource_id: str = ZERO_UUID
    instance_id: str = ""
    architecture: str = ""
    environment_variables: dict[str, str] = {}
    operating_system: str = ""
    logs_length: int = 0
    logs_overflowed: bool = False
    directory: str = ""
    expanded_directory: str = ""
    version: str = ""
    api_version: str = ""
    apps: list[WorkspaceApp] = []
    latency: dict[str, DerpLatency] = {}
    connection_timeout_seconds: int = 0
    troubleshooting_url: str = ""
    subsystems: list[str] = []
    health: WorkspaceAgentHealth = WorkspaceAgentHealth()
    display_apps: list[str] = []
    log_sources: list[WorkspaceAgentLogSource] = []
    scripts: list[WorkspaceAgentScript] = []
    metadata: list[WorkspaceAgentMetadata] = []
    startup_script_behavior: str = "non-blocking"


class ListeningPort(WireModel):
    """A port somebody listens on inside the workspace (`codersdk.WorkspaceAgentListeningPort`)."""

    process_name: str = ""
    network: str = "tcp"
    port: int = 0


class ListeningPorts(WireModel):
    """Answer of `GET /workspaceagents/{id}/listening-ports`."""

    ports: list[ListeningPort] = []


class ExternalAgentCredentials(WireModel):
    """Answer of `GET /workspaces/{id}/external-agent/{name}/credentials` (since v2.26). Both hold the agent token."""

    command: str = Field(default="", repr=False)
    agent_token: str = Field(default="", repr=False)

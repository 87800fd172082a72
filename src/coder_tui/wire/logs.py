"""Agent logs and log sources, build logs."""

from __future__ import annotations

from enum import StrEnum

from coder_tui.wire.base import ZERO_TIME, ZERO_UUID, Time, WireModel

EXTERNAL_SOURCE_ID = "3b579bf4-1ed8-4b99-87a8-e9a1e3410410"
"""The well-known source of lines pushed without one: `External`."""
EXTERNAL_SOURCE_NAME = "External"
EXTERNAL_SOURCE_ICON = "/emojis/1f310.png"

LOGS_QUOTA = 1 << 20
"""Bytes of output an agent may store; the batch that would exceed it is rejected whole."""


class LogLevel(StrEnum):
    """Known levels, in rising order. The wire may carry others: fields are plain strings."""

    TRACE = "trace"
    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class WorkspaceAgentLog(WireModel):
    """One stored line. `id` ascends, with gaps, over all agents."""

    id: int = 0
    created_at: Time = ZERO_TIME
    output: str = ""
    level: str = LogLevel.INFO
    source_id: str = ZERO_UUID


class WorkspaceAgentLogSource(WireModel):
    """Where lines come from: a script, a container, a tool."""

    workspace_agent_id: str = ZERO_UUID
    id: str = ZERO_UUID
    created_at: Time = ZERO_TIME
    display_name: str = ""
    icon: str = ""


class PostLogSource(WireModel):
    """Body of `POST /workspaceagents/me/log-source`."""

    id: str = ZERO_UUID
    display_name: str = ""
    icon: str = ""


class AgentLogLine(WireModel):
    """One line of a push (`agentsdk.Log`). The server stamps its own time on the batch."""

    created_at: Time = ZERO_TIME
    output: str = ""
    level: str = ""


class PatchLogs(WireModel):
    """Body of `PATCH /workspaceagents/me/logs`."""

    log_source_id: str = ZERO_UUID
    logs: list[AgentLogLine] = []


class ProvisionerJobLog(WireModel):
    """One line of a build's log (`/workspacebuilds/{id}/logs`)."""

    id: int = 0
    created_at: Time = ZERO_TIME
    log_source: str = ""
    log_level: str = LogLevel.INFO
    stage: str = ""
    output: str = ""

"""App statuses: what an agent last reported for one of its apps."""

from __future__ import annotations

from enum import StrEnum

from coder_tui.wire.base import ZERO_TIME, ZERO_UUID, Time, WireModel

MESSAGE_LIMIT = 160
"""Longest message of a report, in bytes of UTF-8 before cleaning (since v2.22)."""


class AppState(StrEnum):
    """Known states. The wire may carry others: fields are plain strings."""

    WORKING = "working"
    IDLE = "idle"
    COMPLETE = "complete"
    FAILURE = "failure"


class WorkspaceAppStatus(WireModel):
    """One reported status (`codersdk.WorkspaceAppStatus`)."""

    id: str = ZERO_UUID
    created_at: Time = ZERO_TIME
    workspace_id: str = ZERO_UUID
    agent_id: str = ZERO_UUID
    app_id: str = ZERO_UUID
    state: str = ""
    message: str = ""
    uri: str = ""
    icon: str = ""
    needs_user_attention: bool = False


class PatchAppStatus(WireModel):
    """Body of `PATCH /workspaceagents/me/app-status` (`agentsdk.PatchAppStatus`)."""

    app_slug: str = ""
    state: str = ""
    message: str = ""
    uri: str = ""
    icon: str = ""
    needs_user_attention: bool = False


class PatchHubAppStatus(PatchAppStatus):
    """The same at a hub, which also takes what a person is needed for: permission, question, auth. Coder skips it."""

    needs: str = ""

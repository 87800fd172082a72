"""Who we talk to and who we are: build info and users."""

from __future__ import annotations

from coder_tui.wire.base import ZERO_TIME, ZERO_UUID, Time, WireModel


class BuildInfo(WireModel):
    """Answer of `GET /buildinfo`, anonymous."""

    OMIT = frozenset({"webpush_public_key"})

    external_url: str = ""
    version: str = ""
    dashboard_url: str = ""
    telemetry: bool = False
    workspace_proxy: bool = False
    agent_api_version: str = ""
    provisioner_api_version: str = ""
    upgrade_message: str = ""
    deployment_id: str = ""
    webpush_public_key: str = ""


class SlimRole(WireModel):
    """A role of a user."""

    OMIT = frozenset({"organization_id"})

    name: str = ""
    display_name: str = ""
    organization_id: str = ""


class User(WireModel):
    """Answer of `GET /users/{user}`."""

    OMIT = frozenset({"name", "avatar_url", "is_service_account", "theme_preference"})

    id: str = ZERO_UUID
    username: str = ""
    name: str = ""
    avatar_url: str = ""
    email: str = ""
    created_at: Time = ZERO_TIME
    updated_at: Time = ZERO_TIME
    last_seen_at: Time = ZERO_TIME
    status: str = ""
    login_type: str = ""
    is_service_account: bool = False
    theme_preference: str = ""
    organization_ids: list[str] = []
    roles: list[SlimRole] = []
    has_ai_seat: bool = False

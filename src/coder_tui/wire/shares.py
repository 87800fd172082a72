"""Ports of a workspace that others may reach (`/workspaces/{id}/port-share`)."""

from __future__ import annotations

from coder_tui.wire.base import ZERO_UUID, WireModel

LOWEST_PORT, HIGHEST_PORT = 9, 65535


class PortShare(WireModel):
    """A shared port (`codersdk.WorkspaceAgentPortShare`). `share_level`: `authenticated`, `organization`, `public`."""

    workspace_id: str = ZERO_UUID
    agent_name: str = ""
    port: int = 0
    share_level: str = ""
    protocol: str = ""


class PortShares(WireModel):
    """Answer of `GET /workspaces/{id}/port-share`."""

    shares: list[PortShare] = []


class SharePort(WireModel):
    """Body of `POST /workspaces/{id}/port-share`: insert or change. `protocol`: `http` or `https`."""

    agent_name: str = ""
    port: int = 0
    share_level: str = ""
    protocol: str = ""


class UnsharePort(WireModel):
    """Body of `DELETE /workspaces/{id}/port-share`."""

    agent_name: str = ""
    port: int = 0

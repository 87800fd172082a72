"""How a person answers an app: routes of the hub alone, Coder has none of them."""

from __future__ import annotations

from coder_tui.wire.base import ZERO_TIME, ZERO_UUID, Time, WireModel

ALLOW, DENY = "allow", "deny"


class AgentApiWay(WireModel):
    """An app's AgentAPI. `status` is its own: `running`, `stable`; "" when it does not answer, and `why`."""

    url: str = ""
    status: str = ""
    why: str = ""


class PendingPermission(WireModel):
    """What an agent's hook asks, and waits to be told."""

    id: str = ZERO_UUID
    message: str = ""
    asked_at: Time = ZERO_TIME


class ReplyWays(WireModel):
    """Answer of `GET /workspaceagents/{id}/reply?app_slug=`: what takes an answer besides the terminal."""

    agentapi: AgentApiWay | None = None
    permissions: list[PendingPermission] = []


class SendReply(WireModel):
    """Body of `POST /workspaceagents/{id}/reply`: to the app's AgentAPI, as a message of the person."""

    app_slug: str = ""
    content: str = ""


class AskPermission(WireModel):
    """Body of `POST /workspaceagents/me/permission`."""

    app_slug: str = ""
    message: str = ""


class Decision(WireModel):
    """Body of `POST /workspaceagents/{id}/permissions/{permission}`, and answer to who asked: `allow`, `deny`, or ""
    where nobody decided."""

    behavior: str = ""

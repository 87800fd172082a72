"""The protobuf messages as both roles use them: paths of methods, safe reading, UUIDs.

The generated classes are `tailnet_pb2` and `agentsocket_pb2`.
"""

from __future__ import annotations

import uuid
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from coder_tui.errors import ProtocolError

_TAILNET = "/coder.tailnet.v2.Tailnet/"
WORKSPACE_UPDATES = f"{_TAILNET}WorkspaceUpdates"
STREAM_DERP_MAPS = f"{_TAILNET}StreamDERPMaps"
REFRESH_RESUME_TOKEN = f"{_TAILNET}RefreshResumeToken"
COORDINATE = f"{_TAILNET}Coordinate"
POST_TELEMETRY = f"{_TAILNET}PostTelemetry"

_AGENT_SOCKET = "/coder.agentsocket.v1.AgentSocket/"
PING = f"{_AGENT_SOCKET}Ping"
UPDATE_APP_STATUS = f"{_AGENT_SOCKET}UpdateAppStatus"

M = TypeVar("M", bound=Message)


def read(kind: type[M], data: bytes) -> M:
    """One message. Raises ProtocolError for bytes that are none."""
    try:
        return kind.FromString(data)
    except DecodeError:
        raise ProtocolError(f"the peer sent an unreadable {kind.DESCRIPTOR.name}") from None


def uuid_text(raw: bytes) -> str:
    """Sixteen bytes as the hyphenated text. Raises ProtocolError for any other number of them."""
    if len(raw) != 16:
        raise ProtocolError("the peer sent a broken id", why=f"{len(raw)} bytes where a UUID has 16")
    return str(uuid.UUID(bytes=raw))


def uuid_bytes(text: str) -> bytes:
    """A UUID's sixteen bytes. Raises ValueError for text that is none."""
    return uuid.UUID(text).bytes

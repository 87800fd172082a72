"""What is asked only while somebody looks: the types of these looks. No I/O here, and no wire type is loaded.

Each look is an async iterator of `Known` (what is so now) and `Trouble` (why we do not know). It reconnects by itself;
when it ends, no retry would have helped, and its last word was a `Trouble` without a `retry_at`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    # the first frame does not wait for the wire's models
    from coder_tui.client.netreport import AgentSide, Measured
    from coder_tui.wire.agents import DerpLatency, ListeningPort, WorkspaceAgent, WorkspaceAgentMetadata
    from coder_tui.wire.network import AgentConnectionInfo
    from coder_tui.wire.workspaces import Workspace, WorkspaceResource

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Known(Generic[T_co]):
    """What was so at `at` (aware, our clock)."""

    value: T_co
    at: datetime


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why we do not know, as one sentence, and when we ask again (None: no retry would help)."""

    why: str
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Details:
    """Everything the deployment tells about one agent. Its texts are raw: paint them through `coder_tui.text` only.

    `metadata` is what the agent measures by itself; `age` of a result counts from `metadata_at`. When it cannot be
    had, `metadata_why` says why and the rest is still good.
    """

    workspace: Workspace
    resource: WorkspaceResource | None
    agent: WorkspaceAgent
    metadata: tuple[WorkspaceAgentMetadata, ...] = ()
    metadata_at: datetime | None = None
    metadata_why: str = ""


@dataclass(frozen=True, slots=True)
class Ports:
    """Who listens in the workspace, by port."""

    ports: tuple[ListeningPort, ...]


@dataclass(frozen=True, slots=True)
class Network:
    """How one agent is reached. `latency` is the agent's own, by region name; `round_trip_ms` is ours to the API.

    `measured` is what we measure to the map's nodes, `side` what is known of the agent's end.
    """

    info: AgentConnectionInfo
    latency: Mapping[str, DerpLatency]
    round_trip_ms: float | None = None
    status: str = ""
    measured: Measured | None = None
    side: AgentSide | None = None

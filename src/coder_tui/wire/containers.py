"""Containers and dev containers of an agent (`GET /workspaceagents/{id}/containers`)."""

from __future__ import annotations

from coder_tui.wire.base import ZERO_TIME, ZERO_UUID, Time, WireModel


class ContainerPort(WireModel):
    """A port of a container, and where the host publishes it."""

    OMIT = frozenset({"host_ip", "host_port"})

    port: int = 0
    network: str = ""
    host_ip: str = ""
    host_port: int = 0


class Container(WireModel):
    """A container (`codersdk.WorkspaceAgentContainer`). `id` and `status` are the engine's own words."""

    created_at: Time = ZERO_TIME
    id: str = ""
    name: str = ""
    image: str = ""
    labels: dict[str, str] = {}
    running: bool = False
    ports: list[ContainerPort] = []
    status: str = ""
    volumes: dict[str, str] = {}


class DevcontainerAgent(WireModel):
    """The sub-agent inside a dev container."""

    id: str = ZERO_UUID
    name: str = ""
    directory: str = ""


class Devcontainer(WireModel):
    """A dev container known to the agent."""

    OMIT = frozenset({"config_path", "container", "agent", "error"})

    id: str = ZERO_UUID
    name: str = ""
    workspace_folder: str = ""
    config_path: str = ""
    subagent_id: str | None = None
    status: str = ""
    dirty: bool = False
    container: Container | None = None
    agent: DevcontainerAgent | None = None
    error: str = ""


class ContainerList(WireModel):
    """Everything in one answer; a missing engine is an empty list, normally with a warning."""

    OMIT = frozenset({"warnings"})

    devcontainers: list[Devcontainer] = []
    containers: list[Container] = []
    warnings: list[str] = []

"""What a deployment tells about one agent, for the pages that show it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Address

from tests.tui.small_fleet import NOW, ago

from coder_tui.client.netreport import AgentSide, Measured, NodeReport, Probe, Report, Sample
from coder_tui.feeds.source import Details, Network, Ports
from coder_tui.wire.agents import (
    DerpLatency,
    ListeningPort,
    WorkspaceAgent,
    WorkspaceAgentHealth,
    WorkspaceAgentMetadata,
    WorkspaceAgentMetadataDescription,
    WorkspaceAgentMetadataResult,
    WorkspaceAgentScript,
    WorkspaceApp,
)
from coder_tui.wire.containers import Container, ContainerList, ContainerPort, Devcontainer
from coder_tui.wire.logs import WorkspaceAgentLogSource
from coder_tui.wire.network import AgentConnectionInfo, DerpMap, DerpNode, DerpRegion
from coder_tui.wire.statuses import WorkspaceAppStatus
from coder_tui.wire.stun import Mapped
from coder_tui.wire.workspaces import (
    ProvisionerJob,
    Workspace,
    WorkspaceBuild,
    WorkspaceResource,
    WorkspaceResourceMetadata,
)

SECRET = "hunter2-from-the-environment"
PASSWORD = "hunter3-from-a-resource"


def measured(name: str, value: str, age: int, *, error: str = "", interval: int = 10) -> WorkspaceAgentMetadata:
    return WorkspaceAgentMetadata(
        result=WorkspaceAgentMetadataResult(collected_at=ago(seconds=age), age=age, value=value, error=error),
        description=WorkspaceAgentMetadataDescription(
            display_name=name, key=name.lower().replace(" ", "_"), script="x", interval=interval, timeout=5
        ),
    )


AGENT = WorkspaceAgent(
    id="7d4be0a9-0fd4-4c9e-b8a0-6f6d8a1b0c11",
    name="main",
    status="connected",
    lifecycle_state="ready",
    health=WorkspaceAgentHealth(healthy=True),
    operating_system="linux",
    architecture="amd64",
    version="v2.36.0",
    api_version="2.5",
    directory="~/api",
    expanded_directory="/home/kira/api",
    subsystems=["envbox"],
    display_apps=["vscode", "web_terminal", "ssh_helper"],
    created_at=ago(hours=5),
    started_at=ago(hours=4, minutes=59),
    ready_at=ago(hours=4, minutes=58),
    first_connected_at=ago(hours=4, minutes=59),
    last_connected_at=ago(seconds=4),
    connection_timeout_seconds=120,
    logs_length=48211,
    environment_variables={"EDITOR": "nvim", "DATABASE_URL": SECRET, "EMPTY": ""},
    apps=[
        WorkspaceApp(
            slug="claude",
            command="claude",
            health="healthy",
            statuses=[
                WorkspaceAppStatus(id="s1", created_at=ago(seconds=40), state="working", message="May I run `alembic`?")
            ],
        ),
        WorkspaceApp(slug="preview", url="http://localhost:8080", health="unhealthy"),
    ],
    scripts=[
        WorkspaceAgentScript(
            id="1", display_name="Dotfiles", run_on_start=True, timeout=60_000_000_000, exit_code=0, status="ok"
        ),
        WorkspaceAgentScript(id="2", display_name="Backup", cron="0 3 * * *", exit_code=1, status="exit_failure"),
    ],
    log_sources=[WorkspaceAgentLogSource(id="3b579bf4-1ed8-4b99-87a8-e9a1e3410410", display_name="External")],
)

RESOURCE = WorkspaceResource(
    type="docker_container",
    name="workspace",
    agents=[AGENT],
    metadata=[
        WorkspaceResourceMetadata(key="image", value="codercom/enterprise-base:ubuntu"),
        WorkspaceResourceMetadata(key="vnc password", value=PASSWORD, sensitive=True),
    ],
)

WORKSPACE = Workspace(
    id="ws-kira-api-refactor",
    name="api-refactor",
    owner_name="kira",
    organization_name="acme",
    template_name="docker-ai",
    template_display_name="Docker with AI",
    outdated=True,
    created_at=ago(days=12),
    last_used_at=ago(minutes=2),
    autostart_schedule="CRON_TZ=Europe/Berlin 30 8 * * 1-5",
    ttl_ms=28_800_000,
    latest_build=WorkspaceBuild(
        id="b41c",
        build_number=42,
        status="running",
        transition="start",
        reason="initiator",
        initiator_name="kira",
        created_at=ago(hours=5),
        template_version_name="zealous_lamport1",
        deadline=NOW + timedelta(hours=3),
        job=ProvisionerJob(
            status="succeeded",
            started_at=ago(hours=5),
            completed_at=ago(hours=4, minutes=59, seconds=12),
            worker_name="provisioner-2",
        ),
        resources=[RESOURCE],
    ),
)

DETAILS = Details(
    workspace=WORKSPACE,
    resource=RESOURCE,
    agent=AGENT,
    metadata=(
        measured("CPU usage", "37 %", 4),
        measured("Memory", "5.1/16 GiB", 4),
        measured("Disk", "61 %", 95, interval=60),
        measured("GPU", "", 8, error="nvidia-smi: not found"),
        WorkspaceAgentMetadata(description=WorkspaceAgentMetadataDescription(display_name="Load", key="load")),
    ),
    metadata_at=NOW,
)

PORTS = Ports(
    (
        ListeningPort(process_name="node", port=3000),
        ListeningPort(process_name="uvicorn", port=8000),
        ListeningPort(process_name="", port=9229),
    )
)

CONTAINERS = ContainerList(
    devcontainers=[
        Devcontainer(
            id="d1",
            name="api",
            workspace_folder="/home/kira/api",
            status="running",
            container=Container(id="c3d4", name="vsc-api", image="vsc-api:latest", running=True, status="Up 3 hours"),
        )
    ],
    containers=[
        Container(id="c3d4", name="vsc-api", image="vsc-api:latest", running=True, status="Up 3 hours"),
        Container(
            id="0a1b",
            name="postgres",
            image="postgres:17-alpine",
            running=True,
            status="Up 2 hours (healthy)",
            ports=[
                ContainerPort(port=5432, network="tcp", host_ip="0.0.0.0", host_port=15432),
                ContainerPort(port=5432, network="tcp", host_ip="::", host_port=15432),
            ],
        ),
        Container(id="9f9f", name="redis", image="redis:8", running=False, status="Exited (0) 2 hours ago"),
    ],
)

NETWORK = Network(
    info=AgentConnectionInfo(
        derp_map=DerpMap(
            regions={
                "999": DerpRegion(
                    embedded_relay=True,
                    region_id=999,
                    region_code="coder",
                    region_name="Coder Embedded Relay",
                    nodes=[DerpNode(name="999a", region_id=999, host_name="dev.acme.io", stun_port=-1)],
                ),
                "1": DerpRegion(
                    region_id=1,
                    region_code="fra",
                    region_name="Frankfurt",
                    nodes=[
                        DerpNode(name="1a", region_id=1, host_name="derp1.acme.io"),
                        DerpNode(name="1b", region_id=1, host_name="stun1.acme.io", stun_only=True, stun_port=19302),
                    ],
                ),
            }
        ),
        hostname_suffix="coder",
    ),
    latency={
        "Coder Embedded Relay": DerpLatency(latency_ms=61.4),
        "Frankfurt": DerpLatency(preferred=True, latency_ms=11.7),
        "Sydney": DerpLatency(latency_ms=291.0),
    },
    round_trip_ms=23.4,
)

_US = Mapped(IPv4Address("203.0.113.9"), 51820)
_REPORT = Report(
    NOW,
    (
        NodeReport(1, "1a", "derp1.acme.io", Probe(18.2), Probe(14.6, mapped=_US)),
        NodeReport(1, "1b", "stun1.acme.io", stun4=Probe(why="no answer in time")),
        NodeReport(999, "999a", "dev.acme.io", Probe(71.3)),
    ),
    round_trip_ms=23.4,
    clock_skew=0.3,
)
MEASURED = replace(
    NETWORK,
    status="connected",
    measured=Measured(
        _REPORT,
        tuple(
            Sample(
                NOW - timedelta(seconds=15 * (39 - place)),
                None if place == 12 else 21.0 + (place * 7) % 11 + (46 if place == 30 else 0),
                {1: 12.0 + (place * 5) % 7, 999: 71.0} if place != 20 else {},
            )
            for place in range(40)
        ),
        complete=True,
    ),
    side=AgentSide("connected", 1, {1: 11.7, 999: 61.4}, ("10.0.0.7:41641", "198.51.100.4:41641")),
)

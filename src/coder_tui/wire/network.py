"""How agents are reached: DERP maps and connection info.

DERP keys are the Go field names, exactly (`Regions`, `RegionID`, ...), `omitDefaultRegions` the single exception.
"""

from __future__ import annotations

from pydantic import ConfigDict, Field

from coder_tui.wire.base import WireModel

STUN_PORT = 3478
"""Used where `STUNPort` is absent; -1 switches STUN off."""
DERP_PORT = 443
"""Used where `DERPPort` is absent."""


class _Derp(WireModel):
    model_config = ConfigDict(
        extra="ignore", frozen=True, coerce_numbers_to_str=True, populate_by_name=True, serialize_by_alias=True
    )


class DerpNode(_Derp):
    """One relay or STUN server of a region."""

    OMIT = frozenset(
        {
            "CertName",
            "IPv4",
            "IPv6",
            "STUNPort",
            "STUNOnly",
            "DERPPort",
            "InsecureForTests",
            "ForceHTTP",
            "STUNTestIP",
            "CanPort80",
        }
    )

    name: str = Field("", alias="Name")
    region_id: int = Field(0, alias="RegionID")
    host_name: str = Field("", alias="HostName")
    cert_name: str = Field("", alias="CertName")
    ipv4: str = Field("", alias="IPv4")
    ipv6: str = Field("", alias="IPv6")
    stun_port: int = Field(0, alias="STUNPort")
    stun_only: bool = Field(False, alias="STUNOnly")
    derp_port: int = Field(0, alias="DERPPort")
    insecure_for_tests: bool = Field(False, alias="InsecureForTests")
    force_http: bool = Field(False, alias="ForceHTTP")
    stun_test_ip: str = Field("", alias="STUNTestIP")
    can_port_80: bool = Field(False, alias="CanPort80")


class DerpRegion(_Derp):
    """A DERP region: relays near each other."""

    OMIT = frozenset({"Avoid"})

    embedded_relay: bool = Field(False, alias="EmbeddedRelay")
    region_id: int = Field(0, alias="RegionID")
    region_code: str = Field("", alias="RegionCode")
    region_name: str = Field("", alias="RegionName")
    avoid: bool = Field(False, alias="Avoid")
    nodes: list[DerpNode] = Field([], alias="Nodes")


class DerpHomeParams(_Derp):
    """Scores that scale a region's measured latency when the home region is chosen."""

    OMIT = frozenset({"RegionScore"})

    region_score: dict[str, float] = Field({}, alias="RegionScore")


class DerpMap(_Derp):
    """All regions, keyed by region id as a string."""

    OMIT = frozenset({"HomeParams", "omitDefaultRegions"})

    home_params: DerpHomeParams | None = Field(None, alias="HomeParams")
    regions: dict[str, DerpRegion] = Field({}, alias="Regions")
    omit_default_regions: bool = Field(False, alias="omitDefaultRegions")


class AgentConnectionInfo(WireModel):
    """Answer of `/workspaceagents/connection` and `/workspaceagents/{id}/connection`."""

    OMIT = frozenset({"hostname_suffix"})

    derp_map: DerpMap | None = None
    derp_force_websockets: bool = False
    disable_direct_connections: bool = False
    hostname_suffix: str = ""


class BuildUpdate(WireModel):
    """A build moved on."""

    transition: str = ""
    job_status: str = ""


class AgentUpdate(WireModel):
    """An agent's lifecycle moved on."""

    lifecycle: str = ""
    id: str = ""


class WatchError(WireModel):
    """Why a connection watch cannot go on. Code 1: several agents, 2: unknown name, 3: no agent, 4: shutdown."""

    OMIT = frozenset({"details"})

    code: int = 0
    retryable: bool = False
    message: str = ""
    details: str = ""


class ConnectionWatchEvent(WireModel):
    """One frame of `GET /workspaces/{id}/agent-connection-watch` (since v2.34)."""

    OMIT = frozenset({"build_update", "agent_update"})

    error: WatchError | None = None
    build_update: BuildUpdate | None = None
    agent_update: AgentUpdate | None = None

"""`network`, `ports` and `containers`: which agents are meant, and what is printed, against a real hub."""

from __future__ import annotations

import json
import os
import socket
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from coder_tui.cli.agents import matching, table
from coder_tui.cli.main import main
from coder_tui.cli.network import Reached, _lines, _plain
from coder_tui.client.credentials import Credentials
from coder_tui.errors import NotFoundError, UsageError
from coder_tui.fleet.events import DeploymentChanged, FleetListed
from coder_tui.fleet.snapshot import Agent, App, Deployment, Snapshot, Workspace
from coder_tui.fleet.store import Store
from coder_tui.hub.daemon import HubAddress
from coder_tui.wire.agents import DerpLatency, WorkspaceAgent
from coder_tui.wire.network import AgentConnectionInfo, DerpMap, DerpNode, DerpRegion

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def fleet() -> Snapshot:
    store = Store(timedelta(minutes=10), timedelta(minutes=30))

    def one(owner: str, name: str, *agents: str, status: str = "running") -> Workspace:
        made = tuple(
            Agent(f"{owner}-{name}-{agent}", agent, "connected", "ready", apps=(App(f"{agent}-a", "claude", "claude"),))
            for agent in agents
        )
        return Workspace("acme", f"{owner}-{name}", name, owner, status, "start", agents=made)

    rows = (
        one("kira", "api", "main", "gpu"),
        one("ana", "api", "main"),
        one("ana", "api-docs", "main"),
        one("bo", "old", status="stopped"),
    )
    store.apply(DeploymentChanged(Deployment("acme")), FleetListed("acme", rows, NOW))
    return store.snapshot


@pytest.mark.parametrize(
    ("what", "agents"),
    [
        ("kira/api", {"kira-api-main", "kira-api-gpu"}),
        ("kira/api.gpu", {"kira-api-gpu"}),
        ("api", {"kira-api-main", "kira-api-gpu", "ana-api-main"}),  # the name, not every word that has it
        ("api.main", {"kira-api-main", "ana-api-main"}),
        ("docs", {"ana-api-docs-main"}),
        ("owner:ana", {"ana-api-main", "ana-api-docs-main"}),
        ("owner:ana agent:main /docs/", {"ana-api-docs-main"}),
    ],
)
def test_what_is_meant(fleet: Snapshot, what: str, agents: set[str]) -> None:
    assert {row.agent.id for row in matching(fleet, what, NOW) if row.agent} == agents


def test_what_is_not_there(fleet: Snapshot) -> None:
    with pytest.raises(NotFoundError, match="nothing is called nobody"):
        matching(fleet, "nobody", NOW)
    with pytest.raises(NotFoundError, match="bo/old has no agent: it is stopped"):
        matching(fleet, "old", NOW)
    with pytest.raises(UsageError):
        matching(fleet, "state:", NOW)


def test_tables_are_safe_and_aligned() -> None:
    assert list(table(("A", "B"), [("\x1b[2Jx", "日本"), ("long one", "")])) == [
        "A         B",
        "x         日本",
        "long one",
    ]


def test_a_deployment_for_people_and_for_programs() -> None:
    node = DerpNode(name="1a", host_name="derp1.acme.io", region_id=1)
    region = DerpRegion(region_id=1, region_code="fra", region_name="Frankfurt", nodes=[node])
    info = AgentConnectionInfo(
        derp_map=DerpMap(regions={"1": region}), disable_direct_connections=True, hostname_suffix="coder"
    )
    latency = {"Sydney": DerpLatency(latency_ms=291), "Frankfurt": DerpLatency(preferred=True, latency_ms=11.7)}
    agent = WorkspaceAgent(id="a", status="connected", latency=latency)
    one = Reached(Credentials("acme", "https://dev.acme.io", "t", "a test"), info, (("kira/api main", agent),), 23.4)
    assert list(_lines(one)) == [
        "acme  https://dev.acme.io  23 ms",
        "direct connections are disabled, names end in .coder",
        "",
        "REGION     ID  CODE  NODES",
        "Frankfurt  1   fra   derp1.acme.io relay https:443, STUN 3478",
        "",
        "AGENT          STATUS     HOME       LATENCIES",
        "kira/api main  connected  Frankfurt  Frankfurt 12 ms, Sydney 291 ms",
    ]
    plain = json.loads(json.dumps(_plain(one)))
    assert plain["derp_map"]["Regions"]["1"]["RegionName"] == "Frankfurt"
    assert plain["agents"][0]["latency"]["Frankfurt"] == {"preferred": True, "latency_ms": 11.7}


LISTENER = """
import socket, sys, time
one = socket.create_server(("127.0.0.1", 0))
open(sys.argv[1], "w").write(str(one.getsockname()[1]))
time.sleep(600)
"""


@pytest.fixture
def listening(hub: HubAddress, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[str, int]:
    """A workspace in which a program listens: its name and the port."""
    name, told = f"net-{uuid.uuid4().hex[:8]}", tmp_path / "port"
    os.mkfifo(told)
    program = tmp_path / "listener.py"
    program.write_text(LISTENER)
    assert main(["new", name, "--directory", str(tmp_path), "--", sys.executable, str(program), str(told)]) == 0
    port = int(told.read_text())
    socket.create_connection(("127.0.0.1", port)).close()
    capsys.readouterr()
    return name, port


def test_ports_containers_and_network(listening: tuple[str, int], capsys: pytest.CaptureFixture[str]) -> None:
    name, port = listening
    assert main(["ports", name]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].split() == ["AGENT", "PORT", "PROTOCOL", "PROCESS"]
    assert out[1].split()[1:4] == ["main", str(port), "tcp"]

    assert main(["ports", "--json", f"workspace:{name}"]) == 0
    [agent] = json.loads(capsys.readouterr().out)["agents"]
    assert (agent["agent"], agent["ports"][0]["port"]) == ("main", port)

    assert main(["containers", "--json", name]) == 0
    [agent] = json.loads(capsys.readouterr().out)["agents"]
    assert isinstance(agent["containers"]["containers"], list)
    assert main(["containers", name]) == 0
    assert capsys.readouterr().out.split()[:3] == ["AGENT", "NAME", "IMAGE"]

    assert main(["network", f"workspace:{name}", "--json"]) == 0
    [deployment] = json.loads(capsys.readouterr().out)["deployments"]
    assert deployment["name"] == "local"
    assert [agent["name"].split("/")[1] for agent in deployment["agents"]] == [f"{name} main"]
    assert main(["network", f"workspace:{name}"]) == 0
    assert f"{name} main" in capsys.readouterr().out

    assert main(["ports", "nobody-is-called-so"]) == NotFoundError.exit_code
    assert main(["ports", "state:"]) == UsageError.exit_code
    assert main(["network", "state:"]) == UsageError.exit_code
    assert main(["ports"]) == UsageError.exit_code


def test_a_deployment_that_is_away(
    directories: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODER_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("CODER_SESSION_TOKEN", "0123456789-abcdefghijklmnopqrstuv")
    for verb in (["ports", "x"], ["containers", "x"], ["network"]):
        assert main(verb) == 5
        assert capsys.readouterr().err.count("\n") == 1

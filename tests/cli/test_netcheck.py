"""`netcheck` against a real hub whose map names real relays and STUN servers of ours: words, JSON, exit codes."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.client.relay import OK, relay
from tests.wire.stun_server import stun_server

from coder_tui.cli.main import main
from coder_tui.cli.netcheck import Progress
from coder_tui.cli.netcheck_show import AgentCheck, Checked, lines
from coder_tui.client.credentials import Credentials
from coder_tui.client.netreport import AgentSide, NodeReport, Probe, Report
from coder_tui.client.verdict import Warned, verdict
from coder_tui.errors import NotFoundError, UsageError
from coder_tui.hub.daemon import HubAddress
from coder_tui.wire.network import AgentConnectionInfo, DerpMap, DerpNode, DerpRegion


@dataclass(frozen=True)
class Ports:
    relay: int
    stun: int


@pytest.fixture
def servers() -> Iterator[Ports]:
    """A relay and a STUN server on a loop of their own: the verbs run one of theirs."""
    up, down = threading.Event(), asyncio.Event()
    found: list[tuple[asyncio.AbstractEventLoop, Ports]] = []

    async def serve() -> None:
        async with relay(lambda _: OK) as http, stun_server() as udp:
            found.append((asyncio.get_running_loop(), Ports(http.port, udp.port)))
            up.set()
            await down.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert up.wait(10)
    loop, ports = found[0]
    yield ports
    loop.call_soon_threadsafe(down.set)
    thread.join()


def region(ident: int, name: str, **fields: Any) -> dict[str, Any]:
    node = {"Name": f"{ident}a", "RegionID": ident, "HostName": "relay.test", "IPv4": "127.0.0.1", "ForceHTTP": True}
    return {"EmbeddedRelay": False, "RegionID": ident, "RegionCode": name.lower(), "RegionName": name} | {
        "Nodes": [node | fields]
    }


@pytest.fixture
def mapped(hub: HubAddress, hub_data: Path, servers: Ports) -> Iterator[None]:
    """The hub's map names them."""
    regions = {
        "1": region(1, "Near", DERPPort=servers.relay, STUNPort=-1),
        "2": region(2, "Stun", STUNPort=servers.stun, STUNOnly=True),
    }
    (hub_data / "derp.json").write_text(json.dumps({"Regions": regions}))
    yield
    (hub_data / "derp.json").unlink()


@pytest.fixture
def workspace(hub: HubAddress, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    name = f"net-{uuid.uuid4().hex[:8]}"
    assert main(["new", name, "--directory", str(tmp_path), "--", "cat"]) == 0
    capsys.readouterr()
    return name


def test_an_agent_and_the_way_to_it(mapped: None, workspace: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["netcheck", "--json", workspace]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""  # no terminal, no progress
    document = json.loads(printed.out)
    assert document["schema"] == 1
    [deployment] = document["deployments"]
    assert deployment["udp"] is True
    assert deployment["nearest_relay"] == 1
    assert deployment["addresses"][0].startswith("127.0.0.1:")
    assert deployment["round_trip_ms"] > 0
    assert abs(deployment["clock_skew"]) < 5
    near, stun = deployment["regions"]
    assert (near["name"], near["nodes"][0]["stun_ipv4"]) == ("Near", None)
    assert near["latency_ms"] == near["nodes"][0]["https"]["ms"] > 0
    assert stun["nodes"][0]["https"] is None
    assert stun["nodes"][0]["stun_ipv4"]["ms"] > 0
    assert deployment["warnings"] == []
    [agent] = deployment["agents"]
    assert (agent["name"].split("/")[1], agent["status"], agent["path"]) == (f"{workspace} main", "connected", "direct")
    assert isinstance(agent["endpoints"], list)  # the coordinator told

    assert main(["netcheck", workspace]) == 0
    out = capsys.readouterr().out
    assert "Near (nearest)" in out
    assert f"{workspace} main: direct" in out
    assert "warning" not in out


def test_a_hub_without_a_map(hub: HubAddress, workspace: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["netcheck"]) == 0
    assert "through the deployment's API only" in capsys.readouterr().out
    assert main(["stop", workspace]) == 0
    assert main(["netcheck", workspace]) == NotFoundError.exit_code  # it has no agent
    assert main(["netcheck", "nobody-is-called-so"]) == NotFoundError.exit_code
    assert main(["netcheck", "state:"]) == UsageError.exit_code


def test_what_cannot_be_reached_is_five(
    hub: HubAddress, hub_data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (hub_data / "derp.json").write_text(json.dumps({"Regions": {"1": region(1, "Gone", DERPPort=1, STUNPort=-1)}}))
    assert main(["netcheck"]) == 5
    (hub_data / "derp.json").unlink()
    out = capsys.readouterr().out
    assert "not reachable" in out
    assert "warning: None of 1 relays answers over HTTPS (connection refused)" in out
    monkeypatch.setenv("CODER_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("CODER_SESSION_TOKEN", "0123456789-abcdefghijklmnopqrstuv")
    for words in (["netcheck"], ["netcheck", "x"]):
        assert main(words) == 5
        assert capsys.readouterr().err.count("\n") == 1


def test_what_is_printed_is_safe_and_complete() -> None:
    evil = "Fra\x1b[2Jnk\nfurt"
    node = DerpNode(name="1a", region_id=1, host_name="derp1.test")
    derp_map = DerpMap(regions={"1": DerpRegion(region_id=1, region_name=evil, nodes=[node])})
    info = AgentConnectionInfo(derp_map=derp_map, disable_direct_connections=True)
    report = Report(
        datetime(2026, 1, 1, tzinfo=UTC), (NodeReport(1, "1a", "derp1.test", Probe(12.0)),), round_trip_ms=23.4
    )
    side = AgentSide("connected", 1, {1: 30.0}, ("10.0.0.7:1",))
    agent = AgentCheck("kira/api main", "id", side, verdict(info, report, side))
    warned = (Warned("x", "Something is off", "mend it"),)
    one = Checked(
        Credentials("acme", "https://a.io", "t", "a test"), info, report, verdict(info, report), (agent,), warned
    )
    assert list(lines(one)) == [
        "acme  https://a.io  23 ms",
        "relayed by Frank furt: direct connections are disabled on this deployment",
        "",
        "REGION                ID  LATENCY  NODES",
        "Frank furt (nearest)  1   12 ms    derp1.test HTTPS 12 ms",
        "",
        "kira/api main: relayed by Frank furt, about 42 ms: direct connections are disabled on this deployment",
        "  its home is Frank furt, 30 ms from it",
        "  it offers 10.0.0.7:1",
        "",
        "warning: Something is off. Mend it.",
    ]
    assert not one.blocked


def test_progress_is_told_on_a_terminal_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for terminal in (False, True):
        monkeypatch.setattr(sys.stderr, "isatty", lambda answer=terminal: answer)
        progress = Progress()
        progress.expect(2)
        progress.step()
        progress.end()
        err = capsys.readouterr().err
        assert ("measuring 1 of 2 nodes" in err) is terminal
        assert err.endswith("\r\x1b[K") is terminal

"""Agent metadata: what is measured, when it is sent, and that nothing is measured for nobody."""

from __future__ import annotations

import asyncio
import json
import subprocess
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from coder_tui.hub import metadata
from coder_tui.hub.metadata import ITEMS, Sample, measure
from coder_tui.hub.routes import metadata as routes
from tests.hub.support import BOUND, Json, Peer, a_hub, close_code, eventually, the_agent

ZERO = "0001-01-01T00:00:00Z"


async def path_of(hub: Peer) -> str:
    return f"/workspaceagents/{the_agent(await hub.workspace())['id']}/watch-metadata"


def values(items: Json) -> dict[str, str]:
    return {item["description"]["key"]: item["result"]["value"] for item in items}


async def test_the_socket_shows_all_items_at_once_and_the_rest_later(
    hub: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "SAMPLE_SECONDS", 0.02)
    monkeypatch.setattr(routes, "AT_MOST", 0.0)
    async with asyncio.timeout(BOUND), hub.socket(f"{await path_of(hub)}-ws") as socket:
        text = await socket.recv()
        assert isinstance(text, str)
        first = json.loads(text)
        assert first["type"] == "data"
        assert [item["description"]["key"] for item in first["data"]] == sorted(ITEMS)
        for item in first["data"]:
            assert item["description"]["display_name"] == ITEMS[item["description"]["key"]]
            assert (item["description"]["interval"], item["description"]["timeout"]) == (2, 3)
            assert item["result"]["error"] == ""
        # rates need two looks: until then they were never collected
        waiting = {i["description"]["key"] for i in first["data"] if i["result"]["collected_at"] == ZERO}
        assert waiting == {"0_cpu_usage", "3_cpu_usage_host"}
        found: dict[str, str] = {}
        while not all(found.get(key) for key in ITEMS):
            found = values(json.loads(await socket.recv())["data"])
        assert found["0_cpu_usage"].endswith(" cores")
        assert "GiB" in found["2_home_disk"]
        assert len(found["5_load_host"].split()) == 3
        await socket.send("hello")
        assert await close_code(socket) == 1002


async def test_the_events_carry_the_same(hub: Peer) -> None:
    path = await path_of(hub)
    async with asyncio.timeout(BOUND), hub.http.stream("GET", f"/api/v2{path}") as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        lines = response.aiter_lines()
        assert await anext(lines) == "event: data"
        data = await anext(lines)
        assert data.startswith("data: [")
        assert list(values(json.loads(data[6:]))) == sorted(ITEMS)
        assert await anext(lines) == ""


async def test_nothing_is_measured_while_nobody_watches(hub: Peer) -> None:
    path = await path_of(hub)
    gauges = hub.core.gauges
    assert gauges.watched == 0
    async with hub.socket(f"{path}-ws") as one, hub.socket(f"{path}-ws") as two:
        await one.recv()
        await two.recv()
        assert gauges.watched == 1
    await eventually(lambda: gauges.watched == 0)
    async with hub.http.stream("GET", f"/api/v2{path}") as response:
        await anext(response.aiter_lines())
        assert gauges.watched == 1
    await eventually(lambda: gauges.watched == 0)


async def test_at_most_one_event_in_a_time_and_at_least_one_in_another(
    hub: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, path = asyncio.get_running_loop(), f"{await path_of(hub)}-ws"
    monkeypatch.setattr(metadata, "SAMPLE_SECONDS", 0.001)
    monkeypatch.setattr(routes, "AT_MOST", 0.2)
    async with asyncio.timeout(BOUND), hub.socket(path) as socket:
        await socket.recv()
        began = loop.time()
        await socket.recv()
        await socket.recv()
        assert loop.time() - began > 0.3
    monkeypatch.setattr(metadata, "SAMPLE_SECONDS", 3600.0)
    monkeypatch.setattr(routes, "AT_MOST", 0.0)
    monkeypatch.setattr(routes, "AT_LEAST", 0.01)
    async with asyncio.timeout(BOUND), hub.socket(path) as socket:
        first, second = [values(json.loads(await socket.recv())["data"]) for _ in range(2)]
        assert first == second


async def test_unknown_agents_and_the_end_of_the_hub(tmp_path: Path) -> None:
    async with a_hub(tmp_path / "hub") as hub:
        for name in ("watch-metadata", "watch-metadata-ws"):
            assert "message" in await hub.get(f"/workspaceagents/{uuid.uuid4()}/{name}", 404)
        socket = await hub.socket(f"{await path_of(hub)}-ws").__aenter__()
        await socket.recv()
    assert await close_code(socket) == 1001


def test_the_work_of_a_program_is_counted(tmp_path: Path) -> None:
    _, before = measure([], str(tmp_path), None)
    burn = "i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done; echo done; read x"
    with subprocess.Popen(
        ["sh", "-c", burn], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"
        sample, _ = measure([process.pid], str(tmp_path), before)
        process.communicate(b"\n")
    assert float(sample.values["0_cpu_usage"].split()[0]) > 0
    assert sample.values["1_ram_usage"] != "0 B"


def test_a_lost_directory_is_an_error_of_its_item_only(tmp_path: Path) -> None:
    sample, _ = measure([], str(tmp_path / "gone"), None)
    items = {item.description.key: item.result for item in sample.items(datetime.now(UTC))}
    assert "gone" in items["2_home_disk"].error
    assert items["2_home_disk"].value == ""
    assert items["5_load_host"].value


def test_the_age_counts_from_the_sample() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    items = Sample(now - timedelta(seconds=7.5), {"5_load_host": "1"}).items(now)
    assert [item.result.age for item in items] == [0, 0, 0, 0, 0, 7]

"""The demo as a program: it ends by itself or when told to, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from coder_tui.demo.agents.kit import PACE
from coder_tui.demo.stage import CAST
from coder_tui.hub import daemon

PATIENCE = 20.0


def started(tmp_path: Path, *argv: str) -> subprocess.Popen[str]:
    environ = {**os.environ, PACE: "0.05", "TMPDIR": str(tmp_path)}
    return subprocess.Popen(
        [sys.executable, "-m", "coder_tui", "demo", *argv],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def of_the_demo(tmp_path: Path) -> Iterator[psutil.Process]:
    """Every process that was started inside the demo's temporary directory."""
    for process in psutil.process_iter():
        try:
            if process.environ().get("CODER_TUI_DATA_DIR", "").startswith(str(tmp_path)):
                yield process
        except psutil.Error:
            continue


def assert_nothing_left(tmp_path: Path) -> None:
    _, alive = psutil.wait_procs(list(of_the_demo(tmp_path)), timeout=5)
    assert alive == []
    assert list(tmp_path.iterdir()) == []


def test_headless_it_prints_the_fleet_and_goes(tmp_path: Path) -> None:
    process = started(tmp_path, "--seconds", "5")
    out, err = process.communicate(timeout=40)
    assert process.returncode == 0, err
    assert err == "coder-tui: no terminal here: the demo runs headless for 5 seconds\n"
    found = json.loads(out)
    apps = {
        app["slug"]: (workspace["name"], app)
        for workspace in found["workspaces"]
        for agent in workspace["agents"]
        for app in agent["apps"]
    }
    assert {slug: name for slug, (name, _) in apps.items()} == {role.agent: role.workspace for role in CAST}
    states = {slug: app["status"]["state"] for slug, (_, app) in apps.items()}
    assert states["asker"] == "idle"
    assert states["failer"] == "failure"
    assert states["quiet"] == states["watcher"] == "working"
    assert states["fixer"] in {"working", "complete"}
    levels = {slug: app["attention"]["level"] for slug, (_, app) in apps.items() if app["attention"]}
    assert levels["asker"] == "asks"
    assert levels["failer"] == "failed"
    assert "SyntaxError" in apps["failer"][1]["status"]["message"]
    assert apps["quiet"][1]["due"]
    lengths = {agent["apps"][0]["slug"]: agent["logs_length"] for one in found["workspaces"] for agent in one["agents"]}
    assert lengths["failer"] > 0
    assert lengths["fixer"] > 0
    assert_nothing_left(tmp_path)


def wait_for_the_cast(process: subprocess.Popen[str], tmp_path: Path) -> None:
    agents: set[str] = set()
    deadline = time.monotonic() + PATIENCE
    while agents != {role.agent for role in CAST}:
        assert time.monotonic() < deadline, agents
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
            pytest.fail(f"the demo ended: {process.communicate()}")
        agents = {
            word.rpartition(".")[2]
            for one in of_the_demo(tmp_path)
            for word in one.cmdline()
            if word.startswith("coder_tui.demo.agents.")
        }


def test_nothing_is_left_when_it_is_told_to_end(tmp_path: Path) -> None:
    process = started(tmp_path, "--headless", "--seconds", "60")
    wait_for_the_cast(process, tmp_path)
    process.terminate()
    assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 128 + signal.SIGTERM
    assert_nothing_left(tmp_path)


def test_no_process_is_left_when_the_hub_is_killed(tmp_path: Path) -> None:
    process = started(tmp_path, "--headless", "--seconds", "60")
    wait_for_the_cast(process, tmp_path)
    [data] = tmp_path.glob("*/data")
    hub = daemon.discover(data)
    assert hub
    os.kill(hub.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs([one for one in of_the_demo(tmp_path) if one.pid != hub.pid], timeout=5)
    assert alive == []
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 128 + signal.SIGINT
    assert_nothing_left(tmp_path)


def test_no_process_is_left_when_the_demo_is_killed(tmp_path: Path) -> None:
    process = started(tmp_path, "--headless", "--seconds", "60")
    wait_for_the_cast(process, tmp_path)
    family = list(of_the_demo(tmp_path))
    process.kill()
    process.communicate(timeout=5)
    _, alive = psutil.wait_procs(family, timeout=15)
    assert alive == []

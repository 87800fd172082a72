"""The server as a process: start, refuse, survive a kill, stop."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from coder_tui.errors import HubError, StorageError
from coder_tui.hub.serve import running, serve
from tests.hub.support import BOUND, Json, a_hub, agent_token, close_code, eventually, read_until, the_agent

SERVE = "import sys, pathlib; from coder_tui.hub.serve import serve; serve(pathlib.Path(sys.argv[1]))"


@contextmanager
def hub_process(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], Json]]:
    """A hub in a process of its own, and the line it printed."""
    environment = os.environ | {"SHELL": "/bin/sh", "PYTHONWARNINGS": "error"}
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(data_dir)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.stderr.read() if process.stderr else ""
        yield process, json.loads(line)
    finally:
        process.kill()
        process.communicate(timeout=BOUND)


def client(line: Json) -> httpx.Client:
    token = Path(line["token_file"]).read_text()
    return httpx.Client(base_url=f"{line['url']}/api/v2", headers={"Coder-Session-Token": token}, timeout=BOUND)


def make_workspace(http: httpx.Client, **parameters: str) -> Json:
    values = [{"name": key, "value": value} for key, value in parameters.items()]
    made = http.post("/users/me/workspaces", json={"name": "dev", "rich_parameter_values": values}).json()
    with http.stream("GET", f"/workspaces/{made['id']}/watch") as events:
        for line in events.iter_lines():
            if line.startswith("data: "):
                workspace = json.loads(line[6:])
                if workspace["latest_build"]["status"] == "running":
                    return workspace
    raise AssertionError("the watch ended first")


def written(path: Path) -> str:
    """The text of a file that somebody else is about to write."""
    for _ in range(1000):
        if path.exists() and (text := path.read_text()):
            return text
        time.sleep(0.01)
    raise AssertionError(f"{path} was never written")


def credentials(http: httpx.Client, workspace: Json) -> str:
    answer = http.get(f"/workspaces/{workspace['id']}/external-agent/main/credentials").json()
    token: str = answer["agent_token"]
    return token


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with hub_process(tmp_path) as (process, line):
        info = json.loads((tmp_path / "hub.json").read_text())
        assert info == {"url": line["url"], "token_file": str(tmp_path / "hub.token"), "pid": process.pid}
        assert (tmp_path / "hub.json").stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "hub.token").stat().st_mode & 0o777 == 0o600
        assert re.fullmatch(r"[A-Za-z0-9]{10}-[A-Za-z0-9]{22}", (tmp_path / "hub.token").read_text())
        with client(line) as http:
            workspace = make_workspace(http, command="echo $$ > pid; exec sleep 1000", directory=str(tmp_path))
            pid = int(written(tmp_path / "pid"))
            with http.stream("GET", f"/workspaces/{workspace['id']}/watch") as events:
                next(events.iter_lines())
                process.send_signal(number)
                out, err = process.communicate(timeout=BOUND)
        assert (process.returncode, out, err) == (0, "", "")
        assert not (tmp_path / "hub.json").exists()
        assert not list(tmp_path.glob("*-wal"))
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_killed_hub_has_lost_nothing_it_answered(tmp_path: Path) -> None:
    answered: set[str] = set()
    lock = threading.Lock()
    enough = threading.Event()

    def report(url: str, token: str, name: int) -> None:
        with httpx.Client(base_url=f"{url}/api/v2", headers={"Coder-Session-Token": token}, timeout=BOUND) as http:
            for n in range(100_000):
                message = f"{name}-{n}"
                body = {"app_slug": "agent", "state": "working", "message": message}
                try:
                    response = http.patch("/workspaceagents/me/app-status", json=body)
                except httpx.TransportError:
                    return
                assert response.status_code == 200
                with lock:
                    answered.add(message)
                    if len(answered) >= 200:
                        enough.set()

    with hub_process(tmp_path) as (process, line):
        with client(line) as http:
            workspace = make_workspace(http)
            token = credentials(http, workspace)
        threads = [threading.Thread(target=report, args=(line["url"], token, name)) for name in range(6)]
        for thread in threads:
            thread.start()
        assert enough.wait(BOUND * 3)
        process.kill()
        for thread in threads:
            thread.join(BOUND)
    with hub_process(tmp_path) as (_, line), client(line) as http:
        found = http.get(f"/workspaces/{workspace['id']}").json()
    stored = {status["message"] for status in the_agent(found)["apps"][0]["statuses"]}
    assert answered <= stored
    # at most what was on its way when the end came
    assert len(stored - answered) <= len(threads)


async def test_a_second_hub_on_the_same_data_is_refused_by_name(tmp_path: Path) -> None:
    async with a_hub(tmp_path) as hub:
        with pytest.raises(HubError) as caught:
            async with running(tmp_path):
                pass
        text = str(caught.value)
        assert str(os.getpid()) in text
        assert hub.url in text
        assert (await hub.get("/users/me"))["status"] == "active"
    async with a_hub(tmp_path) as hub:
        assert (await hub.get("/users/me"))["status"] == "active"


async def test_two_hubs_on_two_directories_do_not_meet(tmp_path: Path) -> None:
    async with a_hub(tmp_path / "a") as a, a_hub(tmp_path / "b") as b:
        assert a.url != b.url
        assert a.token != b.token
        await a.workspace()
        assert (await b.get("/workspaces"))["count"] == 0


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(HubError, match=rf"cannot listen on 127\.0\.0\.1:{port}: .*in use\. Choose another"):
            serve(tmp_path, port=port, out=io.StringIO())
    assert not (tmp_path / "hub.json").exists()


@pytest.mark.parametrize(("host", "port"), [("no such host", 0), ("127.0.0.1", 70_000)])
def test_a_place_that_cannot_be_listened_on(tmp_path: Path, host: str, port: int) -> None:
    with pytest.raises(HubError, match="cannot listen"):
        serve(tmp_path, host=host, port=port, out=io.StringIO())


def test_a_data_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        serve(tmp_path / "data", out=io.StringIO())


def test_a_broken_token_file_is_not_replaced_silently(tmp_path: Path) -> None:
    (tmp_path / "hub.token").write_text("something else")
    with pytest.raises(StorageError, match="holds no API key"):
        serve(tmp_path, out=io.StringIO())
    assert (tmp_path / "hub.token").read_text() == "something else"


def test_a_damaged_database_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "hub.db").write_bytes(b"garbage" * 1000)
    with pytest.raises(StorageError, match="damaged"):
        serve(tmp_path, out=io.StringIO())
    assert (tmp_path / "hub.db").read_bytes() == b"garbage" * 1000


async def test_a_stopping_hub_says_goodbye_with_1001(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/sh")
    async with a_hub(tmp_path) as hub:
        workspace = await hub.workspace(command="echo up; sleep 1000")
        agent = the_agent(workspace)
        watch = await hub.socket(f"/workspaces/{workspace['id']}/watch-ws").__aenter__()
        logs = await hub.socket(f"/workspaceagents/{agent['id']}/logs?follow").__aenter__()
        terminal = await hub.terminal(agent["id"], agent["apps"][0]["id"]).__aenter__()
        await read_until(terminal, b"up")
        closing = [asyncio.create_task(close_code(peer)) for peer in (watch, logs, terminal)]
    assert await asyncio.gather(*closing) == [1001, 1001, 1001]


async def test_no_token_reaches_a_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    async with a_hub(tmp_path) as hub:
        workspace = await hub.workspace()
        secret = await agent_token(hub, workspace)
        await hub.get(f"/users/me?coder_session_token={hub.token}")
        path = f"/workspaces/{workspace['id']}/watch-ws?coder_session_token={hub.token}"
        async with hub.socket(path) as peer:
            await peer.recv()
        ours = [
            record for record in caplog.records if record.name.split(".")[0] in {"coder_tui", "uvicorn", "starlette"}
        ]
        assert not [record for record in ours if hub.token in record.getMessage() or secret in record.getMessage()]


async def test_a_dead_peer_is_dropped_after_its_pong_is_overdue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coder_tui.hub.serve.PING_SECONDS", 0.05)
    monkeypatch.setattr("coder_tui.hub.serve.PONG_SECONDS", 0.1)
    async with a_hub(tmp_path) as hub:
        workspace = await hub.workspace()
        path = f"/workspaces/{workspace['id']}/watch-ws"
        alive = await hub.socket(path).__aenter__()
        dead = await hub.socket(path, ping_interval=None).__aenter__()
        watchers = hub.core.fan._watchers[f"workspace:{workspace['id']}"]
        assert len(watchers) == 2
        dead.transport.pause_reading()
        await eventually(lambda: len(watchers) == 1)
        dead.transport.abort()
        # the other one answered its pings all the while
        await hub.send("PUT", f"/workspaces/{workspace['id']}/favorite", status=204)
        frames = [json.loads(await alive.recv()) for _ in range(3)]
        assert frames[2]["data"]["favorite"] is True
        await alive.close()


def test_the_modules_load_no_screen() -> None:
    code = "import coder_tui.hub.serve, sys; print({'textual', 'rich', 'httpx'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=BOUND)
    assert out.stdout.strip() == "set()"

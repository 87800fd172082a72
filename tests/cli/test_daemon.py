"""Starting, finding and stopping the hub of a data directory."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from coder_tui.cli.deployments import of_hub
from coder_tui.cli.main import main
from coder_tui.client.rest import RestClient
from coder_tui.client.sockets import open_socket
from coder_tui.errors import HubError, StorageError, UnreachableError
from coder_tui.hub import daemon
from coder_tui.hub.core import DATABASE
from coder_tui.hub.daemon import ADDRESS_FILE, LOG_FILE, HubAddress


def test_a_hub_is_started_found_and_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    where = ["--data", str(data)]
    assert main(["hub", "status", *where]) == 9
    assert main(["hub", "start", *where]) == 0
    said = json.loads(capsys.readouterr().out)
    try:
        assert daemon.discover(data) == HubAddress(said["url"], Path(said["token_file"]), said["pid"])
        assert os.getsid(said["pid"]) == said["pid"]  # it survives our terminal
        for name in (ADDRESS_FILE, LOG_FILE):
            assert stat.S_IMODE((data / name).stat().st_mode) == 0o600
        assert main(["hub", "start", *where]) == 0
        assert json.loads(capsys.readouterr().out) == said
        assert main(["hub", "serve", *where]) == 8  # one per directory
        assert main(["hub", "status", "--json", *where]) == 0
    finally:
        assert main(["hub", "stop", *where]) == 0
    assert daemon.discover(data) is None
    assert not daemon.locked(data)
    assert main(["hub", "stop", *where]) == 0


def test_many_may_start_it_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        addresses = set(pool.map(daemon.start, [tmp_path] * 3))
    try:
        assert len(addresses) == 1
    finally:
        daemon.stop(tmp_path)


def test_what_a_killed_hub_left_is_no_hub(tmp_path: Path) -> None:
    first = daemon.start(tmp_path)
    os.kill(first.pid, signal.SIGKILL)
    second = daemon.start(tmp_path)
    try:
        assert second.pid != first.pid
        assert second.token_file.read_text() == first.token_file.read_text()
    finally:
        assert daemon.stop(tmp_path)


def test_a_pid_that_is_somebody_elses_now_is_no_hub(tmp_path: Path) -> None:
    (tmp_path / daemon.LOCK_FILE).touch()
    info = {"url": "http://127.0.0.1:1", "token_file": str(tmp_path / "hub.token"), "pid": os.getpid()}
    (tmp_path / daemon.ADDRESS_FILE).write_text(json.dumps(info))
    assert daemon.discover(tmp_path) is None
    assert not daemon.stop(tmp_path)  # we live on


async def test_a_stranger_on_a_dead_hubs_port_gets_no_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODER_TUI_DATA_DIR", str(tmp_path))
    hub = daemon.start(tmp_path)
    credentials = of_hub(hub)
    async with RestClient(credentials) as rest:
        await rest.me()
        os.kill(hub.pid, signal.SIGKILL)
        heard: list[bytes] = []

        async def stranger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK")
            await writer.drain()
            writer.close()

        while daemon.locked(tmp_path):
            await asyncio.sleep(0)
        host, port = urlsplit(hub.url).hostname, urlsplit(hub.url).port
        async with await asyncio.start_server(stranger, host, port):
            with pytest.raises(UnreachableError, match="has ended"):
                await rest.me()
            with pytest.raises(UnreachableError, match="has ended"):
                await open_socket(credentials, "/api/v2/users/me")
            assert await asyncio.to_thread(daemon.discover, tmp_path) is None
        assert heard == []


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '"x"', '{"url": "http://127.0.0.1:1"}', '{"url": 1, "token_file": "x", "pid": -1}']
)
def test_a_broken_file_is_no_hub(text: str, tmp_path: Path) -> None:
    (tmp_path / ADDRESS_FILE).write_text(text)
    assert daemon.discover(tmp_path) is None


def test_an_address_that_is_not_a_hub_is_none(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    (tmp_path / ADDRESS_FILE).write_text(
        json.dumps({"url": f"http://127.0.0.1:{port}", "token_file": "x", "pid": os.getpid()})
    )
    assert daemon.discover(tmp_path) is None
    assert not daemon.stop(tmp_path)


def test_a_hub_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write to"):
        daemon.start(tmp_path / "file")
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / DATABASE).write_text("this is no database at all, but a text that is long enough to be looked at")
    with pytest.raises(HubError, match=r"did not start: cannot use .*hub.db: the file is not a database"):
        daemon.start(bad)


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        argv = ["hub", "serve", "--data", str(tmp_path), "--port", str(server.getsockname()[1])]
        done = subprocess.run(
            [sys.executable, "-m", "coder_tui", *argv], capture_output=True, text=True, timeout=30, check=False
        )
    assert done.returncode == 8
    assert done.stdout == ""
    assert done.stderr.startswith("coder-tui: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_hub_inherits_no_credentials() -> None:
    environ = {
        "CODER_SESSION_TOKEN": "x",
        "CODER_AGENT_TOKEN": "x",
        "CODER": "true",
        "CODER_TUI_DEMO_PACE": "1",
        "PATH": "/bin",
        "CODEREADER": "1",
    }
    assert daemon.environment(environ) == {"CODER_TUI_DEMO_PACE": "1", "PATH": "/bin", "CODEREADER": "1"}

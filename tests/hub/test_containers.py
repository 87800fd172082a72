"""Containers: an engine's list over its unix socket, and terminals into containers."""

from __future__ import annotations

import asyncio
import json
import socket
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from coder_tui.hub import engine
from coder_tui.hub.routes import containers as routes
from tests.hub.support import BOUND, Json, Peer, close_code, read_until, the_agent

WEB: Json = {
    "Id": "b" * 64,
    "Names": ["/web"],
    "Image": "nginx:1.27",
    "Created": 1_700_000_100,
    "Labels": {"app": "shop", "tier": "front"},
    "Ports": [
        {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
        {"PrivatePort": 443, "Type": "tcp"},
    ],
    "Mounts": [{"Type": "bind", "Source": "/srv/www", "Destination": "/usr/share/nginx/html"}],
    "State": "running",
    "Status": "Up 2 hours",
}
# as Podman sends it: null for what is empty
DB: Json = {
    "Id": "a" * 64,
    "Names": ["/db"],
    "Image": "postgres:17",
    "Created": 1_700_000_000,
    "Labels": {"app": "shop"},
    "Ports": None,
    "Mounts": [{"Type": "volume", "Name": "pgdata", "Source": "", "Destination": "/var/lib/postgresql"}],
    "State": "exited",
    "Status": "Exited (137) 3 hours ago",
}


class FakeEngine:
    """A small HTTP server on a unix socket. `answer` makes status and body; `hang` never answers."""

    def __init__(self) -> None:
        self.rows: Json = [WEB, DB]
        self.status = 200
        self.hang = False
        self.asked: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.asked.append(head.split(b"\r\n")[0].decode())
            if self.hang:
                await reader.read()  # until the client goes
                return
            body = json.dumps(self.rows).encode()
            writer.write(b"HTTP/1.1 %d x\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (self.status, len(body)))
            writer.write(body)
            await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def listening(path: Path) -> AsyncIterator[FakeEngine]:
    fake = FakeEngine()
    async with await asyncio.start_unix_server(fake.serve, path):
        yield fake


@pytest.fixture
def short() -> Iterator[Path]:
    """A directory with a short name: a unix socket's path has about a hundred bytes."""
    with tempfile.TemporaryDirectory(prefix="ct-", dir="/tmp") as path:
        yield Path(path)


@pytest.fixture
async def docker(short: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeEngine]:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{short / 'e.sock'}")
    async with listening(short / "e.sock") as fake:
        yield fake


async def list_path(hub: Peer) -> str:
    return f"/workspaceagents/{the_agent(await hub.workspace())['id']}/containers"


async def test_the_list_has_every_field(hub: Peer, docker: FakeEngine) -> None:
    found = await hub.get(await list_path(hub))
    assert docker.asked == ["GET /containers/json?all=1 HTTP/1.1"]
    assert found == {
        "devcontainers": [],
        "containers": [
            {
                "created_at": "2023-11-14T22:13:20Z",
                "id": "a" * 64,
                "name": "db",
                "image": "postgres:17",
                "labels": {"app": "shop"},
                "running": False,
                "ports": [],
                "status": "exited (137)",
                "volumes": {"pgdata": "/var/lib/postgresql"},
            },
            {
                "created_at": "2023-11-14T22:15:00Z",
                "id": "b" * 64,
                "name": "web",
                "image": "nginx:1.27",
                "labels": {"app": "shop", "tier": "front"},
                "running": True,
                "ports": [
                    {"port": 80, "network": "tcp", "host_ip": "0.0.0.0", "host_port": 8080},
                    {"port": 443, "network": "tcp"},
                ],
                "status": "running",
                "volumes": {"/srv/www": "/usr/share/nginx/html"},
            },
        ],
    }


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("label=app=shop", ["db", "web"]),
        ("label=app=shop&label=tier=front", ["web"]),
        ("label=app=shop&label=tier=back", []),
        ("label=app=", []),
    ],
)
async def test_every_label_must_match(hub: Peer, docker: FakeEngine, query: str, names: list[str]) -> None:
    found = await hub.get(f"{await list_path(hub)}?{query}")
    assert [container["name"] for container in found["containers"]] == names
    assert docker.asked


async def test_what_is_refused(hub: Peer, docker: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    path = await list_path(hub)
    for label in ("app", "=shop", ""):
        refused = await hub.get(f"{path}?label={label}", 400)
        assert refused["validations"][0]["field"] == "label"
    assert "message" in await hub.get(f"/workspaceagents/{uuid.uuid4()}/containers", 404)
    docker.status, docker.rows = 500, {"message": "the daemon is unwell"}
    assert "the daemon is unwell" in (await hub.get(path, 500))["detail"]
    docker.status, docker.rows = 200, {"no": "list"}
    await hub.get(path, 500)
    docker.hang = True
    monkeypatch.setattr(routes, "LIMIT", 0.02)
    assert "did not answer" in (await hub.get(path, 408))["detail"]


async def test_an_agent_that_is_not_connected_has_no_list(hub: Peer) -> None:
    workspace = await hub.workspace()
    agent = the_agent(workspace)["id"]
    await hub.build(workspace["id"], "stop", "stopped")
    assert "disconnected" in (await hub.get(f"/workspaceagents/{agent}/containers", 400))["message"]
    await hub.get(f"/workspaceagents/{agent}/containers/watch", 400)


async def test_no_engine_is_an_empty_list_with_a_warning(
    hub: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await list_path(hub)
    (tmp_path / "file").touch()
    for host, word in [
        (f"unix://{tmp_path}/none", "no container engine found"),
        (f"unix://{tmp_path}/file", "no container engine found"),
        ("tcp://secret-host:2375", "only unix:// sockets"),
    ]:
        monkeypatch.setenv("DOCKER_HOST", host)
        found = await hub.get(path)
        assert found["containers"] == []
        assert word in found["warnings"][0]
        assert "secret-host" not in found["warnings"][0]


async def test_an_engine_that_is_gone_is_a_warning(hub: Peer, short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = await list_path(hub)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{short / 'left.sock'}")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(short / "left.sock"))  # what a daemon that was killed leaves behind
    assert "cannot use the container engine" in (await hub.get(path))["warnings"][0]


async def test_podmans_socket_is_found(short: Path) -> None:
    if Path("/var/run/docker.sock").exists():
        pytest.skip("this machine has a Docker engine, which goes first")
    (short / "podman").mkdir()
    async with listening(short / "podman/podman.sock"):
        found = engine.find({"XDG_RUNTIME_DIR": str(short)})
    assert found == engine.Engine(str(short / "podman/podman.sock"), "podman")


async def test_the_watch_sends_the_list_at_once_and_when_it_changed(
    hub: Peer, docker: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "CHECK_SECONDS", 0.01)
    path = await list_path(hub)

    async def frame() -> Json:
        text = await watcher.recv()
        assert isinstance(text, str)
        assert text.endswith("\n")
        return json.loads(text)

    async with asyncio.timeout(BOUND), hub.socket(f"{path}/watch") as watcher:
        assert [c["name"] for c in (await frame())["containers"]] == ["db", "web"]
        docker.rows = [WEB | {"Status": "Up 3 hours"}, DB]  # time alone is no change
        docker.rows = [WEB | {"State": "paused", "Status": "Up 3 hours (Paused)"}]
        [paused] = (await frame())["containers"]
        assert (paused["status"], paused["running"]) == ("paused", False)
        docker.status, docker.rows = 500, {"message": "unwell"}
        assert "unwell" in (await frame())["warnings"][0]
        await watcher.send("hello")
        assert await close_code(watcher) == 1008


DOCKER = """#!/bin/sh
printf '%s\\n' "$DOCKER_HOST" "$@" > "$0.called"
shift
while :; do
  case "$1" in
    --env|--user) shift 2 ;;
    --*) shift ;;
    *) break ;;
  esac
done
[ "$1" = box ] || { echo "Error: No such container: $1"; exit 1; }
shift
exec "$@"
"""


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """A `docker` that runs the command here; what it was called with."""
    script = tmp_path / "bin" / "docker"
    script.parent.mkdir()
    script.write_text(DOCKER)
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin:/bin")
    return lambda: script.with_suffix(".called").read_text().splitlines()


async def test_a_terminal_into_a_container(hub: Peer, docker: FakeEngine, cli: Callable[[], list[str]]) -> None:
    agent = the_agent(await hub.workspace())["id"]
    command = quote('echo "in : $((40+2))"; stty size')
    query = f"container=box&container_user=1000:users&command={command}&width=91&height=31"
    async with hub.terminal(agent, str(uuid.uuid4()), query) as terminal:
        output = await read_until(terminal, b"31 91")
        assert b"in : 42" in output
        assert await close_code(terminal) == 1000
    host, *argv = cli()
    assert host.endswith("e.sock")
    assert argv == [
        *("exec", "--interactive", "--tty", "--env", "TERM=xterm-256color", "--user", "1000:users", "box"),
        *("/bin/sh", "-c", 'echo "in : $((40+2))"; stty size'),
    ]
    assert docker.asked == []


async def test_without_a_command_it_is_a_login_shell(
    hub: Peer, docker: FakeEngine, cli: Callable[[], list[str]]
) -> None:
    agent = the_agent(await hub.workspace())["id"]
    async with hub.terminal(agent, str(uuid.uuid4()), "container=box") as terminal:
        await terminal.send(json.dumps({"data": "echo shell-$((6*7))\r"}).encode())
        await read_until(terminal, b"shell-42")
        await terminal.send(json.dumps({"data": "exit\r"}).encode())
        assert await close_code(terminal) == 1000
    assert "exec bash -l" in cli()[-1]
    assert docker.asked == []


async def test_the_engines_own_words_are_seen(hub: Peer, docker: FakeEngine, cli: Callable[[], list[str]]) -> None:
    agent = the_agent(await hub.workspace())["id"]
    async with hub.terminal(agent, str(uuid.uuid4()), "container=nobody") as terminal:
        await read_until(terminal, b"No such container: nobody")
        assert await close_code(terminal) == 1000
    assert "nobody" in cli()
    assert docker.asked == []


@pytest.mark.parametrize("query", ["container=--privileged", "container=a%3Bb", "container=box&container_user=-u"])
async def test_names_that_no_engine_gives_are_refused(hub: Peer, query: str) -> None:
    agent = the_agent(await hub.workspace())["id"]
    refused = await hub.get(f"/workspaceagents/{agent}/pty?reconnect={uuid.uuid4()}&{query}", 400)
    assert refused["message"] == "Invalid query parameters."


async def test_without_a_command_line_the_terminal_says_so(
    hub: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = the_agent(await hub.workspace())["id"]
    monkeypatch.setenv("PATH", str(tmp_path))
    async with hub.terminal(agent, str(uuid.uuid4()), "container=box") as terminal:
        await read_until(terminal, b"neither docker nor podman is installed\r\n")
        assert await close_code(terminal) == 1000

"""The container engine of this machine, Docker's or Podman's, over the Docker Engine API on a unix socket.

Source: Docker Engine API, `GET /containers/json`; Podman answers the same under its Docker-compatible API.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from coder_tui.wire.base import ZERO_TIME, WireModel
from coder_tui.wire.containers import Container, ContainerList, ContainerPort

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
"""A container's name or id."""
USER = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.:$-]*")
"""User (and group) inside a container, by name or number."""

ANSWER = 60.0
"""Seconds the engine may be silent; callers have limits of their own below that."""

_UNIX = "unix://"
_CLIS = ("docker", "podman")
_EXIT = re.compile(r"Exited \((\d+)\)")
# the best shell the container has, as a login shell; it runs inside, our own command line is never a shell's
_SHELL = "if command -v bash >/dev/null 2>&1; then exec bash -l; else exec sh -l; fi"


class EngineError(Exception):
    """What is wrong with the engine, in one sentence."""


class NoEngine(EngineError):
    """There is none that answers."""


@dataclass(frozen=True, slots=True)
class Engine:
    """Where the engine listens and which command line belongs to it (`docker` or `podman`)."""

    socket: str
    cli: str


def find(environ: Mapping[str, str] = os.environ) -> Engine:
    """The engine to ask. Raises NoEngine."""
    host = environ.get("DOCKER_HOST", "")
    if host and not host.startswith(_UNIX):
        raise NoEngine(f"DOCKER_HOST is {host.partition('://')[0][:20]}://..., only unix:// sockets are looked at")
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    places = [host.removeprefix(_UNIX)] if host else ["/var/run/docker.sock"]
    if not host and runtime:
        places += [f"{runtime}/docker.sock", f"{runtime}/podman/podman.sock"]
    if not host:
        places += [str(Path.home() / ".docker/run/docker.sock")]  # Docker Desktop
    for place in places:
        try:
            if stat.S_ISSOCK(os.stat(place).st_mode):
                return Engine(place, "podman" if "podman" in place else "docker")
        except OSError:
            continue
    raise NoEngine(f"no container engine found: nothing listens at {' or '.join(places)}")


async def containers(engine: Engine) -> list[Container]:
    """All containers, running or not, oldest first. Raises EngineError."""
    import httpx  # a hub that nobody asks for containers does without

    transport = httpx.AsyncHTTPTransport(uds=engine.socket)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://engine", timeout=ANSWER) as http:
            answer = await http.get("/containers/json", params={"all": "1"})
    except (httpx.HTTPError, OSError) as error:
        raise NoEngine(f"cannot use the container engine at {engine.socket}: {str(error)[:300]}") from None
    try:
        body = answer.json()
        if answer.is_success and isinstance(body, list):
            rows = [_Row.model_validate(row) for row in body]
            return sorted(map(_container, rows), key=lambda container: (container.created_at, container.id))
        why = str(body.get("message", "")) if isinstance(body, dict) else ""
    except ValueError:  # no JSON, or no list of containers
        why = "its answer is not a list of containers"
    raise EngineError(f"the container engine answered {answer.status_code}: {why[:300]}".rstrip(": "))


async def listing(labels: Sequence[tuple[str, str]] = ()) -> ContainerList:
    """The containers that have all these labels; without a usable engine an empty list and a warning.

    Raises EngineError.
    """
    try:
        found = await containers(find())
    except NoEngine as error:
        return ContainerList(warnings=[str(error)])
    return ContainerList(containers=[c for c in found if all(c.labels.get(key) == value for key, value in labels)])


def exec_argv(container: str, user: str, command: str) -> tuple[list[str], dict[str, str]]:
    """The command line (and what it needs in its environment) that opens a terminal in a container.

    `command` empty: a login shell. Raises EngineError when no such command line is installed.
    """
    try:
        engine = find()
        where, names = {"DOCKER_HOST": _UNIX + engine.socket}, sorted(_CLIS, key=lambda name: name != engine.cli)
    except NoEngine:
        where, names = {}, list(_CLIS)  # the command line may know better, and says so itself if it does not
    cli = next((path for name in names if (path := shutil.which(name))), None)
    if cli is None:
        raise EngineError("cannot open a terminal in a container: neither docker nor podman is installed")
    argv = [cli, "exec", "--interactive", "--tty", "--env", "TERM=xterm-256color"]
    if user:
        argv += ["--user", user]
    argv += [container, "/bin/sh", "-c", command or _SHELL]
    return argv, where


class _Port(WireModel):
    IP: str = ""
    PrivatePort: int = 0
    PublicPort: int = 0
    Type: str = ""


class _Mount(WireModel):
    Name: str = ""
    Source: str = ""
    Destination: str = ""


class _Row(WireModel):
    """An item of `GET /containers/json`. Podman may send null for what is empty."""

    Id: str = ""
    Names: list[str] = []
    Image: str = ""
    Created: int | str = 0
    Labels: dict[str, str] = {}
    Ports: list[_Port] = []
    Mounts: list[_Mount] = []
    State: str = ""
    Status: str = ""


def _container(row: _Row) -> Container:
    exited = _EXIT.match(row.Status)
    ports = {(port.PrivatePort, port.Type, port.IP, port.PublicPort) for port in row.Ports}
    return Container(
        created_at=_created(row.Created),
        id=row.Id,
        name=row.Names[0].lstrip("/") if row.Names else row.Id[:12],
        image=row.Image,
        labels=row.Labels,
        running=row.State == "running",
        ports=[
            ContainerPort(port=port, network=network or "tcp", host_ip=ip, host_port=public)
            for port, network, ip, public in sorted(ports)
        ],
        # the engine's own line says for how long, which would be a change at every look
        status=f"exited ({exited[1]})" if exited else row.State,
        volumes={mount.Source or mount.Name: mount.Destination for mount in row.Mounts},
    )


def _created(value: int | str) -> datetime:
    try:
        return datetime.fromtimestamp(int(value), UTC)
    except (ValueError, OverflowError, OSError):
        return ZERO_TIME

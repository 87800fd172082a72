"""The demo's stage: an ephemeral hub in a temporary directory, and workspaces that run the little agents.

Everything goes through the same doors as for a user: `coder-tui hub serve`, the public REST API, the hub's PTYs.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from coder_tui.errors import HubError
from coder_tui.hub import daemon
from coder_tui.paths import socket_dir

if TYPE_CHECKING:
    from coder_tui.wire.workspaces import CreateWorkspace  # imported while the hub starts

KINDS = ("data", "state", "config", "cache")
QUIET_AFTER = timedelta(seconds=20)
DUE_WITHIN = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Role:
    """An agent of the demo (`coder_tui.demo.agents.NAME`) and the workspace it works in."""

    agent: str
    workspace: str
    ttl: timedelta | None = None


CAST = (
    Role("asker", "api-migrations"),
    Role("fixer", "ci-flake"),
    Role("failer", "shop-release"),
    Role("quiet", "docs-preview", ttl=timedelta(minutes=22)),
    Role("watcher", "housekeeping"),
)


@dataclass(slots=True)
class Stage:
    """A hub that is starting, all its directories, and what must go with it."""

    root: Path
    hub: subprocess.Popen[bytes]

    @property
    def data(self) -> Path:
        """The hub's data directory."""
        return self.root / "data"

    @property
    def work(self) -> Path:
        """Where the agents work, each in a directory of its workspace's name."""
        return self.root / "repos"

    def address(self, timeout: float = 20.0) -> daemon.HubAddress:
        """Wait until the hub accepts connections. Blocks; raises HubError with the hub's own last words."""
        found = daemon.read_address(daemon.first_line(self.hub, timeout), self.hub.pid)
        if not found:
            raise HubError("the demo's hub did not start", why=daemon.last_words(self.root / daemon.LOG_FILE))
        return found

    def bodies(self) -> list[CreateWorkspace]:
        """What is posted to create the workspaces."""
        return [self._body(role) for role in CAST]

    def _body(self, role: Role) -> CreateWorkspace:
        from coder_tui.wire.workspaces import CreateWorkspace, WorkspaceBuildParameter

        directory = self.work / role.workspace
        directory.mkdir()
        command = [sys.executable, "-P", "-m", f"coder_tui.demo.agents.{role.agent}"]
        values = {"directory": str(directory), "command": shlex.join(command), "app": role.agent}
        return CreateWorkspace(
            name=role.workspace,
            rich_parameter_values=[WorkspaceBuildParameter(name=name, value=value) for name, value in values.items()],
            ttl_ms=int(role.ttl.total_seconds() * 1000) if role.ttl else None,
        )


@contextmanager
def stage() -> Iterator[Stage]:
    """Start the hub, and take everything away at the end, whatever the end is.

    Meanwhile this process's own directories (`coder_tui.paths`) are inside the temporary one too.
    """
    root = Path(tempfile.mkdtemp(prefix="coder-tui-demo-")).resolve()
    names = {f"CODER_TUI_{kind.upper()}_DIR": str(root / kind) for kind in KINDS}
    before = {name: os.environ.get(name) for name in names}
    hub: subprocess.Popen[bytes] | None = None
    try:
        for name in (*KINDS, "repos"):
            (root / name).mkdir(mode=0o700)
        os.environ.update(names)
        with (root / daemon.LOG_FILE).open("wb") as log:
            hub = subprocess.Popen(
                # --owned: the hub ends when the other end of its stdin is gone, so it survives no kill -9 of ours
                daemon.command(root / "data", "--owned"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=daemon.environment(),
                cwd=root,
                start_new_session=True,  # Ctrl-C is ours to handle
            )
        yield Stage(root, hub)
    finally:
        if hub is not None:
            _end(hub)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        shutil.rmtree(root, ignore_errors=True)
        shutil.rmtree(socket_dir(root / "data"), ignore_errors=True)  # of a hub that was killed


def _end(hub: subprocess.Popen[bytes]) -> None:
    """Stop the hub, then whatever of its processes would outlive it."""
    import psutil

    family: list[psutil.Process] = []
    with suppress(psutil.Error):
        family = psutil.Process(hub.pid).children(recursive=True)
    hub.terminate()
    try:
        hub.wait(8.0)
    except subprocess.TimeoutExpired:
        hub.kill()
        hub.wait()
    for pipe in (hub.stdin, hub.stdout):
        if pipe:
            pipe.close()
    _, left = psutil.wait_procs(family, timeout=2.0)
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=2.0)

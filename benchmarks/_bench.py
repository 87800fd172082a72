"""What every figure shares: one line of JSON, medians, a hub in a temporary directory, a PTY that drains."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx


def emit(name: str, ratio: float, target: str, peer: str, **detail: Any) -> None:
    """Print the figure. `ratio` is ours over the peer's, in the same run."""
    print(json.dumps({"name": name, "ratio": round(ratio, 3), "target": target, "peer": peer, "detail": detail}))


def median(values: Sequence[float]) -> float:
    """The median, rounded for reading."""
    return round(statistics.median(values), 6)


def as_installed(directory: Path) -> dict[str, str]:
    """Variables with which modules are compiled once, as an installation does it, whatever this environment says."""
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(directory / "compiled")}


@dataclass(frozen=True)
class Hub:
    """A hub process and its user token."""

    url: str
    token: str
    process: subprocess.Popen[str]
    env: dict[str, str]

    def client(self) -> httpx.Client:
        """A client with the user's token."""
        return httpx.Client(base_url=self.url + "/api/v2", headers={"Coder-Session-Token": self.token}, timeout=30)

    def workspace(self, name: str, directory: str, **values: str) -> tuple[str, str]:
        """Create a workspace; its id and its agent's token."""
        values = {"directory": directory, "app": "agent"} | values
        body = {"name": name, "rich_parameter_values": [{"name": k, "value": v} for k, v in values.items()]}
        with self.client() as client:
            made = client.post("/users/me/workspaces", json=body)
            made.raise_for_status()
            workspace = str(made.json()["id"])
            while client.get(f"/workspaces/{workspace}").json()["latest_build"]["status"] != "running":
                pass  # a build takes a few milliseconds
            answer = client.get(f"/workspaces/{workspace}/external-agent/main/credentials")
            answer.raise_for_status()
            return workspace, str(answer.json()["agent_token"])

    def fill(self, count: int, directory: str) -> None:
        """Create so many workspaces, each with an app that reports nothing, and wait until they run."""
        # two routes that do the same, each with a limit of its own: 512 a minute
        routes = "/users/me/workspaces", "/organizations/default/members/me/workspaces"
        values = [{"name": "directory", "value": directory}, {"name": "app", "value": "agent"}]
        with self.client() as client:
            for number in range(count):
                body = {"name": f"rest-{number}", "rich_parameter_values": values}
                made = client.post(routes[number % 2], json=body)
                while made.status_code == 429:
                    time.sleep(float(made.headers["retry-after"]))
                    made = client.post(routes[number % 2], json=body)
                made.raise_for_status()
            running = {"q": "status:running", "limit": 1}
            while client.get("/workspaces", params=running).json()["count"] < count:
                time.sleep(0.5)


@contextmanager
def hub() -> Iterator[Hub]:
    """A fresh hub in a temporary directory, stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="coder-tui-bench-") as root:
        env = os.environ | {
            f"CODER_TUI_{kind}_DIR": str(Path(root) / kind.lower()) for kind in ("DATA", "STATE", "CONFIG", "CACHE")
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "coder_tui", "hub", "serve"], stdout=subprocess.PIPE, text=True, env=env
        )
        assert process.stdout is not None
        try:
            where = json.loads(process.stdout.readline())
            yield Hub(where["url"], Path(where["token_file"]).read_text().strip(), process, env)
        finally:
            process.terminate()
            process.wait(20)
            process.stdout.close()


class Drain:
    """A program in a PTY whose output is read and kept; `until` blocks until some bytes were seen."""

    def __init__(self, argv: Sequence[str], env: dict[str, str], columns: int = 140, rows: int = 40) -> None:
        import fcntl
        import pty
        import struct
        import termios

        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave, env=env | {"TERM": "xterm-256color"}, start_new_session=True
        )
        os.close(slave)
        self.master = master
        self.raw = bytearray()
        self.changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                data = b""
            with self.changed:
                self.raw += data
                self.changed.notify_all()
            if not data:
                return

    def until(self, wanted: bytes, start: int = 0, patience: float = 20.0) -> int:
        """Block until `wanted` stands in the output after `start`; the position behind it."""
        with self.changed:
            if not self.changed.wait_for(lambda: self.raw.find(wanted, start) >= 0, patience):
                raise TimeoutError(f"never saw {wanted!r}: {bytes(self.raw[-2000:])!r}")
            return self.raw.find(wanted, start) + len(wanted)

    def send(self, keys: bytes) -> None:
        """Type."""
        os.write(self.master, keys)

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(20)
        os.close(self.master)

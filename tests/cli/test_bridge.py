"""`coder-tui bridge`: a real command in a real PTY behind a real process, and what it reports."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import selectors
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.hub.support import a_hub, agent_token

BOUND = 20.0


class Outer:
    """The terminal the bridge runs in."""

    def __init__(self, environ: dict[str, str], *words: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 91, 0, 0))
        argv = [sys.executable, "-m", "coder_tui", "bridge", "--app", "agent", "--", *words]
        self.process = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave, env=environ, start_new_session=True
        )
        os.close(slave)
        self.seen = b""

    def until(self, wanted: bytes) -> None:
        end = time.monotonic() + BOUND
        with selectors.DefaultSelector() as selector:
            selector.register(self.master, selectors.EVENT_READ)
            while wanted not in self.seen:
                assert selector.select(end - time.monotonic()), self.seen
                self.seen += os.read(self.master, 65536)

    def type(self, data: bytes) -> None:
        os.write(self.master, data)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.kill(self.process.pid, signal.SIGWINCH)

    def close(self) -> int:
        try:
            return self.process.wait(BOUND)
        finally:
            os.close(self.master)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    kinds = ("STATE", "DATA", "CACHE", "CONFIG")
    return {"PATH": os.environ["PATH"], "TERM": "xterm", **{f"CODER_TUI_{k}_DIR": str(tmp_path / k) for k in kinds}}


@pytest.fixture
def down(environ: dict[str, str]) -> Iterator[dict[str, str]]:
    """A deployment that accepts connections and never answers."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        yield environ | {"CODER_AGENT_URL": url, "CODER_AGENT_TOKEN": "6f1f3c52-6a1f-4f1a-9f43-0d6f0f9f6f10"}


def test_it_is_as_if_it_were_not_there(down: dict[str, str], tmp_path: Path) -> None:
    script = (
        "stty size; printf '\\033]7501;state=working\\033\\\\'; echo ready;"
        " until [ \"$(stty size)\" = '20 70' ]; do sleep 0.02; done; echo sized; read line; echo got $line; exit 7"
    )
    outer = Outer(down, "/bin/sh", "-c", script)
    outer.until(b"30 91")
    outer.until(b"\x1b]7501;state=working\x1b\\ready")
    outer.resize(70, 20)
    outer.until(b"sized")
    outer.type(b"hello\r")
    outer.until(b"got hello")
    assert outer.close() == 7
    kept = [json.loads(line) for file in tmp_path.glob("STATE/spool/*/queue") for line in file.open()]
    assert [(one["app"], one["state"]) for one in kept] == [("agent", "working"), ("agent", "failure")]


def test_signals_and_commands_that_cannot_start(environ: dict[str, str]) -> None:
    outer = Outer(environ, "/bin/sh", "-c", "echo $$ ready; exec sleep 600")
    outer.until(b"ready")
    outer.process.terminate()
    assert outer.close() == 128 + signal.SIGTERM
    outer = Outer(environ, "/no/such/program")
    assert outer.close() == 127
    outer = Outer(environ, "/bin/sh", "-c", "echo up; exec cat")
    outer.until(b"up")
    outer.type(b"a\x03")
    assert outer.close() == 128 + signal.SIGINT


def test_without_a_terminal(environ: dict[str, str]) -> None:
    argv = [sys.executable, "-m", "coder_tui", "bridge", "--", "cat"]
    done = subprocess.run(argv, input=b"line\n", env=environ, capture_output=True, timeout=BOUND, check=False)
    assert done.returncode == 0
    assert b"line" in done.stdout


async def test_it_reports(environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/sh")
    async with a_hub(tmp_path / "hub") as hub:
        workspace = await hub.workspace("dev")
        inside = environ | {"CODER_AGENT_URL": hub.url, "CODER_AGENT_TOKEN": await agent_token(hub, workspace)}
        outer = Outer(inside, "/bin/sh", "-c", "printf '\\033]7501;state=blocked:kind=question\\a'; read x; exit 0")

        async def until(state: str, asks: bool) -> None:
            def there(found: dict[str, dict[str, object]]) -> bool:
                status = found["latest_app_status"] or {}
                return (status.get("state"), status.get("needs_user_attention")) == (state, asks)

            await hub.until(workspace["id"], there)

        await until("idle", True)
        outer.type(b"\r")
        await until("complete", False)
        assert outer.close() == 0

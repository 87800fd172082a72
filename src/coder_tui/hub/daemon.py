"""Find, start and stop the hub of a data directory. Standard library only: clients call this before anything else.

The running hub describes itself in `hub.json` (0600) in its data directory: `{"url", "token_file", "pid"}`. The
file may outlive its hub (kill -9), so it is believed only when that address answers `/healthz`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from coder_tui.errors import HubError
from coder_tui.paths import ensure_private
from coder_tui.text import one_line

ADDRESS_FILE = "hub.json"
LOCK_FILE = "hub.lock"
LOG_FILE = "hub.log"
_LOG_LIMIT = 1 << 20  # bytes; a longer log starts anew with the next hub
_STEP = 0.02  # seconds between two looks at something no event can be had for
_children: dict[int, subprocess.Popen[bytes]] = {}  # hubs that we started, by pid: they may outlive us


@dataclass(frozen=True, slots=True)
class HubAddress:
    """Where a running hub is. `token_file` holds the person's token; `pid` is its process."""

    url: str
    token_file: Path
    pid: int


def read_address(text: str, pid: int = 0) -> HubAddress | None:
    """The address in `text` (the hub's own JSON, with or without its `pid`), or None when it is not one."""
    try:
        found = json.loads(text)
        address = HubAddress(str(found["url"]), Path(found["token_file"]), int(found.get("pid", pid)))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return address if address.pid > 0 else None


def discover(data_dir: Path) -> HubAddress | None:
    """The hub that serves `data_dir`, or None. Never raises: an unreadable or stale file is no hub."""
    address = _address(data_dir)
    return address if address and locked(data_dir) and _healthy(address.url) else None


def serves(data_dir: Path, url: str) -> bool:
    """Whether the hub of `data_dir` lives and listens at `url`: nobody else can hold its lock. Costs microseconds.

    Ask before a token is sent there: after a hub's end its port may be another user's. Never raises.
    """
    address = _address(data_dir)
    return address is not None and address.url == url and locked(data_dir)


def _address(data_dir: Path) -> HubAddress | None:
    try:
        return read_address((data_dir / ADDRESS_FILE).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None


def command(data_dir: Path, *more: str) -> list[str]:
    """The command line that serves `data_dir`. -P: never import from the current directory."""
    return [sys.executable, "-P", "-m", "coder_tui", "hub", "serve", "--data", str(data_dir), "--port", "0", *more]


def environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a hub inherits: no credentials of any Coder deployment, as its agents inherit from it in turn."""
    return {
        name: value
        for name, value in environ.items()
        if name.startswith("CODER_TUI_") or not (name == "CODER" or name.startswith("CODER_"))
    }


def start(data_dir: Path, *, timeout: float = 20.0) -> HubAddress:
    """Find the hub of `data_dir` or start one in the background; it outlives us. Any number may call this at once.

    `timeout` is in seconds. Raises StorageError (directory) or HubError (with the hub's own last words).
    """
    data_dir = ensure_private(data_dir).resolve()
    deadline = time.monotonic() + timeout
    while not (found := discover(data_dir)):
        if (left := deadline - time.monotonic()) <= 0:
            raise HubError("the local hub does not answer", why=f"waited {timeout:g} s", fix=_see_log(data_dir))
        if locked(data_dir) or not (found := _launch(data_dir, left)):
            time.sleep(_STEP)  # another starter was first: its hub is about to be in hub.json
            continue
        break
    return found


def _launch(data_dir: Path, timeout: float) -> HubAddress | None:
    """A new hub; None when another one took the lock first. Raises HubError when it failed otherwise."""
    for pid in [pid for pid, child in _children.items() if child.poll() is not None]:
        del _children[pid]
    log_path = data_dir / LOG_FILE
    log = _open_log(log_path)
    try:
        process = subprocess.Popen(
            command(data_dir),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment(),
            cwd=data_dir,
            start_new_session=True,
        )
    finally:
        os.close(log)
    if address := read_address(first_line(process, timeout), process.pid):
        _children[process.pid] = process
        return address
    try:
        code = process.wait(1.0)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    if code == HubError.exit_code and locked(data_dir):
        return None
    raise HubError("the local hub did not start", why=last_words(log_path), fix=_see_log(data_dir))


def stop(data_dir: Path, *, timeout: float = 15.0) -> bool:
    """Stop the hub of `data_dir` and wait until it is gone; False when none was running.

    `timeout` is in seconds. Raises HubError when it does not end.
    """
    address = discover(data_dir)
    if not address:
        if locked(data_dir):
            raise HubError(f"the hub of {data_dir} does not answer", why="it holds the lock", fix=_see_log(data_dir))
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(address.pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while locked(data_dir):
        if time.monotonic() > deadline:
            raise HubError(
                "the hub did not stop", why=f"process {address.pid} is still there", fix=f"kill -9 {address.pid}"
            )
        time.sleep(_STEP)
    if child := _children.pop(address.pid, None):
        child.wait()  # it has let go of the lock, so this is at once: no zombie stays
    return True


def first_line(process: subprocess.Popen[bytes], timeout: float) -> str:
    """The first line of a new hub's output, empty when it ended or `timeout` seconds passed. Closes the pipe."""
    data, deadline = b"", time.monotonic() + timeout
    if process.stdout is None:
        return ""
    with process.stdout as pipe, selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while b"\n" not in data and (left := deadline - time.monotonic()) > 0:
            if selector.select(left):
                chunk = os.read(pipe.fileno(), 4096)
                if not chunk:
                    break
                data += chunk
    return data.partition(b"\n")[0].decode("utf-8", "replace")


def locked(data_dir: Path) -> bool:
    """Whether a hub of `data_dir` lives, answering or not: it holds a lock that the kernel frees at its end."""
    try:
        descriptor = os.open(data_dir / LOCK_FILE, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _open_log(path: Path) -> int:
    with contextlib.suppress(OSError):
        if path.stat().st_size > _LOG_LIMIT:
            path.unlink()
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _see_log(data_dir: Path) -> str:
    return f"see {data_dir / LOG_FILE}"


def last_words(path: Path) -> str:
    """The last line of the hub's log, safe to print."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return one_line(lines[-1]).removeprefix("coder-tui: ")[:300] if lines else "it said nothing"


def _healthy(url: str) -> bool:
    """Whether a server answers `OK` at `url`; loopback answers in milliseconds, a second is patience."""
    from http.client import HTTPConnection, HTTPException  # most who ask for a hub find no file of one

    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=1.0)
    try:
        connection.request("GET", "/healthz")
        response = connection.getresponse()
        return response.status == 200 and response.read(16).strip() == b"OK"
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()

"""One change of a workspace until the last of 1,000 watchers has it, against a bare broadcast of the same bytes.

The hub's time begins with the report of an agent, so it holds the commit to disk too. The watchers are bare sockets in
this process, the same for both: what they cost is in both.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import resource
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from _bench import Hub, emit, median

WATCHERS = 1000
ROUNDS = 15

# The limit of requests a minute would make connecting last two minutes.
HUB = """
import sys
from coder_tui.hub import core
core.API_PER_MINUTE = 10**9
from coder_tui.cli.main import main
sys.exit(main(["hub", "serve"]))
"""
BARE = """
import asyncio, json
from websockets.asyncio.server import broadcast, serve
async def handler(socket):
    if socket.request.path == "/watch":
        watchers.add(socket)
        return await socket.wait_closed()
    async for message in socket:
        broadcast(watchers, message)
async def main():
    async with serve(handler, "127.0.0.1", 0, compression=None, max_size=None) as server:
        print(json.dumps({"url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"}), flush=True)
        await asyncio.get_running_loop().create_future()
watchers = set()
asyncio.run(main())
"""


def upgraded(url: str, path: str, token: str = "") -> socket.socket:
    """A WebSocket, opened by hand; what came with the answer is thrown away."""
    parts = urlsplit(url)
    link = socket.create_connection((parts.hostname, parts.port))
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [f"GET {path} HTTP/1.1", f"Host: {parts.netloc}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", f"Coder-Session-Token: {token}", "", ""]
    link.sendall("\r\n".join(lines).encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += link.recv(65536)
    assert b" 101 " in answer.split(b"\r\n")[0], answer
    return link


class Watchers:
    """Sockets on one path. `measure` does something and waits until each has seen what it caused."""

    def __init__(self, url: str, path: str, token: str = "") -> None:
        self._selector = selectors.DefaultSelector()
        for _ in range(WATCHERS):
            link = upgraded(url, path, token)
            link.setblocking(False)
            self._selector.register(link, selectors.EVENT_READ, bytearray())

    def measure(self, act: Callable[[], object], wanted: bytes) -> float:
        """Seconds from `act` to the last socket that has seen `wanted`."""
        for entry in self._selector.get_map().values():
            entry.data.clear()
        missing = WATCHERS
        start = time.perf_counter()
        act()
        while missing:
            for entry, _ in self._selector.select(20):
                data = entry.fileobj.recv(1 << 16)  # type: ignore[union-attr]
                assert data, "closed"
                before = wanted in entry.data
                entry.data.extend(data)
                missing -= not before and wanted in entry.data
        return time.perf_counter() - start

    def settle(self) -> bytes:
        """Read until nothing comes for a moment; what one of them got."""
        got = b""
        while events := self._selector.select(0.3):
            for entry, _ in events:
                got = entry.fileobj.recv(1 << 16)  # type: ignore[union-attr]
        return got

    def close(self) -> None:
        """Close them all."""
        for entry in list(self._selector.get_map().values()):
            entry.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()


@contextlib.contextmanager
def server(code: str, root: str) -> Iterator[tuple[dict[str, str], subprocess.Popen[str]]]:
    """A server of ours or theirs: what it says of itself, and its process."""
    env = os.environ | {f"CODER_TUI_{kind}_DIR": f"{root}/{kind}" for kind in ("DATA", "STATE", "CONFIG", "CACHE")}
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=env)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline()), process
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def framed(text: bytes) -> bytes:
    """A masked text frame of a client, of up to 64 KB (RFC 6455, 5.2); the mask is zero."""
    return b"\x81\xfe" + len(text).to_bytes(2, "big") + bytes(4) + text


def main() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4096), hard), hard))
    hub_times, bare_times = [], []
    with tempfile.TemporaryDirectory() as root, server(HUB, root) as (where, process), server(BARE, root) as (bare, _):
        ours = Hub(where["url"], Path(where["token_file"]).read_text().strip(), process, {})
        workspace, agent = ours.workspace("bench", root)
        watchers = Watchers(ours.url, f"/api/v2/workspaces/{workspace}/watch-ws", ours.token)
        theirs = Watchers(bare["url"], "/watch")
        control = upgraded(bare["url"], "/")
        reporter = ours.client()
        watchers.settle()

        def report(text: str) -> None:
            body = {"app_slug": "agent", "state": "working", "message": text, "uri": ""}
            answer = reporter.patch("/workspaceagents/me/app-status", json=body, headers={"Coder-Session-Token": agent})
            assert answer.status_code == 200, answer.text

        report("as a frame")
        frame = watchers.settle()[4:]  # without the head of the server's frame
        for number in range(ROUNDS):
            mark = f"change-{number:04}"
            hub_times.append(watchers.measure(lambda text=mark: report(text), mark.encode()))  # type: ignore[misc]
            watchers.settle()
            body = frame[: -len(mark)] + mark.encode()
            bare_times.append(theirs.measure(lambda data=body: control.sendall(framed(data)), mark.encode()))  # type: ignore[misc]
            theirs.settle()
        watchers.close()
        theirs.close()
    emit(
        "hub_fanout",
        median([a / b for a, b in zip(hub_times, bare_times, strict=True)]),
        "<= 2",
        "websockets.broadcast of the same bytes",
        hub_ms=round(1000 * median(hub_times), 1),
        broadcast_ms=round(1000 * median(bare_times), 1),
        bytes=len(frame),
        watchers=WATCHERS,
        rounds=ROUNDS,
    )


if __name__ == "__main__":
    main()

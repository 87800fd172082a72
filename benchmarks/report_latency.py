"""PATCH app-status answered to the new message painted by a cockpit in another process, over loopback.

The peer is a bare WebSocket echo of the same JSON; the cockpit paints at most ten times a second, which is its floor.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from _bench import Drain, emit, hub

REPORTS = 60


def echoes(body: bytes) -> list[float]:
    """Milliseconds of each echo."""

    def echo(socket: ServerConnection) -> None:
        for message in socket:
            socket.send(message)

    with serve(echo, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        times = []
        with connect(f"ws://127.0.0.1:{port}", proxy=None) as socket:
            for _ in range(REPORTS):
                start = time.perf_counter()
                socket.send(body)
                socket.recv()
                times.append((time.perf_counter() - start) * 1000)
        server.shutdown()
    return times


def main() -> None:
    with hub() as ours, tempfile.TemporaryDirectory() as root:
        _, agent_token = ours.workspace("bench", root)
        token = Path(root) / "token"
        token.write_text(ours.token)
        token.chmod(0o600)
        term = Drain(
            [sys.executable, "-m", "coder_tui", "--url", ours.url, "--token-file", str(token)], ours.env, 160, 45
        )
        times: list[float] = []
        body: dict[str, str] = {}
        try:
            term.until(b"live")
            pause = threading.Event()
            with httpx.Client(base_url=ours.url, headers={"Coder-Session-Token": agent_token}, trust_env=False) as http:
                for number in range(REPORTS + 5):
                    # a marker that shares no letters with the last one: the screen repaints only what differs
                    marker = chr(ord("A") + number % 26) * 3 + f"{number:03d}"
                    body = {"app_slug": "agent", "state": "working", "message": marker, "uri": ""}
                    at = len(term.raw)
                    http.patch("/api/v2/workspaceagents/me/app-status", json=body).raise_for_status()
                    answered = time.perf_counter()
                    term.until(marker.encode(), at)
                    if number >= 5:
                        times.append((time.perf_counter() - answered) * 1000)
                    pause.wait(0.13 + (number * 37 % 100) / 1000)  # spread over the phases of the painter
        finally:
            term.close()
    bare = echoes(json.dumps(body).encode())
    p50, p95 = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    emit(
        "report_latency",
        p50 / statistics.median(bare),
        "p50 <= 60 ms, p95 <= 120 ms",
        "a bare WebSocket echo of the same JSON",
        p50_ms=round(p50, 1),
        p95_ms=round(p95, 1),
        echo_p50_ms=round(statistics.median(bare), 2),
        reports=REPORTS,
    )


if __name__ == "__main__":
    main()

"""What one `coder-tui report` (over HTTP, over the agent's socket) and one `coder-tui hook` cost, against a bare
interpreter making one HTTP request.

In turn, in one run, against a real hub; wall time of the child. Beside them the scanner that sees all
output of a program, in MB/s on plain text, on coloured text, and on a flood of OSC 7501.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _bench import emit, hub, median
from coder_tui.paths import socket_dir
from coder_tui.report.osc import Scanner

ROUNDS = 15
BARE = """
import json, os, urllib.request
body = json.dumps({"app_slug": "agent", "state": "working", "message": "bare", "uri": ""}).encode()
request = urllib.request.Request(os.environ["CODER_AGENT_URL"] + "/api/v2/workspaceagents/me/app-status", body,
    {"Coder-Session-Token": os.environ["CODER_AGENT_TOKEN"], "Content-Type": "application/json"}, method="PATCH")
urllib.request.urlopen(request).read()
"""
FLOODS = {
    "plain": b"a line of a build, as they are\n" * 2100,
    "coloured": b"\x1b[32mok\x1b[0m a line of a test run\r\n" * 1900,
    "osc_7501": b"\x1b]7501;state=working:app=codex:msg=aGVsbG8=\x1b\\and a line of text\r\n" * 950,
}


def cost(argv: list[str], env: dict[str, str], data: bytes = b"") -> float:
    """Seconds of wall time."""
    start = time.perf_counter()
    subprocess.run(argv, env=env, input=data, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def speed(data: bytes) -> float:
    """MB/s of the scanner."""
    scanner, rounds = Scanner(), max(1, (16 << 20) // len(data))
    start = time.perf_counter()
    for _ in range(rounds):
        scanner.feed(data)
    return len(data) * rounds / (time.perf_counter() - start) / 1e6


def main() -> None:
    with hub() as ours, tempfile.TemporaryDirectory() as root:
        _, token = ours.workspace("bench", root)
        env = ours.env | {"CODER_AGENT_URL": ours.url, "CODER_AGENT_TOKEN": token, "CODER_MCP_APP_STATUS_SLUG": "agent"}
        program = [sys.executable, "-m", "coder_tui"]
        [socket] = socket_dir(Path(ours.env["CODER_TUI_DATA_DIR"])).iterdir()
        inside = env | {"CODER_AGENT_SOCKET_PATH": str(socket)}
        kinds: dict[str, list[float]] = {"interpreter": [], "bare": [], "report": [], "socket_report": [], "hook": []}
        for number in range(ROUNDS):
            event = b'{"hook_event_name":"Stop","last_assistant_message":"turn %d"}' % number
            report = [*program, "report", "--state", "working", "--message", f"step {number}"]
            kinds["interpreter"].append(cost([sys.executable, "-c", "pass"], env))
            kinds["bare"].append(cost([sys.executable, "-c", BARE], env))
            kinds["report"].append(cost(report, env))
            kinds["socket_report"].append(cost([*report[:-1], f"again {number}"], inside))
            kinds["hook"].append(cost([*program, "hook", "claude"], env, event))
    for name in ("report", "socket_report", "hook"):
        pairs = zip(kinds[name], kinds["bare"], strict=True)
        emit(
            f"{name}_cost",
            median([one / bare for one, bare in pairs]),
            "<= 1.5",
            "python -c with urllib.request and one request",
            milliseconds={kind: round(1000 * median(found)) for kind, found in kinds.items()},
            scanner_mb_per_second={kind: round(speed(data)) for kind, data in FLOODS.items()},
            rounds=ROUNDS,
        )


if __name__ == "__main__":
    main()

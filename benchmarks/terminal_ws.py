"""The streams of `terminal_pane` through the hub's terminal WebSocket, against the same pane on a PTY of its own."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Any

from _bench import emit, hub, median
from _terminal import COLUMNS, KINDS, MEGABYTES, ROWS, figures_of, in_pane, program, size_of

ROUNDS = 5


def main() -> None:
    with hub() as ours, program() as script, tempfile.TemporaryDirectory() as root:
        workspace, _ = ours.workspace("bench", root)
        token = Path(root) / "token"
        token.write_text(ours.token)
        with ours.client() as client:
            resources = client.get(f"/workspaces/{workspace}").json()["latest_build"]["resources"]
        agent = next(agent["id"] for resource in resources for agent in resource.get("agents") or ())
        times: dict[str, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
        with in_pane(script) as (local, _), in_pane(script, ("hub", ours.url, str(token), agent)) as (remote, result):
            for number in range(ROUNDS):
                for kind in KINDS:
                    keys, wanted = f"{kind} {number}\r".encode(), f"done:{kind}:{number}::".encode()
                    spans = [pane.type(keys, wanted) for pane in (local, remote)]
                    times[kind].append((spans[0][1] - spans[0][0], spans[1][1] - spans[1][0]))
            received = figures_of(remote, result)["received"]
        sent = ROUNDS * sum(size_of(script, kind) for kind in KINDS)
        detail: dict[str, Any] = {"bytes_lost": max(0, sent - received)}  # what the hub skips of a slow client
        for kind in KINDS:
            size = size_of(script, kind) / 1e6
            detail[kind] = {
                "ratio": round(median([here / there for here, there in times[kind]]), 2),
                "mb_s": round(size / statistics.median(there for _, there in times[kind]), 1),
                "local_mb_s": round(size / statistics.median(here for here, _ in times[kind]), 1),
            }
    emit(
        "terminal_ws",
        min(detail[kind]["ratio"] for kind in KINDS),
        ">= 0.6 on every stream",
        "the same pane fed from a local PTY",
        **detail,
        megabytes=MEGABYTES,
        size=f"{COLUMNS}x{ROWS}",
        rounds=ROUNDS,
    )


if __name__ == "__main__":
    main()

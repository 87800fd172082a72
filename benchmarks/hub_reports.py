"""Durable status reports per second, 8 reporters, against a bare ASGI handler with one INSERT per request.

Both answer only after the row is in SQLite (WAL, synchronous=FULL). The same load, in turn, in one run.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from urllib.parse import urlsplit

from _bench import emit, hub, median

REPORTERS = 8
EACH = 150
ROUNDS = 5

BARE = """
import asyncio, json, sqlite3, sys, socket, uuid, datetime
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode=WAL"); db.execute("PRAGMA synchronous=FULL")
db.execute("CREATE TABLE status (id TEXT PRIMARY KEY, at TEXT, app TEXT, state TEXT, message TEXT, uri TEXT)")
async def patch(request):
    body = json.loads(await request.body())
    db.execute("INSERT INTO status VALUES (?,?,?,?,?,?)", (str(uuid.uuid4()), datetime.datetime.now().isoformat(),
        body["app_slug"], body["state"], body["message"], body.get("uri", "")))
    return Response("null\\n", media_type="application/json")
app = Starlette(routes=[Route("/api/v2/workspaceagents/me/app-status", patch, methods=["PATCH"])])
sock = socket.socket(); sock.bind(("127.0.0.1", 0))
print(json.dumps({"url": f"http://127.0.0.1:{sock.getsockname()[1]}"}), flush=True)
server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False))
asyncio.run(server.serve(sockets=[sock]))
"""


def load(url: str, token: str) -> float:
    """Reports per second of all reporters together."""
    host = urlsplit(url).netloc

    def reporter(number: int) -> None:
        with closing(http.client.HTTPConnection(host, timeout=30)) as link:
            for count in range(EACH):
                body = {"app_slug": "agent", "state": "working", "message": f"{number} step {count}", "uri": ""}
                link.request(
                    "PATCH",
                    "/api/v2/workspaceagents/me/app-status",
                    json.dumps(body),
                    {"Coder-Session-Token": token, "Content-Type": "application/json"},
                )
                answer = link.getresponse()
                answer.read()
                assert answer.status == 200, answer.status

    threads = [threading.Thread(target=reporter, args=(number,)) for number in range(REPORTERS)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return REPORTERS * EACH / (time.perf_counter() - start)


def main() -> None:
    with hub() as ours, tempfile.TemporaryDirectory() as root:
        _, token = ours.workspace("bench", root)
        bare = subprocess.Popen([sys.executable, "-c", BARE, f"{root}/bare.db"], stdout=subprocess.PIPE, text=True)
        assert bare.stdout is not None
        try:
            url = json.loads(bare.stdout.readline())["url"]
            pairs = [(load(ours.url, token), load(url, token)) for _ in range(ROUNDS)]
        finally:
            bare.terminate()
            bare.wait(20)
            bare.stdout.close()
    emit(
        "hub_reports",
        median([a / b for a, b in pairs]),
        ">= 1.5",
        "bare Starlette handler, one INSERT per request",
        reports_per_second=round(median([a for a, _ in pairs])),
        bare_per_second=round(median([b for _, b in pairs])),
        reporters=REPORTERS,
        rounds=ROUNDS,
    )


if __name__ == "__main__":
    main()

"""A small real server that speaks AgentAPI 0.12.1: status, messages, message, events; the test says what happens."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TIME = "2026-01-01T00:00:00Z"


class AgentApi:
    """What it knows. Change it from any thread: subscribers hear of it."""

    def __init__(self) -> None:
        self.status = "stable"
        self.messages: list[dict[str, Any]] = []
        self.raw: list[str] = []
        self.subscribed = threading.Event()
        self.url = ""
        self._lock = threading.Lock()
        self._subscribers: list[queue.SimpleQueue[bytes | None]] = []

    def set_status(self, status: str) -> None:
        """The screen changes, or stands still."""
        with self._lock:
            self.status = status
            self._tell(self._status_event())

    def say(self, role: str, content: str, *, again: bool = False) -> None:
        """A new message, or (`again`) the newest one, grown."""
        with self._lock:
            if again:
                self.messages[-1]["content"] = content
            else:
                self.messages.append({"id": len(self.messages), "role": role, "content": content, "time": TIME})
            self._tell(_message_event(self.messages[-1]))

    def fail(self, message: str, level: str = "error") -> None:
        """Something is wrong with the agent."""
        with self._lock:
            self._tell(_event("agent_error", {"message": message, "level": level, "time": TIME}))

    def tell(self, data: bytes) -> None:
        """Any bytes into the streams."""
        with self._lock:
            self._tell(data)

    def drop(self) -> None:
        """End every stream."""
        with self._lock:
            self.subscribed.clear()
            for one in self._subscribers:
                one.put(None)
            self._subscribers.clear()

    def subscribe(self) -> Iterator[bytes]:
        """What a subscriber gets."""
        mine: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        with self._lock:
            for message in self.messages:
                mine.put(_message_event(message))
            mine.put(self._status_event())
            self._subscribers.append(mine)
        self.subscribed.set()
        while (data := mine.get()) is not None:
            yield data

    def _status_event(self) -> bytes:
        return _event("status_change", {"status": self.status, "agent_type": "claude"})

    def _tell(self, data: bytes) -> None:
        for one in self._subscribers:
            one.put(data)


def _event(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def _message_event(message: dict[str, Any]) -> bytes:
    return _event("message_update", {"message" if key == "content" else key: value for key, value in message.items()})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: AgentApi

    def do_GET(self) -> None:
        if self.path == "/status":
            self._json(200, {"status": self.api.status, "agent_type": "claude", "transport": "pty"})
        elif self.path == "/messages":
            self._json(200, {"messages": self.api.messages})
        elif self.path == "/events":
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            with suppress(OSError):
                for data in self.api.subscribe():
                    self.wfile.write(data)
            self.close_connection = True
        else:
            self._problem(404, "Not Found", "")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/message":
            self._problem(404, "Not Found", "")
        elif set(body) != {"content", "type"} or body["type"] not in {"user", "raw"}:
            self._problem(422, "Unprocessable Entity", "validation failed")
        elif body["type"] == "raw":
            self.api.raw.append(body["content"])
            self._json(200, {"ok": True})
        elif self.api.status != "stable":
            self._problem(500, "Internal Server Error", "failed to send message: agent is running")
        else:
            self.api.say("user", body["content"])
            self._json(200, {"ok": True})

    def _problem(self, status: int, title: str, detail: str) -> None:
        self._json(status, {"title": title, "status": status, "detail": detail}, "application/problem+json")

    def _json(self, status: int, value: dict[str, Any], kind: str = "application/json") -> None:
        data = json.dumps({"$schema": "http://x/schemas/x.json", **value}).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@contextmanager
def an_agentapi(api: AgentApi | None = None, port: int = 0) -> Iterator[AgentApi]:
    """One on a free port of this machine (or on `port`, to come back)."""
    api = api or AgentApi()
    handler = type("Handler", (_Handler,), {"api": api})
    ThreadingHTTPServer.allow_reuse_address = True
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True)
        thread.start()
        api.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield api
        finally:
            api.drop()
            server.shutdown()
            thread.join()

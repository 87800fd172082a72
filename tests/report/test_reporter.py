"""The reporter against a small real server over real sockets: what is on the wire, and what goes wrong."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder_tui.errors import (
    ApiError,
    ConfigError,
    CredentialsError,
    ProtocolError,
    UnreachableError,
    UsageError,
)
from coder_tui.report.reporter import Reporter
from coder_tui.report.states import MESSAGE_LIMIT, STATES, cut
from coder_tui.wire import statuses
from coder_tui.wire.logs import PatchLogs
from coder_tui.wire.statuses import PatchAppStatus

TOKEN = "6f1f3c52-6a1f-4f1a-9f43-0d6f0f9f6f10"


@dataclass
class Seen:
    """What the server saw, and what it shall answer."""

    requests: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    connections: int = 0
    status: int = 200
    answer: bytes = b"null\n"
    drop_after: bool = False  # close the connection after each answer without saying so
    raw: bytes = b""  # answer these bytes instead of HTTP


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: Seen

    def setup(self) -> None:
        super().setup()
        self.seen.connections += 1

    def _any(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.requests.append((self.command, self.path, dict(self.headers), body))
        if self.seen.raw:
            self.wfile.write(self.seen.raw)
            self.close_connection = True
            return
        self.send_response(self.seen.status)
        self.send_header("Content-Length", str(len(self.seen.answer)))
        self.end_headers()
        self.wfile.write(self.seen.answer)
        self.close_connection = self.seen.drop_after

    do_POST = do_PATCH = _any

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def url(seen: Seen) -> Iterator[str]:
    handler = type("Handler", (_Handler,), {"seen": seen})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_status_is_what_the_contract_says(url: str, seen: Seen) -> None:
    with Reporter(url + "/", TOKEN, "claude") as reporter:
        assert reporter.status("working", "Reading models", "https://dev.example/pr/1")
    [(method, path, headers, body)] = seen.requests
    assert (method, path) == ("PATCH", "/api/v2/workspaceagents/me/app-status")
    assert headers["Coder-Session-Token"] == TOKEN
    read = PatchAppStatus.model_validate(body)
    assert read == PatchAppStatus(
        app_slug="claude", state="working", message="Reading models", uri="https://dev.example/pr/1"
    )


def test_repeats_are_not_sent_and_connection_is_kept(url: str, seen: Seen) -> None:
    with Reporter(url, TOKEN, "claude") as reporter:
        assert reporter.status("working", "one")
        assert not reporter.status("working", "one")
        assert reporter.status("idle", "one")
        assert reporter.status("idle", "one", needs="attention")
        assert reporter.status("idle", "one", app="codex", needs="permission")
        assert reporter.status("working", "one")
    assert [(body["app_slug"], body["state"]) for *_, body in seen.requests] == [
        ("claude", "working"),
        ("claude", "idle"),
        ("claude", "idle"),
        ("codex", "idle"),
        ("claude", "working"),
    ]
    assert seen.connections == 1


def test_a_refused_report_is_not_taken_for_sent(url: str, seen: Seen) -> None:
    seen.status, seen.answer = (
        400,
        b'{"message": "Failed to get workspace app.", "detail": "no app \\"x\\u001b[31m\\""}',
    )
    with Reporter(url, TOKEN, "x") as reporter:
        with pytest.raises(
            ApiError, match=r'refused the report \(HTTP 400\): Failed to get workspace app. no app "x"$'
        ):
            reporter.status("working", "one")
        seen.status, seen.answer = 200, b"null\n"
        assert reporter.status("working", "one")


def test_a_connection_that_died_between_reports_is_opened_again(url: str, seen: Seen) -> None:
    seen.drop_after = True
    with Reporter(url, TOKEN, "claude") as reporter:
        for number in range(3):
            assert reporter.status("working", str(number))
    assert [body["message"] for *_, body in seen.requests] == ["0", "1", "2"]
    assert seen.connections == 3


def test_logs_and_their_source(url: str, seen: Seen) -> None:
    with Reporter(url, TOKEN) as reporter:
        source = reporter.log_source("fixer", "/icon.svg")
        reporter.logs(["first", "lone \udcff surrogate"], "warn", source)
        reporter.logs([])
        reporter.logs(iter(["elsewhere"]))
    (_, path, _, created), (method, logs_path, _, pushed), (*_, external) = seen.requests
    assert path == "/api/v2/workspaceagents/me/log-source"
    assert created == {"id": source, "display_name": "fixer", "icon": "/icon.svg"}
    assert str(UUID(source)) == source
    assert (method, logs_path) == ("PATCH", "/api/v2/workspaceagents/me/logs")
    read = PatchLogs.model_validate(pushed)
    assert read.log_source_id == source
    assert [(line.level, line.output) for line in read.logs] == [("warn", "first"), ("warn", "lone ? surrogate")]
    assert "log_source_id" not in external


def test_wrong_token(url: str, seen: Seen) -> None:
    seen.status, seen.answer = 401, b'{"message": "You are signed out.", "detail": "Unknown agent token."}'
    with (
        Reporter(url, TOKEN, "claude") as reporter,
        pytest.raises(CredentialsError, match="refused the agent token: You are") as caught,
    ):
        reporter.status("working", "one")
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("answer", [b"<html>oh no</html>", b"[1]", b'{"message": 7, "validations": 3}', b""])
def test_errors_that_are_not_ours(url: str, seen: Seen, answer: bytes) -> None:
    seen.status, seen.answer = 502, answer
    with Reporter(url, TOKEN, "claude") as reporter, pytest.raises(ApiError) as caught:
        reporter.status("working", "one")
    assert caught.value.status == 502


def test_a_server_that_does_not_speak_http(url: str, seen: Seen) -> None:
    seen.raw = b"SSH-2.0-OpenSSH_9.6\r\n"
    with Reporter(url, TOKEN, "claude") as reporter, pytest.raises(ProtocolError, match="did not answer in HTTP"):
        reporter.status("working", "one")


def test_nobody_there(url: str) -> None:
    with Reporter("https" + url[4:], TOKEN, "claude") as reporter, pytest.raises(UnreachableError) as caught:
        reporter.status("working", "one")  # plain HTTP where TLS is wanted
    assert "cannot reach https://127.0.0.1" in str(caught.value)
    with (
        Reporter("http://127.0.0.1:1", TOKEN, "claude") as reporter,
        pytest.raises(UnreachableError, match="Connection refused"),
    ):
        reporter.status("working", "one")


def test_https_verifies_the_certificate() -> None:
    connection = Reporter("https://dev.example", TOKEN)._connection
    context: ssl.SSLContext = vars(connection)["_context"]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert connection.port == 443


def test_credentials_of_the_environment(url: str, seen: Seen, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    environ = {
        "CODER_AGENT_URL": url + "/prefix/",
        "CODER_AGENT_TOKEN_FILE": str(file),
        "CODER_MCP_APP_STATUS_SLUG": "claude",
    }
    with Reporter.from_env(environ) as reporter:
        reporter.status("working", "one")
    with Reporter.from_env({**environ, "CODER_AGENT_TOKEN": "other"}, app="codex") as reporter:
        reporter.status("working", "one")
    first, second = seen.requests
    assert first[1] == "/prefix/api/v2/workspaceagents/me/app-status"
    assert (first[2]["Coder-Session-Token"], first[3]["app_slug"]) == (TOKEN, "claude")
    assert (second[2]["Coder-Session-Token"], second[3]["app_slug"]) == ("other", "codex")


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="CODER_AGENT_URL is not set"):
        Reporter.from_env({})
    with pytest.raises(CredentialsError, match="no agent token"):
        Reporter.from_env({"CODER_AGENT_URL": "http://127.0.0.1:1"})
    missing = str(tmp_path / "nowhere")
    with pytest.raises(CredentialsError, match="nowhere: No such file"):
        Reporter.from_env({"CODER_AGENT_URL": "http://127.0.0.1:1", "CODER_AGENT_TOKEN_FILE": missing})
    with pytest.raises(UsageError, match="no app to report for"):
        Reporter("http://127.0.0.1:1", TOKEN).status("working", "one")


@pytest.mark.parametrize(
    "url", ["", "dev.example", "ftp://dev.example", "http://", "http://a:b", "http://[::1", "http://a b/"]
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(ConfigError, match="not an http or https address"):
        Reporter(url, TOKEN)


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "naïve"])
def test_an_odd_token_is_never_quoted(token: str) -> None:
    with pytest.raises(CredentialsError) as caught:
        Reporter("http://127.0.0.1:1", token)
    assert not token or token not in str(caught.value)


def test_limits_agree_with_the_wire() -> None:
    assert MESSAGE_LIMIT == statuses.MESSAGE_LIMIT
    assert set(STATES) == set(statuses.AppState)


@given(st.text(max_size=200))
def test_cut_keeps_whole_characters(text: str) -> None:
    short = cut(text)
    assert text.startswith(short)
    assert len(short.encode()) <= MESSAGE_LIMIT
    following = text[len(short) : len(short) + 1]
    assert not following or len((short + following).encode()) > MESSAGE_LIMIT

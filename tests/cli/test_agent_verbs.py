"""What runs inside a workspace with an agent's credentials: report --auth, gitssh. Real hub, real processes."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from tests.hub import identity_kit as kit

from coder_tui.cli.main import main
from coder_tui.hub import daemon

INSTANCE = "i-0123456789abcdef0"


@pytest.fixture(scope="module")
def signer() -> kit.Holder:
    now = datetime.now(UTC)
    return kit.pinned(start=now - timedelta(days=1), end=now + timedelta(days=1))


@pytest.fixture(scope="module")
def cloud_hub(tmp_path_factory: pytest.TempPathFactory, signer: kit.Holder) -> Iterator[daemon.HubAddress]:
    """A hub that trusts our AWS."""
    data = tmp_path_factory.mktemp("cloud-hub")
    (data / "aws.pem").write_bytes(signer.certificate.public_bytes(Encoding.PEM))
    (data / "hub.toml").write_text('[identity]\naws_certificates = ["aws.pem"]\n')
    try:
        yield daemon.start(data)
    finally:
        daemon.stop(data)


@pytest.fixture
def metadata(signer: kit.Holder, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """AWS's metadata service on this machine; what it was asked."""
    asked: list[str] = []
    document = json.dumps({"instanceId": INSTANCE, "region": "lab-1"})
    pages = {"token": "t0ken", "signature": kit.b64(kit.message(document.encode(), signer)), "document": document}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = pages[self.path.rsplit("/", 1)[1]].encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_PUT = do_GET

        def log_message(self, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    monkeypatch.setenv("CODER_TUI_METADATA_URL", f"http://127.0.0.1:{server.server_port}")
    try:
        yield asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Person:
    """A user of a hub, with the standard library."""

    def __init__(self, address: daemon.HubAddress) -> None:
        self.url, self._token = address.url, address.token_file.read_text()

    def ask(self, method: str, path: str, body: object = None) -> Any:
        parts = urlsplit(self.url)
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        try:
            headers = {"Coder-Session-Token": self._token}
            connection.request(method, f"/api/v2{path}", json.dumps(body).encode() if body else None, headers)
            response = connection.getresponse()
            found = response.read()
            assert response.status < 300, found
            return json.loads(found) if found else None
        finally:
            connection.close()

    def build_done(self, build_id: str) -> None:
        """Follow the build's log to its end by asking; builds of this hub take milliseconds."""
        while self.ask("GET", f"/workspacebuilds/{build_id}")["job"]["status"] in {"pending", "running"}:
            pass

    def workspace(self, name: str, **parameters: str) -> Any:
        values = [{"name": key, "value": value} for key, value in parameters.items()]
        made = self.ask("POST", "/users/me/workspaces", {"name": name, "rich_parameter_values": values})
        self.build_done(made["latest_build"]["id"])
        return made

    def rebuild(self, workspace_id: str) -> None:
        self.build_done(self.ask("POST", f"/workspaces/{workspace_id}/builds", {"transition": "start"})["id"])

    def agent_token(self, workspace_id: str) -> str:
        path = f"/workspaces/{workspace_id}/external-agent/main/credentials"
        return str(self.ask("GET", path)["agent_token"])

    def message(self, workspace_id: str) -> str:
        return str(self.ask("GET", f"/workspaces/{workspace_id}")["latest_app_status"]["message"])


def test_a_cloud_machine_reports_without_a_token(
    cloud_hub: daemon.HubAddress,
    metadata: list[str],
    directories: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    person = Person(cloud_hub)
    workspace = person.workspace("cloud", instance_id=INSTANCE, app="claude")["id"]
    monkeypatch.setenv("CODER_AGENT_URL", person.url)
    monkeypatch.delenv("CODER_AGENT_AUTH", raising=False)
    report = ["report", "--app", "claude", "--state", "working", "--message"]
    aws = ["--auth", "aws-instance-identity"]
    assert main([*report, "no token at all"]) == 4
    assert main([*report, "one", *aws]) == 0
    assert person.message(workspace) == "one"
    assert len(metadata) == 3

    monkeypatch.setenv("CODER_AGENT_AUTH", "aws-instance-identity")
    assert main([*report, "two"]) == 0
    assert person.message(workspace) == "two"
    assert len(metadata) == 3  # the token was kept
    [kept] = (directories / "cache" / "agent-tokens").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert kept.read_text() == person.agent_token(workspace)

    person.rebuild(workspace)
    assert main([*report, "three"]) == 0
    assert person.message(workspace) == "three"
    assert len(metadata) == 6  # the build before had another one
    assert kept.read_text() == person.agent_token(workspace)
    assert main([*report, "four", "--auth", "token"]) == 4
    monkeypatch.setenv("CODER_AGENT_AUTH", "aws-instance-identities")
    assert main([*report, "five"]) == 2
    assert kept.read_text() not in "".join(capsys.readouterr())


FAKE_SSH = """#!/bin/sh
printf '%s\\n' "$@" > "$RECORD/argv"
if [ "$1" = -i ]; then
    ls -l "$2" | cut -c1-10 > "$RECORD/mode"
    cat "$2" > "$RECORD/key"
fi
[ -z "$READY" ] || { echo ready > "$READY"; exec sleep 600; }
exit "${EXIT:-0}"
"""


@pytest.fixture
def inside(hub: daemon.HubAddress, tmp_path: Path) -> tuple[dict[str, str], str]:
    """The environment inside a workspace, with an ssh that only records; and the user's public key."""
    person = Person(hub)
    workspace = person.workspace(f"g-{tmp_path.name[-20:].strip('-_').replace('_', '-').lower()}")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "ssh").write_text(FAKE_SSH)
    (programs / "ssh").chmod(0o755)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environ = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "CODER_AGENT_URL": hub.url,
        "CODER_AGENT_TOKEN": person.agent_token(workspace["id"]),
        "RECORD": str(tmp_path),
        "TMPDIR": str(temporary),
    }
    return environ, str(person.ask("GET", "/users/me/gitsshkey")["public_key"]).strip()


GITSSH = [sys.executable, "-m", "coder_tui", "gitssh", "--"]
WORDS = ["-o", "SendEnv=GIT_PROTOCOL", "git@host", "git-upload-pack 'a b.git'", "--", ""]


def test_gitssh_runs_ssh_with_the_user_s_key(inside: tuple[dict[str, str], str], tmp_path: Path) -> None:
    environ, public = inside
    done = subprocess.run([*GITSSH, *WORDS], env=environ, capture_output=True, text=True, timeout=30, check=True)
    assert (done.stdout, done.stderr) == ("", "")
    option, path, *words = (tmp_path / "argv").read_text().removesuffix("\n").split("\n")
    assert (option, words) == ("-i", WORDS)
    assert (tmp_path / "mode").read_text() == "-rw-------\n"
    assert (tmp_path / "key").read_text().startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert not Path(path).exists()
    assert not list((tmp_path / "tmp").iterdir())
    assert public.startswith("ssh-ed25519 ")


def test_gitssh_passes_the_exit_code_and_helps_when_the_host_refuses(
    inside: tuple[dict[str, str], str], tmp_path: Path
) -> None:
    environ, public = inside
    for code, hint in ((3, False), (255, True)):
        done = subprocess.run(
            [*GITSSH, "host"],
            env={**environ, "EXIT": str(code)},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == code
        assert (public in done.stderr) is hint
        assert not list((tmp_path / "tmp").iterdir())


def test_git_s_question_which_ssh_we_are_needs_no_key(inside: tuple[dict[str, str], str], tmp_path: Path) -> None:
    environ, _ = inside
    environ = {**environ, "CODER_AGENT_TOKEN": ""}
    subprocess.run([*GITSSH, "-p", "22", "-4G", "host"], env=environ, timeout=30, check=True)
    assert (tmp_path / "argv").read_text() == "-p\n22\n-4G\nhost\n"
    done = subprocess.run(
        [*GITSSH, "-l", "-G", "host", "-G"], env=environ, capture_output=True, timeout=30, check=False
    )
    assert (done.returncode, b"agent token" in done.stderr) == (4, True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_ssh_and_removes_the_key(
    inside: tuple[dict[str, str], str], tmp_path: Path, number: signal.Signals
) -> None:
    environ, _ = inside
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    with subprocess.Popen([*GITSSH, "host"], env={**environ, "READY": str(ready)}, start_new_session=True) as process:
        assert ready.read_text() == "ready\n"  # blocks until ssh runs
        assert list((tmp_path / "tmp").iterdir())
        process.send_signal(number)
        assert process.wait(10) == 128 + number
    assert not list((tmp_path / "tmp").iterdir())


def test_gitssh_without_ssh_says_so(
    directories: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(directories))
    assert main(["gitssh", "--", "host"]) == 9
    assert "OpenSSH" in capsys.readouterr().err

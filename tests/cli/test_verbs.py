"""The verbs against a real hub."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from coder_tui.cli.main import main
from coder_tui.config import load_config
from coder_tui.hub.daemon import HubAddress


def name() -> str:
    return f"w-{uuid.uuid4().hex[:12]}"


def app_of(capsys: pytest.CaptureFixture[str], workspace: str) -> dict[str, object]:
    assert main(["ls", "--json", f"workspace:{workspace}"]) == 0
    [found] = json.loads(capsys.readouterr().out)["workspaces"]
    [agent] = found["agents"]
    [app] = agent["apps"]
    return {"directory": None, **app}


def test_a_new_workspace_is_listed(hub: HubAddress, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = name()
    assert main(["new", workspace, "--directory", str(tmp_path), "--ttl", "2h", "--", "/bin/sleep", "600"]) == 0
    owner, _, made = capsys.readouterr().out.strip().partition("/")
    assert (bool(owner), made) == (True, workspace)
    assert main(["ls", f"workspace:{workspace}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["STATE", "AGE", "WORKSPACE", "APP", "MESSAGE"]
    assert f"{owner}/{workspace}" in lines[1]
    assert "main/sleep" in lines[1]
    assert app_of(capsys, workspace)["status"] is None
    assert main(["new", workspace]) == 6
    assert workspace in capsys.readouterr().err


def test_a_report_from_inside_a_workspace(hub: HubAddress, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace, done = name(), tmp_path / "done"
    os.mkfifo(done)
    report = f"{sys.executable} -m coder_tui report"
    over_http = f"CODER_AGENT_SOCKET_PATH= {report} --needs permission"
    over_socket = f"CODER_AGENT_URL= CODER_AGENT_TOKEN= {report} --state idle --needs-attention --message 'May I?'"
    command = f"{over_socket} && {over_http}; echo $? > {done}; sleep 600"
    assert main(["new", workspace, "--directory", str(tmp_path), "--app", "claude", "--", command]) == 0
    capsys.readouterr()
    assert done.read_text() == "0\n"  # blocks until the program in the workspace is through
    app = app_of(capsys, workspace)
    assert app["slug"] == "claude"
    assert isinstance(app["status"], dict)
    assert (app["status"]["state"], app["status"]["message"]) == ("idle", "waits for a permission")
    assert isinstance(app["attention"], dict)
    assert app["attention"]["level"] == "asks"


def test_login_stores_what_was_accepted(
    hub: HubAddress, directories: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = hub.token_file.read_text()
    file = directories / "config" / "config.toml"
    file.parent.mkdir()
    file.write_text("# mine\nquiet_after = '5m'\n")
    monkeypatch.setattr("sys.stdin", io.StringIO(token + "\n"))
    assert main(["login", hub.url, "--token-stdin", "--name", "desk.top"]) == 0
    assert token not in "".join(capsys.readouterr())
    assert file.read_text().startswith("# mine\nquiet_after = '5m'\n\n[deployments.")
    entry = load_config().deployments["desk.top"]
    assert entry.url == hub.url
    assert entry.token_file.read_text().strip() == token
    assert stat.S_IMODE(entry.token_file.stat().st_mode) == 0o600
    assert token not in file.read_text()
    assert main(["ls", "--json"]) == 0
    [deployment] = json.loads(capsys.readouterr().out)["deployments"]
    assert (deployment["name"], deployment["hub"]) == ("desk.top", True)

    before = file.read_text()
    monkeypatch.setattr("sys.stdin", io.StringIO(token))
    assert main(["login", hub.url + "/", "--token-stdin"]) == 0  # the same URL keeps its name
    assert file.read_text() == before
    monkeypatch.setattr("sys.stdin", io.StringIO(token))
    assert main(["login", "http://127.0.0.1:1", "--token-stdin", "--name", "desk.top"]) == 5
    assert file.read_text() == before


WRONG = "ABCDEFGHIJ-0123456789012345678901"


def test_login_stores_nothing_that_was_refused(
    hub: HubAddress, directories: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for typed, code in ((WRONG, 4), ("", 4), ("two words", 4)):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        assert main(["login", hub.url, "--token-stdin"]) == code
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert WRONG not in err
    for bad in ("no/slashes", "local"):
        assert main(["login", hub.url, "--token-stdin", "--name", bad]) == 2
    assert not (directories / "config").exists()


def test_ls_tells_what_failed_beside_what_works(
    hub: HubAddress, directories: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", name(), "--directory", str(tmp_path)]) == 0
    config = directories / "config"
    config.mkdir()
    (config / "wrong.token").write_text(WRONG)
    (config / "wrong.token").chmod(0o600)
    (config / "config.toml").write_text(
        f"[deployments.desk]\nurl = '{hub.url}'\ntoken_file = '{hub.token_file}'\n"
        f"[deployments.wrong]\nurl = '{hub.url}'\ntoken_file = 'wrong.token'\n"
        "[deployments.dead]\nurl = 'http://127.0.0.1:1'\ntoken_file = 'wrong.token'\n"
    )
    capsys.readouterr()
    assert main(["ls", "--json"]) in {4, 5}
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert {one["deployment"] for one in found["workspaces"]} == {"desk"}
    assert {one["name"]: one["link"]["state"] for one in found["deployments"]} == {
        "desk": "polling",
        "wrong": "refused",
        "dead": "retrying",
    }
    assert len(err.splitlines()) == 2
    assert WRONG not in out + err
    assert main(["ls", "--deployment", "desk"]) == 0
    assert main(["--deployment", "wrong", "ls"]) == 4
    assert main(["ls", "--deployment", "dead"]) == 5
    assert main(["ls", "--deployment", "nobody"]) == 4
    assert main(["ls", "--url", hub.url, "--token-file", str(hub.token_file)]) == 0
    assert main(["ls", "--url", hub.url, "--token-file", str(tmp_path / "missing")]) == 4
    assert main(["ls", "state:"]) == 2


def test_doctor_says_where_things_are_and_no_secret(
    hub: HubAddress, directories: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert f"{hub.url}, process {hub.pid}" in out
    assert str(directories / "state") in out
    assert "ms; from the local hub" in out
    monkeypatch.setenv("CODER_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("CODER_SESSION_TOKEN", WRONG)
    assert main(["doctor"]) == 5
    faulty = capsys.readouterr().out
    assert "FAULT cannot reach http://127.0.0.1:1" in faulty
    for secret in (WRONG, hub.token_file.read_text()):
        assert secret not in out + faulty


def test_a_report_loads_no_http_library_and_no_types(hub: HubAddress) -> None:
    probe = (
        "import sys; from coder_tui.cli.main import main; code = main(['report', '--state', 'working', '--app', 'x']); "
        "print(*{name.partition('.')[0] for name in sys.modules}); sys.exit(code)"
    )
    environ = {"CODER_AGENT_URL": hub.url, "CODER_AGENT_TOKEN": str(uuid.uuid4()), "PATH": os.defpath}
    done = subprocess.run(
        [sys.executable, "-c", probe], env=environ, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 4, done.stderr  # it went all the way: the hub does not know this token
    assert "refused the agent token" in done.stderr
    heavy = {"textual", "rich", "httpx", "pydantic", "websockets", "starlette", "uvicorn", "asyncio", "platformdirs"}
    assert not set(done.stdout.split()) & heavy

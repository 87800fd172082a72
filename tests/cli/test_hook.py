"""`coder-tui hook` as agents call it: a process of its own, against a real hub or none."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.hub.support import a_hub, agent_token, eventually, the_agent

from coder_tui.cli.main import main
from coder_tui.hub.daemon import HubAddress

STOP = json.dumps({"hook_event_name": "Stop", "last_assistant_message": "All done."})


def hook(environ: dict[str, str], *words: str, data: str | bytes = STOP) -> subprocess.CompletedProcess[bytes]:
    given = data.encode() if isinstance(data, str) else data
    argv = [sys.executable, "-m", "coder_tui", "hook", *words]
    done = subprocess.run(argv, input=given, env=environ, capture_output=True, timeout=20, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    return done


@pytest.fixture
def inside(directories: Path) -> dict[str, str]:
    """The environment of an agent whose deployment is down."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    names = ("STATE", "CACHE", "DATA", "CONFIG")
    return {
        "PATH": os.environ["PATH"],
        "CODER_AGENT_URL": f"http://127.0.0.1:{port}",
        "CODER_AGENT_TOKEN": "6f1f3c52-6a1f-4f1a-9f43-0d6f0f9f6f10",
        "CODER_MCP_APP_STATUS_SLUG": "claude",
        **{f"CODER_TUI_{name}_DIR": os.environ[f"CODER_TUI_{name}_DIR"] for name in names},
    }


def spooled(directories: Path) -> list[dict[str, object]]:
    return [json.loads(line) for file in directories.glob("state/spool/*/queue") for line in file.open()]


def test_it_is_silent_whatever_happens(inside: dict[str, str], directories: Path) -> None:
    for words in ((), ("nobody",), ("--nonsense",), ("claude", "extra", "{}")):
        hook(inside, *words)
    for data in (b"", b"not json", b"\xff" * 1000, b"x" * (5 << 20)):
        hook(inside, "claude", data=data)
    hook({"PATH": os.environ["PATH"]}, "claude")  # outside of any workspace
    assert spooled(directories) == []
    hook(inside, "claude")
    hook(inside, "claude")
    [entry] = spooled(directories)
    assert (entry["app"], entry["state"], entry["message"]) == ("claude", "idle", "All done.")
    blocked = directories / "blocked"
    blocked.write_text("a file where a directory should be")
    hook(inside | {"CODER_TUI_STATE_DIR": str(blocked)}, "claude")


async def test_a_person_decides_a_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/sh")
    event = {
        "hook_event_name": "PermissionRequest",
        "tool_name": "Bash",
        "tool_input": {"command": "make\x1b[2J", "description": "harmless"},
    }
    async with a_hub(tmp_path / "hub") as hub:
        workspace = await hub.workspace("dev", app="claude")
        agent = the_agent(workspace)["id"]
        environ = os.environ | {
            "CODER_AGENT_URL": hub.url,
            "CODER_AGENT_TOKEN": await agent_token(hub, workspace),
            "CODER_MCP_APP_STATUS_SLUG": "claude",
        }

        async def run(**more: object) -> asyncio.subprocess.Process:
            argv = (sys.executable, "-m", "coder_tui", "hook", "claude", "answer")
            pipe = asyncio.subprocess.PIPE
            process = await asyncio.create_subprocess_exec(*argv, env=environ, stdin=pipe, stdout=pipe, stderr=pipe)
            assert process.stdin is not None
            process.stdin.write(json.dumps(event | more).encode())
            process.stdin.close()
            return process

        process = await run()
        await eventually(lambda: len(hub.core.permissions.of(agent, "claude")) == 1)
        [asked] = (await hub.get(f"/workspaceagents/{agent}/reply?app_slug=claude"))["permissions"]
        assert asked["message"] == "Bash: make"
        await hub.send("POST", f"/workspaceagents/{agent}/permissions/{asked['id']}", {"behavior": "deny"}, 204)
        out, err = await process.communicate()
        said = {"hookEventName": "PermissionRequest", "decision": {"behavior": "deny"}}
        assert (json.loads(out), err, process.returncode) == ({"hookSpecificOutput": said}, b"", 0)
        # a subagent's dialog would wait for us, and other events are none of ours
        silent = [await run(agent_id="a1"), await run(hook_event_name="Stop")]
        environ["CODER_AGENT_URL"] = hub.url + "/elsewhere"  # a deployment without such a route
        silent.append(await run())
        for process in silent:
            assert (*(await process.communicate()), process.returncode) == (b"", b"", 0)


def test_a_report_to_nobody_is_kept(inside: dict[str, str], directories: Path) -> None:
    argv = [sys.executable, "-m", "coder_tui", "report", "--state", "complete", "--message", "built"]
    done = subprocess.run(argv, env=inside, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert "kept, and sent later" in done.stderr
    [entry] = spooled(directories)
    assert (entry["state"], entry["message"]) == ("complete", "built")


def test_a_hook_under_the_hub_becomes_a_status(
    hub: HubAddress, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = tmp_path / "done"
    os.mkfifo(done)
    program = f"{sys.executable} -m coder_tui hook codex"
    event = json.dumps({"type": "agent-turn-complete", "last-assistant-message": "It works."})
    # the sender outlives the hook: wait until nothing is spooled
    wait = "until [ ! -s $CODER_TUI_STATE_DIR/spool/*/queue ]; do sleep 0.02; done"
    command = f"{program} '{event}'; {wait}; echo ok > {done}; sleep 600"
    name = f"hook-{os.getpid()}"
    script = f"export CODER_TUI_STATE_DIR={tmp_path}/state; {command}"
    assert main(["run", "--name", name, "--cwd", str(tmp_path), "--app", "codex", "--detach", "--", script]) == 0
    assert done.read_text() == "ok\n"
    capsys.readouterr()
    assert main(["ls", "--json", f"workspace:{name}"]) == 0
    [found] = json.loads(capsys.readouterr().out)["workspaces"]
    status = found["agents"][0]["apps"][0]["status"]
    assert (status["state"], status["message"]) == ("idle", "It works.")
    assert main(["rm", "--yes", name]) == 0

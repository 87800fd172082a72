"""What the hub makes of a program's terminal, hooks and exit code: statuses, through real PTYs."""

from __future__ import annotations

import sys
from pathlib import Path

from coder_tui.report.states import EXIT_ICON, HOOK_ICON, NOTICE_ICON, TERMINAL_ICON
from tests.hub.support import Json, Peer, agent_token, read_until, the_agent, type_line

STATUS = "/workspaceagents/me/app-status"


def statuses(workspace: Json) -> list[Json]:
    rows: list[Json] = the_agent(workspace)["apps"][0]["statuses"]
    return rows


async def until(hub: Peer, workspace: Json, **wanted: Json) -> Json:
    """The workspace once its newest status has these values."""

    def there(found: Json) -> bool:
        newest = statuses(found)[0] if statuses(found) else {}
        return all(newest.get(key) == value for key, value in wanted.items())

    return await hub.until(workspace["id"], there)


def says(*words: str) -> str:
    """A shell command that prints these reports, one for each line it reads."""
    steps = "; read x; ".join(f"printf '\\033]7501;{word}\\033\\\\'" for word in words)
    return f"{steps}; read x"


async def test_a_program_says_how_it_does_and_asks(hub: Peer) -> None:
    command = says(
        "state=working:app=x:msg=cmVhZGluZw==", "state=blocked:kind=permission", "state=working", "state=done"
    )
    workspace = await hub.workspace(command=command)
    await until(hub, workspace, state="working", message="reading", icon=TERMINAL_ICON, needs_user_attention=False)
    agent = the_agent(workspace)
    async with hub.terminal(agent["id"], agent["apps"][0]["id"]) as socket:
        await type_line(socket, "")
        await until(hub, workspace, state="idle", message="waits for a permission", needs_user_attention=True)
        await type_line(socket, "")
        await until(hub, workspace, state="working", needs_user_attention=False)
        await type_line(socket, "")
        await until(hub, workspace, state="complete")
        await type_line(socket, "")
        await read_until(socket, b"exited with code 0")
    rows = statuses(await hub.get(f"/workspaces/{workspace['id']}"))
    assert [row["state"] for row in rows] == ["complete", "working", "idle", "working"]


async def test_the_query_is_answered_before_anybody_attaches(hub: Peer, tmp_path: Path) -> None:
    program = tmp_path / "ask.py"
    program.write_text(
        "import os, sys, tty\ntty.setraw(0)\nos.write(1, b'\\x1b]7501;?\\x1b\\\\')\n"
        "got = b''\nwhile not got.endswith(b'\\\\'): got += os.read(0, 1)\n"
        "assert got == b'\\x1b]7501;?\\x1b\\\\', got\nos.write(1, b'\\x1b]7501;state=working\\x07')\nos.read(0, 1)\n"
    )
    workspace = await hub.workspace(command=f"{sys.executable} -I {program}")
    await until(hub, workspace, state="working")


async def test_a_bell_calls_and_a_key_is_an_answer(hub: Peer) -> None:
    workspace = await hub.workspace(command="printf '\\033]9;May I?\\a'; read x; read x")
    await until(hub, workspace, state="idle", message="May I?", needs_user_attention=True, icon=NOTICE_ICON)
    agent = the_agent(workspace)
    async with hub.terminal(agent["id"], agent["apps"][0]["id"]) as socket:
        await type_line(socket, "yes")
        await until(hub, workspace, needs_user_attention=False)


async def test_how_a_program_ends_is_told(hub: Peer) -> None:
    failed = await hub.workspace("bad", command="exit 3")
    await until(hub, failed, state="failure", message="exited with code 3", icon=EXIT_ICON)
    good = await hub.workspace("good", command="printf '\\033]7501;state=working:msg=dGVzdHM=\\a'; sleep 0.1")
    await until(hub, good, state="complete", message="tests")
    stopped = await hub.workspace("stopped", command="printf '\\033]7501;state=working\\a'; sleep 600")
    await until(hub, stopped, state="working")
    found = await hub.build(stopped["id"], "stop", "stopped")
    assert found["latest_app_status"]["state"] == "working"


async def test_a_flood_of_changes_is_not_a_flood_of_rows(hub: Peer) -> None:
    flip = "printf '\\033]7501;state=working\\a\\033]7501;state=idle\\a'"
    workspace = await hub.workspace(
        command=f"for n in $(seq 50); do {flip}; done; printf '\\033]7501;state=done\\a'; read x"
    )
    found = await until(hub, workspace, state="complete")
    assert len(statuses(found)) < 20


async def test_hooks_are_weighed_and_reports_are_not(hub: Peer) -> None:
    workspace = await hub.workspace(command="read x")
    token = await agent_token(hub, workspace)

    async def report(state: str, message: str = "", *, hook: bool = True, asks: bool = False) -> None:
        body = {"app_slug": "agent", "state": state, "message": message, "needs_user_attention": asks}
        await hub.send("PATCH", STATUS, body | ({"icon": HOOK_ICON} if hook else {}), 200, token)

    await report("working", "Bash: ls")
    await report("working", "Bash: make")
    await report("working", "on it", hook=False)
    await report("working", "on it", hook=False)
    await report("idle")
    await report("idle")
    rows = statuses(await hub.get(f"/workspaces/{workspace['id']}"))
    assert [(row["state"], row["message"]) for row in rows] == [
        ("idle", "on it"),
        ("working", "on it"),
        ("working", "on it"),
        ("working", "Bash: ls"),
    ]
    await report("idle", "Bash: rm", asks=True)
    await report("working", "Bash: rm")  # granted by itself, at once
    await report("idle")
    await report("idle", "May I?", asks=True)
    found = await until(hub, workspace, state="idle", message="May I?", needs_user_attention=True, icon=HOOK_ICON)
    assert "Bash: rm" not in {row["message"] for row in statuses(found) if row["needs_user_attention"]}

"""Terminals over real sockets with real shells."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from pathlib import Path

import psutil
import pytest
import websockets

from coder_tui.hub.attachment import HIGH
from coder_tui.wire.pty import encode_request
from tests.hub.support import (
    BOUND,
    Json,
    Peer,
    a_hub,
    agent_token,
    close_code,
    eventually,
    read_until,
    the_agent,
    type_line,
)

SOME = "5f4f2e5c-8f0a-4a55-9d6f-3f6d1c1d2b3a"


def token() -> str:
    return str(uuid.uuid4())


async def test_a_shell_answers_in_the_workspaces_directory(hub: Peer, tmp_path: Path) -> None:
    workspace = await hub.workspace(directory=str(tmp_path), env='{"COLOUR":"blue"}')
    agent = the_agent(workspace)
    secret = await agent_token(hub, workspace)
    async with hub.terminal(agent["id"], token()) as shell:
        await type_line(shell, "pwd; echo $TERM $CODER $CODER_WORKSPACE_NAME $CODER_WORKSPACE_AGENT_NAME $COLOUR.")
        seen = await read_until(shell, b"xterm-256color true dev main blue.")
        assert str(tmp_path).encode() in seen
        await type_line(shell, "echo $CODER_WORKSPACE_ID $CODER_AGENT_URL $CODER_MCP_APP_STATUS_SLUG.")
        await read_until(shell, f"{workspace['id']} {hub.url} agent.".encode())
        await type_line(shell, f'test "$CODER_AGENT_TOKEN" = {secret} && echo "same"token')
        await read_until(shell, b"sametoken")


async def test_the_terminal_controls_the_session(hub: Peer) -> None:
    workspace = await hub.workspace()
    async with hub.terminal(the_agent(workspace)["id"], token()) as shell:
        await type_line(shell, "sh -c 'echo re\"\"ady; exec sleep 1000'")
        await read_until(shell, b"ready")
        await shell.send(encode_request("\x03"))
        await type_line(shell, "echo interr''upted")
        await read_until(shell, b"interrupted")
        await type_line(shell, "tty < /dev/tty && echo controll''ing")
        await read_until(shell, b"controlling")
        await type_line(shell, "trap")
        await type_line(shell, "yes | head -1 >/dev/null; echo pipe-don''e")
        assert b"Broken pipe" not in await read_until(shell, b"pipe-done")


async def test_what_the_hub_was_started_in_does_not_reach_its_programs(
    hub: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ["TMUX", "COLUMNS", "CODER_AGENT_SOCKET_PATH", "CODER_MCP_APP_STATUS_SLUG", "CODER_WORKSPACE_NAME"]:
        monkeypatch.setenv(name, "outer")
    monkeypatch.setenv("KEPT", "kept")
    workspace = await hub.workspace(command="env")
    agent = the_agent(workspace)
    async with hub.terminal(agent["id"], agent["apps"][0]["id"]) as socket:
        seen = await read_until(socket, b"[process exited")
    assert b"outer" not in seen
    assert b"KEPT=kept" in seen
    assert b"CODER_WORKSPACE_NAME=dev" in seen


async def test_sizes(hub: Peer) -> None:
    workspace = await hub.workspace()
    agent, mine = the_agent(workspace)["id"], token()
    async with hub.terminal(agent, mine, "width=101&height=33") as first:
        await type_line(first, "stty size")
        await read_until(first, b"33 101")
        async with hub.terminal(agent, mine, "width=7&height=7") as second:
            # the sizes of the query count for a new session only
            await type_line(second, "stty size | tr ' ' x")
            await read_until(second, b"33x101")
            await second.send(encode_request("", height=44, width=122))
            await type_line(first, "stty size | tr ' ' x")
            await read_until(first, b"44x122")
            await second.send(encode_request("stty size | tr ' ' y\r", height=50))
            await read_until(second, b"44y122")


async def test_requests_split_and_joined_anywhere(hub: Peer) -> None:
    workspace = await hub.workspace()
    async with hub.terminal(the_agent(workspace)["id"], token()) as shell:
        wire = encode_request("echo sp'") + b"\n " + encode_request("'lit-é🙂\r", height=20, width=90)
        for n in range(0, len(wire), 3):
            await shell.send(wire[n : n + 3])
        await read_until(shell, b"split-" + "é🙂".encode())


async def test_reattaching_replays_and_shares(hub: Peer) -> None:
    workspace = await hub.workspace()
    agent, mine = the_agent(workspace)["id"], token()
    async with hub.terminal(agent, mine) as first:
        await type_line(first, "X=kept; echo mark''er")
        before = await read_until(first, b"marker")
        async with hub.terminal(agent, mine) as second:
            assert (await read_until(second, b"marker")).startswith(before[:10])
            await type_line(second, "echo from-sec''ond")
            await read_until(first, b"from-second")
            await read_until(second, b"from-second")
    async with hub.terminal(agent, mine) as third:
        await read_until(third, b"from-second")
        await type_line(third, "echo val''ue=$X.")
        await read_until(third, b"value=kept.")


async def test_the_replay_is_the_last_64_kibibytes(hub: Peer) -> None:
    workspace = await hub.workspace()
    agent, mine = the_agent(workspace)["id"], token()
    async with hub.terminal(agent, mine) as first:
        await type_line(first, "seq 1 30000; echo fin''ished")
        whole = await read_until(first, b"finished\r\n")
    async with hub.terminal(agent, mine) as second:
        replay = await read_until(second, b"finished\r\n")
        assert len(replay) >= 60 << 10
        assert whole.endswith(replay[: replay.rindex(b"finished")] + b"finished\r\n") or replay[-200:-50] in whole
        assert len(replay) <= 65 << 10


async def test_an_ended_shell_closes_everyone_and_its_token_starts_anew(hub: Peer) -> None:
    workspace = await hub.workspace()
    agent, mine = the_agent(workspace)["id"], token()
    async with hub.terminal(agent, mine) as first, hub.terminal(agent, mine) as second:
        await type_line(first, "X=old; exit 3")
        assert await close_code(first) == 1000
        assert await close_code(second) == 1000
    async with hub.terminal(agent, mine) as again:
        await type_line(again, "echo val''ue=$X.")
        await read_until(again, b"value=.")


async def test_a_command_of_the_query_runs_in_the_shell(hub: Peer) -> None:
    workspace = await hub.workspace()
    async with hub.terminal(the_agent(workspace)["id"], token(), "command=echo+one%26%26echo+two") as shell:
        assert (await read_until(shell, b"two\r\n")) == b"one\r\ntwo\r\n"
        assert await close_code(shell) == 1000


async def test_a_text_frame_closes_1003_and_the_session_lives(hub: Peer) -> None:
    workspace = await hub.workspace()
    agent, mine = the_agent(workspace)["id"], token()
    async with hub.terminal(agent, mine) as shell:
        await type_line(shell, "X=alive")
        await shell.send('{"data":"hello"}')
        assert await close_code(shell) == 1003
    async with hub.terminal(agent, mine) as again:
        await type_line(again, "echo val''ue=$X.")
        await read_until(again, b"value=alive.")


async def test_what_is_no_request_closes_1007(hub: Peer) -> None:
    workspace = await hub.workspace()
    async with hub.terminal(the_agent(workspace)["id"], token()) as shell:
        await shell.send(b"[1,2]")
        assert await close_code(shell) == 1007


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "reconnect"),
        ("reconnect=x", "reconnect"),
        (f"reconnect={SOME}&width=65536", "width"),
        (f"reconnect={SOME}&height=-1", "height"),
    ],
)
async def test_bad_queries_are_refused_before_the_upgrade(hub: Peer, query: str, field: str) -> None:
    workspace = await hub.workspace()
    with pytest.raises(websockets.InvalidStatus) as caught:
        await hub.socket(f"/workspaceagents/{the_agent(workspace)['id']}/pty?{query}").__aenter__()
    assert caught.value.response.status_code == 400
    problem = json.loads(caught.value.response.body)
    assert problem["message"] == "Invalid query parameters."
    assert problem["validations"][0]["field"] == field


async def test_an_agent_that_is_off_has_no_terminal(hub: Peer) -> None:
    workspace = await hub.workspace()
    await hub.build(workspace["id"], "stop", "stopped")
    with pytest.raises(websockets.InvalidStatus) as caught:
        await hub.terminal(the_agent(workspace)["id"], token()).__aenter__()
    assert caught.value.response.status_code == 400


async def test_five_minutes_after_the_last_detach_the_shell_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELL", "/bin/sh")
    async with a_hub(tmp_path, grace=0.05) as hub:
        workspace = await hub.workspace()
        agent, mine = the_agent(workspace)["id"], token()
        async with hub.terminal(agent, mine) as first:
            await type_line(first, "echo he''re")
            await read_until(first, b"here")
            [session] = hub.core.sessions._sessions.values()
            async with hub.terminal(agent, mine):
                await eventually(lambda: session.attached == 2)
            await eventually(lambda: session.attached == 1)
            assert hub.core.sessions._timers == {}
        async with asyncio.timeout(BOUND):
            await session.ended.wait()
        assert hub.core.sessions.pids(agent) == []


async def test_coming_back_in_time_stops_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/sh")
    async with a_hub(tmp_path) as hub:
        workspace = await hub.workspace()
        agent, mine = the_agent(workspace)["id"], token()
        async with hub.terminal(agent, mine) as first:
            await type_line(first, "echo he''re")
            await read_until(first, b"here")
        async with hub.terminal(agent, mine) as second:
            await read_until(second, b"here")
            assert hub.core.sessions._timers == {}


async def test_a_managed_command_outlives_its_clients_and_is_never_run_again(hub: Peer, tmp_path: Path) -> None:
    command = "echo run >> runs; echo started; read answer; echo got-$answer; exit 7"
    workspace = await hub.workspace(command=command, directory=str(tmp_path))
    agent = the_agent(workspace)
    app = agent["apps"][0]["id"]
    async with hub.terminal(agent["id"], app) as first:
        await read_until(first, b"started")
    assert hub.core.sessions._timers == {}
    async with hub.terminal(agent["id"], app) as second:
        await read_until(second, b"started")
        await type_line(second, "yes")
        seen = await read_until(second, b"[process exited with code 7]\r\n")
        assert b"got-yes" in seen
        assert await close_code(second) == 1000
    for _ in range(2):
        async with hub.terminal(agent["id"], app) as late:
            seen = await read_until(late, b"[process exited with code 7]\r\n")
            assert seen.count(b"started") == 1
            assert await close_code(late) == 1000
    assert (tmp_path / "runs").read_text() == "run\n"
    lines = await hub.get(f"/workspaceagents/{agent['id']}/logs")
    assert "exited with code 7" in lines[-1]["output"]
    assert lines[-1]["level"] == "error"
    source = next(source for source in agent["log_sources"] if source["id"] == lines[-1]["source_id"])
    assert source["display_name"] == "coder-tui"


async def test_a_command_that_reports_at_once_is_heard(hub: Peer) -> None:
    script = (
        "import json,os,urllib.request as u;"
        "b=json.dumps({'app_slug':os.environ['CODER_MCP_APP_STATUS_SLUG'],'state':'complete','message':'hi'}).encode();"
        "r=u.Request(os.environ['CODER_AGENT_URL']+'/api/v2/workspaceagents/me/app-status',b,"
        "{'Coder-Session-Token':os.environ['CODER_AGENT_TOKEN']},method='PATCH');print(u.urlopen(r).status)"
    )
    workspace = await hub.workspace(command=f'exec python3 -c "{script}"')
    found = await hub.until(workspace["id"], lambda w: w["latest_app_status"] is not None)
    assert found["latest_app_status"]["message"] == "hi"


async def test_a_signal_counts_as_the_shell_counts_it(hub: Peer) -> None:
    workspace = await hub.workspace(command="kill -TERM $$")
    agent = the_agent(workspace)
    async with hub.terminal(agent["id"], agent["apps"][0]["id"]) as socket:
        await read_until(socket, b"[process exited with code 143]")


async def test_stop_ends_every_terminal_and_all_of_its_processes(hub: Peer) -> None:
    workspace = await hub.workspace(command="trap '' HUP TERM; sleep 1001 & echo pid=$!.; wait")
    agent = the_agent(workspace)
    async with (
        hub.terminal(agent["id"], agent["apps"][0]["id"]) as managed,
        hub.terminal(agent["id"], token()) as shell,
    ):
        pid = int(re.findall(rb"pid=(\d+)\.", await read_until(managed, b"."))[0])
        await type_line(shell, "echo he''re")
        await read_until(shell, b"here")
        stop = asyncio.create_task(hub.build(workspace["id"], "stop", "stopped"))
        assert await close_code(managed) == 1000
        assert await close_code(shell) == 1000
        await stop
    assert not alive(pid)
    lines = await hub.get(f"/workspaceagents/{agent['id']}/logs")
    assert "exited with code 137" in lines[-1]["output"]


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


FLOOD = """python3 -c "import os
for n in range(400): os.write(1, b'%06d' % n + b'x' * 65530)
print('flood-' + 'over')
\""""


async def test_a_client_that_keeps_up_gets_every_byte(hub: Peer) -> None:
    workspace = await hub.workspace()
    async with hub.terminal(the_agent(workspace)["id"], token()) as shell:
        await type_line(shell, "stty -opost -echo; echo qui''et")
        await read_until(shell, b"quiet\n")
        await type_line(shell, FLOOD)
        seen = await read_until(shell, b"flood-over")
    body = seen[seen.index(b"000000x") : seen.index(b"flood-over")]
    assert len(body) == 400 * 65536
    assert [int(body[n * 65536 : n * 65536 + 6]) for n in range(400)] == list(range(400))


async def test_a_client_that_does_not_read_stalls_nobody_and_costs_no_memory(hub: Peer) -> None:
    workspace = await hub.workspace()
    agent, mine = the_agent(workspace)["id"], token()
    async with hub.terminal(agent, mine, max_queue=1) as slow:
        await type_line(slow, "stty -opost -echo; echo qui''et")
        await read_until(slow, b"quiet\n")
        async with hub.terminal(agent, mine) as fast:
            await type_line(fast, FLOOD)
            await read_until(fast, b"flood-over")
            [session] = hub.core.sessions._sessions.values()
            assert all(client.size <= HIGH + (64 << 10) for client in session._clients)
        # the slow one wakes up: it is told what it missed, and sees the end
        seen = await read_until(slow, b"flood-over")
        assert b"KiB of output skipped, this client was too slow]" in seen
        assert len(seen) < 300 * 65536
        await type_line(slow, "echo rea''dy")
        await read_until(slow, b"ready")


async def test_a_program_that_does_not_read_does_not_block_the_hub(hub: Peer) -> None:
    workspace = await hub.workspace(command="stty raw -echo; echo up; sleep 1000")
    agent = the_agent(workspace)
    async with hub.terminal(agent["id"], agent["apps"][0]["id"]) as socket:
        await read_until(socket, b"up")
        for _ in range(40):
            await socket.send(encode_request("x" * 20_000))
        async with asyncio.timeout(BOUND):
            for _ in range(5):
                assert (await hub.get("/users/me"))["status"] == "active"


async def test_two_first_clients_share_one_program(hub: Peer) -> None:
    workspace = await hub.workspace()
    agent, mine = the_agent(workspace)["id"], token()
    sockets = [hub.terminal(agent, mine) for _ in range(4)]
    opened = await asyncio.gather(*(socket.__aenter__() for socket in sockets))
    await type_line(opened[0], "echo sha''red")
    await asyncio.gather(*(read_until(socket, b"shared") for socket in opened))
    assert len(hub.core.sessions.pids(agent)) == 1
    await asyncio.gather(*(socket.close() for socket in opened))


async def test_ports_of_the_agents_programs_are_listed(hub: Peer) -> None:
    script = (
        "import socket,time;a=socket.create_server(('127.0.0.1',0));"
        "print('port=%d.'%a.getsockname()[1],flush=True);time.sleep(1000)"
    )
    workspace = await hub.workspace()
    other = await hub.workspace("other")
    agent = the_agent(workspace)["id"]
    async with hub.terminal(agent, token()) as shell:
        await type_line(shell, f'python3 -c "{script}" | cat')
        port = int(re.findall(rb"port=(\d+)\.", await read_until(shell, b".\r\n"))[-1])
        ports: Json = (await hub.get(f"/workspaceagents/{agent}/listening-ports"))["ports"]
        assert [(entry["port"], entry["network"]) for entry in ports] == [(port, "tcp")]
        assert ports[0]["process_name"].startswith("python")
        elsewhere = await hub.get(f"/workspaceagents/{the_agent(other)['id']}/listening-ports")
        assert elsewhere == {"ports": []}
    await hub.build(workspace["id"], "stop", "stopped")
    await hub.get(f"/workspaceagents/{agent}/listening-ports", 400)

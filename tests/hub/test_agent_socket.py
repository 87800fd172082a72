"""The agent's unix socket: who may come, what it answers, and what it does with peers that misbehave."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from pathlib import Path

import pytest

from coder_tui.errors import ApiError, UnreachableError, UsageError
from coder_tui.hub import agent_socket
from coder_tui.hub.agent_socket import PACKET_LIMIT, PING, peer_uid
from coder_tui.paths import SUN_PATH
from coder_tui.report.agent_socket import find, tell
from coder_tui.report.states import HOOK_ICON
from coder_tui.wire.tailnet.appstatus import UPDATE, AppStatus, encode
from coder_tui.wire.tailnet.drpc import Kind, Packet, Receiver, Sender, fault
from tests.hub.support import Json, Peer, a_hub, eventually, the_agent

BOUND = 10.0


def environ(hub: Peer, workspace: Json, **more: str) -> dict[str, str]:
    path = hub.core.agent_sockets.path(the_agent(workspace)["id"])
    return {"CODER_AGENT_SOCKET_PATH": path, "CODER_MCP_APP_STATUS_SLUG": "agent", **more}


async def rows(hub: Peer, workspace: Json) -> list[Json]:
    found: list[Json] = the_agent(await hub.get(f"/workspaces/{workspace['id']}"))["apps"][0]["statuses"]
    return found


async def exchange(path: str, *writes: bytes) -> list[Packet]:
    """Write, and read until the socket closes or two packets more than nothing came."""
    reader, writer = await asyncio.open_unix_connection(path)
    receiver, packets = Receiver(), list[Packet]()
    try:
        for data in writes:
            writer.write(data)
        async with asyncio.timeout(BOUND):
            while len(packets) < 2 and (data := await reader.read(4096)):
                packets += receiver.feed(data)
                if packets and packets[-1].kind is Kind.ERROR:
                    break
    except ConnectionResetError:  # closed with something unread
        pass
    finally:
        writer.close()
    return packets


async def test_a_program_reports_without_a_token(hub: Peer) -> None:
    workspace = await hub.workspace(command="printf 'at [%s]\\n' \"$CODER_AGENT_SOCKET_PATH\"; read x")
    env = environ(hub, workspace)
    path = env["CODER_AGENT_SOCKET_PATH"]
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700
    assert len(path) < SUN_PATH
    status = AppStatus("", "idle", "", "https://x/1", needs="permission")
    assert await asyncio.to_thread(tell, status, env)
    assert await asyncio.to_thread(tell, AppStatus("agent", "working", "on it"), env)
    assert await asyncio.to_thread(tell, AppStatus("agent", "idle", "turn over", icon=HOOK_ICON), env)
    names = ("state", "message", "uri", "needs_user_attention")
    assert [tuple(row[name] for name in names) for row in await rows(hub, workspace)] == [
        ("idle", "turn over", "", False),
        ("working", "on it", "", False),
        ("idle", "waits for a permission", "https://x/1", True),
    ]
    with pytest.raises(ApiError, match='No app found with slug "other"'):
        await asyncio.to_thread(tell, AppStatus("other"), env)
    assert not await asyncio.to_thread(tell, AppStatus("other"), env | {"CODER_AGENT_URL": hub.url})
    with pytest.raises(UsageError):
        tell(AppStatus(), {"CODER_AGENT_SOCKET_PATH": path})
    agent = the_agent(workspace)
    async with hub.terminal(agent["id"], agent["apps"][0]["id"]) as terminal:
        frame = await terminal.recv()
        assert isinstance(frame, bytes)
        assert f"at [{path}]".encode() in frame


async def test_calls_follow_one_another(hub: Peer) -> None:
    workspace = await hub.workspace()
    reader, writer = await asyncio.open_unix_connection(environ(hub, workspace)["CODER_AGENT_SOCKET_PATH"])
    sender, receiver = Sender(), Receiver()
    seen: list[tuple[Kind, int]] = []
    for number, (method, body) in enumerate(
        ((PING, b""), (UPDATE, encode(AppStatus("agent", "working"))), ("/x/Y", b"")), 1
    ):
        if number > 1:
            sender.call()
        writer.write(sender.invoke(method) + sender.message(body) + sender.close_send())
        async with asyncio.timeout(BOUND):
            while not seen or seen[-1][1] < number or seen[-1][0] is Kind.MESSAGE:
                for packet in receiver.feed(await reader.read(4096)):
                    seen.append((packet.kind, packet.stream))
                    if packet.kind is Kind.ERROR:
                        assert fault(packet.data) == (12, "Unimplemented: /x/Y")
        writer.write(sender.close())
    writer.close()
    assert seen == [
        (Kind.MESSAGE, 1),
        (Kind.CLOSE_SEND, 1),
        (Kind.MESSAGE, 2),
        (Kind.CLOSE_SEND, 2),
        (Kind.ERROR, 3),
    ]


async def test_bad_input_ends_its_connection_only(hub: Peer) -> None:
    workspace = await hub.workspace()
    path = environ(hub, workspace)["CODER_AGENT_SOCKET_PATH"]
    assert await exchange(path, b"GET / HTTP/1.1\r\n\r\n" + b"\xff" * 64) == []
    huge = Sender().packet(Kind.MESSAGE, b"x" * (PACKET_LIMIT + 1))
    assert await exchange(path, Sender().invoke(UPDATE), huge) == []
    [refused] = await exchange(path, Sender().invoke(UPDATE) + b"\x05\x01\x02\x01\xff")
    assert refused.kind is Kind.ERROR
    [silent] = await exchange(path, Sender().invoke(PING) + b"\x0d\x01\x02\x00")
    assert fault(silent.data) == (0, "protocol error: no request")
    assert await asyncio.to_thread(tell, AppStatus("agent", "working", "still here"), environ(hub, workspace))


async def test_who_never_reads_is_cut_off(hub: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_socket, "PATIENCE", 0.05)
    workspace = await hub.workspace()
    with socket.socket(socket.AF_UNIX) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        peer.connect(environ(hub, workspace)["CODER_AGENT_SOCKET_PATH"])
        peer.setblocking(False)
        sender, loop = Sender(), asyncio.get_running_loop()

        async def flood() -> None:
            while True:
                await loop.sock_sendall(peer, sender.invoke("/no/such/method") + sender.message(b""))
                sender.call()

        with pytest.raises(ConnectionError):
            async with asyncio.timeout(BOUND):
                await flood()
    assert await asyncio.to_thread(tell, AppStatus("agent", "working"), environ(hub, workspace))


async def test_only_the_same_user_and_not_too_many(hub: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = await hub.workspace()
    env = environ(hub, workspace)
    path = env["CODER_AGENT_SOCKET_PATH"]
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert peer_uid(ours) == os.getuid()
    monkeypatch.setattr(agent_socket, "peer_uid", lambda link: os.getuid() + 1)
    assert await exchange(path, Sender().invoke(PING) + Sender().message(b"")) == []
    with pytest.raises(UnreachableError):
        await asyncio.to_thread(tell, AppStatus("agent", "working"), env)
    monkeypatch.undo()
    monkeypatch.setattr(agent_socket, "CONNECTIONS", 1)
    _, writer = await asyncio.open_unix_connection(path)
    [one] = hub.core.agent_sockets._open.values()
    await eventually(lambda: len(one._tasks) == 1)
    assert await exchange(path) == []
    writer.close()


async def test_the_socket_ends_with_its_agent(hub: Peer) -> None:
    workspace = await hub.workspace()
    path = Path(environ(hub, workspace)["CODER_AGENT_SOCKET_PATH"])
    reader, writer = await asyncio.open_unix_connection(path)
    await hub.build(workspace["id"], "stop", "stopped")
    assert not path.exists()
    assert await reader.read() == b""
    writer.close()
    assert find({"CODER_AGENT_SOCKET_PATH": str(path)}) == ""
    assert not tell(AppStatus("agent"), {"CODER_AGENT_SOCKET_PATH": str(path)})


async def test_a_long_data_directory_and_a_hub_that_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/sh")
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    near = tmp_path / "n"
    for data_dir in (deep, near):
        data_dir.mkdir(parents=True)
        if data_dir is near and len(str(near)) < 80:  # what the killed one left
            (near / "s").mkdir(mode=0o755)
            (near / "s" / "stale").touch()
        async with a_hub(data_dir) as hub:
            workspace = await hub.workspace()
            env = environ(hub, workspace)
            assert await asyncio.to_thread(tell, AppStatus("agent", "working"), env)
            directory = Path(env["CODER_AGENT_SOCKET_PATH"]).parent
            assert [one.name for one in directory.iterdir()] == [Path(env["CODER_AGENT_SOCKET_PATH"]).name]
            assert stat.S_IMODE(directory.stat().st_mode) == 0o700
            if data_dir is deep:
                assert not directory.is_relative_to(tmp_path)
        assert not directory.exists()
        async with a_hub(data_dir) as hub:  # an agent without a program lives on, and has its socket again
            again = environ(hub, workspace)
            assert await asyncio.to_thread(tell, AppStatus("agent", "idle"), again)


def test_a_socket_of_somebody_else_or_no_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    assert find({"CODER_AGENT_SOCKET_PATH": str(plain)}) == ""
    assert find({"CODER_AGENT_SOCKET_PATH": "a\0b"}) == ""
    assert find({}) == ""
    with socket.socket(socket.AF_UNIX) as dead:
        monkeypatch.chdir(tmp_path)  # a directory of tests may be deeper than a socket's path can be
        dead.bind("dead")
        assert find({"CODER_AGENT_SOCKET_PATH": "dead"}) == "dead"
        with pytest.raises(UnreachableError):
            tell(AppStatus("agent"), {"CODER_AGENT_SOCKET_PATH": "dead"})
        monkeypatch.setattr(os, "getuid", lambda: 54_321)
        assert find({"CODER_AGENT_SOCKET_PATH": "dead"}) == ""

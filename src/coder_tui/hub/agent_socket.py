"""Each agent's unix socket: `coder.agentsocket.v1.AgentSocket`, dRPC straight on it, for programs of the same user.

Contract: "agent unix socket". Sockets are 0600 in a 0700 directory, under a path that fits into `sun_path` (104 bytes
on macOS). Who connects is asked of the kernel.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import socket
import stat
import struct
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coder_tui.errors import CoderTuiError, ProtocolError
from coder_tui.hub.problems import Refused
from coder_tui.hub.reporting import report
from coder_tui.paths import SOCKET_NAME, socket_dir
from coder_tui.wire.statuses import PatchHubAppStatus
from coder_tui.wire.tailnet.appstatus import UPDATE, decode
from coder_tui.wire.tailnet.drpc import UNIMPLEMENTED, Kind, Packet, Receiver, Sender

if TYPE_CHECKING:
    from coder_tui.hub.core import Hub

log = logging.getLogger(__name__)

PING = "/coder.agentsocket.v1.AgentSocket/Ping"
PACKET_LIMIT = 64 << 10
"""Bytes of a request: a report takes a few hundred."""
CONNECTIONS = 64
"""Open connections of one agent's socket; more are closed at once."""
PATIENCE = 5.0
"""Seconds a peer may take to read an answer."""


class AgentSockets:
    """The sockets of all live agents."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._directory: Path | None = None
        self._open: dict[str, _Socket] = {}

    async def open(self, agent_id: str) -> None:
        """Listen for this agent's programs. Where no socket can be made there is HTTP."""
        try:
            if self._directory is None:
                self._directory = _directory(self._hub.data_dir)
            one = _Socket(self._hub, agent_id, self._directory / agent_id.replace("-", "")[:SOCKET_NAME])
            await one.listen()
        except OSError as error:
            log.warning("an agent gets no socket: %s", error.strerror or error)
        else:
            self._open[agent_id] = one

    def path(self, agent_id: str) -> str:
        """Where the agent's programs find it; "" where there is none."""
        one = self._open.get(agent_id)
        return str(one.path) if one is not None else ""

    async def close(self, agent_id: str) -> None:
        """The agent is gone."""
        one = self._open.pop(agent_id, None)
        if one is not None:
            await one.close()

    async def stop(self) -> None:
        """The hub stops."""
        for agent_id in list(self._open):
            await self.close(agent_id)
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)


class _Socket:
    def __init__(self, hub: Hub, agent_id: str, path: Path) -> None:
        self._hub, self._agent_id, self.path = hub, agent_id, path
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def listen(self) -> None:
        self._server = await asyncio.start_unix_server(self._connected, self.path, backlog=CONNECTIONS)
        self.path.chmod(0o600)  # nobody came in between: its directory is ours alone

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.path.unlink(missing_ok=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        try:
            if len(self._tasks) <= CONNECTIONS and peer_uid(writer.get_extra_info("socket")) == os.getuid():
                await self._serve(reader, writer)
        except (ProtocolError, OSError, TimeoutError):
            pass  # it broke the protocol, went away, or reads nothing
        except asyncio.CancelledError:
            pass  # the server's callback must not end cancelled: asyncio would log it
        finally:
            if task is not None:
                self._tasks.discard(task)
            if writer.transport.get_write_buffer_size():
                writer.transport.abort()  # it does not read
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        receiver, sender = Receiver(PACKET_LIMIT), Sender()
        method, request = "", None  # of the call under way; none: ""
        while data := await reader.read(PACKET_LIMIT):
            for packet in receiver.feed(data):
                if packet.kind is Kind.INVOKE:
                    method, request = packet.data.decode("utf-8", "replace"), None
                elif method and request is None and packet.kind in {Kind.MESSAGE, Kind.CLOSE_SEND}:
                    request = packet.data
                    sender.answer(packet.stream)
                    writer.write(await self._answer(sender, method, packet))
                    async with asyncio.timeout(PATIENCE):
                        await writer.drain()
                elif packet.kind in {Kind.CANCEL, Kind.CLOSE, Kind.ERROR}:
                    method = ""

    async def _answer(self, sender: Sender, method: str, packet: Packet) -> bytes:
        if packet.kind is not Kind.MESSAGE:
            return sender.error(0, "protocol error: no request")
        if method == PING:
            return sender.message(b"") + sender.close_send()
        if method != UPDATE:
            return sender.error(UNIMPLEMENTED, f"Unimplemented: {method[:120]}")
        agent = self._hub.agents.get(self._agent_id)
        try:
            if agent is None:
                raise Refused(401, "The agent is gone.")
            update = decode(packet.data)
            body = PatchHubAppStatus(
                app_slug=update.slug,
                state=update.state,
                message=update.message,
                uri=update.uri,
                icon=update.icon,
                needs=update.needs,
                needs_user_attention=bool(update.needs),
            )
            await report(self._hub, agent, body)
        except Refused as refused:
            return sender.error(0, f"{refused.problem.message} {refused.problem.detail}".strip())
        except CoderTuiError as error:
            return sender.error(0, str(error))
        return sender.message(b"") + sender.close_send()


def peer_uid(link: socket.socket) -> int:
    """The user at the other end of a unix socket, as the kernel says. Raises OSError."""
    if sys.platform == "darwin":  # getsockopt(SOL_LOCAL, LOCAL_PEERCRED): struct xucred begins with version and uid
        version, uid = struct.unpack("II", link.getsockopt(0, 1, 8))
        if version:
            raise OSError("unknown xucred")
        return int(uid)
    _, uid, _ = struct.unpack("3i", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(uid)


def _directory(data_dir: Path) -> Path:
    """A directory of ours alone, empty. Raises OSError."""
    path = socket_dir(data_dir)
    with suppress(FileNotFoundError):  # of a hub that was killed: we hold the lock
        found = path.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid():
            shutil.rmtree(path)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:  # among temporary files anybody may take a name
        return Path(tempfile.mkdtemp(prefix="coder-tui-"))
    return path

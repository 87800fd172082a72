"""Speaking the tailnet RPC to a hub over a real socket, one thing at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from google.protobuf.message import Message
from websockets.asyncio.client import ClientConnection

from coder_tui.wire.tailnet import tailnet_pb2 as pb
from coder_tui.wire.tailnet.caller import Caller
from coder_tui.wire.tailnet.messages import read, uuid_bytes
from coder_tui.wire.tailnet.rpc import CallError, Drained, Ended, Reply
from coder_tui.wire.tailnet.yamux import Session
from coder_tui.wire.tailnet.yamux_frames import Data
from tests.hub.support import BOUND, Peer

M = TypeVar("M", bound=Message)


class Speaker:
    """A caller on a real socket: one thing at a time, waited for with a bound."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket, self.caller = socket, Caller(0.0)
        self._events: list[Reply | Ended | Drained] = []

    async def call(self, path: str, *requests: Message, more: bool = False) -> int:
        call = self.caller.call(path, *(one.SerializeToString() for one in requests), more=more)
        await self.flush()
        return call

    async def say(self, call: int, request: Message) -> None:
        self.caller.message(call, request.SerializeToString())
        await self.flush()

    async def flush(self) -> None:
        # a header and its body apart, as Go sends them
        data = self.caller.take()
        for part in (data[:12], data[12:]):
            if part:
                await self.socket.send(part)

    async def event(self) -> Reply | Ended | Drained:
        async with asyncio.timeout(BOUND):
            while not self._events:
                data = await self.socket.recv()
                assert isinstance(data, bytes)
                self._events += self.caller.receive(data, 0.0)
                await self.flush()
        return self._events.pop(0)

    async def reply(self, kind: type[M]) -> M:
        event = await self.event()
        assert isinstance(event, Reply), event
        self.caller.took(event.call, event.data)
        return read(kind, event.data)

    async def end(self) -> CallError | None:
        event = await self.event()
        assert isinstance(event, Ended), event
        assert event.error is None or isinstance(event.error, CallError)
        return event.error


@asynccontextmanager
async def speaking(hub: Peer, path: str = "/tailnet?version=2.3") -> AsyncIterator[Speaker]:
    async with hub.socket(path) as socket:
        yield Speaker(socket)


def wanted(hub: Peer) -> pb.WorkspaceUpdatesRequest:
    return pb.WorkspaceUpdatesRequest(workspace_owner_id=uuid_bytes(hub.core.site.user.id))


async def parts(socket: ClientConnection, session: Session) -> list[Data]:
    """The next message with data; nothing is said of what was consumed."""
    while True:
        raw = await socket.recv()
        assert isinstance(raw, bytes)
        found = [event for event in session.receive(raw, 0.0) if isinstance(event, Data)]
        if found:
            return found

"""Calls over one WebSocket to a deployment: the tailnet RPC's sessions, whatever is called on them.

Nothing here reconnects. The session's timers run on the event loop's clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import TypeVar

from google.protobuf.message import Message
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from coder_tui.client.sockets import Closed, raise_closed, receive
from coder_tui.errors import ProtocolError
from coder_tui.wire.tailnet.caller import Answer, Caller
from coder_tui.wire.tailnet.messages import read
from coder_tui.wire.tailnet.rpc import Drained, Ended, Reply

_FRAME = 1 << 20  # bytes per message sent, below the 4 MiB that Go peers take

LEAVING = 1.0
"""Seconds the server has to hear that we leave."""

M = TypeVar("M", bound=Message)


@dataclass(slots=True)
class _Call:
    """What came of a call: messages, then None; `error` says why it ended, when not as it should."""

    arrived: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)
    drained: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None


class Rpc:
    """An open session. `run` must be running; a call raises what it ended for.

    That is CallError (refused), ProtocolError (broken) or Closed (the socket went).
    """

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._now = asyncio.get_running_loop().time
        self._caller = Caller(self._now())
        self._calls: dict[int, _Call] = {}
        self._wake = asyncio.Event()
        self._sending = asyncio.Lock()  # the order of bytes is all that matters
        self._over: Exception | None = None

    def begin(self, path: str, *requests: Message, more: bool = False, unary: bool = False) -> int:
        """Call a method. `more`: messages follow, until `finish`. `unary`: one answer is all there is."""
        if self._over is not None:
            raise self._over
        parts = [request.SerializeToString() for request in requests]
        call = self._caller.call(path, *parts, more=more, unary=unary)
        self._calls[call] = _Call()
        self._wake.set()
        return call

    async def replies(self, call: int, kind: type[M]) -> AsyncGenerator[M, None]:
        """The messages of a call until it ends; closing it cancels the call."""
        found = self._calls[call]
        try:
            while (data := await found.arrived.get()) is not None:
                self._caller.took(call, data)
                self._wake.set()
                yield read(kind, data)
            if found.error is not None:
                raise found.error
        finally:
            self.cancel(call)

    async def send(self, call: int, message: Message) -> None:
        """Send a message of a call; returns when there is room for the next."""
        found = self._calls.get(call)
        self._caller.message(call, message.SerializeToString())
        self._wake.set()
        while found is not None and self._over is None and self._caller.blocked(call):
            found.drained.clear()
            await found.drained.wait()

    def finish(self, call: int) -> None:
        """Send no more messages of a call."""
        self._caller.over(call)
        self._wake.set()

    def cancel(self, call: int) -> None:
        """The rest of a call is not wanted."""
        if self._calls.pop(call, None) is not None:
            self._caller.cancel(call)
            self._wake.set()

    async def run(self) -> None:
        """Read and write until the socket or the session is done with; then every call ends."""
        tasks = [
            asyncio.create_task(self._read(), name="tailnet-read"),
            asyncio.create_task(self._write(), name="tailnet-write"),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            fault = next(iter(done)).exception()
            self._end(fault if isinstance(fault, Exception) else ProtocolError("the session ended"))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._end(Closed(1000, ""))

    async def leave(self) -> None:
        """Say that nothing more is wanted, and write what is left to write; a server that does not read is left."""
        if self._over is None:
            for call in list(self._calls):
                self.cancel(call)
            self._caller.leave()
            try:
                async with asyncio.timeout(LEAVING):
                    await self._flush()
            except (Closed, TimeoutError):
                pass

    def _end(self, fault: Exception) -> None:
        if self._over is None:
            self._over = fault
            for call in self._calls.values():
                call.error = fault
                call.drained.set()
                call.arrived.put_nowait(None)

    async def _read(self) -> None:
        while True:
            data = await receive(self._socket)
            for event in self._caller.receive(data, self._now()):
                self._happened(event)
            self._wake.set()

    def _happened(self, event: Answer | Drained) -> None:
        found = self._calls.get(event.call)
        if found is None:
            return
        match event:
            case Reply(_, data):
                found.arrived.put_nowait(data)
            case Ended(_, error):
                found.error = error
                found.drained.set()
                found.arrived.put_nowait(None)
            case Drained():
                found.drained.set()

    async def _write(self) -> None:
        while True:
            due = self._caller.tick(self._now())
            await self._flush()
            try:
                async with asyncio.timeout(max(0.0, due - self._now())):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()

    async def _flush(self) -> None:
        async with self._sending:
            data = self._caller.take()
            try:
                for start in range(0, len(data), _FRAME):
                    await self._socket.send(data[start : start + _FRAME])
            except ConnectionClosed as error:
                raise_closed(error)

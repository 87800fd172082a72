"""Answering the tailnet RPC over one WebSocket: who runs, who waits, how it ends. The methods: `routes.tailnet`.

Each call is a task that ends with it. Two more belong to the socket: one reads, one writes and keeps the time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from google.protobuf.message import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from coder_tui.errors import CoderTuiError, ProtocolError
from coder_tui.hub.events import TAILNET, Topics
from coder_tui.hub.web import cancelled, receive_data
from coder_tui.wire.tailnet.callee import Callee
from coder_tui.wire.tailnet.messages import read
from coder_tui.wire.tailnet.rpc import Called, Cancelled, Drained, Request, RequestsOver

log = logging.getLogger(__name__)

M = TypeVar("M", bound=Message)


class Fault(Exception):
    """Answer the call with an error. `code` 12 where a method is not offered, else 0."""

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.text, self.code = text, code


class Incoming:
    """A call from the outside, for the method that answers it. Returning ends it, raising Fault fails it."""

    def __init__(self, link: _Link, call: int) -> None:
        self._link, self._call = link, call
        self.requests: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.drained = asyncio.Event()

    async def request(self, kind: type[M]) -> M | None:
        """The next message; None after the last. Raises Fault for bytes that are none."""
        data = await self.requests.get()
        if data is None:
            return None
        self._link.took(self._call, data)
        try:
            return read(kind, data)
        except ProtocolError as error:
            raise Fault(f"protocol error: {error}") from None

    async def only_request(self, kind: type[M]) -> M:
        """The one message of a call that has one; an empty one where the caller sent none."""
        return await self.request(kind) or kind()

    async def send(self, message: Message) -> None:
        """Answer with a message; returns when the caller has room for the next one."""
        await self._link.send(self._call, self, message.SerializeToString())


Method = Callable[[Incoming], Awaitable[None]]


async def answer_calls(socket: WebSocket, methods: Mapping[str, Method], topics: Topics) -> None:
    """Answer calls of `methods`, by path, until the peer goes or the hub stops (1001). A text frame closes 1003."""
    link = _Link(socket, methods)
    with topics.subscribe(TAILNET) as changes:
        reading = asyncio.create_task(link.read(), name="tailnet-read")
        writing = asyncio.create_task(link.write(), name="tailnet-write")
        stopping = asyncio.create_task(changes.changed(), name="tailnet-stop")
        tasks = (reading, writing, stopping)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in (reading, writing):
                if task.done():
                    await cancelled(writing)
                    await link.last_words()
                    if code := task.result():
                        await socket.close(*code)
                    return
            await link.stop_calls()
            link.callee.leave()
            await cancelled(writing)
            await link.last_words()
            await socket.close(1001, "the hub stops")
        finally:
            await link.stop_calls()
            for task in tasks:
                await cancelled(task)


class _Link:
    def __init__(self, socket: WebSocket, methods: Mapping[str, Method]) -> None:
        self._socket, self._methods = socket, methods
        self._now = asyncio.get_running_loop().time
        self.callee = Callee(self._now())
        self._calls: dict[int, tuple[Incoming, asyncio.Task[None]]] = {}
        self._wake = asyncio.Event()

    async def read(self) -> tuple[int, str] | None:
        """Until the peer goes, or breaks the contract: how to close then."""
        while (data := await receive_data(self._socket)) is not None:
            if isinstance(data, str):
                return 1003, "unexpected text message"
            try:
                for event in self.callee.receive(data, self._now()):
                    self._happened(event)
            except ProtocolError as error:
                return 1002, str(error)[:120]
            self._wake.set()
        return None

    async def write(self) -> tuple[int, str] | None:
        """Send what is to be sent, pings too; returns when the session is dead."""
        while True:
            try:
                due = self.callee.tick(self._now())
            except ProtocolError as error:
                return 1001, str(error)[:120]
            await self.last_words()
            try:
                async with asyncio.timeout(max(0.0, due - self._now())):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()

    async def last_words(self) -> None:
        """What is to be sent; a peer that has gone does not hear it."""
        if data := self.callee.take():
            try:
                await self._socket.send_bytes(data)
            except (WebSocketDisconnect, RuntimeError):
                return  # the reader sees it too

    async def send(self, call: int, incoming: Incoming, data: bytes) -> None:
        self.callee.message(call, data)
        self._wake.set()
        while self.callee.blocked(call):
            incoming.drained.clear()
            await incoming.drained.wait()

    def took(self, call: int, data: bytes) -> None:
        self.callee.took(call, data)
        self._wake.set()

    async def stop_calls(self) -> None:
        """Every call's task ends."""
        for _, task in list(self._calls.values()):
            await cancelled(task)

    def _happened(self, event: Called | Request | RequestsOver | Cancelled | Drained) -> None:
        if isinstance(event, Called):
            incoming = Incoming(self, event.call)
            task = asyncio.create_task(self._answer(event.call, event.path, incoming), name=f"tailnet:{event.call}")
            self._calls[event.call] = incoming, task
            return
        found = self._calls.get(event.call)
        if found is None:
            return
        incoming, task = found
        match event:
            case Request(_, data):
                incoming.requests.put_nowait(data)
            case RequestsOver():
                incoming.requests.put_nowait(None)
            case Drained():
                incoming.drained.set()
            case Cancelled():
                task.cancel()

    async def _answer(self, call: int, path: str, incoming: Incoming) -> None:
        try:
            method = self._methods.get(path)
            if method is None:
                self.callee.fail(call, 0, f'protocol error: unknown rpc: "{path}"')
                return
            await method(incoming)
            self.callee.end(call)
        except Fault as fault:
            self.callee.fail(call, fault.code, fault.text)
        except CoderTuiError as error:
            log.error("%s: %s", path, error)
            self.callee.fail(call, 0, str(error))
        except Exception:
            log.exception("%s failed", path)
            self.callee.fail(call, 0, "internal error")
        finally:
            self._calls.pop(call, None)
            self._wake.set()

"""A terminal on an agent: `GET /workspaceagents/{id}/pty`, attached again by itself after a lost connection.

A task of its own reads the socket into one bounded buffer, so thousands of small frames become one `PtyOutput` for
each turn of the event loop, and a slow reader slows the socket down rather than filling memory.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncGenerator, Callable
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from coder_tui.client.backoff import CLOCK, Backoff, Clock
from coder_tui.client.budget import Budget
from coder_tui.client.credentials import Credentials
from coder_tui.client.events import PtyEnded, PtyEvent, PtyLost, PtyOpened, PtyOutput
from coder_tui.client.sockets import Closed, hopeless, open_socket, protocol_mismatch, receive
from coder_tui.errors import ApiError, CoderTuiError, NotFoundError
from coder_tui.wire.pty import encode_request

BUFFER = 1 << 20
"""Bytes of output that may wait for the reader before the socket is left alone."""
_FRAME = 16 << 10  # bytes per frame sent: Go peers refuse frames above 32 KiB, and frame borders carry no meaning
_MAX_MESSAGE = 4 << 20
_QUEUE = 256  # frames the socket may hold: output comes in frames of 1 KiB
_REFUSED = {
    400: "the agent is not connected: start the workspace, or wait until the agent is up",
    404: "there is no such agent, it is not connected, or you may not open terminals on it",
}


class PtyStream:
    """One attached terminal. See `feeds.source.PtyStream` for what each method promises.

    `reconnect` is the session's UUID: the same one attaches to the same session for as long as it lives. `on_typed`
    is called whenever keystrokes go out.
    """

    def __init__(
        self,
        credentials: Credentials,
        agent_id: str,
        reconnect: str,
        size: tuple[int, int],
        *,
        command: str = "",
        container: str = "",
        tls: ssl.SSLContext | None = None,
        budget: Budget | None = None,
        on_typed: Callable[[], None] | None = None,
        clock: Clock = CLOCK,
    ) -> None:
        self._credentials, self._tls, self._budget = credentials, tls, budget
        self._on_typed = on_typed
        self._path = f"workspaceagents/{quote(agent_id, safe='')}/pty"
        self._session = {"reconnect": reconnect, "command": command, "container": container}
        self._size = size
        self._backoff = Backoff(clock)
        self._events: deque[PtyEvent | bytearray] = deque()
        self._waiting = 0  # bytes of output in _events
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()
        self._outgoing = bytearray()
        self._typed = asyncio.Event()
        self._sending = False
        self._sent = asyncio.Event()
        self._attached = False
        self._driver: asyncio.Task[None] | None = None
        self._closed = False

    def send(self, data: str) -> None:
        """Queue keystrokes; dropped while the link is down."""
        if self._attached and data:
            self._queue(encode_request(data=data))
            if self._on_typed:
                self._on_typed()

    async def drain(self) -> None:
        """Wait until what was typed is with the socket, or dropped because the link is down."""
        while self._attached and (self._outgoing or self._sending):
            self._sent.clear()
            await self._sent.wait()

    def resize(self, columns: int, rows: int) -> None:
        """The new size in cells; sent again after each reconnect."""
        if (columns, rows) != self._size:
            self._size = (columns, rows)
            if self._attached:
                self._queue(encode_request(width=columns, height=rows))

    def retry_now(self) -> None:
        """Do not wait for the countdown."""
        self._backoff.nudge()

    async def close(self) -> None:
        """Detach; the program lives on. The iteration ends."""
        self._closed = True
        self._arrived.set()
        if self._driver and not self._driver.done():
            self._driver.cancel()
            await asyncio.wait([self._driver])

    async def __aiter__(self) -> AsyncGenerator[PtyEvent, None]:
        """Events in order; ends after `PtyEnded` or `close()`. One iteration per stream."""
        if self._closed:
            return
        self._driver = asyncio.create_task(self._drive(), name=f"pty:{self._session['reconnect']}")
        self._driver.add_done_callback(lambda _: self._arrived.set())
        try:
            while not self._closed:
                await self._arrived.wait()
                self._arrived.clear()
                done = self._driver.done()
                while self._events and not self._closed:
                    event = self._events.popleft()
                    if isinstance(event, bytearray):
                        self._waiting -= len(event)
                        self._taken.set()
                        event = PtyOutput(bytes(event))
                    yield event
                if done and not self._events:
                    self._driver.result()  # a fault of ours must not look like a quiet end
                    return
        finally:
            await self.close()

    async def _drive(self) -> None:
        again = False
        while True:
            try:
                socket = await open_socket(
                    self._credentials,
                    self._path,
                    self._query(),
                    tls=self._tls,
                    budget=self._budget,
                    max_size=_MAX_MESSAGE,
                    max_queue=_QUEUE,
                )
                async with socket:
                    self._backoff.opened()
                    await self._attach(socket, again)
                return  # not reached: attached until closed
            except Closed as closed:
                again = again or self._attached
                self._detached()
                if closed.code == 1000:
                    return self._tell(PtyEnded(closed.reason or "the program ended"))
                if closed.hopeless:
                    return self._tell(_failure(protocol_mismatch(closed)))
                why = closed.why
            except CoderTuiError as error:
                if hopeless(error):
                    return self._tell(_failure(error))
                why = error.why or error.what
            self._detached()
            self._tell(PtyLost(why, self._backoff.lost()))
            await self._backoff.pause()

    def _query(self) -> dict[str, str | int]:
        return {**self._session, "width": self._size[0], "height": self._size[1]}

    def _detached(self) -> None:
        """What is typed is dropped now, and who waits for it to be sent waits no more."""
        self._attached = self._sending = False
        self._sent.set()

    async def _attach(self, socket: ClientConnection, again: bool) -> None:
        # the size in the URL counts for new sessions only, so it is said again
        self._outgoing.clear()
        self._queue(encode_request(width=self._size[0], height=self._size[1]))
        self._attached = True
        self._tell(PtyOpened(again))
        writer = asyncio.create_task(self._write(socket), name=f"pty-write:{self._session['reconnect']}")
        try:
            while True:
                data = await receive(socket)
                self._backoff.proved()
                self._output(data)
                while self._waiting >= BUFFER:
                    self._taken.clear()
                    await self._taken.wait()
        finally:
            writer.cancel()
            await asyncio.wait([writer])

    async def _write(self, socket: ClientConnection) -> None:
        try:
            while True:
                await self._typed.wait()
                chunk = bytes(self._outgoing[:_FRAME])
                del self._outgoing[:_FRAME]
                if not self._outgoing:
                    self._typed.clear()
                if chunk:
                    self._sending = True
                    await socket.send(chunk)
                    self._sending = False
                self._sent.set()
        except ConnectionClosed:
            return  # the reader tells why

    def _queue(self, data: bytes) -> None:
        self._outgoing += data
        self._typed.set()

    def _tell(self, event: PtyEvent) -> None:
        self._events.append(event)
        self._arrived.set()

    def _output(self, data: bytes) -> None:
        if not data:
            return
        if self._events and isinstance(last := self._events[-1], bytearray):
            last += data
        else:
            self._events.append(bytearray(data))
        self._waiting += len(data)
        self._arrived.set()


def _failure(error: CoderTuiError) -> PtyEnded:
    # before the upgrade a real deployment answers with a web page: the status is all there is to go by
    if isinstance(error, ApiError) and error.status in _REFUSED:
        code = NotFoundError.exit_code if error.status == 404 else error.exit_code
        return PtyEnded(_REFUSED[error.status], failed=True, exit_code=code)
    return PtyEnded(str(error), failed=True, exit_code=error.exit_code)

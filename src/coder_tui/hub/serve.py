"""Running a hub: one per data directory, on a socket of its own, until told to stop."""

from __future__ import annotations

import asyncio
import fcntl
import ipaddress
import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import uvicorn

from coder_tui.errors import HubError, StorageError
from coder_tui.hub.app import create_app
from coder_tui.hub.clock import Clock
from coder_tui.hub.core import TOKEN_FILE, Hub
from coder_tui.hub.protocols import HttpProtocol, SocketProtocol
from coder_tui.hub.session import HANGUP_GRACE
from coder_tui.hub.sessions import GRACE
from coder_tui.paths import ensure_private, write_private

LOCK_FILE, INFO_FILE, PORT_FILE = "hub.lock", "hub.json", "hub.port"
PING_SECONDS, PONG_SECONDS = 15.0, 30.0

_STREAMS_CLOSE = 1.0  # seconds for open streams to say goodbye


@dataclass(frozen=True, slots=True)
class Running:
    """A hub that accepts connections."""

    url: str
    token_file: Path
    hub: Hub

    @property
    def token(self) -> str:
        """The user's API key."""
        return self.hub.token


def serve(data_dir: Path, *, host: str = "127.0.0.1", port: int = 0, out: TextIO = sys.stdout) -> None:
    """Run a hub on `data_dir` until SIGTERM or SIGINT, then stop cleanly.

    When it accepts connections one line of JSON goes to `out`: `{"url": ..., "token_file": ...}`; the same with
    `pid` stands in `hub.json` as long as it runs. Port 0 takes the port it had last time, so that clients that wait
    for a hub that went away find it again, or else a free one. Raises HubError (another hub has the
    directory, the port is taken) and StorageError (the directory cannot be used).
    """

    async def main() -> None:
        stop = asyncio.Event()
        with _stop_signals(stop):
            async with running(data_dir, host=host, port=port) as hub:
                print(json.dumps({"url": hub.url, "token_file": str(hub.token_file)}), file=out, flush=True)
                await stop.wait()

    asyncio.run(main())


@asynccontextmanager
async def running(
    data_dir: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    clock: Clock | None = None,
    grace: float = GRACE,
    hangup_grace: float = HANGUP_GRACE,
) -> AsyncIterator[Running]:
    """A hub on the running event loop for the life of the context. Raises as `serve` does.

    `clock`, `grace` and `hangup_grace` are those of `Hub.open`.
    """
    ensure_private(data_dir)
    with _locked(data_dir), _listening_again(data_dir, host, port) as listener:
        url = _url(host, listener)
        hub = await Hub.open(data_dir, url=url, clock=clock, grace=grace, hangup_grace=hangup_grace)
        server = _Server(_config(hub), hub)
        task = asyncio.create_task(server.serve([listener]), name="hub-server")
        try:
            await _first(task, server.accepting)
            info = {"url": url, "token_file": str(data_dir / TOKEN_FILE), "pid": os.getpid()}
            write_private(data_dir / INFO_FILE, json.dumps(info) + "\n")
            write_private(data_dir / PORT_FILE, f"{listener.getsockname()[1]}\n")
            yield Running(url, data_dir / TOKEN_FILE, hub)
        finally:
            with suppress(OSError):
                (data_dir / INFO_FILE).unlink(missing_ok=True)
            server.leave()
            await asyncio.gather(task, return_exceptions=True)
            await hub.stop()


def _config(hub: Hub) -> uvicorn.Config:
    # uvicorn logs request paths, and a path may hold a token
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    return uvicorn.Config(
        create_app(hub),
        loop="asyncio",
        http=HttpProtocol,
        ws=SocketProtocol,
        ws_max_size=8 << 20,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PONG_SECONDS,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
    )


class _Server(uvicorn.Server):
    """uvicorn that leaves signals to us, wakes only once a second, and lets streams close before it cuts them."""

    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config)
        self._hub = hub
        self._leave = asyncio.Event()
        self.accepting = asyncio.Event()

    def leave(self) -> None:
        """Stop serving."""
        self.should_exit = True
        self._leave.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.accepting.set()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # the tick renews the Date header
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._leave.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Instead of uvicorn's, which polls and knows one close code for all: streams say 1001, then all is cut."""
        for listener in (*self.servers, *(sockets or ())):
            listener.close()
        self._hub.topics.close()
        self._hub.permissions.close()
        self._hub.witnesses.close()  # how programs end now is not their doing
        sessions = asyncio.create_task(self._hub.sessions.close(), name="close-sessions")
        tasks, connections = self.server_state.tasks, self.server_state.connections
        if tasks:
            await asyncio.wait(set(tasks), timeout=_STREAMS_CLOSE)
        for connection in list(connections):
            connection.shutdown()
        await asyncio.sleep(0)  # transports that have nothing left to send are closed now
        for connection in list(connections):
            connection.transport.abort()
        for task in set(tasks):
            task.cancel()
        await asyncio.gather(*tasks, sessions, return_exceptions=True)


async def _first(task: asyncio.Task[None], event: asyncio.Event) -> None:
    """Wait for the event; if the task ends before, its failure is ours."""
    waiting = asyncio.create_task(event.wait(), name="hub-accepting")
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not waiting.done():
        waiting.cancel()
        await task
        raise HubError("the hub's server stopped before it accepted connections")


@contextmanager
def _stop_signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT) if threading.current_thread() is threading.main_thread() else ()
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


@contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    """Own the directory: the kernel gives the lock back however we end."""
    path = data_dir / LOCK_FILE
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StorageError(f"cannot open {path}", why=error.strerror or str(error), fix="fix its permissions") from None
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HubError(
                f"a hub already runs on {data_dir}", why=_who(data_dir), fix="use that one, or stop it first"
            ) from None
        with suppress(OSError):
            (data_dir / INFO_FILE).unlink(missing_ok=True)  # of a hub that was killed: its port may be another's now
        yield
    finally:
        os.close(fd)


def _who(data_dir: Path) -> str:
    with suppress(OSError, ValueError, KeyError, TypeError):
        info = json.loads((data_dir / INFO_FILE).read_text(encoding="utf-8"))
        return f"process {info['pid']} at {info['url']}"
    return "it is just starting or stopping"


def _listening_again(data_dir: Path, host: str, port: int) -> AbstractContextManager[socket.socket]:
    """A listener on `port`; for 0 on the port of last time where that is still free."""
    if port == 0:
        with suppress(OSError, ValueError, HubError):
            return closing(_listen(host, int((data_dir / PORT_FILE).read_text(encoding="ascii"))))
    return closing(_listen(host, port))


def _listen(host: str, port: int) -> socket.socket:
    try:
        if not 0 <= port <= 0xFFFF:  # the resolver would cut it to 16 bits
            raise OverflowError("a port is a number from 0 to 65535")
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, proto)
    except (OSError, OverflowError, UnicodeError) as error:
        raise HubError(
            f"cannot listen on {host}:{port}", why=_reason(error), fix="choose another --host or --port"
        ) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        raise HubError(
            f"cannot listen on {host}:{port}",
            why=_reason(error),
            fix="choose another --port (0 takes a free one), or stop the program that has it",
        ) from None
    listener.setblocking(False)
    return listener


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()


def _url(host: str, listener: socket.socket) -> str:
    """Where a program of this machine finds us."""
    address, port = listener.getsockname()[:2]
    ip = ipaddress.ip_address(address.partition("%")[0])
    if ip.is_unspecified:
        address = "127.0.0.1" if ip.version == 4 else "::1"
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"

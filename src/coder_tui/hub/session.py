"""One terminal session: a program in a PTY that lives on while clients come and go.

Contract `04-pty`: 64 KiB of raw output are replayed on attach, everyone attached sees the output and may type, the
last resize wins. A *managed* session (the command of a workspace) keeps its last output after its end for whoever
attaches.

Slow clients: a program is held up for at most 250 ms in ten seconds for a client that does not keep up, then that
client's backlog is dropped (see `Attachment`). A client that keeps up gets every byte.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from coder_tui.errors import StorageError
from coder_tui.hub.attachment import HIGH, LOW, Attachment
from coder_tui.hub.process import hang_up, kill, set_size
from coder_tui.hub.replay import Replay

HANGUP_GRACE = 3.0
"""Seconds between SIGHUP and SIGKILL."""
INPUT_LIMIT = 1 << 20
"""Bytes of input that wait for a program that does not read."""
PATIENCE = 0.25
"""Seconds a slow client may hold the program up, once in `PATIENCE_EVERY` seconds."""
PATIENCE_EVERY = 10.0

_READ = 64 << 10
_BUDGET = 64 << 10  # bytes per turn of the event loop, so that a flood leaves room for the others
_LAST_READS = 64  # turns spent on output left behind; a program that outlives the leader could write for ever


Report = Callable[[int], Awaitable[None]]
"""Gets the exit code of a managed session."""


class Observer(Protocol):
    """Sees what passes through a managed session. Called on the event loop for every piece: must be quick."""

    def output(self, data: bytes) -> bytes:
        """The program wrote that. What it returns is written to the program."""
        ...

    def typed(self, data: bytes) -> None:
        """A client wrote that to the program."""
        ...


@dataclass(frozen=True, slots=True)
class Program:
    """What to run: a command line for the user's shell (empty: a login shell), where, what to add to the environment,
    and in how many cells. `argv`, if given, is run in place of a shell."""

    command: str
    directory: str
    env: Mapping[str, str]
    columns: int = 80
    rows: int = 24
    argv: tuple[str, ...] = ()


class Session:
    """One running (or, if managed, ended) program and its clients. Everything runs on the event loop."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        master: int,
        report: Report | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._process, self._master, self._report, self._observer = process, master, report, observer
        self._replay = Replay()
        self._total = 0  # bytes of output so far
        self._clients: set[Attachment] = set()
        self._input = bytearray()
        self._input_room = asyncio.Event()
        self._input_room.set()
        self._held: asyncio.TimerHandle | None = None
        self._close_code = 1000
        self._open = True
        self.exit_code: int | None = None  # like a shell: 128 + the signal's number
        self.ended = asyncio.Event()
        self._loop.add_reader(master, self._readable)
        self._waiter = asyncio.create_task(self._wait(), name=f"pty:{process.pid}")

    @property
    def managed(self) -> bool:
        """Whether it is the command of a workspace."""
        return self._report is not None

    @property
    def pid(self) -> int:
        """Leader of the terminal session."""
        return self._process.pid

    @property
    def attached(self) -> int:
        """How many clients are attached."""
        return len(self._clients)

    def attach(self) -> Attachment:
        """A new client; its first output is the replay."""
        client = Attachment(self._replay, self._relieved)
        self._clients.add(client)
        if self.ended.is_set():
            client.finish(self._close_code)
        return client

    def detach(self, client: Attachment) -> None:
        """The client is gone; it holds nobody up any more."""
        self._clients.discard(client)
        self._relieved()

    def resize(self, columns: int, rows: int) -> None:
        """New size in cells, for everyone."""
        if self._open:
            set_size(self._master, columns, rows)

    async def write(self, data: bytes, *, patience: float = 10.0) -> None:
        """Type. Waits while a megabyte of input is unread, `patience` seconds at most; then the input is lost, as a
        terminal's own queue would lose it."""
        if len(self._input) >= INPUT_LIMIT:
            try:
                async with asyncio.timeout(patience):
                    await self._input_room.wait()
            except TimeoutError:
                return
        if not self._open or not data:
            return
        if self._observer is not None:
            self._observer.typed(data)
        self._type(data)

    def _type(self, data: bytes) -> None:
        idle = not self._input
        self._input += data
        if idle:
            self._writable()
            if self._input and self._open:
                self._loop.add_writer(self._master, self._writable)
        if len(self._input) >= INPUT_LIMIT:
            self._input_room.clear()

    async def end(self, *, code: int = 1000, grace: float = HANGUP_GRACE) -> None:
        """End the program: SIGHUP, then SIGKILL for all of the session. Clients are closed with `code`."""
        self._close_code = code
        if not self.ended.is_set():
            hang_up(self.pid, self._master)
            try:
                async with asyncio.timeout(grace):
                    await self.ended.wait()
            except TimeoutError:
                pass
            # the leader may be gone and its background jobs not
            await self._loop.run_in_executor(None, kill, self.pid)
            await self.ended.wait()
        for client in self._clients:
            client.finish(code)

    def _readable(self) -> None:
        chunks: list[bytes] = []
        total = 0
        while total < _BUDGET:
            try:
                data = os.read(self._master, _READ)
            except BlockingIOError:
                break
            except OSError:
                data = b""  # Linux says EIO when the last program closed the terminal
            if not data:
                self._loop.remove_reader(self._master)
                break
            chunks.append(data)
            total += len(data)
        if chunks:
            data = b"".join(chunks)
            self._output(data)
            if self._observer is not None:
                reply = self._observer.output(data)
                if reply and self._open and len(self._input) < INPUT_LIMIT:
                    self._type(reply)

    def _output(self, data: bytes) -> None:
        self._total += len(data)
        self._replay.add(data)
        hold = False
        for client in self._clients:
            client.offer(data)
            if client.size > HIGH:
                if self._loop.time() >= client.patient_after and self._open:
                    hold = True
                else:
                    client.drop()
        if hold and self._held is None:
            self._loop.remove_reader(self._master)
            self._held = self._loop.call_later(PATIENCE, self._lose_patience)

    def _lose_patience(self) -> None:
        for client in self._clients:
            if client.size > LOW:
                client.patient_after = self._loop.time() + PATIENCE_EVERY
                client.drop()
        self._release()

    def _relieved(self) -> None:
        if self._held is not None and all(client.size <= LOW for client in self._clients):
            self._release()

    def _release(self) -> None:
        if self._held is not None:
            self._held.cancel()
            self._held = None
            if self._open:
                self._loop.add_reader(self._master, self._readable)

    def _writable(self) -> None:
        try:
            del self._input[: os.write(self._master, self._input[:_READ])]
        except BlockingIOError:
            pass
        except OSError:
            self._input.clear()  # nobody is there to read it
        if not self._input:
            self._loop.remove_writer(self._master)
        if len(self._input) < INPUT_LIMIT:
            self._input_room.set()

    async def _wait(self) -> None:
        status = await self._process.wait()
        self.exit_code = status if status >= 0 else 128 - status
        # what the program wrote last is still in the terminal
        for _ in range(_LAST_READS):
            before = self._total
            self._readable()
            if self._total == before:
                break
        self._open = False
        if self._held is not None:
            self._held.cancel()
            self._held = None
        self._loop.remove_reader(self._master)
        self._loop.remove_writer(self._master)
        os.close(self._master)
        self._input.clear()
        self._input_room.set()
        if self._report is not None:
            self._output(f"\r\n[process exited with code {self.exit_code}]\r\n".encode())
            # known to the log before any client can ask
            with suppress(StorageError):
                await self._report(self.exit_code)
        self.ended.set()
        for client in self._clients:
            client.finish(self._close_code)

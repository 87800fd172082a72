"""An app that is one Terminal pane: RESULT COMMAND local | RESULT COMMAND hub URL TOKEN_FILE AGENT_ID."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import struct
import sys
import termios
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path
from uuid import uuid4

from textual.app import App, ComposeResult

from coder_tui.cli.screen import settle
from coder_tui.client.credentials import Credentials
from coder_tui.client.pty import PtyStream
from coder_tui.feeds.source import PtyEnded, PtyEvent, PtyOpened, PtyOutput, PtyTarget
from coder_tui.terminal.core import TerminalCore
from coder_tui.tui.panes.terminal import TerminalPane
from coder_tui.tui.panes.terminal_session import PtySource

_AHEAD, _READ = 1 << 20, 4 << 10  # what a PTY holds on Linux


class LocalStream:
    """A PTY of this process, read by a thread as far ahead as is wanted."""

    def __init__(self, command: str, columns: int, rows: int) -> None:
        self._command, self._size = command, (columns, rows)
        self._fd = -1
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[bytes] = deque()
        self._room = threading.Event()
        self._arrived = asyncio.Event()
        self._told = False

    def _read(self) -> None:
        data = b"\0"
        while data:
            if len(self._waiting) >= _AHEAD // _READ:
                self._room.clear()
                if len(self._waiting) >= _AHEAD // _READ:  # still: it was not emptied meanwhile
                    self._room.wait()
            try:
                data = os.read(self._fd, _READ)
            except OSError:
                data = b""
            self._waiting.append(data)
            if not self._told:
                self._told = True
                self._loop.call_soon_threadsafe(self._arrived.set)

    async def __aiter__(self) -> AsyncIterator[PtyEvent]:
        pid, fd = pty.fork()
        if pid == 0:
            os.execvp("/bin/sh", ["/bin/sh", "-c", self._command])
        self._fd = fd
        self.resize(*self._size)
        threading.Thread(target=self._read, daemon=True).start()
        yield PtyOpened()
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            self._told = False
            taken = [self._waiting.popleft() for _ in range(len(self._waiting))]
            self._room.set()
            if data := b"".join(taken):
                yield PtyOutput(data)
            if taken and not taken[-1]:
                await asyncio.to_thread(os.waitpid, pid, 0)
                yield PtyEnded("")
                return

    def send(self, data: str) -> None:
        os.write(self._fd, data.encode())

    def resize(self, columns: int, rows: int) -> None:
        self._size = columns, rows
        if self._fd >= 0:
            fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def retry_now(self) -> None:
        pass

    async def close(self) -> None:
        pass


class Forgetful:
    """Keeps no terminals."""

    def terminals(self, deployment: str, agent_id: str) -> Sequence[PtyTarget]:
        return ()

    def keep_terminal(self, target: PtyTarget) -> None:
        pass

    def forget_terminal(self, reconnect: str) -> None:
        pass


class Local(Forgetful):
    """Programs of this machine without a hub."""

    def open_pty(self, target: PtyTarget, columns: int, rows: int) -> LocalStream:
        return LocalStream(target.command, columns, rows)


class Counted(PtyStream):
    """The cockpit's own client, and how many bytes came through it."""

    received = 0

    async def __aiter__(self) -> AsyncGenerator[PtyEvent, None]:
        async for event in super().__aiter__():
            if isinstance(event, PtyOutput):
                self.received += len(event.data)
            yield event


class Remote(Forgetful):
    """Programs through a hub."""

    def __init__(self, url: str, token: str) -> None:
        self._credentials = Credentials("bench", url, token, "the benchmark")
        self.stream: Counted | None = None

    def open_pty(self, target: PtyTarget, columns: int, rows: int) -> PtyStream:
        self.stream = Counted(
            self._credentials, target.agent_id, target.reconnect, (columns, rows), command=target.command
        )
        return self.stream


class Pane(App[None]):
    """Measures when frames left for the terminal, and how long their rows took to build."""

    CSS = "TerminalPane { border: solid grey; }"

    def __init__(self, source: PtySource, target: PtyTarget, result: Path) -> None:
        super().__init__()
        self._source, self._target, self._result = source, target, result
        self.frames: list[dict[str, float]] = []

    def compose(self) -> ComposeResult:
        yield TerminalPane(self._source)

    def on_mount(self) -> None:
        pane = self.query_one(TerminalPane)
        screen = pane.screen_widget
        frames, build, read, display = self.frames, screen._build, screen._read, self._display
        took = {"read": 0.0, "build": 0.0}

        def timed_read(core: TerminalCore) -> set[int]:
            start = time.perf_counter()
            rows = read(core)
            took["read"] = time.perf_counter() - start
            return rows

        def timed(core: TerminalCore, rows: set[int]) -> None:
            start = time.perf_counter()
            build(core, rows)
            took["build"] = time.perf_counter() - start

        def shown(screen: object, renderable: object) -> None:
            start = time.perf_counter()
            display(screen, renderable)  # type: ignore[arg-type]
            now = time.perf_counter()
            frames.append({"at": time.monotonic(), "display": now - start, **took})
            took.update(read=0.0, build=0.0)

        screen._build = timed  # type: ignore[method-assign]
        screen._read = timed_read  # type: ignore[method-assign]
        self._display = shown  # type: ignore[method-assign]
        pane.focus()
        self.set_timer(0.3, lambda: pane.attach(self._target))


def main() -> None:
    result, command, link, *rest = sys.argv[1:]
    agent = "agent"
    source: PtySource = Local()
    if link == "hub":
        url, token_file, agent = rest
        source = Remote(url, Path(token_file).read_text().strip())
    app = Pane(source, PtyTarget("bench", "workspace", agent, str(uuid4()), "bench", command), Path(result))
    settle()

    async def run() -> None:
        running = asyncio.create_task(app.run_async())
        while not running.done():
            await asyncio.wait({running}, timeout=0.2)
            pane = next(iter(app.query(TerminalPane)), None) if app.is_running else None
            if pane and pane.state and pane.state.value == "ended":
                stream = getattr(source, "stream", None)
                Path(result).write_text(json.dumps({"frames": app.frames, "received": stream and stream.received}))
                app.exit()
        await running

    asyncio.run(run())


if __name__ == "__main__":
    main()

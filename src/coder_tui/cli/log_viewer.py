"""Our pane as a viewer of a file or a pipe: `coder-tui logs FILE`, `PROGRAM | coder-tui logs -`."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from coder_tui.config import load_config
from coder_tui.errors import NotFoundError, UsageError
from coder_tui.feeds.source import LogBatch, LogEvent, LogLine, LogMark, LogNote
from coder_tui.fleet.snapshot import Agent, Key, Row, Snapshot, Workspace
from coder_tui.text import one_line
from coder_tui.tui.logview import LogView

_FIRST, _BLOCK = 64 << 10, 1 << 20  # bytes read at once: the first page shows soon
_LONGEST = 16 << 20  # bytes of a line without an end
_LOOK = 1.0  # seconds between two looks at a file that may grow
_ROOM = 3  # times the size of the file that its lines may take in memory
_NOW = datetime.fromtimestamp(0, UTC)  # lines of a file have no time of their own
_LEVEL = re.compile(rb"\b(?:(TRACE)|(DEBUG)|(INFO)|(WARN(?:ING)?)|(ERROR|FATAL|CRITICAL|PANIC))\b")
_HINTS = (b"INFO", b"WARN", b"ERR", b"DEBUG", b"TRACE", b"FATAL", b"CRIT", b"PANIC")
_LEVELS = ("", "trace", "debug", "info", "warn", "error")
_HEAD = 96  # bytes of a line in which its level is looked for


def view(file: Path, *, follow: bool, grep: str, theme: str) -> int:
    """Show it until the person leaves. `-` is stdin: the keys then come from the terminal itself."""
    if str(file) == "-":
        feed = FileFeed(_take_stdin(), "stdin", follow=False)
        limit = 1 << 30
    else:
        try:
            feed = FileFeed(os.open(file, os.O_RDONLY | os.O_CLOEXEC), one_line(file.name), follow=follow)
        except OSError as error:
            raise NotFoundError(f"cannot read {one_line(str(file))}", why=error.strerror or "") from None
        limit = max(64 << 20, min(1 << 30, file.stat().st_size * _ROOM))
    config = load_config({"theme": theme or None})
    pattern = grep.replace("/", r"\/")
    words = f"/{pattern}/" if grep else ""
    app = LogView(feed, feed.row, limit=limit, filter=words, theme=config.theme or None)
    app.run()
    return app.return_code or 0


def _take_stdin() -> int:
    """The pipe under another number; stdin becomes the terminal, where Textual reads keys."""
    if sys.stdin.isatty():
        raise UsageError("stdin is the terminal", why="there is no pipe to read", fix="PROGRAM | coder-tui logs -")
    pipe = os.dup(0)
    try:
        terminal = os.open(os.ttyname(1), os.O_RDWR)  # /dev/tty would need a controlling terminal
    except OSError:
        raise UsageError("there is no terminal to show the log in", fix="send stdout to a file or a pipe") from None
    os.dup2(terminal, 0)
    os.close(terminal)
    return pipe


class FileFeed:
    """A file descriptor as a log of one agent. `row` names it. Reads in a thread, a block at a time."""

    def __init__(self, descriptor: int, name: str, *, follow: bool) -> None:
        self._descriptor, self._follow = descriptor, follow
        self._read_to = 0  # lines told so far
        self._rest = b""
        agent = Agent("file", name, "connected", "ready")
        space = Workspace("file", "file", name, "", "running", "start", agents=(agent,))
        self.row = Row(Key("file", "file", name), space, agent, None)
        self.snapshot = Snapshot()

    async def follow_logs(self, deployment: str, agent_id: str) -> AsyncIterator[LogEvent]:
        """Every line; then, of a file that may grow, what is added. Going on later goes on where it stopped."""
        size = _FIRST
        while True:
            batch = await asyncio.to_thread(self._next, size)
            size = _BLOCK
            if batch is not None:
                yield LogBatch(batch)
                continue
            if not self._follow:
                yield LogNote(LogMark.ENDED)
                return
            yield LogNote(LogMark.LIVE)
            await asyncio.sleep(_LOOK)

    def follow_build(self, deployment: str, build_id: str) -> AsyncIterator[LogEvent]:
        """A file was built by nobody."""
        return self.follow_logs(deployment, build_id)

    def _next(self, size: int) -> tuple[LogLine, ...] | None:
        """The lines of the next block; None at the end of the file."""
        data = os.read(self._descriptor, size)
        if not data and (not self._rest or self._follow):
            return None
        *lines, self._rest = (self._rest + data).split(b"\n")
        if self._rest and (not data or len(self._rest) > _LONGEST):
            lines.append(self._rest)
            self._rest = b""
        first = self._read_to + 1
        self._read_to += len(lines)
        return tuple(
            LogLine(number, _NOW, _level(line), "", line.removesuffix(b"\r").decode("utf-8", "replace"))
            for number, line in enumerate(lines, first)
        )


def _level(line: bytes) -> str:
    """The level that stands at the head of a line, as most programs write it."""
    head = line[:_HEAD].upper()
    if not any(word in head for word in _HINTS):  # most lines: ten times cheaper than the regex
        return ""
    match = _LEVEL.search(head)
    return _LEVELS[match.lastindex or 0] if match else ""

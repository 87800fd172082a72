"""A file or a pipe as the log of one agent: what our pane follows as it follows a deployment's."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from itertools import repeat

from coder_tui.cli.log_file import LineFile
from coder_tui.feeds.source import LogBatch, LogEvent, LogLine, LogMark, LogNote
from coder_tui.fleet.snapshot import Agent, Key, Row, Snapshot, Workspace
from coder_tui.logs import ansi

_BLOCK = 1 << 20  # bytes read at once
_LOOK = 1.0  # seconds between two looks at a file that may grow
_NO_TIME = datetime.fromtimestamp(0, UTC)  # lines of a file have no time of their own
_LEVEL = re.compile(r"\b(?:(TRACE)|(DEBUG)|(INFO)|(WARN(?:ING)?)|(ERROR|FATAL|CRITICAL|PANIC))\b")
_HINTS = ("INFO", "WARN", "ERR", "DEBUG", "TRACE", "FATAL", "CRIT", "PANIC")
_LEVELS = ("", "trace", "debug", "info", "warn", "error")
_HEAD = 96  # characters of a line in which its level is looked for


class FileFeed:
    """Reads in a thread, a block at a time. `row` names it. With `follow`, whatever happens to a file is followed."""

    def __init__(self, file: LineFile, name: str, *, follow: bool) -> None:
        self._file, self._follow = file, follow and file.regular
        self._told = 0  # lines
        agent = Agent("file", name, "connected", "ready")
        space = Workspace("", "file", name, "", "running", "start", agents=(agent,))
        self.row = Row(Key("", "file", name), space, agent, None)
        self.snapshot = Snapshot()

    async def follow_logs(self, deployment: str, agent_id: str) -> AsyncIterator[LogEvent]:
        """Every line; then what is added to a file. Going on later goes on where it stopped."""
        yield LogNote(LogMark.OPEN)
        live = False
        while True:
            if not self._file.regular:
                await _readable(self._file.descriptor)
            batch = await asyncio.to_thread(self._next)
            if batch is not None:
                if batch:
                    yield LogBatch(batch)
                continue
            said = self._file.changed() if self._follow and live else ""
            # Is the last line as long as it gets, as far as we know?
            if (said or not live or not self._follow) and (last := self._lines(self._file.flush())):
                yield LogBatch(last)
            if not self._follow:
                yield LogNote(LogMark.ENDED)
                return
            if not live:
                yield LogNote(LogMark.LIVE)
                live = True
            if said:
                yield LogNote(LogMark.SAID, said)
            else:
                await asyncio.sleep(_LOOK)

    def follow_build(self, deployment: str, build_id: str) -> AsyncIterator[LogEvent]:
        """A file was built by nobody."""
        return self.follow_logs(deployment, build_id)

    def _next(self) -> tuple[LogLine, ...] | None:
        """The lines of the next block; None at the end of the file."""
        data = self._file.read(_BLOCK)
        return None if data is None else self._lines(data)

    def _lines(self, data: bytes) -> tuple[LogLine, ...]:
        if not data:
            return ()
        text = data.decode("utf-8", "replace")
        texts = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
        upper = text.upper()
        levels = map(level_of, texts) if any(hint in upper for hint in _HINTS) else repeat("")
        numbers = range(self._told + 1, self._told + 1 + len(texts))
        self._told += len(texts)
        rows = zip(numbers, repeat(_NO_TIME), levels, repeat(""), texts, strict=False)
        return tuple(map(partial(tuple.__new__, LogLine), rows))  # as LogLine._make does it, three times as fast


async def _readable(descriptor: int) -> None:
    """Until there is something to read, or the end: a thread that waits for a silent pipe could not be stopped."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_reader(descriptor, ready.set)
    except OSError:  # a device that is always ready, such as /dev/null
        return
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)


def level_of(line: str) -> str:
    """The level that stands at the head of a line, as most programs write it; or nothing."""
    head = line[:_HEAD].upper()
    if "\x1b" in head:
        head = ansi.words(line[: 2 * _HEAD]).upper()
    if "INFO" in head or "WARN" in head or "ERR" in head or "DEBUG" in head or "TRACE" in head or "FATAL" in head:
        pass  # most lines get no further: several times cheaper than the regex, or a loop
    elif "CRIT" not in head and "PANIC" not in head:
        return ""
    match = _LEVEL.search(head)
    return _LEVELS[match.lastindex or 0] if match else ""

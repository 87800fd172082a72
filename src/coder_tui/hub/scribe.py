"""What a program writes to its terminal, as lines of its agent's log: source `terminal`.

Only what reads as a log: a program that moves the cursor about draws a screen, and a screen is no log. The lines take
nothing of the agent's quota; the newest `KEPT` stay.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
import uuid
from typing import TYPE_CHECKING

from coder_tui.errors import StorageError
from coder_tui.hub.agents import LiveAgent
from coder_tui.hub.logs import MAX_LINE, Line, add_source, append
from coder_tui.wire.logs import LogLevel

if TYPE_CHECKING:
    from coder_tui.hub.core import Hub
    from coder_tui.hub.session import Observer

log = logging.getLogger(__name__)

KEPT = 5000
"""Lines of a terminal that stay in the agent's log, and a few more."""
GATHER = 0.25
"""Seconds of output that are stored at once."""
MOST = 250
"""Lines of them at most: the rest is counted."""

_TRIM = 1000  # lines between two looks whether there are too many
_DRAWN = 2.0  # seconds after the cursor was moved in which nothing is a log
_ALTERNATE = re.compile(rb"\x1b\[\?(?:1049|1047|47)([hl])")
# Up, down, to a place; erases or scrolls the screen.
_MOVES = re.compile(rb"\x1b\[[0-9;]*[ABEFHJLMSTfd]|\x1b[78M]|\x1bc")
_HARMLESS = re.compile(rb"\x1b\[[0-9;:]*m")
_SEQUENCE = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]?|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?|[\x00-\x08\x0b\x0c\x0e-\x1a]"
)


class TerminalLines:
    """Output in, finished lines out, however the output is cut. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._rest = b""
        self._alternate = False
        self._drawn_at = float("-inf")
        self._lines: list[str] = []
        self._missed = 0

    def feed(self, data: bytes, now: float) -> bool:
        """Take output in; whether there are lines to store."""
        if self._missed:  # a flood: only counted until the next `take`
            self._missed += data.count(b"\n")
            return True
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._line(line.removesuffix(b"\r"), now)
        if len(self._rest) > MAX_LINE * 8:  # a progress bar, or no text at all
            self._rest = self._rest[-MAX_LINE:]
        return bool(self._lines)

    def take(self) -> list[Line]:
        """The lines since the last time."""
        lines = [Line(LogLevel.INFO, line) for line in self._lines]
        if self._missed:
            lines.append(Line(LogLevel.WARN, f"[{self._missed:,} lines came too fast for the log: see the terminal]"))
            self._rest = b""
        self._lines, self._missed = [], 0
        return lines

    def _line(self, line: bytes, now: float) -> None:
        if b"\x1b" in line:
            switches = _ALTERNATE.findall(line)
            if switches or _MOVES.search(line):
                self._alternate = switches[-1] == b"h" if switches else self._alternate
                self._drawn_at = now
                return
        if self._alternate or now - self._drawn_at < _DRAWN:
            return
        if len(self._lines) >= MOST:
            self._missed += 1
            return
        shown = line.rpartition(b"\r")[2] if b"\r" in line else line  # what stood there before was written over
        if b"\x1b" in shown or not shown.isascii() or not shown.decode().isprintable():
            shown = _SEQUENCE.sub(lambda match: match[0] if _HARMLESS.fullmatch(match[0]) else b"", shown)
        if _HARMLESS.sub(b"", shown).strip():
            self._lines.append(shown.decode("utf-8", "replace"))


class Scribe:
    """The observer of a session that keeps its lines; `inner` sees everything too, and gives the answers."""

    def __init__(self, hub: Hub, agent: LiveAgent, inner: Observer) -> None:
        self._hub, self._agent, self._inner = hub, agent, inner
        self._source = str(uuid.uuid5(uuid.UUID(agent.id), "terminal"))
        self._lines = TerminalLines()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._known = False  # the source is stored
        self._untrimmed = KEPT  # lines stored since the oldest were last dropped; at first, an unknown number

    def output(self, data: bytes) -> bytes:
        """The program wrote that."""
        if self._lines.feed(data, self._loop.time()) and self._timer is None:
            self._timer = self._loop.call_later(GATHER, self._due)
        return self._inner.output(data)

    def typed(self, data: bytes) -> None:
        """A client wrote that to the program."""
        self._inner.typed(data)

    def _due(self) -> None:
        self._timer = None
        self._hub.witnesses.own(self.store(), f"terminal log of {self._agent.slug}")

    async def store(self) -> None:
        """Store what has come. A full disk is logged."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines = self._lines.take()
        if not lines:
            return
        agent_id, source, now, known = self._agent.id, self._source, self._hub.clock(), self._known
        self._untrimmed += len(lines)
        trim = self._untrimmed >= _TRIM

        def work(db: sqlite3.Connection) -> None:
            if not known:
                add_source(db, now, agent_id, source, "terminal")
            append(db, agent_id, source, lines, now)
            if trim:
                db.execute(
                    "DELETE FROM agent_logs WHERE agent_id = ?1 AND source_id = ?2 AND id <= (SELECT id FROM agent_logs"
                    " WHERE agent_id = ?1 AND source_id = ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3)",
                    (agent_id, source, KEPT),
                )

        try:
            await self._hub.storage.write(work)
        except StorageError as error:
            log.warning("lines of %s's terminal are lost: %s", self._agent.slug, error)
            return
        self._known = True
        if trim:
            self._untrimmed = 0
        if not known:
            self._hub.changed(self._agent.workspace_id)
        self._hub.logged(agent_id)

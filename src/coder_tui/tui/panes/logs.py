"""The Logs pane: history, then live lines, of whom is selected; across reconnects and rebuilds."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Hashable, Sequence

from textual import on
from textual.app import ComposeResult
from textual.content import Content

from coder_tui.errors import CoderTuiError
from coder_tui.feeds.source import LogBatch, LogLine, LogMark, LogNote
from coder_tui.fleet.snapshot import Agent, Row
from coder_tui.logs.buffer import DEFAULT_LIMIT, LogBuffer
from coder_tui.logs.search import Filter, catch_up
from coder_tui.text import one_line
from coder_tui.tui.actions import bindings
from coder_tui.tui.glyphs import glyphs
from coder_tui.tui.panes.log_choice import EXTERNAL, Choice, Feed, Scope, choose
from coder_tui.tui.panes.log_merge import History
from coder_tui.tui.panes.log_state import LogState, Tail
from coder_tui.tui.panes.log_tools import LogTools
from coder_tui.tui.widgets.log_lines import LogLines

_KEPT = 8  # logs whose lines stay in memory after another one was selected
_SLICE = 0.002  # seconds of appending before the loop gets its turn
_SETTLE = 0.15  # seconds a selection must stand before its stream is opened
_FULL = "the log is full: the deployment stores no more of it"


class LogsPane(LogTools):
    """Follows the log of one row. Call `show` with the selected row whenever it changed; nothing new costs little."""

    BINDINGS = [*bindings("logs")]
    DEFAULT_CSS = """
    LogsPane {
        border: round $border-blurred;
        border-title-align: left;
        border-subtitle-align: right;
        &:focus, &:focus-within { border: round $border; }
    }
    """

    def __init__(self, source: Feed, *, id: str | None = None, limit: int = DEFAULT_LIMIT) -> None:
        super().__init__(id=id)
        self._source, self._limit = source, limit
        self._scope = Scope.AGENT
        self._row: Row | None = None
        self._logs: OrderedDict[Hashable, LogState] = OrderedDict()
        self._log: LogState | None = None
        self._texts = ("", "")
        self._turn_at = 0.0  # when others had the loop last: batches may follow each other without a pause
        self._dot = glyphs().dot

    def compose(self) -> ComposeResult:
        """The lines, and the prompt that is hidden until it is needed."""
        yield self.lines
        yield self.prompt

    def on_mount(self) -> None:
        """Say what the pane is for."""
        if self._log is None:
            self.show(None)

    @property
    def buffer(self) -> LogBuffer | None:
        """The lines in view."""
        return self._log.buffer if self._log else None

    @property
    def complete(self) -> bool:
        """Whether the history is read, as far as it can be."""
        return self._log is not None and self._log.mark is not LogMark.OPEN

    # --- what is shown ---

    def show(self, row: Row | None) -> None:
        """Follow the log of that row. The same agent in a new build goes on in the same text."""
        self._row = row
        choice = (
            choose(row, self._scope, self._source.snapshot.rows if self._scope is Scope.ALL else ()) if row else None
        )
        if row is None or choice is None:
            self._leave(row)
            return
        log = self._logs.get(choice.key)
        if log is None:
            log = self._logs[choice.key] = LogState(
                choice.name, choice.title, row.workspace.deployment, LogBuffer(self._limit)
            )
        self._logs.move_to_end(choice.key)
        while len(self._logs) > _KEPT:
            self._logs.popitem(last=False)
        log.name = choice.name
        renamed = self._rename(log, choice)
        switched, self._log = log is not self._log, log
        if self._take_tails(log, choice, row) or switched:
            self._open(log)
        self._watch_room(log, choice.agents)
        self._sought = None if switched else self._sought
        if switched or renamed:
            self.refilter()
        else:
            self._changed()

    def _rename(self, log: LogState, choice: Choice) -> bool:
        if len(choice.tails) > 1:
            return log.buffer.rename({tail.id: tail.name for tail in choice.tails})
        named = {source.id: source.name for agent in choice.agents for source in agent.log_sources}
        return log.buffer.rename({EXTERNAL.id: EXTERNAL.name} | named)

    def _take_tails(self, log: LogState, choice: Choice, row: Row) -> bool:
        """Streams came or went: true. What was read of those that stay is remembered."""
        wanted = {tail.id: log.tails.get(tail.id, tail) for tail in choice.tails}
        if wanted.keys() == log.tails.keys():
            return False
        if len(wanted) == 1 and log.tails:
            log.divide(f"agent replaced by build {row.workspace.build_number}")
        log.tails = wanted
        return True

    def _watch_room(self, log: LogState, agents: Sequence[Agent]) -> None:
        """A full log is said once where it ended."""
        for agent in agents:
            if agent.logs_overflowed and agent.id not in log.full:
                log.full.add(agent.id)
                log.divide(f"{agent.name}: {_FULL}" if log.merged else _FULL)
        log.full.intersection_update(agent.id for agent in agents)

    def _leave(self, row: Row | None) -> None:
        """No agent, no build: no stream."""
        self.workers.cancel_group(self, "stream:logs")
        if self._log is not None:
            self._log, self._found, self._find = None, None, None
            self.lines.attach(LogBuffer(), None)
        if row is None:
            self.lines.say("No agent is selected.", "Select one in the list to follow its logs.")
        else:
            status = row.workspace.build_status or "not running"
            self.lines.say(f"{row.workspace.title} has no agent: it is {status}.", "Its logs appear here when it runs.")
        self.retitle()

    def _open(self, log: LogState) -> None:
        for tail in log.tails.values():
            tail.mark, tail.text, tail.retry_at = LogMark.OPEN, "", None
        # Only the very first stream opens at once; a cursor that runs down a list must not open one per row.
        settle = _SETTLE if len(self._logs) > 1 else 0.0
        reading = self._read(log, list(log.tails.values()), settle)
        self.run_worker(reading, name=f"logs of {log.title}", group="stream:logs", exclusive=True)

    # --- reading ---

    async def _read(self, log: LogState, tails: Sequence[Tail], settle: float) -> None:
        """Read the streams until they end or another log is selected."""
        await asyncio.sleep(settle)
        if len(tails) == 1:
            await self._follow(log, tails[0], None)
            return
        history = History(len(tails))
        async with asyncio.TaskGroup() as group:
            for tail in tails:
                group.create_task(self._follow(log, tail, history), name=f"logs of {tail.name}")

    async def _follow(self, log: LogState, tail: Tail, history: History | None) -> None:
        open_stream = self._source.follow_build if tail.build else self._source.follow_logs
        events = open_stream(tail.place, tail.id)
        try:
            async for event in events:
                if isinstance(event, LogBatch):
                    if history is None or not history.keep(tail, event.lines):
                        await self._append(log, tail, event.lines)
                    continue
                if history is not None and event.mark is not LogMark.OPEN:
                    await self._flush(log, history, tail)
                log.hear(tail, event)
                self._search()
                self._changed()
        except CoderTuiError as error:
            log.hear(tail, LogNote(LogMark.FAILED, str(error)))
        finally:
            if isinstance(events, AsyncGenerator):
                await events.aclose()
        if not tail.over:
            log.hear(tail, LogNote(LogMark.ENDED))
        if history is not None:
            await self._flush(log, history, tail)
        self._search()
        self._changed()

    async def _flush(self, log: LogState, history: History, tail: Tail) -> None:
        """One more history is complete; when all are, append them in order of time."""
        for one, lines in history.complete(tail):
            await self._append(log, one, lines)

    async def _append(self, log: LogState, tail: Tail, lines: Sequence[LogLine]) -> None:
        """Append in slices: the loop is never held for long, however much comes at once."""
        steps = (step for columns in log.fresh(tail, lines) for step in log.buffer.extend(columns))
        try:
            for _ in steps:
                if time.monotonic() - self._turn_at > _SLICE:
                    self._search()
                    await asyncio.sleep(0)
                    self._turn_at = time.monotonic()
        finally:
            deque(steps, 0)  # cancelled: what was taken counts as read, so it must be kept
        self._search()

    def _search(self) -> None:
        """Bring filter and search up to date with the lines: a few at once, many in another thread."""
        if any(found and found.waiting for found in (self._found, self._find)) and not any(
            worker.group == "search:logs" and worker.is_running for worker in self.workers
        ):
            self._search_anew()
        self._grew()

    def _search_anew(self) -> None:
        self.run_worker(self._catch_up(), name="search logs", group="search:logs", exclusive=True)

    async def _catch_up(self) -> None:
        while waiting := [found for found in (self._found, self._find) if found and found.waiting]:
            for found in waiting:
                await catch_up(found, self._grew)

    def _grew(self) -> None:
        """There are more lines or hits: shown with the next frame."""
        if self.lines.changed():
            self._tell_all()

    def _changed(self) -> None:
        """Notes or the row changed: shown at once."""
        self.lines.changed()
        self._tell_all()

    @on(LogLines.Moved)
    def _tell_all(self) -> None:
        """What is said instead of lines, and in the border."""
        log = self._log
        if log is None:
            return
        if self.query_words.terms and len(log.buffer):
            self.lines.say(f"None of {len(log.buffer):,} lines passes the filter.", "Press / to change it.")
        else:
            voice = "logs--error" if log.mark in (LogMark.LOST, LogMark.FAILED) else "logs--time"
            self.lines.say(*log.explain(), voice=voice)
        self.find_sought()
        self.retitle()

    def refilter(self) -> None:
        """Another query, another buffer, or other names: search from the start."""
        log = self._log
        if log is None:
            return
        self._found = Filter(self.query_words, log.buffer) if self.query_words.terms else None
        self._find = Filter(self.find_words, log.buffer, notes=False) if self.find_words.terms else None
        self.lines.attach(log.buffer, self._found, self._find)
        self._search_anew()
        self._changed()

    # --- titles ---

    def retitle(self) -> None:
        """What, through which filter, and whether we follow. The border is painted again only when it changed."""
        title, words = "Logs", list[str]()
        if log := self._log:
            title = f"Logs: {log.heading}"
            if self.query_words.terms:
                title += f" {self._dot} filter: {self.query_words.text} ({self._found.count if self._found else 0:,})"
            if self._find is not None:
                title += f" {self._dot} find: {self.find_words.text} ({self._find.count:,})"
            words = log.standing(following=self.lines.following, unseen=self.lines.unseen)
            words[:0] = ["stale"] if self._row and self._row.stale else []
        subtitle = self._fault or f" {self._dot} ".join(words)
        if (title, subtitle) != self._texts:
            self._texts = title, subtitle
            # Content, not str: a name or a filter is not markup.
            self.border_title, self.border_subtitle = Content(one_line(title)), Content(one_line(subtitle))

    # --- actions that concern the streams ---

    def action_bottom(self) -> None:
        """The newest line, and follow: a stream that has ended is opened again."""
        if self._log and self._log.over:
            self._open(self._log)
            self._changed()
        self.lines.follow()

    def action_scope(self) -> None:
        """The next answer to whose logs these are, of those that differ."""
        if self._row is None:
            return
        rows = self._source.snapshot.rows
        every = list(Scope)
        now = choose(self._row, self._scope, rows)
        for step in range(1, len(every)):
            scope = every[(every.index(self._scope) + step) % len(every)]
            choice = choose(self._row, scope, rows)
            if choice and choice.tails and (now is None or choice.key != now.key):
                self._scope = scope
                self.show(self._row)
                return
        self.tell("There are no other logs here.")

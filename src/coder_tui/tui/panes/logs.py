"""The Logs pane: history, then live lines, of the selected agent; across reconnects and rebuilds."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input

from coder_tui.errors import CoderTuiError
from coder_tui.feeds.source import LogBatch, LogMark, LogNote, Source
from coder_tui.fleet.snapshot import Key, Row
from coder_tui.logs.buffer import LogBuffer
from coder_tui.logs.search import Filter, FilterError, Query, catch_up, parse
from coder_tui.text import one_line
from coder_tui.tui.actions import bindings
from coder_tui.tui.glyphs import glyphs
from coder_tui.tui.panes.log_state import LogState
from coder_tui.tui.widgets.log_lines import LogLines

_KEPT = 8  # agents whose lines stay in memory after another one was selected
_SLICE = 0.002  # seconds of appending or searching before the loop gets its turn
_SETTLE = 0.15  # seconds a selection must stand before its stream is opened


class FilterInput(Input):
    """The line at the foot of the pane in which a filter is typed."""

    BINDINGS = [Binding("escape", "drop", "Clear the filter", show=False)]

    class Dropped(Input.Submitted):
        """Escape: no filter any more."""

    def action_drop(self) -> None:
        """Clear and close."""
        self.value = ""
        self.post_message(self.Dropped(self, ""))


class LogsPane(Widget, can_focus=True):
    """Follows one agent's log. Call `show` with the selected row whenever it changed; it is cheap when nothing did."""

    BINDINGS = [*bindings("logs")]
    DEFAULT_CSS = """
    LogsPane {
        border: round $border-blurred;
        border-title-align: left;
        border-subtitle-align: right;
        &:focus, &:focus-within { border: round $border; }
        & > FilterInput { dock: bottom; height: 1; border: none; padding: 0 1; display: none; }
        & > FilterInput:focus { border: none; }
        & > FilterInput.-invalid, & > FilterInput.-invalid:focus { border: none; color: $error; }
    }
    """

    def __init__(self, source: Source, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="pane")
        self._source = source
        self._logs: OrderedDict[Key, LogState] = OrderedDict()
        self._log: LogState | None = None
        self._stale = False
        self._query = parse("")
        self._found: Filter | None = None
        self._fault = ""  # why the words in the filter line are no filter
        self._texts = ("", "")
        self._lines = LogLines()
        self._dot = glyphs().dot

    def compose(self) -> ComposeResult:
        """The lines, and the filter line that is hidden until it is needed."""
        yield self._lines
        yield FilterInput(placeholder="words  /regex/  !not  level>=warn  source:name", select_on_focus=False)

    def on_mount(self) -> None:
        """Say what the pane is for."""
        if self._log is None:
            self.show(None)

    # --- what is shown ---

    def show(self, row: Row | None) -> None:
        """Follow the log of that row's agent. The same agent in a new build goes on in the same text."""
        agent = row.agent if row else None
        if row is None or agent is None:
            self._leave(row)
            return
        key = Key(row.key.deployment, row.key.workspace_id, agent.name)
        log = self._logs.get(key)
        if log is None:
            title = f"{row.workspace.title}/{agent.name}"
            log = self._logs[key] = LogState(agent.name, title, row.workspace.deployment)
        self._logs.move_to_end(key)
        while len(self._logs) > _KEPT:
            self._logs.popitem(last=False)
        renamed = log.buffer.rename({source.id: source.name for source in agent.log_sources})
        switched, self._log = log is not self._log, log
        self._stale = row.stale
        if log.agent_id != agent.id:
            if log.agent_id:
                log.divide(f"agent replaced by build {row.workspace.build_number}")
            log.agent_id, log.last_id = agent.id, 0
            self._open(log)
        elif switched:
            self._open(log)
        if switched or renamed:
            self._refilter()
        else:
            self._changed()

    def _leave(self, row: Row | None) -> None:
        """No agent: no stream."""
        self.workers.cancel_group(self, "stream:logs")
        if self._log is not None:
            self._log, self._found = None, None
            self._lines.attach(LogBuffer(), None)
        if row is None:
            self._lines.say("No agent is selected.", "Select one in the list to follow its logs.")
        else:
            status = row.workspace.build_status or "not running"
            self._lines.say(
                f"{row.workspace.title} has no agent: it is {status}.", "Its logs appear here when it runs."
            )
        self._retitle()

    def _open(self, log: LogState) -> None:
        log.mark, log.text, log.retry_at = LogMark.OPEN, "", None
        # Only the very first stream opens at once; a cursor that runs down a list must not open one per row.
        settle = _SETTLE if len(self._logs) > 1 else 0.0
        self.run_worker(
            self._follow(log, log.agent_id, settle),
            name=f"logs of {log.title}",
            group="stream:logs",
            exclusive=True,
        )

    # --- reading ---

    async def _follow(self, log: LogState, agent_id: str, settle: float) -> None:
        """Read one agent's stream until it ends or another agent is selected."""
        await asyncio.sleep(settle)
        events = self._source.follow_logs(log.place, agent_id)
        try:
            async for event in events:
                if isinstance(event, LogBatch):
                    await self._append(log, event)
                else:
                    log.hear(event)
                    await self._search()
        except CoderTuiError as error:
            log.hear(LogNote(LogMark.FAILED, str(error)))
        finally:
            if isinstance(events, AsyncGenerator):
                await events.aclose()
        if not log.over:
            log.hear(LogNote(LogMark.ENDED))
        await self._search()

    async def _append(self, log: LogState, batch: LogBatch) -> None:
        """Append and search in slices: the loop is never held for long, however much comes at once."""
        began = time.monotonic()
        steps = log.buffer.feed(log.fresh(batch.lines))
        try:
            for _ in steps:
                if time.monotonic() - began > _SLICE:
                    self._changed()
                    await asyncio.sleep(0)
                    began = time.monotonic()
        finally:
            deque(steps, 0)  # cancelled: what was taken counts as read, so it must be kept
        await self._search()

    async def _search(self) -> None:
        """Bring the filter up to date with the lines."""
        if self._found is not None:
            await catch_up(self._found, self._changed)
        self._changed()

    def _changed(self) -> None:
        """Lines, notes or the row changed: paint what shows it."""
        log = self._log
        if log is None:
            return
        if self._query.terms and len(log.buffer):
            self._lines.say(f"None of {len(log.buffer):,} lines passes the filter.", "Press / to change it.")
        else:
            voice = "logs--error" if log.mark in (LogMark.LOST, LogMark.FAILED) else "logs--time"
            self._lines.say(*log.explain(), voice=voice)
        self._lines.changed()
        self._retitle()

    # --- titles ---

    @on(LogLines.Scrolled)
    def _retitle(self) -> None:
        """What, through which filter, and whether we follow. The border is painted again only when it changed."""
        title, subtitle = "Logs", ""
        if log := self._log:
            title = f"Logs: {log.name}"
            if self._query.terms:
                title += f" {self._dot} filter: {self._query.text}"
            words = log.standing(following=self._lines.following, unseen=self._lines.unseen)
            subtitle = self._fault or f" {self._dot} ".join(["stale", *words] if self._stale else words)
        if (title, subtitle) != self._texts:
            self._texts = title, subtitle
            # Content, not str: a name or a filter is not markup.
            self.border_title, self.border_subtitle = Content(one_line(title)), Content(subtitle)

    # --- filter ---

    def _refilter(self) -> None:
        """Another query, another buffer, or other names: search from the start."""
        log = self._log
        if log is None:
            return
        self._found = Filter(self._query, log.buffer) if self._query.terms else None
        self._lines.attach(log.buffer, self._found)
        self._changed()
        self.run_worker(self._search(), name="filter logs", group="filter:logs", exclusive=True)

    @on(FilterInput.Changed)
    def _type(self, event: FilterInput.Changed) -> None:
        event.stop()
        query: Query | None = None
        try:
            query = parse(event.value)
            self._fault = ""
        except FilterError as error:
            self._fault = f"{error.what}: {error.why}"
        event.input.set_class(query is None, "-invalid")
        if query is not None and query != self._query:
            self._query = query
            self._refilter()
        self._retitle()

    @on(FilterInput.Submitted)
    @on(FilterInput.Dropped)
    def _close(self, event: FilterInput.Submitted) -> None:
        event.stop()
        if not self._fault or isinstance(event, FilterInput.Dropped):
            event.input.display = False
            self.focus()

    # --- actions (the table gives the keys) ---

    def action_filter(self) -> None:
        """Type a filter; it works while it is typed."""
        field = self.query_one(FilterInput)
        field.display = True
        field.focus()

    def action_down(self) -> None:
        """One row down."""
        self._lines.scroll_rows(1)

    def action_up(self) -> None:
        """One row up."""
        self._lines.scroll_rows(-1)

    def action_page_down(self) -> None:
        """Half a page down."""
        self._lines.scroll_half_page(1)

    def action_page_up(self) -> None:
        """Half a page up."""
        self._lines.scroll_half_page(-1)

    def action_top(self) -> None:
        """The oldest line."""
        self._lines.scroll_top()

    def action_bottom(self) -> None:
        """The newest line, and follow: a stream that has ended is opened again."""
        if self._log and self._log.over:
            self._open(self._log)
            self._changed()
        self._lines.follow()

    def action_left(self) -> None:
        """Scroll the words back to the left."""
        self._lines.scroll_sideways(-1)

    def action_right(self) -> None:
        """See more of long lines."""
        self._lines.scroll_sideways(1)

    def action_wrap(self) -> None:
        """Wrap long lines, or cut them."""
        self._lines.toggle_wrap()

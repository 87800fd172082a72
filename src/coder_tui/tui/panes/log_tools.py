"""What a person does with the lines of a log: find, go to a time, look closer, copy, save, page."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from textual import on
from textual.app import SuspendNotSupported
from textual.message import Message
from textual.widget import Widget

from coder_tui.errors import UsageError
from coder_tui.logs.buffer import Block, LogBuffer
from coder_tui.logs.export import texts
from coder_tui.logs.moment import parse_moment
from coder_tui.logs.search import Filter, FilterError, Query, parse
from coder_tui.logs.written import since
from coder_tui.text import one_line
from coder_tui.tui.widgets.log_detail import LogDetail
from coder_tui.tui.widgets.log_lines import LogLines
from coder_tui.tui.widgets.log_paint import Times
from coder_tui.tui.widgets.log_prompt import FILTER, FIND, SAVE, TIME, Ask, LogPrompt


class LogTools(Widget, can_focus=True):
    """Base of the Logs pane: its lines, its prompt, and the keys that act on the buffer in view."""

    class StatusAsked(Message):
        """What was said by that moment."""

        def __init__(self, at: datetime) -> None:
            super().__init__()
            self.at = at

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="pane")
        self._sought: datetime | None = None  # a moment to show once its lines are here
        self.lines = LogLines()
        self.prompt = LogPrompt()
        self.query_words, self.find_words = parse(""), parse("")
        self._found: Filter | None = None
        self._find: Filter | None = None
        self._fault = ""  # why what is typed cannot be used

    @property
    def buffer(self) -> LogBuffer | None:
        """The lines in view."""
        raise NotImplementedError

    @property
    def complete(self) -> bool:
        """Whether the history is read."""
        raise NotImplementedError

    def refilter(self) -> None:
        """Another filter, or other words to find."""
        raise NotImplementedError

    def retitle(self) -> None:
        """The title or what is said in it changed."""
        raise NotImplementedError

    def tell(self, words: str, *, error: bool = False) -> None:
        """A few words in the corner; text of others in it is not markup."""
        self.app.notify(words, severity="error" if error else "information", markup=False, timeout=4)

    # --- the prompt ---

    @on(LogPrompt.Changed)
    def _type(self, event: LogPrompt.Changed) -> None:
        event.stop()
        self.use(event.ask, event.text)

    def use(self, ask: Ask, text: str) -> None:
        """Filter by `text`, or find it; the last good one stays when it is wrong."""
        query: Query | None = None
        try:
            query = parse(text)
            self._fault = ""
        except FilterError as error:
            self._fault = f"{error.what}: {error.why}"
        self.prompt.refuse(query is None)
        if query is not None and ask is FILTER and query != self.query_words:
            self.query_words = query
            self.refilter()
        elif query is not None and ask is FIND and query != self.find_words:
            self.find_words = query
            self.refilter()
        self.retitle()

    @on(LogPrompt.Answered)
    def _answered(self, event: LogPrompt.Answered) -> None:
        event.stop()
        if event.ask.live and self._fault:
            return
        try:
            if event.ask is TIME and event.text.strip():
                self._go_to(parse_moment(event.text, datetime.now().astimezone()))
            elif event.ask is SAVE and event.text.strip():
                self._save(Path(event.text.strip()).expanduser())
        except UsageError as error:
            self._fault = str(error)
            self.prompt.refuse(True)
            self.retitle()
            return
        self._leave_prompt()
        if event.ask is FIND and event.text.strip():
            self._step(1, at_least_here=True)

    @on(LogPrompt.Dropped)
    def _leave_prompt(self) -> None:
        self._fault = ""
        self.prompt.close()
        self.focus()
        self.retitle()

    def action_filter(self) -> None:
        """Type a filter; it works while it is typed."""
        self.prompt.ask(FILTER)

    def action_find(self) -> None:
        """Type words to find; they are marked while they are typed."""
        self.prompt.ask(FIND)

    def action_goto(self) -> None:
        """Type a time."""
        self.prompt.ask(TIME, "")

    def action_save(self) -> None:
        """Type a file name."""
        self.prompt.ask(SAVE, "")

    # --- moving ---

    def action_next(self) -> None:
        """The next hit; without words to find, ask for them."""
        self._step(1)

    def action_previous(self) -> None:
        """The previous hit."""
        self._step(-1)

    def _step(self, direction: int, *, at_least_here: bool = False) -> None:
        if self._find is None:
            self.action_find()
            return
        number = self.lines.next_hit(direction)
        if number is None and at_least_here:
            number = self.lines.next_hit(-direction)
        if number is None:
            more = "Still searching" if self._find.waiting else "No more hits"
            self.tell(f"{more} {'below' if direction > 0 else 'above'}.")
            return
        self.lines.reveal(number)

    def _go_to(self, at: datetime) -> None:
        buffer = self.buffer
        if buffer is None or not len(buffer):
            return
        number = since(buffer, at.timestamp())
        if number == buffer.end:
            raise UsageError(f"no line is as young as {at:%Y-%m-%d %H:%M:%S}")
        self.lines.reveal(number)

    def seek(self, at: datetime) -> None:
        """Show the lines of that moment, once the history is read."""
        self._sought = at
        self.find_sought()

    def find_sought(self) -> None:
        """Go to the moment that is sought, if its lines are here by now; a log that begins later or ended says so."""
        at, buffer = self._sought, self.buffer
        if at is None or buffer is None or not self.complete:
            return
        self._sought = None
        if not len(buffer):
            self.tell("This log has no lines yet.")
            return
        number = since(buffer, at.timestamp())
        if number == buffer.end:
            self.tell(f"The log has nothing from {at.astimezone():%H:%M:%S} on: this is its end.")
        elif number == buffer.first and (begins := self.time_of(number)) and begins > at:
            self.tell(f"The log begins later, at {begins.astimezone():%a %H:%M:%S}.")
        self.lines.reveal(min(number, buffer.end - 1))

    def time_of(self, number: int) -> datetime | None:
        """When that line was written."""
        blocks = self.buffer.blocks(number, 1) if self.buffer is not None else []
        return datetime.fromtimestamp(blocks[0].times[0], UTC) if blocks else None

    def action_status(self) -> None:
        """What the app had said last when the current line was written."""
        number = self.lines.current
        if number >= 0 and (at := self.time_of(number)):
            self.lines.mark(number)
            self.post_message(self.StatusAsked(at))

    def action_down(self) -> None:
        """One row down."""
        self.lines.scroll_rows(1)

    def action_up(self) -> None:
        """One row up."""
        self.lines.scroll_rows(-1)

    def action_page_down(self) -> None:
        """Half a page down."""
        self.lines.scroll_half_page(1)

    def action_page_up(self) -> None:
        """Half a page up."""
        self.lines.scroll_half_page(-1)

    def action_top(self) -> None:
        """The oldest line."""
        self.lines.scroll_top()

    def action_left(self) -> None:
        """Scroll the words back to the left."""
        self.lines.scroll_sideways(-1)

    def action_right(self) -> None:
        """See more of long lines."""
        self.lines.scroll_sideways(1)

    # --- looking ---

    def action_wrap(self) -> None:
        """Wrap long lines, or cut them."""
        self.lines.toggle_wrap()

    def action_times(self) -> None:
        """The next way to tell times."""
        every = list(Times)
        times = every[(every.index(self.lines.times) + 1) % len(every)]
        self.lines.show_times(times)
        self.tell(f"Times: {times.value}.")

    def action_line(self) -> None:
        """The current line in full."""
        if self.buffer is not None and (number := self.lines.current) >= 0:
            self.lines.mark(number)
            if self.lines.fold(number):
                return
            self.app.push_screen(LogDetail(self.buffer, number, self.lines.step))

    def action_next_line(self) -> None:
        """Mark the next line."""
        self.lines.step(1)

    def action_previous_line(self) -> None:
        """Mark the previous line."""
        self.lines.step(-1)

    # --- taking away ---

    def action_copy(self) -> None:
        """Copy the current line's words."""
        if self.buffer is None or (number := self.lines.current) < 0:
            self.tell("There is nothing to copy.")
            return
        self.lines.mark(number)
        (text,) = texts(self.buffer.blocks(number, 1), [number], times=False)
        self.app.copy_to_clipboard(text)
        self.tell(f"Copied: {one_line(text)[:60]}")

    def _taken(self) -> tuple[list[Block], Sequence[int] | None]:
        """What passes the filter, as it is now: safe to read in another thread."""
        blocks = self.buffer.blocks() if self.buffer is not None else []
        return blocks, self._found.hits[:] if self._found else None

    def _save(self, path: Path) -> None:
        blocks, hits = self._taken()
        try:
            out = path.open("x", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"cannot write {path}", why=error.strerror or "", fix="choose another name") from None

        async def write() -> None:
            try:
                with out:
                    await asyncio.to_thread(out.writelines, (f"{text}\n" for text in texts(blocks, hits)))
            except OSError as error:
                self.tell(f"Could not write all of {path}: {error.strerror}", error=True)
            else:
                count = sum(len(block.levels) for block in blocks) if hits is None else len(hits)
                self.tell(f"Saved {count:,} lines to {path}")

        self.run_worker(write(), name="save logs", group="save:logs")

    async def action_pager(self) -> None:
        """Show the lines in the user's pager; the screen is his while it runs."""
        blocks, hits = self._taken()
        pager = shlex.split(os.environ.get("PAGER", "")) or ["less"]
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", prefix="coder-tui-", suffix=".log") as out:
            await asyncio.to_thread(out.writelines, (f"{text}\n" for text in texts(blocks, hits)))
            out.flush()
            try:
                with self.app.suspend():
                    subprocess.run([*pager, out.name], check=False)
            except SuspendNotSupported:
                self.tell("This terminal cannot be given to a pager.", error=True)
            except OSError as error:
                self.tell(f"Cannot run {pager[0]}: {error.strerror}. Set PAGER to another one.", error=True)

"""The filter line under the lists: live while typing; a bad filter says where and what was expected, right there."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import compress
from operator import is_not

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Label, Static

from coder_tui.errors import UsageError
from coder_tui.fleet import query
from coder_tui.fleet.snapshot import Row, Snapshot
from coder_tui.tui.overview import differing

_FULL_LOOK = timedelta(seconds=5)


class FilterBar(Vertical):
    """Hidden until opened, and while no filter is set."""

    class Changed(Message):
        """Another filter holds."""

    class Kept(Message):
        """Enter: the filter stays, the focus goes back to the list."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._query: query.Query | None = None
        self._full: datetime | None = None  # when every row was judged
        self._rows: tuple[Row, ...] = ()
        self._verdicts: list[bool] = []
        self._matching: tuple[Row, ...] = ()

    def compose(self) -> ComposeResult:
        """A prompt, the input, and under it what is wrong."""
        with Horizontal(id="filter-line"):
            yield Label("/", id="filter-prompt")
            yield Input(placeholder="words  state:asks  age>10m  /re/", compact=True, id="filter-input")
        yield Static("", id="filter-error", markup=False)

    def on_mount(self) -> None:
        """Hidden at first."""
        self.display = False
        self.query_one("#filter-error").display = False

    @property
    def is_open(self) -> bool:
        """Whether there is a filter, or one is being typed."""
        return bool(self.display)

    def open(self) -> None:
        """Show and focus."""
        self.display = True
        self.query_one(Input).focus()

    @property
    def text(self) -> str:
        """The filter as it was typed."""
        return self.query_one(Input).value.strip()

    def use(self, text: str) -> None:
        """Filter by this, as if it had been typed."""
        self.display = bool(text)
        self.query_one(Input).value = text

    def clear(self) -> None:
        """No filter any more, from now on."""
        with self.prevent(Input.Changed):
            self.query_one(Input).value = ""
        self.display = False
        self._judge("")

    def apply(self, snapshot: Snapshot, now: datetime) -> tuple[Row, ...]:
        """The snapshot's rows that match; the same object as last time when they are the same rows.

        Between full looks, which time makes necessary (`age>10m`), only rows that changed are judged.
        """
        wanted, rows = self._query, snapshot.rows
        if wanted is None:
            return rows
        places = differing(self._rows, rows) if self._full and abs(now - self._full) < _FULL_LOOK else None
        if places is None:
            self._verdicts = [wanted.matches(row, snapshot, now) for row in rows]
            self._full = now
        else:
            for place in places:
                self._verdicts[place] = wanted.matches(rows[place], snapshot, now)
        self._rows = rows
        matching = tuple(compress(rows, self._verdicts))
        if len(matching) != len(self._matching) or any(map(is_not, matching, self._matching)):
            self._matching = matching
        return self._matching

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._judge(event.value.strip())

    def _judge(self, text: str) -> None:
        error = self.query_one("#filter-error", Static)
        try:
            self._query = query.parse(text) if text else None
        except UsageError as problem:  # the last good filter holds while the next one is being typed
            error.update(str(problem))
            error.display = True
            self.set_class(True, "-wrong")
            return
        error.display = False
        self.set_class(False, "-wrong")
        self._full = None
        self.post_message(self.Changed())

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if not event.value.strip():
            self.clear()
        self.post_message(self.Kept())

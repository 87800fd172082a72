"""What a person arranges: order, columns, marks, widths; and that all of it is there again after a restart."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from textual import on
from textual.timer import Timer

from coder_tui.errors import StorageError
from coder_tui.fleet.snapshot import Row
from coder_tui.tui.layout import RIGHT, TOP, Page
from coder_tui.tui.order import Group, Sort
from coder_tui.tui.panes.agents import COLUMNS
from coder_tui.tui.panes.marking import Marking
from coder_tui.tui.panes.timeline import Whose
from coder_tui.tui.replaying import Replaying
from coder_tui.tui.uistate import UiFile, UiState

_SAVE_AFTER = 1.0  # seconds without another change
_STEP = 4  # cells by which the lists get wider or narrower
_Word = TypeVar("_Word", bound=StrEnum)


class Arranging(Replaying):
    """Base of the cockpit screen: `ui_file` keeps the arrangement, None: nothing does."""

    ui_file: UiFile | None

    def __init__(self) -> None:
        super().__init__()
        self._ui = UiState()  # as it is on disk, or about to be
        self._saving: Timer | None = None
        self._writing = threading.Lock()
        self._fault = ""  # why it could not be written, said once
        self.marked: list[Row] = []  # rows that are marked and seen
        self.marked_open = 0  # of them, those with an open alert

    # --- kept over restarts ---

    def restore(self) -> None:
        """Arrange everything as it was left. What the file says that means nothing here is ignored."""
        if self.ui_file is None:
            return
        kept = self._ui = self.ui_file.load()
        if self.ui_file.warning:
            self.notify(self.ui_file.warning, severity="warning", markup=False, timeout=10)
        self.agents.reorder(_word(Group, kept.group, Group.WORKSPACE), _word(Sort, kept.sort, Sort.NAME))
        self.agents.columns = tuple(name for name in COLUMNS if name in kept.columns)
        self.timeline.whose = _word(Whose, kept.whose, Whose.APP)
        self.right_page = _page(kept.right_page, RIGHT, self.right_page)
        self.top_page = _page(kept.top_page, TOP, self.top_page)
        self.wider = kept.wider
        panes = {pane.id: pane for pane in (self.needs, self.agents, *map(self.pane_of, RIGHT))}
        if kept.zoomed in panes and panes[kept.zoomed] is not self.terminal:  # that would be an empty window
            self.zoomed, self.page = kept.zoomed, self.page_of(panes[kept.zoomed])
            panes[kept.zoomed].focus()
        if kept.filter:
            self.filter.use(kept.filter)

    def keep(self, **also: str) -> None:
        """Something may be arranged otherwise than it was: keep it, soon."""
        if self.ui_file is None:
            return
        values = {
            "group": self.agents.group.value,
            "sort": self.agents.sort.value,
            "filter": self.filter.text,
            "right_page": self.right_page.value,
            "top_page": self.top_page.value,
            "zoomed": self.zoomed,
            "whose": self.timeline.whose.value,
            "looked_at": self._ui.looked_at,
            **also,
        }
        now = UiState(columns=self.agents.columns, wider=self.wider, **values)
        if now == self._ui:
            return
        self._ui = now
        if self._saving is None:
            self._saving = self.set_timer(_SAVE_AFTER, self._save, name="ui state")
        else:
            self._saving.reset()

    def _save(self) -> None:
        self._saving = None
        self.run_worker(self._write(), name="ui state", group="save:ui")

    async def _write(self) -> None:
        try:
            await asyncio.to_thread(self._save_newest)
        except StorageError as error:
            if str(error) != self._fault:
                self._fault = str(error)
                self.tell(str(error), error=True)

    def _save_newest(self) -> None:
        """In any thread: whoever comes last writes what is newest then."""
        with self._writing:
            if self.ui_file is not None:
                self.ui_file.save(self._ui)

    def flush(self) -> None:
        """The end: write what waits."""
        if self._saving is not None and self.ui_file is not None:
            self._saving.stop()
            self._saving = None
            try:
                self._save_newest()
            except StorageError as error:
                self.log.error(str(error))

    @property
    def last_look(self) -> datetime | None:
        """When the digest was looked at last."""
        try:
            found = datetime.fromisoformat(self._ui.looked_at)
        except ValueError:
            return None
        return found if found.tzinfo else None

    # --- order, columns, widths ---

    @on(Marking.Arranged)
    def _arranged_anew(self, message: Marking.Arranged) -> None:
        group, sort = self.agents.group, self.agents.sort
        if message.what == "columns":
            self._choose_columns()
        elif message.what == "group":
            self.agents.reorder(_next(group), sort)
        elif message.what == "sort":
            self.agents.reorder(group, _next(sort))
        self.agents.go(self.selected)
        self.keep()

    def _choose_columns(self) -> None:
        from coder_tui.tui.screens.columns import ColumnsScreen

        def chosen(columns: tuple[str, ...]) -> None:
            self.agents.columns = columns
            self.agents.refresh()
            self.keep()

        self.app.push_screen(ColumnsScreen(self.agents.columns, chosen))

    def action_wider(self) -> None:
        """More room for the lists."""
        self.widen(_STEP)
        self.keep()

    def action_narrower(self) -> None:
        """Less room for the lists."""
        self.widen(-_STEP)
        self.keep()

    # --- marks ---

    @on(Marking.Marked)
    def _marked(self, message: Marking.Marked) -> None:
        keys, marks = set(message.keys), self.agents.marks
        if keys <= marks:
            marks -= keys
        else:
            marks |= keys
        self._marks_changed()
        pane = self.focused_pane()
        if len(message.keys) == 1 and (pane is self.needs or pane is self.agents):
            pane.action_down()

    def unmark(self) -> None:
        """Take all marks back."""
        if self.agents.marks:
            self.agents.marks.clear()
            self._marks_changed()

    def keep_marks(self, *, others: bool) -> None:
        """Another fleet is shown, or (`others`) other rows: a mark on a row that is gone is gone too; one that a filter
        hides waits."""
        if self.agents.marks:
            if others:
                self.agents.marks &= {row.key for row in self.snapshot.rows}
            self._count_marks()

    def _marks_changed(self) -> None:
        self.needs.marks = self.agents.marks
        self._count_marks()
        self.agents.refresh()
        self.needs.refresh()
        self.arranged()

    def _count_marks(self) -> None:
        """Once for all keys that want to know whether they can do something."""
        self.marked = rows = self._marked_rows()
        self.marked_open = sum(row.alert is not None and row.alert.open for row in rows)
        count = len(self.agents.marks)
        hidden = f" ({count - len(rows)} hidden)" if len(rows) < count else ""
        words = f"{count} marked{hidden}: a z M act on them, esc unmarks" if count else ""
        if words != str(self.agents.border_subtitle or ""):
            self.agents.border_subtitle = words

    def _marked_rows(self) -> list[Row]:
        order, marks = self.agents.order, self.agents.marks
        shown = zip(order.items, order.keys, strict=True) if marks else ()
        return [item for item, key in shown if isinstance(item, Row) and key in marks]

    def chosen(self) -> list[Row]:
        """The marked rows that are seen, in the list's order; without any, the selected one."""
        return self.marked or [row for row in (self.row(),) if row is not None]


def _next(word: _Word) -> _Word:
    every = list(type(word))
    return every[(every.index(word) + 1) % len(every)]


def _word(kind: type[_Word], text: str, otherwise: _Word) -> _Word:
    return kind(text) if text in list(kind) else otherwise


def _page(text: str, among: Sequence[Page], otherwise: Page) -> Page:
    return next((page for page in among if page.value == text), otherwise)

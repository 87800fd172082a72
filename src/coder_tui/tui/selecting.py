"""Which row is meant: the cursor of both lists, what rests, what follows it; and the digest, which leads to a row."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from textual import on
from textual.timer import Timer
from textual.widgets import Input

from coder_tui.fleet.snapshot import Key, Row
from coder_tui.tui.arranging import Arranging
from coder_tui.tui.layout import Page
from coder_tui.tui.widgets.lines import LineList

if TYPE_CHECKING:
    from coder_tui.feeds.past import Digest

_SETTLE = 0.15  # seconds the selection must rest before streams are opened for it


class Selecting(Arranging):
    """Base of the cockpit screen: `selected` is the key of the row that is meant."""

    def __init__(self) -> None:
        super().__init__()
        self.selected: Key | None = None
        self._row: Row | None = None  # as shown
        self._settle_timer: Timer | None = None

    @property
    def attended(self) -> bool:
        """Whether somebody looks at us."""
        return self.app.app_focus

    def returned(self) -> None:
        """The person is back, and sees what is selected."""
        if self.is_mounted:
            self._settle()

    def keep_selection(self) -> None:
        """Other rows are shown: the selection stays on its row, or goes to one that is seen."""
        if self.selected is None and self.overview.needing:  # the first look goes to who needs it most
            self._select(self.overview.needing[0])
            if self.page is Page.AGENTS and not isinstance(self.focused, Input):  # who types goes on typing
                self.needs.focus()
        elif self.needs.has_focus and self.overview.needing:
            self._select(self.needs.key)  # what was acknowledged is gone: on to the next
        else:
            # never a row that nobody sees: a key must not act on what the filter hides
            self._select(self.selected if self.agents.go(self.selected) else self.agents.key)
        if self.needs.has_focus and not self.overview.needing:
            self.agents.focus()

    def row(self) -> Row | None:
        """The selected row as of the newest snapshot."""
        return self.snapshot.row(self.selected) if self.selected else None

    def jump(self, key: Key) -> None:
        """Select a row from outside the lists."""
        self._select(key)

    def _select(self, key: object) -> None:
        moved = key != self.selected
        self.selected = key if isinstance(key, Key) else None
        self.agents.go(self.selected)
        self.needs.go(self.selected)
        row = self.row()
        if row is not self._row or moved:
            self._row = row
            self.show_timeline(row)
            if row is not None and self.scene is not None:
                self.recall(row)
            self.mark_path()
            self.mind_closeups(settled=False)
            self._settle()
        self.hint()

    def show_timeline(self, row: Row | None) -> None:
        """Show this row's timeline."""
        self.timeline.show(row)

    def _settle(self) -> None:
        if self._settle_timer is None:
            self._settle_timer = self.set_timer(_SETTLE, self._settled, name="settle")
        else:
            self._settle_timer.reset()

    def _settled(self) -> None:
        """The selection rests: follow its logs if they are seen, and tell the source what we look at."""
        self._settle_timer = None
        if self.logs.display:
            self.logs.show(self.present())
        self.mind_closeups(settled=True)
        if self.scene is not None:
            return  # nobody looks at what is now
        row = self.row()
        if row is not None and row.alert is not None and row.alert.standing == "new" and self.attended:
            self.source.saw([row.alert])
        keys = self.agents.in_view()
        if self.selected is not None:
            chosen = Key(self.selected.deployment, self.selected.workspace_id)
            keys = [chosen, *(key for key in keys if key != chosen)]
        self.source.watch(keys)

    @on(LineList.Moved, "#needs, #agents")
    def _moved(self, message: LineList.Moved) -> None:
        self._select(message.key)

    @on(LineList.Opened)
    def _opened(self, message: LineList.Opened) -> None:
        if message.control is self.timeline:
            self.action_terminal()
        else:
            self.go(Page.TIMELINE)

    def action_digest(self) -> None:
        """Show what happened since the last look."""
        from coder_tui.tui.screens.digest import DigestScreen  # nobody needs it for the first frame

        archive, now = self.archive, self.clock()
        if archive is None:
            return

        async def read(since: datetime) -> Digest:
            return await archive.ask(lambda past: past.digest(since, now))

        def answered(key: Key | None) -> None:
            self.keep(looked_at=now.isoformat())
            if key is not None:
                self.leave_replay()
                self.visit(key)

        self.app.push_screen(DigestScreen(read, now, self.last_look), answered)

    def visit(self, key: Key) -> None:
        """Go to this row, whatever the filter says."""
        if self.snapshot.row(key) is None:
            self.tell("It is gone: there is no such row any more.", error=True)
            return
        if not self.agents.go(key):
            self.filter.clear()
            self.show_snapshot(self.snapshot)
        self.go(Page.AGENTS)
        self.set_focus(self.agents)  # at once: Needs you would take the selection
        self.jump(key)

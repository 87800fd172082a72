"""Where the panes stand and where the focus is: layouts, pages, zoom, and the keys that move between them.

Panes are made once. A layout only shows and hides them, so that selection, scroll positions and terminals survive it.
"""

from __future__ import annotations

from typing import Any

from textual import events, on
from textual.geometry import Size
from textual.widget import Widget
from textual.widgets import Input, Static

from coder_tui.fleet.snapshot import Key, Row, Snapshot
from coder_tui.tui.commands import Commands
from coder_tui.tui.layout import (
    LISTS,
    MIN_LEFT,
    MIN_RIGHT,
    RIGHT,
    TOP,
    Arrangement,
    Layout,
    Page,
    arrange,
    shown,
    too_small,
)
from coder_tui.tui.overview import Overview
from coder_tui.tui.panes.agents import AgentsPane
from coder_tui.tui.panes.closeup import CloseUp
from coder_tui.tui.panes.containers import ContainersPane
from coder_tui.tui.panes.logs import LogsPane
from coder_tui.tui.panes.needs import NeedsPane
from coder_tui.tui.panes.network import NetworkPane
from coder_tui.tui.panes.terminal import TerminalPane
from coder_tui.tui.panes.timeline import TimelinePane
from coder_tui.tui.states import path_of
from coder_tui.tui.widgets.filterbar import FilterBar
from coder_tui.tui.widgets.replay_bar import ReplayBar
from coder_tui.tui.widgets.titled import Titled
from coder_tui.tui.widgets.trail import Trail

_PARTS = ("header", "crumbs", "body", "left", "needs", "agents", "right", "tabs", *RIGHT, "footer", "tiny")


class Navigation(Commands):
    """Base of the cockpit screen: the panes it composes, as one movable whole."""

    needs: NeedsPane
    agents: AgentsPane
    timeline: TimelinePane
    logs: LogsPane
    terminal: TerminalPane
    closeups: dict[Page, CloseUp[Any, Any]]
    filter: FilterBar
    replay_bar: ReplayBar
    crumbs: Trail
    tabs: Trail
    overview: Overview
    live: Snapshot  # the newest, also in a replay
    selected: Key | None

    def __init__(self) -> None:
        super().__init__()
        self.arrangement = Arrangement(Layout.WIDE)
        self.page = Page.AGENTS  # where the focus is
        self.right_page = Page.TIMELINE  # what the medium layout's right side shows
        self.top_page = Page.TIMELINE  # what the upper right of the wide layout shows
        self.zoomed = ""  # id of the pane that has the window
        self.wider = 0  # cells by which a person made the left column wider
        self._last_pane: Widget | None = None  # had the focus before the window became too small for any
        self._arranged_for: Size | None = None

    def prepare(self, size: Size) -> None:
        """Before the panes are composed: what the layout of a window of this size means for their styles."""
        self.arrangement = arrange(size.width, size.height)
        self.update_classes(_classes(self.arrangement.layout), update=False)

    @property
    def travelling(self) -> bool:
        """Whether a replay is on show."""
        return False

    def arranged(self) -> None:
        """Panes came or went: the screen follows with what depends on it."""
        raise NotImplementedError

    def hint(self) -> None:
        """Tell the footer what helps here."""
        raise NotImplementedError

    # --- layout ---

    def on_resize(self, event: events.Resize) -> None:
        """Another window: the same panes, arranged anew."""
        if event.size == self._arranged_for:
            return
        self._arranged_for = event.size
        self.arrangement = arrange(event.size.width, event.size.height)
        self.query_one("#tiny", Static).update(too_small(event.size.width, event.size.height))
        self._arrange()

    def _arrange(self) -> None:
        layout = self.arrangement.layout
        parts = shown(layout, self.page, self.right_page, self.zoomed, self.top_page)
        for part in _PARTS:
            self.query_one(f"#{part}").display = part in parts
        left = self.left_width()
        self.query_one("#left").styles.width = left if left and not self.zoomed else "1fr"
        self.update_classes({**_classes(layout), "-zoomed": bool(self.zoomed)}, animate=False)
        self.mark_path()
        wide = layout is Layout.WIDE
        self.tabs.offer(TOP if wide else RIGHT)
        self.tabs.show(self.top_page if wide else self.right_page)
        tail = self.tabs.full_width if wide and not self.zoomed else 0
        sharing: list[Titled] = [self.timeline, *self.closeups.values()]
        for pane in sharing:
            pane.leave_room(tail)
        if layout is not Layout.TINY and self.focused is None and self._last_pane is not None:
            self._last_pane.focus()
        self.arranged()

    def left_width(self) -> int:
        """Cells of the left column, within bounds that leave both sides usable; 0: it has the window."""
        left, columns = self.arrangement.left, self.size.width
        return max(MIN_LEFT, min(left + self.wider, columns - MIN_RIGHT)) if left else 0

    def widen(self, cells: int) -> None:
        """Make the left column wider, as far as it goes."""
        if self.arrangement.left and not self.zoomed:
            self.wider += cells
            self.wider = self.left_width() - self.arrangement.left
            self._arrange()

    def present(self) -> Row | None:
        """The selected row as it is now, also in a replay."""
        raise NotImplementedError

    def leave_replay(self) -> bool:
        """Back to now; False when it is now."""
        raise NotImplementedError

    def mark_path(self) -> None:
        """The breadcrumb: where we are, and on whom."""
        row = self.row()
        self.crumbs.show(self.page, path_of(row) if row else ())

    def _show_page(self, page: Page) -> None:
        self.page = page
        if page is not Page.AGENTS:
            self.right_page = page
        if page in TOP:
            self.top_page = page
        self._arrange()

    # --- focus ---

    def go(self, page: Page) -> None:
        """Show a page and focus it. The lists' page begins with Needs you, unless the focus comes from there."""
        if page is Page.AGENTS:
            self._go_to(self.needs if self.overview.needing and self.focused is self.agents else self.agents)
        else:
            self._go_to(self.pane_of(page))

    def pane_of(self, page: Page) -> Widget:
        """The pane that is this page of the right side."""
        pages = {Page.TIMELINE: self.timeline, Page.LOGS: self.logs, Page.TERMINAL: self.terminal, **self.closeups}
        return pages[page]

    def _go_to(self, pane: Widget) -> None:
        if self.zoomed:
            self.zoomed = pane.id or ""
        self._show_page(self.page_of(pane))
        pane.focus()

    @staticmethod
    def page_of(pane: Widget) -> Page:
        """The page that a pane is on."""
        return Page.AGENTS if pane.id in LISTS else Page(pane.id or "")

    def focused_pane(self) -> Widget | None:
        """The pane the focus is in."""
        panes = (self.needs, self.agents, *map(self.pane_of, RIGHT))
        chain = self.focused.ancestors_with_self if self.focused is not None else ()
        return next((node for node in chain if node in panes and isinstance(node, Widget)), None)

    def scope(self) -> str:
        """Whose keys come first: a pane's, an input line's, or the program's in the terminal."""
        pane = self.focused_pane()
        if isinstance(self.focused, Input):
            return (
                "moment" if self.focused.parent is self.replay_bar else "search" if pane is self.terminal else "input"
            )
        if pane is self.terminal:
            return "copy" if pane.looking_back else "terminal" if pane.captures_keys else "app"
        if pane is self.needs or pane is self.agents or pane is self.timeline:
            return "replay" if self.travelling else "timeline" if pane is self.timeline else "fleet"
        if isinstance(pane, CloseUp):
            return pane.id if isinstance(pane, ContainersPane | NetworkPane) and pane.id else "page"
        return "app" if pane is None else "logs" if pane is self.logs else "list"

    def on_descendant_focus(self) -> None:
        """The page follows the focus, also when the mouse moved it."""
        pane = self._last_pane = self.focused_pane()
        if pane is not None and self.page_of(pane) is not self.page:
            self._show_page(self.page_of(pane))
        else:
            self.arranged()

    @on(Trail.Chosen)
    def _chosen(self, message: Trail.Chosen) -> None:
        self.go(message.page)

    @on(TerminalPane.Left)
    def action_leave_terminal(self) -> None:
        """Back to the list the person came from."""
        self._go_to(self.needs if self.overview.needing and self.needs.key == self.agents.key else self.agents)

    @on(TimelinePane.LogAsked)
    def _log_asked(self, message: TimelinePane.LogAsked) -> None:
        self.go(Page.LOGS)
        self.logs.show(self.present())
        self.logs.seek(message.at)

    @on(LogsPane.StatusAsked)
    def _status_asked(self, message: LogsPane.StatusAsked) -> None:
        self.go(Page.TIMELINE)
        self.timeline.reveal(message.at)

    # --- pages that ask while they are looked at ---

    def mind_closeups(self, *, settled: bool) -> None:
        """Whom they are about, and, once the selection rests, that they may ask; hidden ones ask nothing."""
        row = self.present()
        deployment = self.live.deployments.get(row.key.deployment) if row else None
        for pane in self.closeups.values():
            if not pane.display:
                pane.rest()
                continue
            pane.aim(row, deployment)
            if settled:
                pane.look()

    def action_refresh(self) -> None:
        """Read everything again, also what is looked at."""
        super().action_refresh()
        for pane in self.closeups.values():
            if pane.display:
                pane.again()

    # --- keys of the table ---

    def action_pane_1(self) -> None:
        """Go to the lists."""
        self.go(Page.AGENTS)

    def action_pane_2(self) -> None:
        """Go to the timeline."""
        self.go(Page.TIMELINE)

    def action_pane_3(self) -> None:
        """Go to the logs."""
        self.go(Page.LOGS)

    def action_pane_4(self) -> None:
        """Go to the terminal."""
        self.go(Page.TERMINAL)

    def action_pane_5(self) -> None:
        """Go to the details."""
        self.go(Page.DETAILS)

    def action_pane_6(self) -> None:
        """Go to the ports."""
        self.go(Page.PORTS)

    def action_pane_7(self) -> None:
        """Go to the containers."""
        self.go(Page.CONTAINERS)

    def action_pane_8(self) -> None:
        """Go to the network."""
        self.go(Page.NETWORK)

    def action_logs(self) -> None:
        """Go to the logs."""
        self.go(Page.LOGS)

    def action_next_pane(self) -> None:
        """Focus the next pane."""
        self._cycle(1)

    def action_previous_pane(self) -> None:
        """Focus the previous pane."""
        self._cycle(-1)

    def _cycle(self, step: int) -> None:
        panes: list[Widget] = [self.agents, self.pane_of(self.top_page), self.logs, self.terminal]
        if self.overview.needing:
            panes.insert(0, self.needs)
        current = self.focused_pane()
        place = panes.index(current) if current in panes else -max(step, 0)
        self._go_to(panes[(place + step) % len(panes)])

    def action_zoom(self) -> None:
        """Give the focused pane the window, or take it back."""
        pane = self.focused_pane()
        self.zoomed = "" if self.zoomed or pane is None else pane.id or ""
        self._arrange()

    def action_filter(self) -> None:
        """Type a filter under the lists."""
        if self.page is not Page.AGENTS or self.zoomed:
            self.zoomed = ""
            self._show_page(Page.AGENTS)
        self.filter.open()

    def action_back(self) -> None:
        """One step back: the replay, the marks, the filter, the zoom, the page."""
        if not isinstance(self.focused, Input) and self.leave_replay():
            return
        if self.agents.marks:
            self.unmark()
        elif self.filter.is_open and self.page is Page.AGENTS:
            self.filter.clear()
            self.agents.focus()
        elif self.zoomed:
            self.action_zoom()
        elif self.page is not Page.AGENTS:
            self.action_leave_terminal()

    @on(FilterBar.Kept)
    def _filter_kept(self) -> None:
        self.agents.focus()


def _classes(layout: Layout) -> dict[str, bool]:
    """The screen's classes: one for its layout, and none of the others."""
    return {f"-{name.value}": name is layout for name in Layout}

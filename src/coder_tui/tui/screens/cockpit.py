"""The one main screen: lists, timeline, logs and terminal, arranged to the window; selection and snapshots go out from here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, Static

from coder_tui.feeds.source import PtyTarget, Source
from coder_tui.fleet.snapshot import Alert, Key, LinkState, Row, Snapshot
from coder_tui.tui import reasons
from coder_tui.tui.actions import ACTIONS, bindings
from coder_tui.tui.commands import Commands
from coder_tui.tui.layout import LISTS, Arrangement, Layout, Page, arrange, shown, too_small
from coder_tui.tui.paint import Voices
from coder_tui.tui.panes.agents import AgentsPane
from coder_tui.tui.panes.logs import LogsPane
from coder_tui.tui.panes.needs import NeedsPane, needing
from coder_tui.tui.panes.terminal import TerminalPane
from coder_tui.tui.panes.timeline import TimelinePane
from coder_tui.tui.states import path_of
from coder_tui.tui.widgets.filterbar import FilterBar
from coder_tui.tui.widgets.footer import FooterBar, Hint
from coder_tui.tui.widgets.header import HeaderBar, count
from coder_tui.tui.widgets.lines import LineList
from coder_tui.tui.widgets.trail import Trail

_SETTLE = 0.15  # seconds the selection must rest before streams are opened for it
_APP_ACTIONS = {action.name: action for action in ACTIONS if action.scope == "app"}
_RIGHT = (Page.TIMELINE, Page.LOGS, Page.TERMINAL)


class CockpitScreen(Commands):
    """Everything a person looks at. Panes never know each other: they are told here."""

    BINDINGS = bindings("app")
    AUTO_FOCUS = "#agents"

    def __init__(
        self, source: Source, clock: Callable[[], datetime], *, note: str = "", read_only: bool = False
    ) -> None:
        super().__init__()
        self.source, self.clock, self.note, self.read_only = source, clock, note, read_only
        self.snapshot: Snapshot = source.snapshot
        self.arrangement = Arrangement(Layout.WIDE)
        self.page = Page.AGENTS
        self.right = Page.TIMELINE
        self.zoomed = ""
        self.selected: Key | None = None
        self.rows: tuple[Row, ...] = ()  # after the filter
        self._needing: list[Row] = []
        self._told_row: Row | None = None
        self._told_rows: tuple[Row, ...] | None = None
        self._settle_timer: Timer | None = None
        self._tick_timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """All panes, once; layouts only show and hide them."""
        yield HeaderBar(id="header", note=self.note, read_only=self.read_only)
        yield Trail(tuple(Page), id="crumbs")
        with Horizontal(id="body"):
            with Vertical(id="left"):
                yield NeedsPane(id="needs")
                yield AgentsPane(id="agents")
                yield FilterBar(id="filter")
            with Vertical(id="right"):
                yield Trail(_RIGHT, id="tabs")
                yield TimelinePane(id="timeline")
                yield LogsPane(self.source, id="logs")
                yield TerminalPane(self.source, id="terminal")
        yield FooterBar(id="footer")
        yield Static(id="tiny", markup=False)

    def on_mount(self) -> None:
        """Find the parts once, and paint what is known without waiting for anything."""
        self.header = self.query_one(HeaderBar)
        self.footer = self.query_one(FooterBar)
        self.crumbs, self.tabs = self.query_one("#crumbs", Trail), self.query_one("#tabs", Trail)
        self.needs, self.agents = self.query_one(NeedsPane), self.query_one(AgentsPane)
        self.timeline, self.logs = self.query_one(TimelinePane), self.query_one(LogsPane)
        self.terminal, self.filter = self.query_one(TerminalPane), self.query_one(FilterBar)
        self._lists: tuple[LineList[Row], ...] = (self.needs, self.agents, self.timeline)  # type: ignore[assignment]
        self.needs.say(("Nobody needs you.", "muted"))
        self.dress(self.app.theme_variables)
        self.show_snapshot(self.source.snapshot)

    def dress(self, variables: dict[str, str]) -> None:
        """Give every part that paints lines itself the theme's voices."""
        voices = Voices(variables)
        for part in (self.header, self.footer, self.crumbs, self.tabs, *self._lists):
            part.voices = voices
            part.refresh()

    # --- snapshots and time ---

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Show a newer snapshot: each part finds out by itself what of it changed."""
        self.snapshot = snapshot
        now = self.clock()
        for part in self._lists:
            part.now = now
        self.rows = self.filter.apply(snapshot, now)
        changed = self.rows is not self._told_rows
        self._told_rows = self.rows
        if changed:
            self._needing = needing(snapshot, self.rows)
            self.needs.show(self._needing)
            self.agents.deployments = len(snapshot.deployments)
            self.agents.show(self.rows)
        self.header.tell(snapshot, now, count(snapshot) if changed else None)
        self._say_why_empty(now)
        if self.selected is None and self._needing:  # the first look goes to who needs it most
            self._select(self._needing[0].key)
            if self.page is Page.AGENTS:
                self.needs.focus()
        elif self.needs.has_focus and self._needing:
            self._select(self.needs.key)  # what was acknowledged is gone: on to the next
        else:
            self._select(self.selected if self.selected and snapshot.row(self.selected) else self.agents.key)
        if self.needs.has_focus and not self._needing:
            self.agents.focus()
        self._tick()

    def _say_why_empty(self, now: datetime) -> None:
        links = [deployment.link for deployment in self.snapshot.deployments.values()]
        names = ", ".join(self.snapshot.deployments) or "the deployment"
        if self.snapshot.rows:
            self.agents.say(("Nothing matches the filter.", "foreground"), ("Press esc to clear it.", "muted"))
        elif any(link.refreshed_at for link in links):
            self.agents.say(
                ("No agents yet.", "bright"),
                ("", "muted"),
                ("coder-tui new NAME -- CMD   starts one here", "foreground"),
                ("coder-tui demo   shows five at work", "foreground"),
                ("coder-tui login URL   opens your Coder", "foreground"),
            )
        elif any(link.state in (LinkState.RETRYING, LinkState.REFUSED) for link in links):
            why = next(link.why for link in links if link.state in (LinkState.RETRYING, LinkState.REFUSED))
            refused = any(link.state is LinkState.REFUSED for link in links)
            step = "Run coder-tui login URL for a new token." if refused else "ctrl+r tries again now."
            self.agents.say((f"Cannot read {names}: {why or 'no answer'}.", "failed"), (step, "muted"))
        else:
            self.agents.say((f"Reading workspaces from {names}{self.agents.glyphs.ellipsis}", "muted"))

    def _tick(self) -> None:
        """Let ages grow where they are seen, and sleep as long as they allow: at rest nothing wakes up."""
        now = self.clock()
        counting = self.header.tell(self.snapshot, now)
        ages = [age for part in self._lists if (age := part.tick(now)) is not None]
        youngest = min(ages, default=None)
        if self._tick_timer is not None:
            self._tick_timer.stop()
        wait = (
            1.0 if counting or (youngest is not None and youngest < 60) else 10.0 if ages and youngest < 3600 else 60.0
        )
        self._tick_timer = self.set_timer(wait, self._tick, name="ages")

    # --- selection ---

    def row(self) -> Row | None:
        """The selected row as of the newest snapshot."""
        return self.snapshot.row(self.selected) if self.selected else None

    def select(self, row: Row) -> None:
        """Select a row from outside the lists."""
        self._select(row.key)

    def _select(self, key: object) -> None:
        key = key if isinstance(key, Key) else None
        moved = key != self.selected
        self.selected = key
        self.agents.go(key)
        self.needs.go(key)
        row = self.row()
        if row is not self._told_row:
            self._told_row = row
            self.timeline.show(row)
            self.crumbs.show(self.page, path_of(row) if row else ())
        if moved:
            self._settle()
        self._hint()

    def _settle(self) -> None:
        if self._settle_timer is not None:
            self._settle_timer.stop()
        self._settle_timer = self.set_timer(_SETTLE, self._settled, name="settle")

    def _settled(self) -> None:
        """The selection rests: follow its logs if they are seen, and say what we look at."""
        if self.logs.display:
            self.logs.show(self.row())
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
        if message.lines is self.timeline:
            self.action_terminal()
        else:
            self.go(Page.TIMELINE)

    def shown_alerts(self) -> list[Alert]:
        """Open alerts of the rows in Needs you."""
        return [row.alert for row in self._needing if row.alert is not None and not row.alert.acked]

    # --- layout and focus ---

    def on_resize(self, event: events.Resize) -> None:
        """Another window: the same panes, arranged anew."""
        self.arrangement = arrange(event.size.width, event.size.height)
        self.query_one("#tiny", Static).update(too_small(event.size.width, event.size.height))
        self._arrange()

    def _arrange(self) -> None:
        layout = self.arrangement.layout
        parts = shown(layout, self.page, self.right, self.zoomed)
        for part in ("header", "crumbs", "body", "left", "needs", "agents", "right", "tabs", *_RIGHT, "footer", "tiny"):
            self.query_one(f"#{part}").display = part in parts
        left = self.query_one("#left")
        left.styles.width = self.arrangement.left if self.arrangement.left and not self.zoomed else "1fr"
        for name in Layout:
            self.set_class(name is layout, f"-{name.value}")
        self.set_class(bool(self.zoomed), "-zoomed")
        self.crumbs.show(self.page, path_of(row) if (row := self.row()) else ())
        self.tabs.show(self.right)
        if self.logs.display:
            self._settle()
        self._hint()

    def go(self, page: Page) -> None:
        """Show a page and focus it."""
        pane = self._pane(page)
        if self.zoomed:
            self.zoomed = pane.id or ""
        self._show_page(page)
        pane.focus()

    def _pane(self, page: Page) -> Widget:
        if page is not Page.AGENTS:
            return {Page.TIMELINE: self.timeline, Page.LOGS: self.logs, Page.TERMINAL: self.terminal}[page]
        return self.needs if self.focused is self.agents and self._needing else self.agents

    def _show_page(self, page: Page) -> None:
        self.page = page
        if page is not Page.AGENTS:
            self.right = page
        self._arrange()

    @on(Trail.Chosen)
    def _chosen(self, message: Trail.Chosen) -> None:
        self.go(message.page)

    @on(TerminalPane.Left)
    def _left_terminal(self) -> None:
        self.go(Page.AGENTS)

    def on_descendant_focus(self) -> None:
        """The page follows the focus."""
        pane = self._focused_pane()
        if pane is not None:
            page = Page.AGENTS if pane.id in LISTS else Page(pane.id)
            if page is not self.page:
                self._show_page(page)
        self._hint()

    def on_descendant_blur(self) -> None:
        """The footer belongs to the focus."""
        self._hint()

    def _focused_pane(self) -> Widget | None:
        """The pane the focus is in."""
        node = self.focused
        while node is not None:
            if node.id in LISTS or node.id in set(_RIGHT):
                return node
            node = node.parent if isinstance(node.parent, Widget) else None
        return None

    def attach(self, target: PtyTarget) -> None:
        """Attach the terminal and go there."""
        self.terminal.add_class("-attached")
        self.terminal.attach(target)
        self.go(Page.TERMINAL)

    def action_leave_terminal(self) -> None:
        """What a click on the footer's hint does."""
        self.go(Page.AGENTS)

    def action_logs(self) -> None:
        """Go to the logs."""
        self.go(Page.LOGS)

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

    def action_next_pane(self) -> None:
        """Focus the next pane."""
        self._cycle(1)

    def action_previous_pane(self) -> None:
        """Focus the previous pane."""
        self._cycle(-1)

    def _cycle(self, step: int) -> None:
        panes: list[Widget] = [self.needs, self.agents, self.timeline, self.logs, self.terminal]
        if not self._needing:
            panes.remove(self.needs)
        current = self._focused_pane()
        place = panes.index(current) if current in panes else 0
        pane = panes[(place + step) % len(panes)]
        if pane.id in LISTS:
            if self.zoomed:
                self.zoomed = pane.id or ""
            self._show_page(Page.AGENTS)
            pane.focus()
        else:
            self.go(Page(pane.id))

    def source_failed(self, why: str) -> None:
        """The source stopped (or runs again, when `why` is empty): said in the header, with the key that helps."""
        if self.is_mounted:
            self.header.failure = f"{why} (ctrl+r)" if why else ""
            self.header.tell(self.snapshot, self.clock())

    def action_zoom(self) -> None:
        """Give the focused pane the window, or take it back."""
        pane = self._focused_pane()
        self.zoomed = "" if self.zoomed or pane is None else pane.id or ""
        self._arrange()

    def action_filter(self) -> None:
        """Type a filter."""
        if self.page is not Page.AGENTS or self.zoomed:
            self.zoomed = ""
            self._show_page(Page.AGENTS)
        self.filter.open()

    def action_back(self) -> None:
        """One step back: the filter, the zoom, the page."""
        if self.filter.is_open:
            self.filter.clear()
            self.agents.focus()
        elif self.zoomed:
            self.action_zoom()
        else:
            self.go(Page.AGENTS)

    @on(FilterBar.Changed)
    def _filtered(self) -> None:
        self.show_snapshot(self.snapshot)

    @on(FilterBar.Kept)
    def _filter_kept(self) -> None:
        self.agents.focus()

    # --- keys ---

    def situation(self) -> reasons.Situation:
        """What decides which actions can do something."""
        return reasons.Situation(
            row=self.row(),
            alerts=len(self.shown_alerts()),
            needing=any(True for _ in self.snapshot.needing()),
            read_only=self.read_only,
            tiny=self.arrangement.layout is Layout.TINY,
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """None (shown, disabled) for an action of the table that can do nothing now."""
        found = _APP_ACTIONS.get(action)
        if found is not None and reasons.reason(found, self.situation()):
            return None
        return True

    def scope(self) -> str:
        """Whose keys come first: a pane's, an input line's, or the program's in the terminal."""
        if isinstance(self.focused, Input):
            return "input"
        pane = self._focused_pane()
        if pane is self.terminal:
            return "terminal" if self.terminal.captures_keys else "app"
        return "app" if pane is None else "logs" if pane is self.logs else "list"

    def _hint(self) -> None:
        """Tell the footer what helps here."""
        scope = self.scope()
        if scope == "terminal":
            leave = next(action for action in ACTIONS if action.id == "terminal.leave")
            hints = [
                Hint(leave.key_text, leave.label, "screen.leave_terminal", keep=True),
                Hint("", "every other key goes to the program"),
            ]
        elif scope == "input":
            hints = [Hint("enter", "keep", keep=True), Hint("esc", "clear", keep=True)]
        else:
            now = self.situation()
            wanted = [action for action in ACTIONS if action.footer and action.scope in (scope, "app")]
            wanted.sort(key=lambda action: action.scope == "app")
            hints = [
                Hint(
                    action.key_text.split()[0],
                    action.label,
                    f"screen.{action.name}" if action.scope == "app" else "",
                    enabled=not (action.scope == "app" and reasons.reason(action, now)),
                    keep=action.id == "app.help",
                )
                for action in wanted
            ]
        self.footer.show(hints)

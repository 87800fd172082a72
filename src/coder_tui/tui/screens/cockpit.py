"""The one main screen: snapshots, selection and time go out from here to the panes, which never know each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.widgets import Static

from coder_tui.feeds.archive import Archive
from coder_tui.feeds.source import Source
from coder_tui.fleet.snapshot import Alert, Snapshot
from coder_tui.logs.buffer import DEFAULT_LIMIT
from coder_tui.tui import reasons
from coder_tui.tui.actions import ACTIONS, BY_ID, Action, bindings
from coder_tui.tui.answering import Answering
from coder_tui.tui.glyphs import ascii_only
from coder_tui.tui.hints import hints
from coder_tui.tui.layout import RIGHT, Layout, Page
from coder_tui.tui.notify import Notifier
from coder_tui.tui.overview import Overview
from coder_tui.tui.paint import Voices
from coder_tui.tui.panes.agents import AgentsPane
from coder_tui.tui.panes.closeup import CloseUp
from coder_tui.tui.panes.containers import ContainersPane
from coder_tui.tui.panes.details import DetailsPane
from coder_tui.tui.panes.logs import LogsPane
from coder_tui.tui.panes.needs import NeedsPane
from coder_tui.tui.panes.network import NetworkPane
from coder_tui.tui.panes.ports import PortsPane
from coder_tui.tui.panes.terminal import Clipboard, TerminalPane
from coder_tui.tui.panes.timeline import TimelinePane
from coder_tui.tui.replaying import REPLAY_ACTIONS
from coder_tui.tui.selecting import Selecting
from coder_tui.tui.uistate import UiFile
from coder_tui.tui.widgets.filterbar import FilterBar
from coder_tui.tui.widgets.footer import FooterBar
from coder_tui.tui.widgets.header import HeaderBar
from coder_tui.tui.widgets.lines import LineList
from coder_tui.tui.widgets.replay_bar import ReplayBar
from coder_tui.tui.widgets.trail import Trail

_APP_ACTIONS = {action.name: action for action in ACTIONS if action.scope == "app"}


class CockpitScreen(Answering, Selecting):
    """Everything a person looks at."""

    BINDINGS = [*bindings("replay"), *bindings("app")]  # in a replay its own come first, else they are none
    AUTO_FOCUS = "#agents"

    def __init__(
        self,
        source: Source,
        clock: Callable[[], datetime],
        notifier: Notifier,
        *,
        note: str = "",
        read_only: bool = False,
        clipboard: Clipboard = "ask",
        log_bytes: int = DEFAULT_LIMIT,
        archive: Archive | None = None,
        ui_file: UiFile | None = None,
    ) -> None:
        super().__init__()
        self.archive, self.ui_file = archive, ui_file
        self.clipboard, self.log_bytes = clipboard, log_bytes
        self.source, self.clock, self.note, self.read_only = source, clock, note, read_only
        self.snapshot: Snapshot = source.snapshot
        self.live = source.snapshot
        self.overview = Overview()
        self._notifier = notifier
        self._tick_timer: Timer | None = None
        self._call_timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """All panes, once; layouts only show and hide them."""
        self.prepare(self.app.size)
        self.header = HeaderBar(id="header", note=self.note, read_only=self.read_only)
        self.crumbs, self.tabs = Trail(tuple(Page), id="crumbs"), Trail(RIGHT, id="tabs")
        self.needs, self.agents, self.filter = NeedsPane(id="needs"), AgentsPane(id="agents"), FilterBar(id="filter")
        self.timeline = TimelinePane(id="timeline")
        self.logs, self.terminal = (
            LogsPane(self.source, id="logs", limit=self.log_bytes),
            TerminalPane(self.source, clipboard=self.clipboard, id="terminal"),
        )
        self.closeups = {
            Page.DETAILS: DetailsPane(self.source, id="details"),
            Page.PORTS: PortsPane(self.source, id="ports"),
            Page.CONTAINERS: ContainersPane(self.source, id="containers"),
            Page.NETWORK: NetworkPane(self.source, id="network"),
        }
        self.footer, self.replay_bar = FooterBar(id="footer"), ReplayBar(id="replay")
        self._lists: tuple[LineList[Any], ...] = (self.needs, self.agents, self.timeline, *self.closeups.values())
        yield self.header
        yield self.replay_bar
        yield self.crumbs
        with Horizontal(id="body"):
            with Vertical(id="left"):
                yield self.needs
                yield self.agents
                yield self.filter
            with Vertical(id="right"):
                yield self.tabs
                yield self.timeline
                yield from self.closeups.values()
                yield self.logs
                yield self.terminal
        yield self.footer
        yield Static(id="tiny", markup=False)

    def on_mount(self) -> None:
        """Paint what is known, without waiting for anything."""
        self.set_class(ascii_only(), "-ascii")
        self.dress(self.app.theme_variables)
        self.timeline.show(None)
        self.restore()
        self.hear(self.source.snapshot)
        self._unsubscribe = self.source.subscribe(self.hear)
        self.call_after_refresh(self.post_message, self.RefreshAsked())

    def on_unmount(self) -> None:
        """Hear no more."""
        self._unsubscribe()
        self.flush()
        if self.archive is not None:
            self.archive.close()

    def dress(self, variables: Mapping[str, str]) -> None:
        """Give every part that paints its own lines the theme's voices."""
        voices = Voices(variables)
        parts: tuple[HeaderBar | FooterBar | Trail | LineList[Any], ...] = (
            self.header,
            self.footer,
            self.crumbs,
            self.tabs,
            *self._lists,
        )
        for part in parts:
            part.voices = voices
            part.refresh()

    # --- snapshots and time ---

    def hear(self, snapshot: Snapshot) -> None:
        """A newer snapshot: shown at once, or kept for the end of the replay. It calls the person either way."""
        self.live = snapshot
        if self.scene is None:
            self.show_snapshot(snapshot)
        else:
            self._call()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Show this fleet: each part finds out by itself what of it changed."""
        self.snapshot = snapshot
        now = self.time()
        for part in self._lists:
            part.now = now
        rows = self.filter.apply(snapshot, now)
        changed = self.overview.update(snapshot, rows)
        self.needs.show(self.overview.needing, snapshot.row)
        self.needs.explain_emptiness(0 if rows is snapshot.rows else self.overview.alerts)
        self.needs.tell_hushed(self.overview.snoozed, self.overview.muted)
        self.needs.deployments = snapshot.deployments
        self.agents.know(snapshot.deployments)
        self.agents.show(rows, changed)
        self.agents.explain_emptiness(snapshot)
        self.keep_marks(others=changed is None)
        self.keep_selection()
        self._call()
        self._tick()

    @property
    def attended(self) -> bool:
        """As calls have it."""
        return self._notifier.attended

    def call_person(self) -> None:
        """Look again whether the person must be called, and whom the outer terminal must be told of."""
        self._call()

    def _call(self) -> None:
        """Call the person for what is new, once it has stood a moment."""
        count = self.overview.alerts if self.scene is None else sum(alert.open for alert in self.live.alerts)
        self._notifier.update(self.live, count, self.selected if self.scene is None else None)
        wait = self._notifier.wait
        if self._call_timer is not None:
            self._call_timer.stop()
        self._call_timer = None if wait is None else self.set_timer(max(wait, 0.05), self._call, name="call")

    def _tick(self) -> None:
        """Let ages grow where they are seen, and sleep as long as they allow: at rest almost nothing wakes up."""
        now = self.time()
        counting = self.header.tell(self.snapshot, self.overview, now)
        seen = [part for part in self._lists if part.display]
        youngest = min((age for part in seen if (age := part.tick(now)) is not None), default=3600.0)
        wait = 1.0 if counting or youngest < 60 else 10.0 if youngest < 3600 else 60.0
        if self._tick_timer is not None:
            self._tick_timer.stop()
        if self.scene is not None:
            return  # time stands still
        self._tick_timer = self.set_timer(wait, self._tick, name="ages")

    def source_failed(self, why: str) -> None:
        """The source stopped (or runs again, when `why` is empty): said in the header, with the key that helps."""
        self.header.failure = f"{why} ({BY_ID['app.refresh'].key_text})" if why else ""
        self.header.tell(self.snapshot, self.overview, self.time())

    @on(CloseUp.Changed)
    def _looked(self) -> None:
        self._tick()

    @on(FilterBar.Changed)
    def _filtered(self) -> None:
        self.show_snapshot(self.snapshot)
        self.keep()

    @on(TimelinePane.Switched)
    def _switched(self) -> None:
        if self.scene is not None and self._row is not None:
            self.recall(self._row)
        self.keep()

    def shown_alerts(self) -> list[Alert]:
        """Open alerts of the rows in Needs you."""
        return list(self.overview.open)

    # --- keys ---

    def situation(self) -> reasons.Situation:
        """What decides which actions can do something."""
        return reasons.Situation(
            row=self.row(),
            marked=len(self.marked),
            marked_open=self.marked_open,
            past=self.scene is not None,
            history=self.archive is not None,
            alerts=len(self.overview.open),
            needing=bool(self.snapshot.alerts) and self.snapshot.alerts[0].open,
            read_only=self.read_only,
            hub=any(one.is_hub for one in self.snapshot.deployments.values()),
            tiny=self.arrangement.layout is Layout.TINY,
            terminals=len(self.terminal.tabs) if self.terminal.target else 0,
        )

    def reason(self, action: Action) -> str:
        """Why the action can do nothing now; empty when it can."""
        return reasons.reason(action, self.situation())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """None (shown, disabled) for an action of the table that can do nothing now."""
        if action in REPLAY_ACTIONS:
            return self.scene is not None
        found = _APP_ACTIONS.get(action)
        return None if found is not None and self.reason(found) else True

    def arranged(self) -> None:
        """Other panes are seen, or another one has the focus."""
        self.mind_closeups(settled=False)
        if self.logs.display or any(pane.display for pane in self.closeups.values()):
            self._settle()
        if self._tick_timer is not None:
            self._tick()
        self.hint()
        self.keep()

    def on_descendant_blur(self) -> None:
        """The footer belongs to the focus."""
        self.hint()

    def hint(self) -> None:
        """Tell the footer what helps here."""
        self.footer.show(hints(self.scope(), self.situation()))

    def action_help(self) -> None:
        """Show the keys."""
        from coder_tui.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.scope(), self.reason))

    def action_palette(self) -> None:
        """Open the command palette."""
        from coder_tui.tui.palette import palette  # loads a good deal of Textual that the first frame need not wait for

        self.app.push_screen(palette())

    def action_quit(self) -> None:
        """Leave; agents and terminals live on."""
        self.app.exit()

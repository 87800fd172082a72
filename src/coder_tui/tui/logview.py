"""The Logs pane alone in an app: a viewer of one log."""

from __future__ import annotations

from pathlib import Path

from textual.app import App, ComposeResult
from textual.binding import Binding

from coder_tui.fleet.snapshot import Row
from coder_tui.tui import ansi, themes
from coder_tui.tui.actions import ACTIONS, BY_ID
from coder_tui.tui.paint import Voices
from coder_tui.tui.panes.log_choice import Feed
from coder_tui.tui.panes.logs import LogsPane
from coder_tui.tui.screens.help import HelpScreen
from coder_tui.tui.widgets.footer import FooterBar, Hint
from coder_tui.tui.widgets.log_paint import Times
from coder_tui.tui.widgets.log_prompt import FILTER

_OURS = ("logs.scope", "logs.status")  # of a log beside others, and beside a timeline
_KEYS = tuple(action for action in ACTIONS if action.scope == "logs" and action.id not in _OURS)


class LogView(App[None], inherit_bindings=False):
    """Shows the log of `row` as `feed` tells it, in a buffer of `limit` bytes; `filter` is the first filter."""

    CSS_PATH = str(Path(__file__).with_name("app.tcss"))
    BINDINGS = [
        Binding("q,ctrl+c", "quit", "quit", system=True),
        Binding("question_mark", "help", "help"),
    ]
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, feed: Feed, row: Row, *, limit: int, filter: str = "", theme: str | None = None) -> None:
        self._themes, _ = themes.load_themes()
        super().__init__()
        for one in self._themes.values():
            self.register_theme(one)
        self.theme = themes.pick(self._themes, theme)
        self.ansi_theme_dark, self.ansi_theme_light = ansi.DARK, ansi.LIGHT
        self.pane = LogsPane(feed, id="logs", limit=limit)
        self._row, self._filter = row, filter

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our variables, also before a theme of ours is chosen."""
        return dict(self._themes[themes.DEFAULT].variables)

    def compose(self) -> ComposeResult:
        """The pane, and what its keys do."""
        yield self.pane
        yield FooterBar(id="footer")

    def on_mount(self) -> None:
        """Begin to read."""
        footer = self.query_one(FooterBar)
        footer.voices = Voices(self.theme_variables)
        hints = [Hint(action.key_text, action.label) for action in _KEYS if action.footer or action.id in _ALSO]
        footer.show([*hints, Hint("?", "help", keep=True), Hint("q", "quit", keep=True)])
        self.pane.lines.show_times(Times.OFF)
        self.pane.lines.hide_levels()
        self.pane.focus()
        self.pane.show(self._row)
        if self._filter:
            self.pane.use(FILTER, self._filter)

    def action_help(self) -> None:
        """Show the keys."""
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen("logs", lambda _: "", _KEYS))


_ALSO = {BY_ID[name].id for name in ("logs.find", "logs.next", "logs.line", "logs.wrap")}

"""The smallest app with a Terminal pane, in which its keys would be missed, and how its tests drive it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import uuid4

from tests.tui.local_pty import LocalSource
from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.pilot import Pilot
from textual.widgets import Input

from coder_tui.feeds.source import PtyTarget
from coder_tui.tui.panes.terminal import Clipboard, TerminalPane


class PaneApp(App[None]):
    """The smallest app with a pane; its bindings must never see a key typed in the terminal."""

    BINDINGS = [
        Binding("q", "stolen('q')"),
        Binding("ctrl+q", "stolen('ctrl+q')", priority=True),
        Binding("ctrl+c", "stolen('ctrl+c')", priority=True),
        Binding("j", "stolen('j')"),
    ]

    def __init__(self, source: LocalSource, clipboard: Clipboard = "ask") -> None:
        super().__init__()
        self.source, self.clipboard_setting = source, clipboard
        self.stolen: list[str] = []
        self.left = 0
        self.shells: list[PtyTarget] = []
        self.copied: list[str] = []
        self.links: list[str] = []
        self.asked: list[str] = []

    def compose(self) -> ComposeResult:
        yield TerminalPane(self.source, clipboard=self.clipboard_setting)
        yield Input(id="elsewhere")

    @property
    def pane(self) -> TerminalPane:
        return self.query_one(TerminalPane)

    @property
    def shown(self) -> str:
        """What is painted, without styles."""
        screen = self.pane.screen_widget
        return "\n".join(screen.render_line(y).text.rstrip() for y in range(screen.size.height))

    @property
    def title_shown(self) -> str:
        title = self.pane._border_title
        return title.plain if title else ""

    def copy_to_clipboard(self, text: str) -> None:
        self.copied.append(text)

    @property
    def subtitle(self) -> str:
        return str(self.pane.border_subtitle)

    @property
    def notice(self) -> str:
        widget = self.query_one("#terminal-notice")
        return str(widget.render()) if widget.display else ""

    def action_stolen(self, key: str) -> None:
        self.stolen.append(key)

    def on_terminal_pane_left(self) -> None:
        self.left += 1
        self.query_one("#elsewhere").focus()

    @on(TerminalPane.LinkAsked)
    def link_asked(self, event: TerminalPane.LinkAsked) -> None:
        self.links.append(event.uri)

    def on_terminal_pane_asked(self, event: TerminalPane.Asked) -> None:
        self.asked.append(event.action)

    def on_terminal_pane_new_shell(self, event: TerminalPane.NewShell) -> None:
        self.shells.append(event.target)


def target(title: str = "kira/api · bash") -> PtyTarget:
    return PtyTarget("dev", "workspace", "agent", str(uuid4()), title)


async def until(condition: Callable[[], object], what: str, seconds: float = 8) -> None:
    """Wait for a condition, with a bound; the loop runs meanwhile."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
    assert condition(), what


async def attached(app: PaneApp, pilot: Pilot[None], what: PtyTarget | None = None) -> TerminalPane:
    app.pane.attach(what or target(), fresh=True)
    app.pane.focus()
    await until(lambda: app.pane.has_focus and "$" in app.shown, "a prompt")
    return app.pane


async def type_line(pilot: Pilot[None], text: str) -> None:
    keys = {" ": "space", "\n": "enter"}
    await pilot.press(*(keys.get(char, char) for char in f"{text}\n"))

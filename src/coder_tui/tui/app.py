"""The application: themes, the source's worker, and the one screen; everything else is in its own room."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any

from textual import events, on
from textual.app import App
from textual.binding import Binding
from textual.reactive import Reactive
from textual.screen import Screen
from textual.theme import Theme

from coder_tui.errors import CoderTuiError
from coder_tui.feeds.archive import Archive
from coder_tui.feeds.source import Source
from coder_tui.logs.buffer import DEFAULT_LIMIT
from coder_tui.notify.records import CLEAR
from coder_tui.notify.settings import Settings, looking
from coder_tui.tui import ansi, themes
from coder_tui.tui.actions import BY_ID
from coder_tui.tui.notify import Notifier, Outlets
from coder_tui.tui.panes.terminal import Clipboard
from coder_tui.tui.screens.cockpit import CockpitScreen
from coder_tui.tui.uistate import UiFile

_PUSH_TITLE, _POP_TITLE = "\x1b[22;2t", "\x1b[23;2t"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class CockpitApp(App[None], inherit_bindings=False):
    """The cockpit over one `Source`.

    `title_note` is shown beside the deployments' names; `read_only` disables what changes a workspace; `theme` is a
    theme's name, with or without `coder-` (ConfigError when there is none of that name); `clock` gives aware UTC times;
    `calls` is when and how the person is called;
    `clipboard` is what programs in terminals may do to it; `state_dir` is where the history is, and how the screen was
    arranged (None: neither is kept).
    """

    CSS_PATH = str(Path(__file__).with_name("app.tcss"))  # absolute: subclasses elsewhere find it too
    # Of Textual's own keys only this one stays: it says which key quits. None works while a terminal has the focus.
    BINDINGS = [Binding("ctrl+c", "help_quit", show=False, system=True)]
    TITLE = "coder-tui"
    ENABLE_COMMAND_PALETTE = False  # ours is opened by the action table, not by a key that works inside terminals
    NOTIFICATION_TIMEOUT = 4
    # As defaults, and known before Textual's own start: each change would parse all styles once more before the first
    # frame.
    theme = Reactive(themes.DEFAULT, init=False)
    ansi_theme_dark = Reactive(ansi.DARK, init=False)
    ansi_theme_light = Reactive(ansi.LIGHT, init=False)

    def __init__(
        self,
        source: Source,
        *,
        title_note: str = "",
        read_only: bool = False,
        theme: str | None = None,
        clipboard: Clipboard = "ask",
        log_bytes: int = DEFAULT_LIMIT,
        clock: Callable[[], datetime] = _utc_now,
        calls: Settings = Settings(),
        state_dir: Path | None = None,
    ) -> None:
        self.themes, self._theme_errors = themes.load_themes()
        self.set_reactive(CockpitApp.theme, themes.pick(self.themes, theme))
        super().__init__()
        for one in self.themes.values():
            self.register_theme(one)
        self.source = source
        self.calls, self._focus_told, self._input_at = calls, False, -inf
        self._notifier = Notifier(
            calls,
            Outlets(
                bell=self.bell,
                write=self.to_terminal,
                title=self._set_terminal_title,
                run=self._run_call,
                complain=lambda why: self.notify(why, severity="warning", markup=False, timeout=10),
                looking=lambda: looking(self.app_focus if self._focus_told else None, monotonic() - self._input_at),
            ),
            now=clock,
        )
        self.cockpit = CockpitScreen(
            source,
            clock,
            self._notifier,
            note=title_note,
            read_only=read_only,
            clipboard=clipboard,
            log_bytes=log_bytes,
            archive=Archive(state_dir) if state_dir else None,
            ui_file=UiFile(state_dir) if state_dir else None,
        )
        self._titled = False

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our variables, also before a theme of ours is chosen."""
        return dict(self.themes[themes.DEFAULT].variables)

    def get_theme(self, theme_name: str) -> Theme | None:
        """Ours, also before they are registered."""
        return self.themes.get(theme_name) or super().get_theme(theme_name)

    def get_default_screen(self) -> Screen[None]:
        """The cockpit."""
        return self.cockpit

    def on_mount(self) -> None:
        """Say what was wrong with themes; the screen asks for the source once it is painted."""
        self.theme_changed_signal.subscribe(self, self._theme_changed)
        for error in self._theme_errors:
            self.notify(str(error), severity="warning", markup=False, timeout=10)

    def on_unmount(self) -> None:
        """Put the terminal's own title back (XTWINOPS 23)."""
        if self._titled:
            self.to_terminal(_POP_TITLE)
        if self._notifier.speaks:
            self.to_terminal(CLEAR)

    @on(CockpitScreen.RefreshAsked)
    def start_source(self) -> None:
        """Run the source as an owned worker, unless it runs."""
        if not any(worker.group == "stream:source" and worker.is_running for worker in self.workers):
            self.run_worker(self._run_source(), name="source", group="stream:source", exit_on_error=False)

    async def _run_source(self) -> None:
        self.cockpit.source_failed("")
        try:
            await self.source.run()
        except CoderTuiError as error:
            self.cockpit.source_failed(str(error))
        except Exception as error:  # the screen must outlive any fault of a feed, and say it
            self.log.error(repr(error))
            self.cockpit.source_failed(f"The feed broke: {type(error).__name__}: {error}")

    def _theme_changed(self, theme: Theme) -> None:
        if self.cockpit.is_mounted:
            self.cockpit.dress(self.theme_variables)

    @on(CockpitScreen.ThemeAsked)
    def next_theme(self) -> None:
        """Paint in the next theme."""
        names = list(self.themes)
        self.theme = names[(names.index(self.theme) + 1) % len(names)]

    def on_key(self, event: events.Key) -> None:
        """A key of a disabled action says why it does nothing."""
        if self.screen is not self.cockpit:
            return
        found = self.cockpit.active_bindings.get(event.key)
        action = BY_ID.get(found.binding.id or "") if found is not None and not found.enabled else None
        if action is not None and (why := self.cockpit.reason(action)):
            self.notify(f"{why}.", markup=False, timeout=3)

    def _set_terminal_title(self, title: str) -> None:
        """To the outer terminal (OSC 2); the title it had is remembered there first (XTWINOPS 22)."""
        self.to_terminal(("" if self._titled else _PUSH_TITLE) + f"\x1b]2;{title}\x07")
        self._titled = True

    def to_terminal(self, sequence: str) -> None:
        """To the outer terminal, between two frames."""
        if self._driver is not None and not self.is_headless:
            self._driver.write(sequence)

    def _run_call(self, work: Coroutine[Any, Any, None]) -> None:
        self.run_worker(work, name="call", group="call", exit_on_error=False)

    def terminal_answered(self) -> None:
        """The outer terminal takes reports of agents (OSC 7501)."""
        self._notifier.answered()
        if self.cockpit.is_mounted:
            self.cockpit.call_person()

    def test_notification(self) -> None:
        """Call as an agent would, now."""
        told = self._notifier.try_out(sum(alert.open for alert in self.source.snapshot.alerts))
        self.notify(told, markup=False, timeout=8)

    async def on_event(self, event: events.Event) -> None:
        """Note when the person did something."""
        if isinstance(event, events.InputEvent | events.AppFocus):
            away, self._input_at = not self._notifier.attended, monotonic()
            if away:
                self.cockpit.returned()
        await super().on_event(event)

    def on_app_focus(self) -> None:
        """The terminal tells of its focus."""
        self._focus_told = True

    def on_app_blur(self) -> None:
        """The terminal tells of its focus."""
        self._focus_told = True

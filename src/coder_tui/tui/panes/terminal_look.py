"""Looking back in a terminal by keyboard: the keys of the action table's `copy` scope, and the search line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textual import on
from textual.app import ComposeResult
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from coder_tui.terminal.core import MAX_MATCHES, TerminalCore
from coder_tui.tui import actions
from coder_tui.tui.widgets.lookback import LookBack
from coder_tui.tui.widgets.screen import TerminalScreen

_ACTIONS = {action.name for action in actions.ACTIONS if action.scope == "copy"}
_FOR_ALL = ("colon", "ctrl+p", "question_mark", "plus")
KEYS = frozenset(key for action in actions.ACTIONS if action.scope == "copy" for key in action.keys.split(","))
"""Keys that mean something while one looks back; the program gets none of the others either."""


class LookingBack(Widget):
    """Base of the Terminal pane: its screen, a search line, and what the keys do while one looks back."""

    BINDINGS = [*actions.bindings("copy")]

    class LinkAsked(Message):
        """Open this hyperlink, if it is one that may be opened. The program wrote it."""

        def __init__(self, uri: str) -> None:
            super().__init__()
            self.uri = uri

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._screen = TerminalScreen()
        self._search = Input(placeholder="search the history", compact=True, id="terminal-search")
        self._sought = ""

    def compose(self) -> ComposeResult:
        """The screen, and the search line over its lower edge."""
        yield self._screen
        yield self._search

    def on_mount(self) -> None:
        """Nothing is searched yet."""
        self._search.display = False

    @property
    def screen_widget(self) -> TerminalScreen:
        """The painted screen."""
        return self._screen

    @property
    def looking_back(self) -> bool:
        """Whether keys move in the history."""
        return self._screen.look is not None

    def mind_look(self) -> None:
        """Say how it is: one looks back, or no more."""
        raise NotImplementedError

    @staticmethod
    def is_for_all(key: str) -> bool:
        """Whether a key means while looking back what it means everywhere."""
        return key in _FOR_ALL

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The keys are the program's, or the app's, until one looks back."""
        return self.looking_back if action in _ACTIONS else True

    def look_back(self) -> None:
        """Begin; the program gets no more keys until `action_done`."""
        self._screen.look_back()
        self.mind_look()

    def found_text(self) -> str:
        """What the search found, in words; empty before one."""
        look = self._screen.look
        if look is None or not self._sought:
            return ""
        if not look.matches:
            return f"no {self._sought!r}"
        more = "+" if len(look.matches) >= MAX_MATCHES else ""
        return f"{len(look.matches) - look.current} of {len(look.matches)}{more} {self._sought!r}"

    def _move(self, move: Callable[[LookBack], None]) -> None:
        self._screen.look_at(move)
        self.mind_look()

    def _page(self, direction: int) -> None:
        half = max(1, self._screen.size.height // 2)
        self._move(lambda look: look.move(direction * half))

    def action_up(self) -> None:
        """A row up."""
        self._move(lambda look: look.move(-1))

    def action_down(self) -> None:
        """A row down."""
        self._move(lambda look: look.move(1))

    def action_left(self) -> None:
        """A column left."""
        self._move(lambda look: look.move(0, -1))

    def action_right(self) -> None:
        """A column right."""
        self._move(lambda look: look.move(0, 1))

    def action_page_up(self) -> None:
        """Half a page up."""
        self._page(-1)

    def action_page_down(self) -> None:
        """Half a page down."""
        self._page(1)

    def action_top(self) -> None:
        """The oldest row."""
        self._move(lambda look: look.to(0, 0))

    def action_bottom(self) -> None:
        """The newest row."""
        self._move(lambda look: look.move(1 << 30, -(1 << 30)))

    def action_line_start(self) -> None:
        """The row's first column."""
        self._move(lambda look: look.to(look.spot[0], 0))

    def action_line_end(self) -> None:
        """The row's last character."""
        self._move(LookBack.line_end)

    def action_mark(self) -> None:
        """Select from here, or no more."""
        self._move(LookBack.toggle_mark)

    def action_next_found(self) -> None:
        """The next one found, upwards."""
        self._move(lambda look: look.next_match(1))

    def action_previous_found(self) -> None:
        """The one before, downwards."""
        self._move(lambda look: look.next_match(-1))

    def action_copy(self) -> None:
        """Copy what is selected, or the row, and be done."""
        look = self._screen.look
        if look is not None:
            if look.mark is None:
                self._screen.look_at(LookBack.mark_row)
            text = self._screen.selected_text
            if text:
                self.app.copy_to_clipboard(text)
                self.notify(f"Copied {len(text)} characters.", markup=False, timeout=3)
        self.action_done()

    def action_open_link(self) -> None:
        """Ask for the hyperlink under the cursor to be opened."""
        uri = self._screen.link_at_spot()
        if uri:
            self.post_message(self.LinkAsked(uri))

    def action_done(self) -> None:
        """Back to the live screen and the program."""
        self._close_search()
        self._sought = ""
        self._screen.look_no_more()
        self.mind_look()

    # The search line

    def action_search(self) -> None:
        """Type what to search."""
        self._search.display = True
        self._search.value = ""
        self._search.focus()

    @property
    def searching(self) -> bool:
        """Whether the search line is open."""
        return bool(self._search.display)

    def _close_search(self) -> None:
        if self._search.display:
            self._search.display = False
            self.focus()

    @on(Input.Submitted, "#terminal-search")
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._close_search()
        core, look = self._screen.core, self._screen.look
        if event.value and core is not None and look is not None:
            self._sought = event.value
            self.run_worker(self._find(core, look, event.value), name="search terminal", group="terminal:search")

    async def _find(self, core: TerminalCore, look: LookBack, needle: str) -> None:
        # In a thread: a full history takes some fifty milliseconds.
        matches = await asyncio.to_thread(self._screen.find, needle)
        if self._screen.core is core and self._screen.look is look:
            self._move(lambda look: look.found(matches))

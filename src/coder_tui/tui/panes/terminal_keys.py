"""Typing in the Terminal pane: which keys are the program's, how to get out, and word to it of the focus."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Literal

from textual import events
from textual.message import Message
from textual.timer import Timer

from coder_tui.terminal.keys import encode_focus, encode_key, encode_paste
from coder_tui.tui import actions
from coder_tui.tui.panes.terminal_look import KEYS, LookingBack
from coder_tui.tui.panes.terminal_session import Session, State
from coder_tui.tui.widgets.screen import TerminalScreen

# How long `ctrl+]` waits for a second one, which would send it.
LEAVE_SECONDS = 0.25
# A question must not take a key that was meant for the program.
ASK_SECONDS = 0.5
Clipboard = Literal["allow", "ask", "deny"]
# Keys that, typed after `ctrl+]`, are about the terminal: they do not lead away from it first.
_ABOUT_US = {
    key: actions.BY_ID[name].name
    for name in (
        "terminal.record",
        "app.look-back",
        "app.new-terminal",
        "app.next-terminal",
        "app.previous-terminal",
        "app.close-terminal",
        "app.zoom",
    )
    for key in actions.BY_ID[name].keys.split(",")
}


class Typing(LookingBack):
    """Base of the Terminal pane: every key is the program's, but the one that leaves and the answer to a question."""

    # Priority, because the action must work while `check_consume_key` keeps every other key for the program.
    BINDINGS = [replace(binding, priority=True) for binding in actions.bindings("terminal")]

    class Left(Message, namespace="terminal_pane"):
        """The person wants out: focus something else."""

    class Asked(Message, namespace="terminal_pane"):
        """A key about the terminal was typed after `ctrl+]`: do this action of the table."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def __init__(self, clipboard: Clipboard, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._clipboard = clipboard
        self._session: Session | None = None
        self._leaving: Timer | None = None
        self._left = False
        self._asked_at = 0.0  # loop time since which the question about the clipboard is seen; 0: it is not

    def tell(self) -> None:
        """Say how it is, where that changed."""
        raise NotImplementedError

    def again(self, session: Session) -> None:
        """The person wants a session that was lost or ended back."""
        raise NotImplementedError

    @property
    def state(self) -> State | None:
        """How its connection is."""
        return self._session.state if self._session else None

    # Keys

    @property
    def captures_keys(self) -> bool:
        """Whether keys belong to the program: not while there is none, nor once a leave was begun."""
        if self.looking_back or self._leaving is not None or self._left:
            return False
        return self.state not in (None, State.ENDED)

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Takes every key from the bindings of whatever is around the pane, priority ones too."""
        return self.captures_keys

    def on_key(self, event: events.Key) -> None:
        """To the program, but for answers to a question, and the scrollback's keys."""
        if self.searching:
            if event.key == "escape":
                event.stop()
                self._close_search()
            return
        if self._leaving is not None and event.key in _ABOUT_US:
            event.stop()
            event.prevent_default()
            self._stop_leaving()
            self.post_message(self.Asked(_ABOUT_US[event.key]))
            return
        if self.looking_back and not (event.key in KEYS or self.is_for_all(event.key)):
            event.stop()
            event.prevent_default()
            return
        if self._leaving is not None:
            self._leave()  # typed after `ctrl+]`: meant for where the person goes
        if self._left:
            return
        session = self._session
        if session is None:
            return
        if event.key == "enter" and session.state in (State.LOST, State.ENDED):
            event.stop()
            self.again(session)
        elif self.captures_keys:
            event.stop()
            event.prevent_default()
            if event.key in ("y", "n") and self.asking:
                self._answer(session, yes=event.key == "y")
            else:
                self._type(session, event)

    def _type(self, session: Session, event: events.Key) -> None:
        modes = session.modes
        if event.key in ("shift+pageup", "shift+pagedown") and not modes.alternate_screen:
            page = max(1, session.core.rows - 1)
            self._screen.scroll_view(-page if event.key == "shift+pageup" else page)
            return
        data = encode_key(event.key, event.character, modes)
        if data:
            self._screen.scroll_to_live()
            session.send(data)

    def on_paste(self, event: events.Paste) -> None:
        """Bracketed where the program asked for it."""
        if self._session is not None and self.captures_keys:
            event.stop()
            self._screen.scroll_to_live()
            self._session.send(encode_paste(event.text, self._session.modes))

    # The clipboard

    def mind_copies(self, session: Session) -> None:
        """Copy what the program asked to, forget it, or ask (`_notice_text` does, while it is not answered)."""
        may = {"allow": True, "ask": session.may_copy, "deny": False}[self._clipboard]
        if session.copied and may is not None:
            if may:
                self.app.copy_to_clipboard(session.copied)
            session.copied = ""

    @property
    def asking(self) -> bool:
        """Whether `y` and `n` answer a question, once it has been there long enough to be seen."""
        return bool(self._asked_at) and asyncio.get_running_loop().time() - self._asked_at >= ASK_SECONDS

    def ask_whether(self, question: bool) -> None:
        """A question is shown from now on, or none is."""
        if question is not bool(self._asked_at):
            self._asked_at = asyncio.get_running_loop().time() if question else 0.0

    def _answer(self, session: Session, *, yes: bool) -> None:
        session.may_copy = yes
        self.mind_copies(session)
        self.tell()

    # Leaving

    def action_leave(self) -> None:
        """Once: leave, unless a second one follows at once, which sends the key to the program."""
        if self._leaving is not None:
            self._stop_leaving()
            if self._session is not None:
                self._session.send(encode_key("ctrl+right_square_bracket", "\x1d", self._session.modes))
        elif self.looking_back:
            self.action_done()
            self._leave()
        elif self.captures_keys:
            self._leaving = self.set_timer(LEAVE_SECONDS, self._leave)
            self.tell()
        else:
            self._leave()

    def _stop_leaving(self) -> None:
        if self._leaving is not None:
            self._leaving.stop()
            self._leaving = None
            self.tell()

    def _leave(self) -> None:
        self._stop_leaving()
        # Until the focus has moved, keys are the app's. Should it stay, they are the program's again.
        self._left = True
        self.set_timer(LEAVE_SECONDS, self._stay)
        self.post_message(self.Left())

    def _stay(self) -> None:
        self._left = False

    # Focus and mouse

    def on_focus(self) -> None:
        """A solid cursor, and word to the program."""
        self._screen.active = self.state is State.OPEN
        self._focus_report(True)

    def on_blur(self) -> None:
        """A hollow cursor, and word to the program."""
        self._stop_leaving()
        self._left = False
        self._screen.active = False
        self._focus_report(False)

    def _focus_report(self, focused: bool) -> None:
        if self._session is not None and self._session.state is State.OPEN:
            self._session.send(encode_focus(focused, self._session.modes))

    def on_terminal_screen_input(self, event: TerminalScreen.Input) -> None:
        """What the mouse says."""
        event.stop()
        if self._session is not None:
            self._session.send(event.data)

    def on_terminal_screen_selected(self, event: TerminalScreen.Selected) -> None:
        """Marked is copied, as terminals do."""
        event.stop()
        self.app.copy_to_clipboard(event.text)

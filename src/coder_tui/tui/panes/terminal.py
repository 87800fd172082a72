"""The Terminal pane: a program elsewhere, in this window. Every key is the program's, but the one that leaves."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import replace
from uuid import uuid4

from rich.text import Text
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static
from textual.worker import Worker

from coder_tui.feeds.source import PtyTarget
from coder_tui.terminal.core import core_name
from coder_tui.tui.panes import terminal_record
from coder_tui.tui.panes import terminal_words as words
from coder_tui.tui.panes.terminal_keys import Clipboard, Typing
from coder_tui.tui.panes.terminal_session import PtySource, Session, State
from coder_tui.tui.panes.terminal_tabs import Tabs
from coder_tui.tui.widgets.screen import TerminalScreen

__all__ = ["Clipboard", "TerminalPane"]

MAX_SESSIONS = 8
# Sizes while a border is dragged are not worth a SIGWINCH each.
_RESIZE_SECONDS = 0.05
_WARM_SECONDS = 1
_UNSIZED = (80, 24)


class TerminalPane(Typing, can_focus=True):
    """Shows one attached terminal; those shown before stay attached in the background, the oldest given up.

    `clipboard` is what programs may do to it (OSC 52): copy always, once the person said so for that terminal, or
    never. They never read it.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    TerminalPane { width: 1fr; height: 1fr; border: solid $panel; layers: screen notice; }
    TerminalPane:focus, TerminalPane:focus-within { border: solid $primary; }
    TerminalPane > TerminalScreen { layer: screen; }
    TerminalPane > #terminal-notice {
        layer: notice; dock: bottom; height: auto; padding: 0 1; background: $panel; color: $foreground;
    }
    TerminalPane > #terminal-search { layer: notice; dock: bottom; }
    TerminalPane > #terminal-notice.-alarm { color: $warning; }
    TerminalPane > #terminal-notice.-alone { height: 100%; content-align: center middle; background: transparent; }
    """

    class OtherKeys(Message):
        """Other keys hold now: one looks back, or no more; a program takes them, or no more."""

    class NewShell(Message):
        """A session ended and the person asked for another: the pane attached `target`, of a new reconnect token."""

        def __init__(self, target: PtyTarget, old: PtyTarget) -> None:
            super().__init__()
            self.target, self.old = target, old

    def __init__(self, source: PtySource, *, clipboard: Clipboard = "ask", id: str | None = None) -> None:
        super().__init__(clipboard, id=id)
        self._source = source
        self._tabs = Tabs(source)
        self._sessions: OrderedDict[str, tuple[Session, Worker[None]]] = OrderedDict()
        self._notice = Static(id="terminal-notice")
        self._resizing: Timer | None = None
        self._countdown: Timer | None = None
        self._told: tuple[object, ...] = ()
        self._hovered = ""
        self._holding: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        """The screen, and a notice over its lower edge."""
        yield from super().compose()
        yield self._notice

    def on_mount(self) -> None:
        """Say what to do, and have the emulator's library loaded by the time it is needed."""
        super().on_mount()
        self._countdown = self.set_interval(1, self.tell, pause=True)
        self.set_timer(_WARM_SECONDS, self._warm)
        self.tell()

    def _warm(self) -> None:
        # A tenth of a second: too much for the loop, and not before the first frame.
        self.run_worker(core_name, name="load terminal core", group="terminal", thread=True, exit_on_error=False)

    # Sessions

    @property
    def target(self) -> PtyTarget | None:
        """What is attached and shown."""
        return self._session.target if self._session else None

    @property
    def tabs(self) -> list[PtyTarget]:
        """The terminals of the agent on show, also those that are not attached."""
        return list(self._tabs.targets)

    def attach(self, target: PtyTarget, *, fresh: bool = False) -> None:
        """Show this terminal, attaching it unless it already is. Others stay attached (at most eight in all).

        `fresh` says that its reconnect token is a new one.
        """
        shown = self._session
        if shown is not None and shown.target.reconnect != target.reconnect and shown.over:
            self._tabs.remove(shown.target)
        entry = self._sessions.get(target.reconnect)
        if entry is None or entry[0].state is State.ENDED:
            if entry is not None:
                entry[1].cancel()
            size = self._screen.size if self._screen.size.area else _UNSIZED
            session = Session(self._source, target, *size, self._on_change, fresh=fresh)
            name = f"pty {target.title}"
            worker = self.run_worker(self._run(session), name=name, group="stream:pty", exit_on_error=False)
            entry = self._sessions[target.reconnect] = (session, worker)
        self._sessions.move_to_end(target.reconnect)
        while len(self._sessions) > MAX_SESSIONS:
            self._drop(next(iter(self._sessions)))
        self._focus_report(False)
        self.action_done()
        self._session = session = entry[0]
        self._tabs.show(session.target)
        self._screen.show(session.core, session.core_lock)
        if self._screen.size.area:
            self._fit()
        self._focus_report(self.has_focus)
        self.mind_copies(session)
        self.tell()

    async def _run(self, session: Session) -> None:
        # Being shown may change the pane's size, and a program should be told the right one first. By the first of two
        # refreshes the screen knows of the change, by the second it is made.
        for _ in range(2):
            refreshed = asyncio.Event()
            self.call_after_refresh(refreshed.set)
            await refreshed.wait()
        if session is self._session:
            self._fit()
            session.tell_size()
        await session.run()

    def next_tab(self, step: int) -> None:
        """Show another terminal of this agent."""
        target = self._tabs.beside(self._session.target, step) if self._session else None
        if target is not None:
            self.attach(target)

    def close_tab(self) -> None:
        """Let go of what is shown and remember it no more; the tab beside it is shown, if there is one."""
        session = self._session
        if session is None:
            return
        beside = self._tabs.beside(session.target, -1)
        self._tabs.remove(session.target)
        self.detach()
        if beside is not None:
            self.attach(beside)
        if session.state is not State.ENDED:
            self.notify(f"Closed {session.target.title}: its program ends in five minutes.", markup=False, timeout=4)

    def detach(self) -> None:
        """Let go of what is shown. The program lives on."""
        self.action_done()
        if self._session is not None:
            self._drop(self._session.target.reconnect)
        self._session = None
        self._screen.show(None)
        self.tell()

    def _drop(self, reconnect: str) -> None:
        self._sessions.pop(reconnect)[1].cancel()  # closes its stream

    def _on_change(self, session: Session) -> None:
        terminal_record.mind(session, self.notify)
        if session.over:
            self._tabs.ended(session.target)
            if session is not self._session:
                self._tabs.remove(session.target)
        if session is self._session:
            self.mind_copies(session)
            self._screen.changed()
        self.tell()

    def on_terminal_screen_crashed(self, event: TerminalScreen.Crashed) -> None:
        """The emulator broke while it was painted: its terminal ends, and says so."""
        event.stop()
        for session, worker in self._sessions.values():
            if session.core is event.core:
                session.crash(event.error)
                worker.cancel()
                self._on_change(session)

    def again(self, session: Session) -> None:
        """Try at once; where it ended, in a new shell."""
        if session.state is State.LOST:
            session.retry_now()
            self.tell()
        elif session.failed:
            self.attach(session.target)
        else:
            target = replace(session.target, reconnect=str(uuid4()))
            self._drop(session.target.reconnect)
            self._session = None
            self._tabs.replace(session.target, target)
            self.attach(target, fresh=True)
            self.post_message(self.NewShell(target, session.target))

    # Recording

    def record(self) -> None:
        """Record what is shown into a file, from now on; or stop that."""
        if self._session is not None:
            terminal_record.toggle(self._session, self.notify)
            self._screen.repaint()
            self.tell()

    # What it says around and over the screen

    def mind_look(self) -> None:
        """Say where one looks."""
        self._hovered = self._screen.link_at_spot()
        self.tell()

    def on_terminal_screen_scrolled(self, event: TerminalScreen.Scrolled) -> None:
        """Say how far back."""
        event.stop()
        self.tell()

    def on_terminal_screen_link(self, event: TerminalScreen.Link) -> None:
        """Show where a hyperlink leads, before anybody follows it."""
        event.stop()
        self._hovered = event.uri
        if event.opened:
            self.post_message(self.LinkAsked(event.uri))
        self.tell()

    def tell(self) -> None:
        """In the border and the notice, where anything of it changed."""
        session = self._session
        state = session.state if session else None
        question = bool(session and session.copied and state is State.OPEN)
        self.ask_whether(question)
        where = words.Where(self._hovered, self.looking_back, self.found_text(), self._screen.lines_back)
        # Asked after every piece of output: texts are only made where something of this differs.
        told = (words.fingerprint(session), where, self._tabs.targets, self._leaving, self.has_focus, self.outer_size)
        if told == self._told:
            return
        self._told = told
        holding = self.looking_back, state in (None, State.ENDED)
        if holding != self._holding:
            self._holding = holding
            self.post_message(self.OtherKeys())
        width = self.outer_size.width
        self.border_title = words.title(session, self._tabs, width, leaving=self._leaving is not None)
        self.border_subtitle = Content(words.subtitle(session, where, width))
        notice = words.notice(session)
        self._notice.display = bool(notice)
        self._notice.update(Text(notice))
        self._notice.set_class(state is State.LOST or question, "-alarm")
        self._notice.set_class(session is None, "-alone")
        self._screen.set_class(state in (State.LOST, State.ENDED), "-stale")
        self._screen.active = self.has_focus and state is State.OPEN
        if self._countdown is not None:
            if state is State.LOST:
                self._countdown.resume()
            else:
                self._countdown.pause()

    # Size

    def on_terminal_screen_resized(self, event: TerminalScreen.Resized) -> None:
        """The emulator follows at once, and so does the program, but while the size changes on and on."""
        event.stop()
        self._fit()

    def _fit(self) -> None:
        if self._session is None:
            return
        size = self._screen.size
        self._session.resize(size.width, size.height)
        self._screen.repaint()
        if self._resizing is None:
            # At once, as a terminal would: until it knows, the program writes for a size that is no more.
            self._session.tell_size()
        else:
            self._resizing.stop()
        self._resizing = self.set_timer(_RESIZE_SECONDS, self._tell_size)
        self.tell()

    def _tell_size(self) -> None:
        self._resizing = None
        if self._session is not None:
            self._session.tell_size()

"""The Terminal pane: a program elsewhere, in this window. Every key is the program's, but the one that leaves."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from uuid import uuid4

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static
from textual.worker import Worker

from coder_tui.feeds.source import PtyTarget
from coder_tui.terminal.core import Modes, core_name
from coder_tui.terminal.keys import encode_focus, encode_key, encode_paste
from coder_tui.tui import actions
from coder_tui.tui.panes.terminal_session import PtySource, Session, State
from coder_tui.tui.widgets.screen import TerminalScreen

MAX_SESSIONS = 8
# Sizes while a border is dragged are not worth a SIGWINCH each.
_RESIZE_SECONDS = 0.05
# How long `ctrl+]` waits for a second one, which would send it.
LEAVE_SECONDS = 0.25
_TITLE_LENGTH = 60
_WARM_SECONDS = 1
_UNSIZED = (80, 24)


class TerminalPane(Widget, can_focus=True):
    """Shows one attached terminal; those shown before stay attached in the background, the oldest given up."""

    # Priority, because the action must work while `check_consume_key` keeps every other key for the program.
    BINDINGS = [replace(binding, priority=True) for binding in actions.bindings("terminal")]
    ALLOW_SELECT = False
    DEFAULT_CSS = """
    TerminalPane { width: 1fr; height: 1fr; border: solid $panel; layers: screen notice; }
    TerminalPane:focus { border: solid $primary; }
    TerminalPane > TerminalScreen { layer: screen; }
    TerminalPane > #terminal-notice {
        layer: notice; dock: bottom; height: auto; padding: 0 1; background: $panel; color: $foreground;
    }
    TerminalPane > #terminal-notice.-alarm { color: $warning; }
    TerminalPane > #terminal-notice.-alone { height: 100%; content-align: center middle; background: transparent; }
    """

    class Left(Message):
        """The person wants out: focus something else."""

    class NewShell(Message):
        """A session ended and the person asked for another: the pane attached `target`, of a new reconnect token."""

        def __init__(self, target: PtyTarget) -> None:
            super().__init__()
            self.target = target

    def __init__(self, source: PtySource, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._source = source
        self._sessions: OrderedDict[str, tuple[Session, Worker[None]]] = OrderedDict()
        self._session: Session | None = None
        self._screen = TerminalScreen()
        self._notice = Static(id="terminal-notice")
        self._leaving: Timer | None = None
        self._left = False
        self._resizing: Timer | None = None
        self._countdown: Timer | None = None
        self._told: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        """The screen, and a notice over its lower edge."""
        yield self._screen
        yield self._notice

    def on_mount(self) -> None:
        """Say what to do, and have the emulator's library loaded by the time it is needed."""
        self._countdown = self.set_interval(1, self._tell, pause=True)
        self.set_timer(_WARM_SECONDS, self._warm)
        self._tell()

    def _warm(self) -> None:
        # A tenth of a second: too much for the loop, and not before the first frame.
        self.run_worker(core_name, name="load terminal core", group="terminal", thread=True, exit_on_error=False)

    # Sessions

    @property
    def target(self) -> PtyTarget | None:
        """What is attached and shown."""
        return self._session.target if self._session else None

    @property
    def state(self) -> State | None:
        """How its connection is."""
        return self._session.state if self._session else None

    @property
    def screen_widget(self) -> TerminalScreen:
        """The painted screen."""
        return self._screen

    def attach(self, target: PtyTarget) -> None:
        """Show this terminal, attaching it unless it already is. Others stay attached (at most eight in all)."""
        entry = self._sessions.get(target.reconnect)
        if entry is None or entry[0].state is State.ENDED:
            size = self._screen.size
            session = Session(self._source, target, *(size if size.area else _UNSIZED), self._on_change)
            name = f"pty {target.title}"
            worker = self.run_worker(session.run(), name=name, group="stream:pty", exit_on_error=False)
            entry = self._sessions[target.reconnect] = (session, worker)
        self._sessions.move_to_end(target.reconnect)
        while len(self._sessions) > MAX_SESSIONS:
            self._drop(next(iter(self._sessions)))
        self._focus_report(False)
        self._session = session = entry[0]
        self._screen.show(session.core, session.core_lock)
        if self._screen.size.area:
            self._fit()
        self._focus_report(self.has_focus)
        self._tell()

    def detach(self) -> None:
        """Let go of what is shown. The program lives on."""
        if self._session is not None:
            self._drop(self._session.target.reconnect)
        self._session = None
        self._screen.show(None)
        self._tell()

    def _drop(self, reconnect: str) -> None:
        _, worker = self._sessions.pop(reconnect)
        worker.cancel()  # closes its stream

    def _on_change(self, session: Session) -> None:
        if session is self._session:
            self._screen.changed()
            self._tell()

    # What it says around and over the screen

    def _tell(self) -> None:
        session = self._session
        title = self._title(session)
        notice = self._notice_text(session)
        size = f"{session.core.columns}x{session.core.rows}" if session else ""
        told = (title, notice, size, self.state)
        if told == self._told:
            return
        self._told = told
        self.border_title = Content(title)
        self.border_subtitle = Content(size)
        self._notice.display = bool(notice)
        self._notice.update(Text(notice))
        state = session.state if session else None
        self._notice.set_class(state is State.LOST, "-alarm")
        self._notice.set_class(session is None, "-alone")
        self._screen.set_class(state in (State.LOST, State.ENDED), "-stale")
        self._screen.active = self.has_focus and state is State.OPEN
        if self._countdown is not None:
            if state is State.LOST:
                self._countdown.resume()
            else:
                self._countdown.pause()

    def _title(self, session: Session | None) -> str:
        if session is None:
            return "Terminal"
        parts = [session.target.title, session.title]
        name = " · ".join(part for part in dict.fromkeys(parts) if part)
        if len(name) > _TITLE_LENGTH:
            name = name[: _TITLE_LENGTH - 1] + "…"
        leave = actions.BY_ID["terminal.leave"].key_text
        return f"Terminal: {name} ({leave} {'again sends it' if self._leaving else 'leaves'})"

    @staticmethod
    def _notice_text(session: Session | None) -> str:
        if session is None:
            key = actions.BY_ID["app.terminal"].key_text
            return f"No terminal is attached. Press {key} on an agent to attach one."
        if session.state is State.CONNECTING:
            return f"Connecting to {session.target.title} ..."
        if session.state is State.LOST:
            left = session.seconds_left()
            when = f"Trying again in {left} s" if left else "Trying again now"
            return f"Connection lost{_because(session.why)}. {when}; enter tries at once."
        if session.state is State.ENDED:
            if session.failed:
                return f"Cannot attach{_because(session.why)}. Enter tries again."
            return f"The session ended{_because(session.why)}. Enter starts a new shell."
        return ""

    # Size

    def on_terminal_screen_resized(self, event: TerminalScreen.Resized) -> None:
        """The emulator follows at once, the program when the size has settled."""
        event.stop()
        self._fit()

    def _fit(self) -> None:
        if self._session is None:
            return
        size = self._screen.size
        self._session.resize(size.width, size.height)
        self._screen.repaint()
        if self._resizing is not None:
            self._resizing.stop()
        self._resizing = self.set_timer(_RESIZE_SECONDS, self._tell_size)
        self._tell()

    def _tell_size(self) -> None:
        self._resizing = None
        if self._session is not None:
            self._session.tell_size()

    # Keys

    @property
    def captures_keys(self) -> bool:
        """Whether keys belong to the program: not while there is none, nor once a leave was begun."""
        return self.state not in (None, State.ENDED) and self._leaving is None and not self._left

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Takes every key from the bindings of whatever is around the pane, priority ones too."""
        return self.captures_keys

    def on_key(self, event: events.Key) -> None:
        """To the program, but for the scrollback's keys."""
        if self._leaving is not None:
            self._leave()  # typed after `ctrl+]`: meant for where the person goes
        if self._left:
            return
        session = self._session
        if session is None:
            return
        if event.key == "enter" and session.state in (State.LOST, State.ENDED):
            event.stop()
            self._again(session)
        elif self.captures_keys:
            event.stop()
            event.prevent_default()
            self._type(session, event)

    def _type(self, session: Session, event: events.Key) -> None:
        modes = self._modes(session)
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
            self._session.send(encode_paste(event.text, self._modes(self._session)))

    def _again(self, session: Session) -> None:
        if session.state is State.LOST:
            session.retry_now()
            self._tell()
        elif session.failed:
            self.attach(session.target)
        else:
            target = replace(session.target, reconnect=str(uuid4()))
            self._drop(session.target.reconnect)
            self.attach(target)
            self.post_message(self.NewShell(target))

    @staticmethod
    def _modes(session: Session) -> Modes:
        with session.core_lock:
            return session.core.modes

    # Leaving

    def action_leave(self) -> None:
        """Once: leave, unless a second one follows at once, which sends the key to the program."""
        if self._leaving is not None:
            self._stop_leaving()
            if self._session is not None:
                self._session.send(b"\x1d")
        elif self.captures_keys:
            self._leaving = self.set_timer(LEAVE_SECONDS, self._leave)
            self._tell()
        else:
            self._leave()

    def _stop_leaving(self) -> None:
        if self._leaving is not None:
            self._leaving.stop()
            self._leaving = None
            self._tell()

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
            self._session.send(encode_focus(focused, self._modes(self._session)))

    def on_terminal_screen_input(self, event: TerminalScreen.Input) -> None:
        """What the mouse says."""
        event.stop()
        if self._session is not None:
            self._session.send(event.data)

    def on_terminal_screen_selected(self, event: TerminalScreen.Selected) -> None:
        """Marked is copied, as terminals do."""
        event.stop()
        self.app.copy_to_clipboard(event.text)


def _because(why: str) -> str:
    return f": {why.rstrip('.')}" if why else ""

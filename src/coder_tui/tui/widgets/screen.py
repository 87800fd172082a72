"""The screen of a terminal core, with mouse, scrollback and selection."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import events
from textual.message import Message

from coder_tui.terminal.core import Match, Modes, MouseTracking, Point, TerminalCore
from coder_tui.terminal.keys import Action, Button, encode_mouse, encode_wheel_as_arrows
from coder_tui.terminal.turns import Turns
from coder_tui.tui.widgets.cells import split
from coder_tui.tui.widgets.lookback import LookBack
from coder_tui.tui.widgets.painted import PaintedCore

_WHEEL_ROWS = 3
_BUTTONS: dict[int, Button] = {0: "none", 1: "left", 2: "middle", 3: "right"}


class TerminalScreen(PaintedCore):
    """What the person does with the mouse goes to the program that asked for it, and else moves and marks here."""

    DEFAULT_CSS = """
    TerminalScreen { width: 1fr; height: 1fr; }
    TerminalScreen.-stale { text-opacity: 50%; }
    """
    ALLOW_SELECT = False

    class Input(Message):
        """The mouse has something to say to the program."""

        def __init__(self, data: bytes) -> None:
            super().__init__()
            self.data = data

    class Selected(Message):
        """The person marked this text with the mouse."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Scrolled(Message):
        """The view is elsewhere in the history."""

    class Link(Message):
        """The mouse is over a hyperlink (OSC 8) or left it (empty); `opened` if the person asked to open it.

        The target is what the program wrote: judge it before anything is done with it.
        """

        def __init__(self, uri: str, *, opened: bool = False) -> None:
            super().__init__()
            self.uri, self.opened = uri, opened

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._anchor: Point | None = None
        self._pressed: Button = "none"
        self._told_at = (-1, -1)  # the cell the program heard of last
        self._link = ""

    def show(self, core: TerminalCore | None, lock: Turns | None = None) -> None:
        """Show another core (or none), which is fed under `lock`."""
        self._anchor = None
        self._hover("")
        super().show(core, lock)
        # Its view may be back in the history, from when it was shown last.
        self.lines_back = self.ask(lambda core: core.scrollback.offset, 0)

    # Scrollback

    def scroll_view(self, rows: int) -> None:
        """Look `rows` further down (negative: up) the history."""
        self._in_core(lambda core: core.scroll(rows))

    def scroll_to_live(self) -> None:
        """Back to where the program writes."""
        if self.lines_back:
            self._in_core(lambda core: core.scroll_to_bottom())

    def _in_core(self, move: Callable[[TerminalCore], None]) -> None:
        def work(core: TerminalCore) -> int:
            move(core)
            if self.look is not None:
                self.look.scrolled()
            return core.scrollback.offset

        self.lines_back = self.ask(work, 0)
        self.repaint()
        self.post_message(self.Scrolled())

    # Looking back

    def look_back(self) -> None:
        """Begin to look back, where the program's cursor is."""
        if self.look is None:
            self.selection = None
            self.look = self.ask(LookBack, None)
            self.look_at(LookBack.follow)

    def look_no_more(self) -> None:
        """Back to the live screen."""
        if self.look is not None:
            self.look = self.selection = None
            self._in_core(lambda core: core.scroll_to_bottom())

    def look_at(self, move: Callable[[LookBack], None]) -> None:
        """Move the spot, or what is marked from it."""
        look = self.look
        if look is None:
            return

        def work(core: TerminalCore) -> int:
            move(look)
            self.selection = look.selection
            return core.scrollback.offset

        self.lines_back = self.ask(work, 0)
        self.repaint()
        self.post_message(self.Scrolled())

    def find(self, needle: str) -> Sequence[Match]:
        """Where a text stands in the history; may be called in a thread."""
        return self.ask(lambda core: core.find(needle), ())

    def link_at_spot(self) -> str:
        """The hyperlink under the spot."""
        return self.link_at(self.look.spot[1], self.look.spot[0] - self.top) if self.look else ""

    def link_at(self, x: int, y: int) -> str:
        """The hyperlink at a cell of the view, as the program wrote it."""
        core = self._core
        if core is None or not (0 <= y < core.rows and 0 <= x < core.columns):
            return ""
        _, rest = split(core.row(y), x)
        return rest[0].style.link if rest else ""

    # Mouse

    def _report(self, event: events.MouseEvent, modes: Modes, button: Button, action: Action) -> None:
        x, y = max(0, event.x), max(0, event.y)
        if action == "move" and self._told_at == (y, x):
            return  # motion is told by the cell
        self._told_at = (y, x)
        data = encode_mouse(button, action, x, y, modes, alt=event.meta, ctrl=event.ctrl)
        if data:
            self.post_message(self.Input(data))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """A press belongs to the program if it asked for the mouse; shift keeps it here."""
        modes = self.modes()
        if event.ctrl and event.button == 1 and (uri := self.link_at(event.x, event.y)):
            self.post_message(self.Link(uri, opened=True))
            return
        self.capture_mouse()
        if self.look is None and modes.mouse is not MouseTracking.NONE and not event.shift:
            self._pressed = _BUTTONS.get(event.button, "none")
            self._report(event, modes, self._pressed, "press")
        elif event.button == 1:
            self._anchor, self.selecting = (self.top + event.y, event.x), True
            self._select(None)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Drag a selection, or tell the program."""
        if self._anchor is not None:
            here = (self.top + min(max(0, event.y), self.size.height - 1), min(max(0, event.x), self.size.width))
            self._select((min(self._anchor, here), max(self._anchor, here)))
            return
        self._hover(self.link_at(event.x, event.y))
        modes = self.modes()
        if self.look is None and modes.mouse is not MouseTracking.NONE and not event.shift:
            self._report(event, modes, self._pressed, "move")

    def on_leave(self) -> None:
        """The mouse is elsewhere."""
        self._hover("")

    def _hover(self, uri: str) -> None:
        if uri != self._link:
            self._link = uri
            self.post_message(self.Link(uri))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """The selection is complete."""
        self.release_mouse()
        if self._anchor is not None:
            self._anchor, self.selecting = None, False
            text = self.selected_text
            if text:
                self.post_message(self.Selected(text))
            return
        modes = self.modes()
        if self._pressed != "none" and modes.mouse is not MouseTracking.NONE:
            self._report(event, modes, self._pressed, "release")
        self._pressed = "none"

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """See `_wheel`."""
        self._wheel(event, up=True)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """See `_wheel`."""
        self._wheel(event, up=False)

    def _wheel(self, event: events.MouseEvent, *, up: bool) -> None:
        """To the program if it tracks the mouse, as arrows on the alternate screen, else through the history."""
        event.stop()
        modes = self.modes()
        if self.look is not None:
            self.scroll_view(-_WHEEL_ROWS if up else _WHEEL_ROWS)
        elif modes.mouse is not MouseTracking.NONE and not event.shift:
            self._report(event, modes, "wheel_up" if up else "wheel_down", "press")
        elif modes.alternate_screen:
            if modes.alternate_scroll:
                self.post_message(self.Input(encode_wheel_as_arrows(up, modes)))
        else:
            self.scroll_view(-_WHEEL_ROWS if up else _WHEEL_ROWS)

    # Selection, in absolute rows: it stays on its text, and ends where that changes.

    def _select(self, selection: tuple[Point, Point] | None) -> None:
        core = self._core
        if core is None or selection == self.selection:
            return
        rows = self.selected_rows()
        self.selection = selection
        self._chosen = self.ask(self._text, "")
        self._build(core, rows | self.selected_rows())

    def _selected_rows(self) -> set[int]:
        """The rows of the view with something selected."""
        if self.selection is None:
            return set()
        (top, _), (bottom, _) = self.selection
        return set(range(max(0, top - self.top), min(bottom - self.top, self.size.height - 1) + 1))

    def _text(self, core: TerminalCore) -> str:
        return core.text(*self.selection) if self.selection else ""

    @property
    def selected_text(self) -> str:
        """The marked text, without the blanks at line ends; empty if nothing is marked."""
        return self.ask(self._text, "")

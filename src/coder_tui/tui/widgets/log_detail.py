"""One log line in a window of its own: its words in full, JSON indented, logfmt as a list."""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from coder_tui.logs import ansi
from coder_tui.logs.buffer import LEVELS, LogBuffer
from coder_tui.logs.export import stamp
from coder_tui.logs.pretty import pretty
from coder_tui.tui.glyphs import glyphs

_LONGEST = 1 << 18  # bytes of the line that are shown


class LogDetail(ModalScreen[None]):
    """A line as it was when it was opened; escape, enter or q closes, y copies, left and right go to its neighbours."""

    BINDINGS = [
        Binding("escape,q,enter", "dismiss", "Close"),
        Binding("y", "copy", "Copy"),
        Binding("J,right,l", "step(1)", show=False),
        Binding("K,left,h", "step(-1)", show=False),
        Binding("j,down", "scroll(1)", show=False),
        Binding("k,up", "scroll(-1)", show=False),
        Binding("ctrl+d,pagedown,space", "scroll(10)", show=False),
        Binding("ctrl+u,pageup", "scroll(-10)", show=False),
    ]

    def __init__(self, buffer: LogBuffer, number: int, step: Callable[[int], int]) -> None:
        """`step` makes the next (1) or previous (-1) line the current one and tells its number."""
        super().__init__()
        self._buffer, self._number, self._step = buffer, number, step
        self._lines: list[str] = []

    def compose(self) -> ComposeResult:
        """One scrolling dialog."""
        with VerticalScroll(classes="dialog", id="log-line"):
            yield Static("", markup=False)

    def on_mount(self) -> None:
        """Show it."""
        line = self._buffer.line(self._number, _LONGEST)
        self._lines = [ansi.plain(row) for row in pretty(ansi.words(line.text))]
        text = Text("\n".join(self._lines))
        if line.omitted:
            text.append(f"\n{glyphs().ellipsis} {line.omitted:,} bytes more", "dim")
        self.query_one(Static).update(text)
        dialog, dot = self.query_one("#log-line"), f" {glyphs().dot} "
        dialog.scroll_home(animate=False)
        at = stamp(line.at) if line.at else ""  # lines of a file have no time of their own
        parts = (at, LEVELS[line.level], ansi.plain(self._buffer.name_of(line.source_id)))
        dialog.border_title = Content(dot.join(filter(None, parts)))
        dialog.border_subtitle = Content(f"← → lines{dot}y copies{dot}esc closes")

    def action_step(self, direction: int) -> None:
        """Show the line before or after it."""
        number = self._step(direction)
        if number >= 0:
            self._number = number
            self.on_mount()

    def action_copy(self) -> None:
        """Copy what is shown."""
        self.app.copy_to_clipboard("\n".join(self._lines))
        self.app.notify("Copied the line.", markup=False, timeout=3)

    def action_scroll(self, lines: int) -> None:
        """Scroll by lines."""
        self.query_one("#log-line").scroll_relative(y=lines, animate=False)

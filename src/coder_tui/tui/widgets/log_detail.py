"""One log line in a window of its own: its words in full, JSON indented, logfmt as a list."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from coder_tui.logs import ansi
from coder_tui.logs.buffer import LEVELS, LogBuffer, LogView
from coder_tui.logs.export import stamp
from coder_tui.logs.pretty import pretty
from coder_tui.tui.glyphs import glyphs

_LONGEST = 1 << 18  # bytes of the line that are shown


class LogDetail(ModalScreen[None]):
    """A line as it was when it was opened; escape, enter or q closes, y copies."""

    BINDINGS = [
        Binding("escape,q,enter", "dismiss", "Close"),
        Binding("y", "copy", "Copy"),
        Binding("j,down", "scroll(1)", show=False),
        Binding("k,up", "scroll(-1)", show=False),
        Binding("ctrl+d,pagedown,space", "scroll(10)", show=False),
        Binding("ctrl+u,pageup", "scroll(-10)", show=False),
    ]

    def __init__(self, buffer: LogBuffer, number: int) -> None:
        super().__init__()
        self._line: LogView = buffer.line(number, _LONGEST)
        self._source = ansi.plain(buffer.name_of(self._line.source_id))
        self._lines = [ansi.plain(line) for line in pretty(ansi.words(self._line.text))]

    def compose(self) -> ComposeResult:
        """One scrolling dialog."""
        text = Text("\n".join(self._lines))
        if self._line.omitted:
            text.append(f"\n{glyphs().ellipsis} {self._line.omitted:,} bytes more", "dim")
        with VerticalScroll(classes="dialog", id="log-line"):
            yield Static(text, markup=False)

    def on_mount(self) -> None:
        """Name it."""
        dialog, dot = self.query_one("#log-line"), f" {glyphs().dot} "
        parts = (stamp(self._line.at), LEVELS[self._line.level], self._source)
        dialog.border_title = Content(dot.join(filter(None, parts)))
        dialog.border_subtitle = Content(f"y copies{dot}esc closes")

    def action_copy(self) -> None:
        """Copy what is shown."""
        self.app.copy_to_clipboard("\n".join(self._lines))
        self.app.notify("Copied the line.", markup=False, timeout=3)

    def action_scroll(self, lines: int) -> None:
        """Scroll by lines."""
        self.query_one("#log-line").scroll_relative(y=lines, animate=False)

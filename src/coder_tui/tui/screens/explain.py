"""Why a row is in its state: the evidence, its source and age, as `fleet.explain` gives it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from coder_tui.fleet.snapshot import Row
from coder_tui.text import one_line
from coder_tui.tui.glyphs import glyphs
from coder_tui.tui.paint import Voices
from coder_tui.tui.states import of_row, path_of


class ExplainScreen(ModalScreen[None]):
    """One explanation, made when it was asked for: it does not change under the reader's eyes."""

    BINDINGS = [
        Binding("escape,q,e,enter", "dismiss", "Close"),
        Binding("j,down", "scroll(1)", show=False),
        Binding("k,up", "scroll(-1)", show=False),
        Binding("ctrl+d,pagedown,space", "scroll(10)", show=False),
        Binding("ctrl+u,pageup", "scroll(-10)", show=False),
    ]

    def __init__(self, row: Row, explanation: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._row, self._explanation = row, explanation

    def compose(self) -> ComposeResult:
        """One scrolling dialog."""
        with VerticalScroll(classes="dialog", id="explain"):
            yield Static(self._table(), markup=False)

    def on_mount(self) -> None:
        """Name it."""
        dialog = self.query_one("#explain")
        dialog.border_title = Content(f" {glyphs().dot} ".join(path_of(self._row)))
        dialog.border_subtitle = "esc closes"

    def _table(self) -> Table:
        voices, look, shapes = Voices(self.app.theme_variables), of_row(self._row), glyphs()
        table = Table.grid(padding=(0, 2, 0, 0), expand=True)
        table.add_column(no_wrap=True)
        table.add_column(ratio=1)
        for label, text in self._explanation:
            said = Text(one_line(text), voices["foreground"])
            if label == "state":
                said = Text(f"{shapes.of(look.shape)} {one_line(text)}", voices.bold(look.voice))
            elif label in ("message", "evidence") or (label == "reporter" and not text.startswith("healthy")):
                said.stylize(voices["bright"])
            table.add_row(Text(label, voices["muted"]), said)
        return table

    def action_scroll(self, lines: int) -> None:
        """Scroll by lines."""
        self.query_one("#explain").scroll_relative(y=lines, animate=False)

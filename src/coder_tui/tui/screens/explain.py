"""Why a row is in its state: what `fleet.explain` says, as one dialog."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static


class ExplainScreen(ModalScreen[None]):
    """Shows a text made by the caller."""

    BINDINGS = [
        Binding("escape,q,e,enter", "dismiss", "Close"),
        Binding("j,down", "scroll(1)", show=False),
        Binding("k,up", "scroll(-1)", show=False),
    ]

    def __init__(self, title: str, text: Text) -> None:
        super().__init__()
        self._title_text, self._text = title, text

    def compose(self) -> ComposeResult:
        """One scrolling dialog."""
        with VerticalScroll(classes="dialog", id="explain"):
            yield Static(self._text, markup=False)

    def on_mount(self) -> None:
        """Name it."""
        dialog = self.query_one("#explain")
        dialog.border_title = Content(self._title_text)
        dialog.border_subtitle = "esc closes"

    def action_scroll(self, lines: int) -> None:
        """Scroll by lines."""
        self.query_one("#explain").scroll_relative(y=lines, animate=False)

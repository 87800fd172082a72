"""Which columns the Agents pane has: each key of a small menu shows or hides one, at once."""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from coder_tui.tui.glyphs import glyphs
from coder_tui.tui.paint import Voices
from coder_tui.tui.panes.agents import COLUMNS

_WORDS = {
    "message": "what it said",
    "health": "the agent's life cycle, or what ails it",
    "deadline": "when its workspace stops",
    "template": "what the workspace was made from",
    "deployment": "where it runs",
}


class ColumnsScreen(ModalScreen[None]):
    """Calls `change` with the columns whenever they change."""

    BINDINGS = [
        Binding("escape,q,C,enter", "dismiss", "Close"),
        *(Binding(str(number), f"flip('{name}')", name) for number, name in enumerate(COLUMNS, 1)),
    ]

    def __init__(self, columns: tuple[str, ...], change: Callable[[tuple[str, ...]], None]) -> None:
        super().__init__()
        self._columns, self._change = columns, change

    def compose(self) -> ComposeResult:
        """One small dialog."""
        with Vertical(classes="dialog", id="columns"):
            yield Static(id="columns-text", markup=False)

    def on_mount(self) -> None:
        """Name it and offer the choices."""
        dialog = self.query_one("#columns")
        dialog.border_title, dialog.border_subtitle = "Columns, as far as there is room", "esc closes"
        self._show()

    def action_flip(self, name: str) -> None:
        """Show or hide one."""
        wanted = {*self._columns} ^ {name}
        self._columns = tuple(one for one in COLUMNS if one in wanted)
        self._change(self._columns)
        self._show()

    def _show(self) -> None:
        voices, shapes, text = Voices(self.app.theme_variables), glyphs(), Text()
        for number, name in enumerate(COLUMNS, 1):
            shown = name in self._columns
            text.append("\n" if number > 1 else "")
            text.append(f"  {number}  ", voices.bold("bright"))
            text.append(f"{shapes.check if shown else ' '} ", voices["done"])
            text.append(f"{name:<12}", voices["foreground" if shown else "muted"])
            text.append(_WORDS[name], voices["muted"])
        self.query_one("#columns-text", Static).update(text)

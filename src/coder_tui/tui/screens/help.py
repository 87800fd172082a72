"""Keys and what they do: made from the action table, those of the focused pane first."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from coder_tui.tui.actions import ACTIONS, Action
from coder_tui.tui.paint import Voices

_TITLES = {
    "app": "Everywhere",
    "list": "Lists",
    "fleet": "Needs you and Agents",
    "replay": "In a replay",
    "page": "Details, Ports, Containers, Network",
    "copy": "Looking back in the terminal",
}


def sections(scope: str, actions: Iterable[Action] = ACTIONS) -> list[tuple[str, list[Action]]]:
    """The table grouped by scope: the focused one first, then what works everywhere, then the rest."""
    groups: dict[str, list[Action]] = {}
    for action in actions:
        groups.setdefault(action.scope, []).append(action)
    order = sorted(groups, key=lambda name: (name != scope, name != "app"))
    return [(name, groups[name]) for name in order]


class HelpScreen(ModalScreen[None]):
    """The help; any of its own keys, or escape, closes it."""

    BINDINGS = [
        Binding("escape,q,question_mark", "dismiss", "Close"),
        Binding("j,down", "scroll(1)", show=False),
        Binding("k,up", "scroll(-1)", show=False),
        Binding("ctrl+d,pagedown,space", "scroll(10)", show=False),
        Binding("ctrl+u,pageup", "scroll(-10)", show=False),
    ]

    def __init__(self, scope: str, reason: Callable[[Action], str], actions: Iterable[Action] = ACTIONS) -> None:
        super().__init__()
        self._scope, self._reason, self._actions = scope, reason, tuple(actions)

    def compose(self) -> ComposeResult:
        """One scrolling dialog."""
        with VerticalScroll(classes="dialog", id="help"):
            yield Static(self._table(), markup=False)

    def on_mount(self) -> None:
        """Name it."""
        dialog = self.query_one("#help")
        dialog.border_title = "Keys"
        dialog.border_subtitle = "esc closes"

    def _table(self) -> Group:
        voices = Voices(self.app.theme_variables)
        width = max(cell_len(action.key_text) for action in ACTIONS) + 3
        parts: list[RenderableType] = []
        for name, actions in sections(self._scope, self._actions):
            title = _TITLES.get(name, name.capitalize()) + (" (here)" if name == self._scope != "app" else "")
            rows = Table.grid()
            rows.add_column(width=width + 2)
            rows.add_column()
            for action in actions:
                reason = self._reason(action) if action.scope == "app" else ""
                key = Text(f"  {action.key_text}", voices["faint"] if reason else voices.bold("bright"))
                rows.add_row(key, Text(action.help, voices["faint" if reason else "foreground"]))
                if reason:
                    rows.add_row("", Text(reason, voices["due"]))
            parts += [*([Text()] if parts else []), Text(title, voices.bold("accent")), rows]
        return Group(*parts)

    def action_scroll(self, lines: int) -> None:
        """Scroll by lines."""
        self.query_one("#help").scroll_relative(y=lines, animate=False)

"""Keys and what they do: made from the action table, those of the focused pane first."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rich.cells import cell_len
from rich.segment import Segment
from textual.app import ComposeResult
from textual.binding import Binding
from textual.geometry import Size
from textual.screen import ModalScreen

from coder_tui.tui.actions import ACTIONS, Action
from coder_tui.tui.paint import Voices, column, wrap
from coder_tui.tui.widgets.line_view import LineView

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
        self._lines = HelpLines(self._scope, self._reason, self._actions, Voices(self.app.theme_variables))
        yield self._lines

    def action_scroll(self, lines: int) -> None:
        """Scroll by lines."""
        self._lines.scroll(lines)


class HelpLines(LineView[list[Segment]]):
    """The table, laid out for a width: what is too long goes on under itself."""

    def __init__(self, scope: str, reason: Callable[[Action], str], actions: Iterable[Action], voices: Voices) -> None:
        super().__init__(id="help", classes="dialog")
        self.voices = voices
        self.border_title, self.border_subtitle = "Keys", "esc closes"
        self._parts = [
            (name, name == scope, [(action, reason(action) if action.scope == "app" else "") for action in some])
            for name, some in sections(scope, actions)
        ]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As high as its lines."""
        return len(self._laid_out(width))

    def on_resize(self) -> None:
        """Lay out anew."""
        self.items = self._laid_out(self.size.width)
        self._starts = list(range(len(self.items) + 1))
        self.scroll(0)
        self.refresh()

    def scroll(self, lines: int) -> None:
        """Scroll by lines, as far as there are some."""
        self._scroll(lines)

    def paint(self, index: int, line: int, width: int) -> list[Segment]:
        """As it was laid out."""
        return self.items[index]

    def _laid_out(self, width: int) -> list[list[Segment]]:
        voices, found = self.voices, list[list[Segment]]()
        first = max(cell_len(action.key_text) for action in ACTIONS) + 5
        room = max(1, width - first - 1)  # one for the scroll bar
        for name, here, actions in self._parts:
            title = _TITLES.get(name, name.capitalize()) + (" (here)" if here and name != "app" else "")
            found += [*([[]] if found else []), [Segment(title, voices.bold("accent"))]]
            for action, reason in actions:
                style = voices["faint"] if reason else voices.bold("bright")
                key = Segment(f"  {column(action.key_text, first - 2)}", style)
                for text in wrap(action.help, room, 9):
                    found.append([key, Segment(text, voices["faint" if reason else "foreground"])])
                    key = Segment(" " * first)
                if reason:
                    found += [[key, Segment(text, voices["due"])] for text in wrap(reason, room, 9)]
        return found

"""Start, stop or restart a workspace: choose, then say yes. Nothing here happens by one key."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from coder_tui.fleet.snapshot import Row
from coder_tui.text import one_line
from coder_tui.tui.paint import Voices
from coder_tui.tui.states import of_workspace

_CHOICES = (
    ("start", "s", "Start", "builds it and brings its agents up"),
    ("stop", "p", "Stop", "ends its agents and every terminal in it"),
    ("restart", "r", "Restart", "stops and starts it: terminals end, agents come back"),
)
_MOVING = frozenset({"starting", "stopping", "pending", "canceling", "deleting"})


def problem(transition: str, status: str) -> str:
    """Why a workspace with this build status cannot do `transition` now; empty when it can."""
    if status in _MOVING:
        return f"it is {status}"
    if transition == "start" and status == "running":
        return "it runs already"
    if transition in ("stop", "restart") and status in ("stopped", "deleted"):
        return f"it is {status}"
    return ""


class WorkspaceScreen(ModalScreen[str]):
    """Answers with `start`, `stop`, `restart`, or nothing."""

    BINDINGS = [
        Binding("escape,q,w", "back", "Back"),
        *(Binding(key, f"choose('{transition}')", label) for transition, key, label, _ in _CHOICES),
        Binding("y", "confirm", "Yes"),
        Binding("n", "back", "No"),
    ]

    def __init__(self, row: Row) -> None:
        super().__init__()
        self._row = row
        self._chosen = ""

    def compose(self) -> ComposeResult:
        """One small dialog."""
        with Vertical(classes="dialog", id="workspace"):
            yield Static(id="workspace-text", markup=False)

    def on_mount(self) -> None:
        """Name it and offer the choices."""
        dialog = self.query_one("#workspace")
        dialog.border_title = Content(f"Workspace {one_line(self._row.workspace.title)}")
        self._show()

    def _show(self) -> None:
        voices = Voices(self.app.theme_variables)
        text = Text()
        status = of_workspace(self._row.workspace).word
        text.append("It is ", voices["muted"]).append(status, voices.bold("bright"))
        text.append(f" on {one_line(self._row.workspace.deployment)}.\n\n", voices["muted"])
        if self._chosen:
            verb = next(label for transition, _, label, _ in _CHOICES if transition == self._chosen)
            effect = next(effect for transition, _, _, effect in _CHOICES if transition == self._chosen)
            text.append(f"{verb} {one_line(self._row.workspace.title)}? ", voices.bold("asks"))
            text.append(f"This {effect}.\n\n", voices["foreground"])
            text.append("  y", voices.bold("bright")).append("  yes\n", voices["foreground"])
            text.append("  n", voices.bold("bright")).append("  no", voices["foreground"])
        else:
            for index, (transition, key, label, effect) in enumerate(_CHOICES):
                why = problem(transition, status)
                text.append("\n" if index else "")
                text.append(f"  {key}  ", voices["faint"] if why else voices.bold("bright"))
                text.append(f"{label:<9}", voices["faint" if why else "foreground"])
                text.append(why or effect, voices["due" if why else "muted"])
        self.query_one("#workspace-text", Static).update(text)
        self.query_one("#workspace").border_subtitle = "esc goes back" if self._chosen else "esc closes"

    def action_choose(self, transition: str) -> None:
        """Ask whether it is meant."""
        if not self._chosen and not problem(transition, self._row.workspace.build_status):
            self._chosen = transition
            self._show()

    def action_confirm(self) -> None:
        """It is meant."""
        if self._chosen:
            self.dismiss(self._chosen)

    def action_back(self) -> None:
        """One step back."""
        if self._chosen:
            self._chosen = ""
            self._show()
        else:
            self.dismiss(None)

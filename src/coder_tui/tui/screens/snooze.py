"""For how long an alert is hushed: one key of a small menu."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from coder_tui.fleet.standing import tomorrow
from coder_tui.text import one_line
from coder_tui.tui.paint import Voices


@dataclass(frozen=True, slots=True)
class Snooze:
    """The answer: until when (None: until the app's next event), and the same in words."""

    until: datetime | None
    words: str


_SPANS = {"1": ("15m", timedelta(minutes=15)), "2": ("1h", timedelta(hours=1)), "3": ("4h", timedelta(hours=4))}
_CHOICES = (
    ("1", "15 minutes"),
    ("2", "1 hour"),
    ("3", "4 hours"),
    ("4", "until tomorrow, 08:00"),
    ("5", "until its next event"),
)


class SnoozeScreen(ModalScreen[Snooze]):
    """Answers with a `Snooze`, or nothing. `now` is aware."""

    BINDINGS = [
        Binding("escape,q,z", "dismiss", "Back"),
        *(Binding(key, f"choose('{key}')", words) for key, words in _CHOICES),
    ]

    def __init__(self, what: str, now: datetime) -> None:
        super().__init__()
        self._what, self._now = what, now

    def compose(self) -> ComposeResult:
        """One small dialog."""
        with Vertical(classes="dialog", id="snooze"):
            yield Static(id="snooze-text", markup=False)

    def on_mount(self) -> None:
        """Name it and offer the choices."""
        dialog, voices, text = self.query_one("#snooze"), Voices(self.app.theme_variables), Text()
        dialog.border_title = Content(f"Snooze {one_line(self._what)}")
        dialog.border_subtitle = "esc closes"
        for index, (key, words) in enumerate(_CHOICES):
            text.append("\n" if index else "")
            text.append(f"  {key}  ", voices.bold("bright")).append(words, voices["foreground"])
        self.query_one("#snooze-text", Static).update(text)

    def action_choose(self, key: str) -> None:
        """Answer."""
        if key in _SPANS:
            words, span = _SPANS[key]
            self.dismiss(Snooze(self._now + span, f"for {words}"))
        elif key == "4":
            self.dismiss(Snooze(tomorrow(self._now), "until tomorrow"))
        else:
            self.dismiss(Snooze(None, "until its next event"))

"""The line at the foot of the Logs pane: a filter, words to find, a moment, or a file name is typed in it."""

from __future__ import annotations

from dataclasses import dataclass

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input, Label


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked for. `live`: it works while it is typed, and stays until it is cleared."""

    name: str
    hint: str
    live: bool = False


FILTER = Ask("filter", "words  /regex/  !not  level>=warn  source:name", live=True)
FIND = Ask("find", "the same words as in a filter; n next, N previous", live=True)
TIME = Ask("go to", "14:02  14:02:11  2026-03-01 14:02  10m (ago)")
SAVE = Ask("save as", "file name")


class _Field(Input):
    value = reactive("", init=False)  # Textual's own two lay the whole screen out anew with every letter
    virtual_size = reactive(Size(0, 0))
    BINDINGS = [Binding("escape", "drop", "Clear", show=False)]

    def action_drop(self) -> None:
        """Escape belongs to the prompt."""
        if isinstance(self.parent, LogPrompt):
            self.parent.drop()


class LogPrompt(Horizontal):
    """Hidden until `ask`ed. What was typed last is kept for each live question."""

    DEFAULT_CSS = """
    LogPrompt {
        dock: bottom;
        height: 1;
        display: none;
        & > Label { padding: 0 0 0 1; color: $text-muted; }
        & > Input, & > Input:focus { border: none; height: 1; padding: 0 1; width: 1fr; }
        &.-invalid > Input, &.-invalid > Input:focus { color: $error; }
    }
    """

    class Changed(Message):
        """Another letter of a live question."""

        def __init__(self, ask: Ask, text: str) -> None:
            super().__init__()
            self.ask, self.text = ask, text

    class Answered(Message):
        """Enter."""

        def __init__(self, ask: Ask, text: str) -> None:
            super().__init__()
            self.ask, self.text = ask, text

    class Dropped(Message):
        """Escape. A live question is cleared."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = FILTER
        self._kept: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        """The question and the field."""
        yield Label("", markup=False)
        yield _Field(select_on_focus=False)

    @property
    def is_open(self) -> bool:
        """Whether something is being typed."""
        return self.display

    def ask(self, ask: Ask, text: str | None = None) -> None:
        """Open for a question, with `text` or what it was answered last in the field."""
        field = self.query_one(_Field)
        self.asked = ask
        self.query_one(Label).update(f"{ask.name}:")
        field.placeholder = ask.hint
        with self.prevent(Input.Changed):
            field.value = self._kept.get(ask.name, "") if text is None else text
        field.cursor_position = len(field.value)
        self.set_class(False, "-invalid")
        self.display = True
        self.screen.set_focus(field, scroll_visible=False)  # at once: the next key is already typed

    def close(self) -> None:
        """Hide it."""
        self.display = False

    def refuse(self, refused: bool) -> None:
        """Show that what stands there cannot be used, or that it can."""
        self.set_class(refused, "-invalid")

    def drop(self) -> None:
        """Escape: close, and clear what a live question did."""
        if self.asked.live:
            self.query_one(_Field).value = ""
            self._tell("")
        self.post_message(self.Dropped())

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell while it is typed."""
        event.stop()
        if self.asked.live:
            self._tell(event.value)
        else:
            self.refuse(False)

    def _tell(self, text: str) -> None:
        if self._kept.get(self.asked.name, "") != text:
            self._kept[self.asked.name] = text
            self.post_message(self.Changed(self.asked, text))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter."""
        event.stop()
        self.post_message(self.Answered(self.asked, event.value))

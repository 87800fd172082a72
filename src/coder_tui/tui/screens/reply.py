"""Answer an agent: what it said, where the answer goes, a text; or a yes or no to a permission that waits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from coder_tui.errors import CoderTuiError
from coder_tui.feeds.source import Way, WayKind
from coder_tui.fleet.snapshot import Row
from coder_tui.text import one_line
from coder_tui.tui.paint import Voices
from coder_tui.tui.states import path_of

Find = Callable[[], Awaitable[Sequence[Way]]]
"""Where an answer can go. Raises CoderTuiError."""
Send = Callable[[Way, str], Awaitable[None]]
"""Send it. Raises CoderTuiError."""
LINGER = 0.6
"""Seconds the dialog stands after a decision."""
_SHOWN = 400  # characters of what it said


@dataclass(frozen=True, slots=True)
class Answered:
    """What was sent, in words for a toast."""

    words: str


class Field(TextArea):
    """The text: Return sends it, ctrl+j (or shift+Return, where the terminal tells) begins a line."""

    class Sent(Message):
        """Return."""

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            event.prevent_default().stop()
            self.post_message(self.Sent())
        elif event.key in {"ctrl+j", "shift+enter", "alt+enter"}:
            event.prevent_default().stop()
            self.insert("\n")
        else:
            await super()._on_key(event)


class ReplyScreen(ModalScreen[Answered]):
    """Answers with what was sent, or nothing. `y` and `n` decide a permission that waits; `tab` leads to the text."""

    AUTO_FOCUS = ""
    BINDINGS = [
        Binding("escape", "leave", "Back"),
        Binding("y", "decide(True)", "Allow"),
        Binding("n", "decide(False)", "Deny"),
        Binding("tab,shift+tab", "turn", "Other", priority=True),
        Binding("ctrl+t", "next_way", "Where", priority=True),
    ]

    def __init__(self, row: Row, find: Find, send: Send) -> None:
        super().__init__()
        self._row, self._find, self._send = row, find, send
        self._asked: list[Way] = []
        self._ways: list[Way] = []
        self._way = 0
        self._found = self._busy = False
        self._fault = self._done = ""

    def compose(self) -> ComposeResult:
        """What it said, what waits, where it goes, the text, what went wrong."""
        with Vertical(classes="dialog", id="reply"):
            yield Static(id="reply-said", markup=False)
            yield Static(id="reply-asked", markup=False)
            yield Static(id="reply-way", markup=False)
            yield Field(id="reply-text", compact=True, highlight_cursor_line=False, show_line_numbers=False)
            yield Static(id="reply-fault", markup=False)

    def on_mount(self) -> None:
        """Name it, and ask where an answer can go."""
        self.query_one("#reply").border_title = Content(f"Reply to {one_line(' '.join(path_of(self._row)))}")
        status, voices = self._row.status, Voices(self.app.theme_variables)
        said = one_line(status.message)[:_SHOWN] if status is not None else ""
        self.query_one("#reply-said", Static).update(Text(said or "It has said nothing yet.", voices["bright"]))
        self._show()
        self.run_worker(self._look(), name="reply-ways", group="action:reply", exit_on_error=False)

    async def _look(self) -> None:
        self._fault = ""
        try:
            found = await self._find()
        except CoderTuiError as error:
            found, self._fault = (), str(error)
        self._asked = [way for way in found if way.kind is WayKind.PERMISSION]
        self._ways = [way for way in found if way.kind is not WayKind.PERMISSION]
        self._way = next((number for number, way in enumerate(self._ways) if not way.problem), 0)
        self._found = True
        field = self.query_one(Field)
        field.display = bool(self._ways)
        if self._asked:
            self.set_focus(None)
        elif self._ways:
            field.focus()
        self._show()

    def _show(self) -> None:
        voices = Voices(self.app.theme_variables)
        asked, where = Text(), Text()
        typing = self.focused is not None
        for number, way in enumerate(self._asked):
            asked.append("\n" if number else "")
            asked.append("May it use ", voices["muted"]).append(way.label, voices.bold("asks")).append(
                "?", voices["muted"]
            )
        if self._asked:
            first = "" if len(self._asked) == 1 else "the first: "
            asked.append(f"\n{first}", voices["muted"])
            for key, word in (("y", "allow"), ("n", "deny")):
                asked.append(f"  {key}", voices["faint"] if typing else voices.bold("bright"))
                asked.append(f" {word}", voices["faint" if typing else "foreground"])
            hint = "  tab leads back here" if typing else "  tab leads to a text"
            asked.append(hint, voices["faint"])
        if not self._found:
            where.append("Asking where an answer can go ...", voices["muted"])
        elif self._ways:
            way = self._ways[self._way]
            where.append("Goes to ", voices["muted"]).append(way.label, voices["foreground"])
            if way.problem:
                where.append(f": {way.problem}", voices["due"])
            if len(self._ways) > 1:
                where.append("   ctrl+t", voices.bold("bright")).append(" other", voices["muted"])
        elif not self._asked:
            where.append("Nothing here takes a text: it runs no command, and has no AgentAPI.", voices["due"])
        self._put("#reply-asked", asked)
        self._put("#reply-way", where)
        self._put("#reply-fault", Text(self._fault or self._done, voices["failed" if self._fault else "done"]))
        subtitle = "Sending ..." if self._busy and not self._done else "esc closes"
        if not self._busy and typing:
            subtitle = "enter sends  ctrl+j new line  esc closes"
        self.query_one("#reply").border_subtitle = subtitle

    def _put(self, name: str, text: Text) -> None:
        part = self.query_one(name, Static)
        part.display = bool(text.plain)
        part.update(text)

    def on_descendant_focus(self) -> None:
        """The keys mean something else now."""
        self._show()

    def on_descendant_blur(self) -> None:
        """And now."""
        self._show()

    def on_field_sent(self) -> None:
        """Return in the text."""
        text = self.query_one(Field).text
        if not self._ways or self._busy:
            return
        if not text.strip():
            self._complain("There is nothing to send.")
        else:
            self._start(self._ways[self._way], text, f"Sent to {self._ways[self._way].label}.")

    def action_decide(self, allow: bool) -> None:
        """Allow or deny the oldest permission that waits."""
        if self._asked and not self._busy:
            way = self._asked[0]
            word = "Allowed" if allow else "Denied"
            self._start(way, "allow" if allow else "deny", f"{word} {way.label}.")

    def action_turn(self) -> None:
        """From the permission to the text, and back."""
        field = self.query_one(Field)
        if field.has_focus and self._asked:
            self.set_focus(None)
        elif field.display:
            field.focus()

    def action_next_way(self) -> None:
        """Send it elsewhere."""
        if len(self._ways) > 1:
            self._way = (self._way + 1) % len(self._ways)
            self._show()

    def action_leave(self) -> None:
        """Close; what is being sent is sent."""
        self.dismiss(None)

    def _complain(self, fault: str) -> None:
        self._fault = fault
        self._show()

    def _start(self, way: Way, text: str, done: str) -> None:
        self._busy, self._fault = True, ""
        self._show()
        self.run_worker(self._do(way, text, done), name="reply-send", group="action:reply", exit_on_error=False)

    async def _do(self, way: Way, text: str, done: str) -> None:
        try:
            await self._send(way, text)
        except CoderTuiError as error:
            self._busy = False
            if way.kind is WayKind.PERMISSION:  # somebody else may have answered: what waits now?
                await self._look()
            self._complain(str(error))
            return
        if way.kind is WayKind.PERMISSION:
            # who types `yes` means the y alone: the rest of it must not reach the keys of the cockpit
            self._fault, self._done = "", done
            self._show()
            self.set_timer(LINGER, lambda: self._leave(done))
        else:
            self._leave(done)

    def _leave(self, done: str) -> None:
        if self.is_current:
            self.dismiss(Answered(done))

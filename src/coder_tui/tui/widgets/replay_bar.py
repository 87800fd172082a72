"""The banner of a replay: which moment is shown, what happened in it, and the way back; or the question for one."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label, Static

from coder_tui.fleet.snapshot import Row
from coder_tui.fleet.timeline import exact_age
from coder_tui.text import one_line
from coder_tui.tui.states import of_row, path_of

if TYPE_CHECKING:
    from coder_tui.feeds.past import Scene


def heading(scene: Scene, now: datetime) -> str:
    """`REPLAY Wed 14:02:11, 12m ago, esc returns`; local time."""
    return f"REPLAY {scene.moment.astimezone():%a %H:%M:%S}, {exact_age(now - scene.moment)} ago, esc returns"


def happened(scene: Scene) -> str:
    """What came to be in that moment, in a few words; or that nobody watched then."""
    if scene.watched != scene.moment:
        last = f"; last at {scene.watched.astimezone():%a %H:%M:%S}" if scene.watched else ""
        return f"nobody watched then{last}"
    rows = [row for key in scene.changed if (row := scene.snapshot.row(key)) is not None]
    if not rows:
        return "a row went away" if scene.changed else ""
    more = f", and {len(rows) - 1} more" if len(rows) > 1 else ""
    return _said(rows[0]) + more


def _said(row: Row) -> str:
    said = row.alert.message if row.alert is not None and row.alert.open else row.status.message if row.status else ""
    return one_line(f"{' '.join(path_of(row))}: {of_row(row).word}  {said}".rstrip())


class _Field(Input):
    BINDINGS = [Binding("escape", "drop", "Back", show=False)]

    def action_drop(self) -> None:
        """Escape: no other moment."""
        self.post_message(ReplayBar.Dropped())


class ReplayBar(Horizontal):
    """Hidden until a replay begins or a moment is asked for."""

    class Dropped(Message):
        """Escape: no other moment."""

    class Answered(Message):
        """Enter: the moment, as it was typed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def compose(self) -> ComposeResult:
        """The banner, and in its place the question."""
        yield Static("", id="replay-text", markup=False)
        yield Label("at:", id="replay-prompt", markup=False)
        yield _Field(placeholder="14:02  2026-03-01 14:02  10m (ago)  nothing: the last event", compact=True)

    def on_mount(self) -> None:
        """Hidden at first."""
        self._asking(False)
        self.display = False

    @property
    def asking(self) -> bool:
        """Whether a moment is being typed."""
        return self.has_class("-asking")

    def ask(self) -> None:
        """Ask for a moment."""
        self.display = True
        self._asking(True)
        field = self.query_one(Input)
        field.value = ""
        self.screen.set_focus(field, scroll_visible=False)

    def close(self) -> None:
        """Ask no more."""
        self._asking(False)

    def show(self, scene: Scene | None, now: datetime) -> None:
        """Name this moment; None: the replay is over."""
        self._asking(False)
        self.display = scene is not None
        if scene is not None:
            text = Text(f" {heading(scene, now)}", "bold", no_wrap=True, overflow="ellipsis")
            if said := happened(scene):
                text.append(f"   {said}", "not bold")
            self.query_one("#replay-text", Static).update(text)

    def _asking(self, asking: bool) -> None:
        self.set_class(asking, "-asking")
        for part in self.children:
            part.display = asking != (part.id == "replay-text")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter."""
        event.stop()
        self.post_message(self.Answered(event.value.strip()))

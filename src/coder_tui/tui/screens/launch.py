"""Start an agent on this machine's hub: the same as `coder-tui run`, with known agents offered."""

from __future__ import annotations

import os
import shlex
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from coder_tui.errors import CoderTuiError
from coder_tui.feeds.source import Launch
from coder_tui.fleet.snapshot import Key
from coder_tui.text import one_line
from coder_tui.tui.paint import Voices

Start = Callable[[Launch], Awaitable[Key]]
"""Run it. Raises CoderTuiError."""
_FIELDS = (
    ("command", "Command", "a program and its arguments"),
    ("directory", "Directory", "where it runs"),
    ("name", "Name", "the directory's, where it is free"),
    ("worktree", "Worktree", "a branch, to run in a Git worktree of its own"),
)


class LaunchScreen(ModalScreen[Key]):
    """Answers with the new row's key, or nothing. `offered` are commands to choose from with up and down."""

    BINDINGS = [
        Binding("escape", "dismiss", "Back"),
        # with priority: keys that come in one go would still reach the field before
        Binding("tab", "app.focus_next", "Next field", priority=True),
        Binding("shift+tab", "app.focus_previous", "Field before", priority=True),
        Binding("up", "offer(-1)", "Before", priority=True),
        Binding("down", "offer(1)", "Next", priority=True),
    ]

    def __init__(self, offered: Sequence[str], start: Start, directory: Path | None = None) -> None:
        super().__init__()
        self._offered, self._start = (*offered, "shell"), start
        self._directory = directory or Path.cwd()
        self._busy = False
        self._fault = ""

    def compose(self) -> ComposeResult:
        """A line for each field, what is offered, what went wrong."""
        values = {"command": self._offered[0], "directory": _short(self._directory)}
        with Vertical(classes="dialog", id="launch"):
            for name, label, hint in _FIELDS:
                with Horizontal(classes="field"):
                    yield Label(label)
                    yield Input(values.get(name, ""), placeholder=hint, compact=True, id=f"launch-{name}")
                if name == "command":
                    yield Static(id="launch-offered", markup=False)
            yield Static(id="launch-fault", markup=False)

    def on_mount(self) -> None:
        """Name it; the command is the first thing to say."""
        self.query_one("#launch").border_title = "New agent on this machine"
        self._field("command").focus()
        self._show()

    def _field(self, name: str) -> Input:
        return self.query_one(f"#launch-{name}", Input)

    @on(Input.Changed)
    def _typed(self) -> None:
        self._fault = ""
        self._show()

    def _show(self) -> None:
        voices, text = Voices(self.app.theme_variables), Text()
        chosen = self._field("command").value
        for name in self._offered:
            text.append(name, voices.bold("bright") if name == chosen else voices["muted"]).append("  ")
        self.query_one("#launch-offered", Static).update(text)
        fault = self.query_one("#launch-fault", Static)
        fault.display = bool(self._fault)
        fault.update(Text(self._fault, voices["failed"]))
        words = "Starting ..." if self._busy else "up/down choose  enter starts  tab next field  esc closes"
        self.query_one("#launch").border_subtitle = words

    def action_offer(self, step: int) -> None:
        """The next of what is offered, into the command's field."""
        field = self._field("command")
        now = self._offered.index(field.value) if field.value in self._offered else -step if step > 0 else 0
        field.value = self._offered[(now + step) % len(self._offered)]
        if not field.has_focus:  # else the focus would come back after a key that is pressed at once
            field.focus()
        field.action_end()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        if self._busy:
            return
        try:
            wanted = self._launch()
        except ValueError as error:
            self._fault = str(error)
            self._show()
            return
        self._busy, self._fault = True, ""
        self._show()
        self.run_worker(self._run(wanted), name="launch", group="action:launch", exit_on_error=False)

    def _launch(self) -> Launch:
        command = self._field("command").value.strip()
        if not command:
            raise ValueError("There is no command.")
        directory = Path(self._field("directory").value.strip() or ".").expanduser()
        app = ""
        if command == "shell":
            shell = os.environ.get("SHELL") or "/bin/sh"
            command, app = f"exec {shlex.quote(shell)}", "shell"  # no login shell: that would forget our PATH
        name, worktree = self._field("name").value.strip(), self._field("worktree").value.strip()
        return Launch((command,), directory.resolve(), name, app, worktree)

    async def _run(self, wanted: Launch) -> None:
        try:
            key = await self._start(wanted)
        except CoderTuiError as error:
            self._busy, self._fault = False, one_line(str(error))
            self._show()
            return
        if self.is_current:
            self.dismiss(key)


def _short(directory: Path) -> str:
    """With `~` for the home directory."""
    home = Path.home()
    return (
        f"~/{directory.relative_to(home)}" if directory.is_relative_to(home) and directory != home else str(directory)
    )

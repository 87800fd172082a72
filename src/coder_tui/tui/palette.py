"""The command palette: every action of the table, every theme, every agent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from coder_tui.text import one_line
from coder_tui.tui.actions import ACTIONS
from coder_tui.tui.states import of_row, path_of

if TYPE_CHECKING:
    from coder_tui.tui.app import CockpitApp
    from coder_tui.tui.screens.cockpit import CockpitScreen

_AGENTS = 2000  # more rows than that are found by the filter, not by scrolling a palette


class Command(NamedTuple):
    """What one line of the palette says and does."""

    text: str
    help: str
    run: Callable[[], object]


class _Commands(Provider):
    """Fuzzy search over a list made once, when the palette opens."""

    discovered = True  # listed before anything is typed

    async def startup(self) -> None:
        """Make the list."""
        self._commands = list(self.commands())

    def commands(self) -> Iterator[Command]:
        """The list."""
        raise NotImplementedError

    @property
    def cockpit(self) -> CockpitScreen:
        """The screen under the palette."""
        return cast("CockpitScreen", self.screen)

    async def discover(self) -> Hits:
        """Everything, in the table's order."""
        if self.discovered:
            for command in self._commands:
                yield DiscoveryHit(Content(command.text), command.run, text=command.text, help=command.help)

    async def search(self, query: str) -> Hits:
        """What matches, best first."""
        matcher = self.matcher(query)
        for command in self._commands:
            score = matcher.match(command.text)
            if score > 0:
                # A Content, not a string: names of strangers are no markup.
                shown = matcher.highlight(command.text)
                yield Hit(score, shown, command.run, text=command.text, help=command.help)


class ActionCommands(_Commands):
    """The action table; what can do nothing now says why, and does nothing."""

    def commands(self) -> Iterator[Command]:
        """One per action that works everywhere."""
        for action in ACTIONS:
            if action.scope == "app":
                reason = self.cockpit.reason(action)
                text = f"{action.label.capitalize()}  {action.key_text}"
                run = partial(self.cockpit.run_action, action.name)
                yield Command(text, f"{action.help} ({reason})" if reason else action.help, run)


class ThemeCommands(_Commands):
    """Themes."""

    def commands(self) -> Iterator[Command]:
        """One per theme."""
        app = cast("CockpitApp", self.app)
        for name in app.themes:
            short = name.removeprefix("coder-")
            yield Command(f"Theme: {short}", f"Paint everything in {short}", partial(setattr, app, "theme", name))


class AgentCommands(_Commands):
    """Jump to an agent."""

    discovered = False

    def commands(self) -> Iterator[Command]:
        """One per row."""
        for row in self.cockpit.snapshot.rows[:_AGENTS]:
            path = one_line(" ".join(path_of(row)))
            look = of_row(row)
            said = one_line(row.status.message) if row.status else ""
            yield Command(f"Go to {path}", f"{look.word}  {said}".rstrip(), partial(self.cockpit.jump, row.key))


def palette() -> CommandPalette:
    """A palette, ready to be pushed."""
    return CommandPalette(
        providers=[ActionCommands, ThemeCommands, AgentCommands], placeholder="Command, theme or agent", id="palette"
    )

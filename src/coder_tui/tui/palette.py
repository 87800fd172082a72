"""The command palette: every action of the table, every theme, every agent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.fuzzy import FuzzySearch
from textual.markup import escape

from coder_tui.text import one_line
from coder_tui.tui.actions import ACTIONS
from coder_tui.tui.states import of_row, path_of

if TYPE_CHECKING:
    from coder_tui.tui.app import CockpitApp
    from coder_tui.tui.screens.cockpit import CockpitScreen

_AGENTS = 2000  # beyond that the filter finds them, not a palette
_SLICE = 100  # commands matched before the loop gets its turn


class Command(NamedTuple):
    """One line of the palette: what it says, what that means, what it runs."""

    text: str
    help: str
    run: Callable[[], object]
    listed: bool = True  # shown before anything is typed


class CockpitCommands(Provider):
    """Fuzzy search over a list that is made once, when the palette opens. Text of strangers is never markup here."""

    async def startup(self) -> None:
        """Make the list."""
        cockpit, app = cast("CockpitScreen", self.screen), cast("CockpitApp", self.app)
        self._commands = [*_actions(cockpit), *_more(app), *_themes(app), *_agents(cockpit)]
        self._fuzzy = FuzzySearch()

    async def discover(self) -> Hits:
        """Actions and themes, in the table's order."""
        for command in self._commands:
            if command.listed:
                yield DiscoveryHit(
                    cast("str", Content(command.text)), command.run, text=command.text, help=escape(command.help)
                )

    async def search(self, query: str) -> Hits:
        """What matches, best first."""
        for index, command in enumerate(self._commands):
            if index % _SLICE == _SLICE - 1:
                await asyncio.sleep(0)
            score, offsets = self._fuzzy.match(query, command.text)
            if score > 0:
                shown = Content(command.text)  # Textual's own highlighter would read it as markup
                if self.match_style is not None:
                    for offset in offsets:
                        shown = shown.stylize(self.match_style, offset, offset + 1)
                yield Hit(score, shown, command.run, text=command.text, help=escape(command.help))


def _actions(cockpit: CockpitScreen) -> Iterator[Command]:
    """One per action that works everywhere; what can do nothing now says why, and does nothing."""
    for action in ACTIONS:
        if action.scope == "app":
            reason = cockpit.reason(action)
            text = f"{action.label.capitalize()}  {action.key_text}"
            run = partial(cockpit.run_action, action.name)
            yield Command(text, f"Not now: {reason[:1].lower()}{reason[1:]}" if reason else action.help, run)


def _more(app: CockpitApp) -> Iterator[Command]:
    """What is wanted too seldom for a key."""
    yield Command("Test notification", "Call me by every channel in use, now", app.test_notification)


def _themes(app: CockpitApp) -> Iterator[Command]:
    for name in app.themes:
        short = name.removeprefix("coder-")
        yield Command(f"Theme: {short}", f"Paint everything in {short}", partial(setattr, app, "theme", name))


def _agents(cockpit: CockpitScreen) -> Iterator[Command]:
    for row in cockpit.snapshot.rows[:_AGENTS]:
        path = one_line(" ".join(path_of(row)))
        said = one_line(row.status.message) if row.status else ""
        run = partial(cockpit.jump, row.key)
        yield Command(f"Go to {path}", f"{of_row(row).word}  {said}".rstrip(), run, listed=False)


def palette() -> CommandPalette:
    """A palette, ready to be pushed."""
    return CommandPalette(providers=[CockpitCommands], placeholder="Command, theme or agent", id="palette")

"""What a person says to agents: a reply, a yes or no, and starting one more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from coder_tui.feeds.source import Way, WayKind, installed
from coder_tui.fleet.snapshot import Key, Row, Snapshot
from coder_tui.text import one_line
from coder_tui.tui.commands import Commands, pty_of_app
from coder_tui.tui.states import path_of

if TYPE_CHECKING:
    from coder_tui.tui.screens.reply import Answered


class Answering(Commands):
    """Part of the cockpit screen: the actions that speak to agents."""

    def action_reply(self) -> None:
        """Answer the selected row's app."""
        row = self.row()
        if row is None:
            return
        chosen = row

        async def find() -> Sequence[Way]:
            found = list(await self.source.reply_ways(chosen))
            if chosen.app is not None and chosen.app.command:
                name = one_line(chosen.app.name or chosen.app.slug)
                found.append(Way(WayKind.TERMINAL, f"the terminal of {name} (paste, Return)"))
            return found

        async def send(way: Way, text: str) -> None:
            if way.kind is WayKind.TERMINAL:
                await self._type(chosen, text)
            else:
                await self.source.reply(chosen, way, text)

        def answered(done: Answered | None) -> None:
            if done is not None:
                self.tell(done.words)

        from coder_tui.tui.screens.reply import ReplyScreen  # and Textual's editor

        self.app.push_screen(ReplyScreen(row, find, send), answered)

    async def _type(self, row: Row, text: str) -> None:
        from coder_tui.tui.typed import type_text

        target = pty_of_app(row)
        if target is not None:
            # no size: the one who looks at the terminal keeps his
            await type_text(self.source.open_pty(target, 0, 0), one_line(" ".join(path_of(row))), text)

    def _reveal(self, key: Key) -> None:
        """Select a row that is new, and say what can be done with it."""
        self.query_one("#agents").focus()
        self.jump(key)
        row = self.snapshot.row(key)
        name = one_line(" ".join(path_of(row))) if row is not None else "It"
        self.tell(f"{name} runs. t attaches its terminal, r replies to it.")

    def action_new_agent(self) -> None:
        """Start one on this machine."""

        def started(key: Key | None) -> None:
            if key is None:
                return
            if self.snapshot.row(key) is not None:
                self._reveal(key)
                return

            def look(snapshot: Snapshot) -> None:
                if snapshot.row(key) is not None:
                    forget()
                    self._reveal(key)

            forget = self.source.subscribe(look)  # it is told of in a moment

        from coder_tui.tui.screens.launch import LaunchScreen

        self.app.push_screen(LaunchScreen(installed(), self.source.launch), started)

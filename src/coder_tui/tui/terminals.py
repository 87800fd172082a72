"""What the cockpit does with terminals: attach, tabs, one more shell, look back, record."""

from __future__ import annotations

import uuid
from dataclasses import replace

from textual import on

from coder_tui.feeds.source import PtyTarget
from coder_tui.tui.commands import shell_of
from coder_tui.tui.layout import Page
from coder_tui.tui.navigation import Navigation
from coder_tui.tui.panes.containers import ContainersPane
from coder_tui.tui.panes.terminal import TerminalPane


class Terminals(Navigation):
    """Base of the cockpit screen: its Terminal pane and the keys that lead there."""

    def __init__(self) -> None:
        super().__init__()
        self._renewed: dict[str, PtyTarget] = {}  # by the reconnect token of the session that ended

    def attach(self, target: PtyTarget, *, fresh: bool = False) -> None:
        """Attach the terminal and go there."""
        while (renewed := self._renewed.get(target.reconnect)) is not None:
            target = renewed
        self.terminal.add_class("-attached")
        self.terminal.attach(target, fresh=fresh)
        self.go(Page.TERMINAL)

    @on(ContainersPane.Entered)
    def _entered(self, message: ContainersPane.Entered) -> None:
        self.attach(message.target)

    @on(TerminalPane.NewShell)
    def _shell_renewed(self, message: TerminalPane.NewShell) -> None:
        """The old session ended: from now on its key leads to the new one."""
        self._renewed[message.old.reconnect] = message.target

    @on(TerminalPane.Asked)
    async def _asked(self, message: TerminalPane.Asked) -> None:
        await self.run_action(message.action)

    @on(TerminalPane.OtherKeys)
    def _other_keys(self) -> None:
        self.arranged()

    @on(TerminalPane.LinkAsked)
    def _link_asked(self, message: TerminalPane.LinkAsked) -> None:
        self.open_uri(message.uri)

    def action_new_terminal(self) -> None:
        """One more shell: on the agent of the terminal the focus is in, else on the selected one."""
        shown = self.terminal.target if self.focused_pane() is self.terminal else None
        rows = [row for row in self.snapshot.rows if shown and row.agent and row.agent.id == shown.agent_id]
        row = rows[0] if rows else self.row()
        target = shell_of(row) if row is not None else None
        if target is not None:
            self.attach(replace(target, reconnect=str(uuid.uuid4())), fresh=True)

    def action_next_terminal(self) -> None:
        """The next tab."""
        self.terminal.next_tab(1)
        self.go(Page.TERMINAL)

    def action_previous_terminal(self) -> None:
        """The tab before."""
        self.terminal.next_tab(-1)
        self.go(Page.TERMINAL)

    def action_close_terminal(self) -> None:
        """Close the tab on show."""
        self.terminal.close_tab()
        if self.terminal.target is None:
            self.terminal.remove_class("-attached")
            self.action_leave_terminal()

    def action_record(self) -> None:
        """Record the terminal on show, or stop that."""
        self.terminal.record()

    def action_look_back(self) -> None:
        """Look back in the terminal."""
        self.go(Page.TERMINAL)
        self.terminal.look_back()

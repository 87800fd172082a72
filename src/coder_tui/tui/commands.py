"""What the keys of the action table do to the selected row. Panes and layout are the cockpit screen's business."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from textual.message import Message
from textual.screen import Screen

from coder_tui.errors import CoderTuiError
from coder_tui.feeds.source import PtyTarget, Source, shell_token
from coder_tui.fleet.snapshot import Alert, Key, Row, Snapshot
from coder_tui.text import one_line
from coder_tui.tui.reasons import link_problem
from coder_tui.tui.states import path_of

# Dialogs are loaded when they are opened: the first frame does not wait for them.
if TYPE_CHECKING:
    from coder_tui.tui.screens.snooze import Snooze

EXTEND_BY = timedelta(hours=1)
"""How far one `x` puts the deadline off."""


def pty_of_app(row: Row) -> PtyTarget | None:
    """The app's own terminal (its command, kept alive under the app's id), else a shell in the workspace."""
    if row.agent is not None and row.app is not None and row.app.command:
        return PtyTarget(
            deployment=row.key.deployment,
            workspace_id=row.workspace.id,
            agent_id=row.agent.id,
            reconnect=row.app.id,
            title=" ".join(path_of(row)),
            command=row.app.command,
        )
    return shell_of(row)


def shell_of(row: Row) -> PtyTarget | None:
    """A shell of ours on this agent: the same reconnect token whenever it is asked for, so that it reattaches."""
    if row.agent is None:
        return None
    return PtyTarget(
        deployment=row.key.deployment,
        workspace_id=row.workspace.id,
        agent_id=row.agent.id,
        reconnect=shell_token(row.agent.id),
        title=f"{row.workspace.title} {row.agent.name} shell",
    )


def has_browser() -> bool:
    """Whether opening a link would show a window: a text browser would draw over our own screen."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


class Commands(Screen[None]):
    """Base of the cockpit screen: the actions that need the source and the selected row."""

    source: Source
    snapshot: Snapshot
    read_only: bool
    clock: Callable[[], datetime]

    class RefreshAsked(Message):
        """Read everything again; the application starts a source that stopped."""

    class ThemeAsked(Message):
        """The next theme."""

    # The screen knows these.
    def row(self) -> Row | None:
        """The selected row."""
        raise NotImplementedError

    def jump(self, key: Key) -> None:
        """Select another row."""
        raise NotImplementedError

    def chosen(self) -> list[Row]:
        """The marked rows, else the selected one."""
        raise NotImplementedError

    def unmark(self) -> None:
        """Take all marks back."""
        raise NotImplementedError

    def time(self) -> datetime:
        """The moment on show: now, or that of a replay."""
        raise NotImplementedError

    def shown_alerts(self) -> list[Alert]:
        """The open alerts that are shown."""
        raise NotImplementedError

    def attach(self, target: PtyTarget) -> None:
        """Show and focus the terminal with this session."""
        raise NotImplementedError

    def tell(self, text: str, *, error: bool = False) -> None:
        """A toast; never markup."""
        self.notify(text, severity="error" if error else "information", markup=False, timeout=8 if error else 4)

    # --- attention ---

    def action_next_needing(self) -> None:
        """The next row with an open alert, after the selected one."""
        rows = list(self.snapshot.needing())
        if not rows:
            return
        current = self.row()
        places = [index for index, row in enumerate(rows) if current is not None and row.key == current.key]
        self.jump(rows[(places[0] + 1) % len(rows)].key if places else rows[0].key)

    def action_acknowledge(self) -> None:
        """Acknowledge the alerts of the marked rows, or of the selected one."""
        if alerts := self._chosen_alerts():
            self._acknowledge(alerts, self._named(len(alerts), "alert"))

    def _chosen_alerts(self) -> list[Alert]:
        return [row.alert for row in self.chosen() if row.alert is not None and row.alert.open]

    def _named(self, count: int, noun: str) -> str:
        """The one chosen row's name, or how many of what."""
        rows = self.chosen()
        if len(rows) == 1:
            return one_line(" ".join(path_of(rows[0])))
        return f"{count} {noun}{'' if count == 1 else 's'}"

    def action_acknowledge_all(self) -> None:
        """Acknowledge what is shown."""
        alerts = self.shown_alerts()
        if alerts:
            self._acknowledge(alerts, f"{len(alerts)} alert{'' if len(alerts) == 1 else 's'}")

    def _acknowledge(self, alerts: list[Alert], what: str) -> None:
        self._stand(lambda: self.source.acknowledge(alerts), f"Acknowledged {one_line(what)}. u takes it back.")

    def action_snooze(self) -> None:
        """Hush the alerts of the marked rows, or of the selected one, for a while; a small menu asks for how long."""
        alerts = self._chosen_alerts()
        if not alerts:
            return
        what = self._named(len(alerts), "alert")

        def answered(choice: Snooze | None) -> None:
            if choice is not None:
                done = f"Snoozed {one_line(what)} {choice.words}. u takes it back."
                self._stand(lambda: self.source.snooze(alerts, choice.until), done)

        from coder_tui.tui.screens.snooze import SnoozeScreen

        self.app.push_screen(SnoozeScreen(what, self.clock()), answered)

    def action_mute(self) -> None:
        """Hush all alerts of the marked rows, or of the selected one; if all are hushed, hear them again."""
        rows = self.chosen()
        if rows:
            muted = all(row.muted for row in rows)
            keys = [row.key for row in rows if row.muted == muted]
            what, end = self._named(len(keys), "app"), "" if muted else " until M again"
            done = f"{'Unmuted' if muted else 'Muted'} {what}{end}. u takes it back."
            self._stand(lambda: self.source.mute(keys, not muted), done)

    def _stand(self, change: Callable[[], None], done: str) -> None:
        try:
            change()
        except CoderTuiError as error:
            self.tell(str(error), error=True)
        else:
            self.unmark()
            self.tell(done)

    def action_undo(self) -> None:
        """Take the last acknowledgement, snooze or mute back."""
        try:
            keys = self.source.undo()
        except CoderTuiError as error:
            self.tell(str(error), error=True)
            return
        if not keys:
            self.tell("There is nothing to undo.")
            return
        self.tell(f"Undone for {len(keys)} agent{'' if len(keys) == 1 else 's'}.")
        if self.snapshot.row(keys[0]) is not None:
            self.jump(keys[0])

    # --- streams ---

    def action_terminal(self) -> None:
        """Attach to the app's own terminal, or to a shell."""
        self._open_pty(pty_of_app)

    def action_shell(self) -> None:
        """Attach to a shell."""
        self._open_pty(shell_of)

    def _open_pty(self, choose: Callable[[Row], PtyTarget | None]) -> None:
        row = self.row()
        target = choose(row) if row is not None else None
        if target is not None:
            self.attach(target)

    def action_refresh(self) -> None:
        """Read everything again."""
        self.source.refresh()
        self.post_message(self.RefreshAsked())
        self.tell("Reading everything again.")

    def action_theme(self) -> None:
        """Paint in the next theme."""
        self.post_message(self.ThemeAsked())

    # --- outside ---

    def action_open_link(self) -> None:
        """Open the newest status's link, or copy it where no browser can be."""
        row = self.row()
        if row is not None and row.status is not None and row.status.uri:
            self.open_uri(row.status.uri)

    def open_uri(self, uri: str) -> None:
        """Open a link that a stranger wrote, if it is of a kind that may be; it is shown before it is followed."""
        uri = one_line(uri)
        if problem := link_problem(uri):
            self.tell(f"{problem}.", error=True)
            return
        if not has_browser():
            self.app.copy_to_clipboard(uri)
            self.tell(f"No browser here. Copied {uri}")
            return
        self.tell(f"Opening {uri}")
        self.run_worker(self._open(uri), name="open-link", group="action:open-link")

    async def _open(self, uri: str) -> None:
        import webbrowser

        # It starts a process and may wait for it: not on the screen's loop.
        if not await asyncio.to_thread(webbrowser.open, uri):
            self.app.copy_to_clipboard(uri)
            self.tell(f"No browser answered. Copied {uri}", error=True)

    def action_copy(self) -> None:
        """Copy the newest message, or the name where there is none."""
        row = self.row()
        if row is None:
            return
        text = one_line(row.status.message) if row.status and row.status.message else " ".join(path_of(row))
        self.app.copy_to_clipboard(text)
        self.tell(f"Copied: {text[:60]}")

    # --- dialogs ---

    def action_explain(self) -> None:
        """Show why the row is in its state."""
        row = self.row()
        if row is not None:
            from coder_tui.fleet.explain import explain
            from coder_tui.tui.screens.explain import ExplainScreen

            self.app.push_screen(ExplainScreen(row, explain(row, self.snapshot, self.time())))

    def action_workspace(self) -> None:
        """Start, stop or restart, once the person said yes."""
        row = self.row()
        if row is None:
            return

        def answered(transition: str | None) -> None:
            if transition:
                self.run_worker(self._build(row, transition), name=f"build-{transition}", group="action:build")

        from coder_tui.tui.screens.workspace import WorkspaceScreen

        self.app.push_screen(WorkspaceScreen(row), answered)

    def action_extend(self) -> None:
        """Put the workspace's deadline off."""
        row = self.row()
        if row is not None and row.workspace.deadline is not None:
            self.run_worker(self._extend(row, row.workspace.deadline), name="extend", group="action:extend")

    async def _extend(self, row: Row, was: datetime) -> None:
        try:
            until = await self.source.extend(row.key, EXTEND_BY)
        except CoderTuiError as error:
            self.tell(str(error), error=True)
            return
        now = self.clock()
        times = f"{_when(until, now)} instead of {_when(was, now)}"
        self.tell(f"{row.workspace.title} stops at {times}. x puts it off again.")

    async def _build(self, row: Row, transition: str) -> None:
        name = row.workspace.title
        self.tell(f"Asked {row.key.deployment} to {transition} {name}.")
        try:
            await self.source.build(row.key, transition)
        except CoderTuiError as error:
            self.tell(str(error), error=True)


def _when(at: datetime, now: datetime) -> str:
    """The local time of day; another day is named."""
    local = at.astimezone()
    return f"{local:%H:%M}" if local.date() == now.astimezone().date() else f"{local:%a %H:%M}"

"""Every workspace, agent and app, in the snapshot's order."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment

from coder_tui.fleet.snapshot import Key, LinkState, Row, Snapshot, Workspace
from coder_tui.tui.paint import column, fit, spread
from coder_tui.tui.states import of_row, of_workspace
from coder_tui.tui.widgets.lines import LineList

_MESSAGE_ROOM = 44  # cells beside the fixed columns from which on a message column pays


class AgentsPane(LineList[Row | Workspace]):
    """Workspaces as headings, under each its agents' apps: shape, name, word, message where there is room, age."""

    BORDER_TITLE = "Agents"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="pane")
        self._rows: Sequence[Row] = ()
        self._plan: list[int] = []  # index into the rows; inverted (~) for the heading of that row's workspace
        self.deployments = 1

    def show(self, rows: Sequence[Row]) -> None:
        """Show these rows: cheap when only their contents changed."""
        old, self._rows = self._rows, rows
        if len(old) == len(rows) and all(a is b or a.key == b.key for a, b in zip(old, rows, strict=True)):
            if old is not rows:
                self.replace(self._items())
            return
        plan: list[int] = []
        keys: list[Key | None] = []
        workspace = ""
        for index, row in enumerate(rows):
            if row.agent is None:
                plan.append(index)
                keys.append(row.key)
            else:
                if row.key.workspace_id != workspace:
                    plan.append(~index)
                    keys.append(None)
                plan.append(index)
                keys.append(row.key)
            workspace = row.key.workspace_id
        self._plan = plan
        self.fill(self._items(), keys)

    def _items(self) -> list[Row | Workspace]:
        rows = self._rows
        return [rows[place] if place >= 0 else rows[~place].workspace for place in self._plan]

    def in_view(self) -> list[Key]:
        """The keys of the visible workspaces, without repetition."""
        first, last = self.in_sight
        found: dict[Key, None] = {}
        for item in self.items[first:last]:
            workspace = item.workspace if isinstance(item, Row) else item
            found[Key(workspace.deployment, workspace.id)] = None
        return list(found)

    def explain_emptiness(self, snapshot: Snapshot) -> None:
        """Say why there are no rows, and which key or command comes next."""
        links = [deployment.link for deployment in snapshot.deployments.values()]
        names = ", ".join(snapshot.deployments) or "the deployment"
        broken = [link for link in links if link.state in (LinkState.RETRYING, LinkState.REFUSED)]
        if snapshot.rows:
            self.say(("Nothing matches the filter.", "foreground"), ("Press esc to clear it.", "muted"))
        elif any(link.refreshed_at for link in links):
            self.say(
                ("No agents yet.", "bright"),
                ("", "muted"),
                ("coder-tui new NAME -- CMD", "accent"),
                ("  starts an agent here", "muted"),
                ("coder-tui demo", "accent"),
                ("  shows some at work", "muted"),
                ("coder-tui login URL", "accent"),
                ("  opens your Coder deployment", "muted"),
            )
        elif broken:
            refused = any(link.state is LinkState.REFUSED for link in broken)
            step = "Run coder-tui login URL for a new token." if refused else "ctrl+r tries again now."
            self.say((f"Cannot read {names}: {broken[0].why or 'no answer'}.", "failed"), (step, "muted"))
        else:
            self.say((f"Reading workspaces from {names}{self.glyphs.ellipsis}", "muted"))

    def paint(self, index: int, line: int, width: int) -> list[Segment]:
        """One line: a heading or an app."""
        item = self.items[index]
        if isinstance(item, Workspace):
            below = self.items[index + 1]
            return self._heading(item, below if isinstance(below, Row) else None, width)
        if item.agent is None:
            return self._heading(item.workspace, item, width)
        return self._app(item, item.agent.name, width)

    def _heading(self, workspace: Workspace, row: Row | None, width: int) -> list[Segment]:
        voices, look = self.voices, of_workspace(workspace)
        stale = row is not None and row.stale
        due = row is not None and row.due
        word, voice = look.word, look.voice
        running = look.shape == "workspace"
        if running and workspace.deadline and self.now and 0 < (workspace.deadline - self.now).total_seconds() < 3600:
            word, voice = f"stops in {self.age(workspace.deadline)}", "due" if due else "muted"
        elif not running and look.at:
            word = f"{word}  {self.age(look.at):>4}"
        title = voices["faint"] if stale else voices.bold("bright") if running else voices["muted"]
        left = [
            Segment(f"{self.glyphs.of(look.shape)} ", voices["faint"]),
            Segment(fit(workspace.title, width - len(word) - 4, self.glyphs.ellipsis), title),
        ]
        if self.deployments > 1:
            left.append(Segment(f"  {fit(workspace.deployment, 16, self.glyphs.ellipsis)}", voices["faint"]))
        return spread(left, [Segment(f" {word} ", voices["faint" if stale else voice])], width)

    def _app(self, row: Row, agent: str, width: int) -> list[Segment]:
        voices, look = self.voices, of_row(row)
        dots = self.glyphs.ellipsis
        state = voices["faint" if row.stale else look.voice]
        age = self.age(look.at) if look.at else ""
        room = width - 20
        message = row.status.message if row.status else ""
        name_room = min(26, max(room * 2 // 5, 16)) if room >= _MESSAGE_ROOM else room
        name = row.app.slug if row.app else agent
        agent = f"{agent}/" if row.app else ""
        agent = fit(agent, max(0, name_room - min(len(name), name_room - 4)), dots)
        name = column(name, name_room - len(agent), dots)
        parts = [
            Segment(f"  {self.glyphs.of(look.shape)} ", state),
            Segment(agent, voices["faint"]),
            Segment(name, voices["faint" if row.stale else "foreground"]),
            Segment(f" {column(look.word, 9, dots)} ", state),
        ]
        if room >= _MESSAGE_ROOM:
            parts.append(Segment(fit(message, room - name_room - 2, dots), voices["faint" if row.stale else "muted"]))
        return spread(parts, [Segment(f"{age:>4} ", voices["faint" if row.stale else "muted"])], width)

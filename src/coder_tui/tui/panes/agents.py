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
        self._places: list[int] = []  # of each row among the items
        self._items: list[Row | Workspace] = []
        self.deployments = 1

    def show(self, rows: Sequence[Row], changed: list[int] | None) -> None:
        """Show these rows; `changed` are the places of those that differ from last time, None when keys differ."""
        if changed is None:
            self._rebuild(rows)
            return
        touched: list[int] = []
        for place in changed:
            row, index = rows[place], self._places[place]
            self._items[index] = row
            touched.append(index)
            if index and isinstance(self._items[index - 1], Workspace):
                self._items[index - 1] = row.workspace
                touched.append(index - 1)
        self.repaint_items(touched)

    def _rebuild(self, rows: Sequence[Row]) -> None:
        """Headings before the first row of each workspace that has agents; one without is its own heading."""
        items: list[Row | Workspace] = []
        keys: list[Key | None] = []
        places: list[int] = []
        workspace = ""
        for row in rows:
            key = row.key
            if row.agent is not None and key.workspace_id != workspace:
                items.append(row.workspace)
                keys.append(None)
            workspace = key.workspace_id
            places.append(len(items))
            items.append(row)
            keys.append(key)
        self._places, self._items = places, items
        self.fill(items, keys)

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
                ("starts an agent on this machine", "muted"),
                ("", "muted"),
                ("coder-tui login URL", "accent"),
                ("shows the agents of your Coder deployment", "muted"),
                ("", "muted"),
                ("coder-tui demo", "accent"),
                ("shows five real little agents at work", "muted"),
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
        return spread(left, [Segment(f" {word} ", voices["faint" if stale or word == "running" else voice])], width)

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

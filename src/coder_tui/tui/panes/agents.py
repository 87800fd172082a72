"""Every workspace, agent and app: grouped, sorted, marked, in the columns that a person chose."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from time import perf_counter
from types import MappingProxyType

from rich.segment import Segment
from textual.content import Content
from textual.worker import Worker

from coder_tui.fleet.snapshot import Deployment, Key, LinkState, Row, Snapshot, Workspace
from coder_tui.tui.actions import bindings
from coder_tui.tui.order import Group, Heading, Item, Order, Sort
from coder_tui.tui.overview import differing
from coder_tui.tui.paint import column, fit, spread
from coder_tui.tui.panes.marking import Marking
from coder_tui.tui.states import LOST, lost_at, of_row, of_workspace
from coder_tui.tui.widgets.header import link_words
from coder_tui.tui.widgets.lines import LineList

_MESSAGE_ROOM = 44  # cells beside the fixed columns from which on a message column pays
_AT_ONCE = 1000  # rows that are put in any order within a few milliseconds
_TURN = 0.002  # seconds the loop is kept while more are
_LEAST_MESSAGE = 24  # cells below which other columns go first
COLUMNS = {"message": 0, "health": 13, "deadline": 8, "template": 14, "deployment": 12}
"""What may stand beside name, state and age, with its width in cells; the message takes what is left."""


class AgentsPane(Marking, LineList[Item]):
    """Rows under headings: mark, shape, name, word, columns where there is room, age."""

    BINDINGS = [*bindings("fleet")]
    BORDER_TITLE = "Agents"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="pane")
        self.group, self.sort = Group.WORKSPACE, Sort.NAME  # as wanted
        self.order = Order()  # as shown
        self.columns: tuple[str, ...] = ("message",)
        self.deployments: Mapping[str, Deployment] = MappingProxyType({})
        self._rows: Sequence[Row] = ()
        self._laying: Worker[None] | None = None  # prepares another order
        self._named: tuple[object, ...] = ()

    def show(self, rows: Sequence[Row], changed: list[int] | None) -> None:
        """Show these rows; `changed` are the places of those that differ from last time, None when keys differ."""
        self._rows = rows
        if changed is None or len(changed) > max(_AT_ONCE, len(rows) // 4):
            self._lay_out()
            return
        touched = self.order.update(rows, changed)
        if touched is None:
            self.fill(self.order.items, self.order.keys)
        else:
            self.repaint_items(touched)

    def reorder(self, group: Group, sort: Sort) -> None:
        """Another order; the cursor stays on its row."""
        self.group, self.sort = group, sort
        self._lay_out()

    def _lay_out(self) -> None:
        """At once where that takes a moment; else beside what is shown, which stays until it is done."""
        order = Order(self.group, self.sort)
        if self._laying is not None:
            self._laying.cancel()
            self._laying = None
        if order.plain or len(self._rows) <= _AT_ONCE:
            order.lay_out(self._rows)
            self._take(order)
        else:
            self._laying = self.run_worker(self._prepare(order, self._rows), name="order", group="order")

    async def _prepare(self, order: Order, rows: Sequence[Row]) -> None:
        end = perf_counter() + _TURN
        for _ in order.steps(rows):
            if perf_counter() >= end:
                await asyncio.sleep(0)
                end = perf_counter() + _TURN
        order.update(self._rows, differing(rows, self._rows) or [])  # other keys would have begun anew
        self._laying = None
        self._take(order)
        self.post_message(self.Arranged("done"))

    def _take(self, order: Order) -> None:
        self.order = order
        self.fill(order.items, order.keys)
        self.retitle()

    def know(self, deployments: Mapping[str, Deployment]) -> None:
        """How links stand: headings and stale rows tell it."""
        if deployments is self.deployments:
            return
        several = len(deployments) > 1, len(self.deployments) > 1
        changed = {name for name, one in deployments.items() if self.deployments.get(name) != one}
        self.deployments = deployments
        if several[0] != several[1]:
            self.refresh()
        elif self.order.group is Group.DEPLOYMENT and changed:
            first, last = self.in_sight
            self.repaint_items(index for index in range(first, last) if isinstance(self.items[index], Heading))

    def on_resize(self) -> None:
        """The title is cut anew."""
        self._named = ()
        self.retitle()
        super().on_resize()

    def retitle(self) -> None:
        """How rows are grouped and sorted, as long as there is room for it."""
        group, sort = self.group.value, self.sort.value
        room = self.outer_size.width - 6
        if (group, sort, room) == self._named:
            return
        self._named = group, sort, room
        dot = f" {self.glyphs.dot} "
        forms = (("Agents", f"group: {group}", f"sort: {sort}"), ("Agents", group, sort), ("Agents",))
        titles = [dot.join(parts) for parts in forms]
        self.border_title = Content(next((title for title in titles if len(title) <= room), titles[-1]))

    def in_view(self) -> list[Key]:
        """The keys of the visible workspaces, without repetition."""
        first, last = self.in_sight
        found: dict[Key, None] = {}
        for item in self.items[first:last]:
            if isinstance(item, Heading):
                continue
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
        if isinstance(item, Heading):
            return self._group(item, width)
        if isinstance(item, Workspace):
            below = self.items[index + 1]
            return self._workspace(item, below if isinstance(below, Row) else None, width)
        if item.agent is None and self.order.group is Group.WORKSPACE:
            return self._workspace(item.workspace, item, width)
        return self._app(item, width)

    def _stale(self, row: Row) -> str:
        """`stale 3m`: since when nothing is known of it."""
        at = lost_at(row, self.deployments)
        return f"stale {self.age(at)}" if at else "stale"

    def _group(self, heading: Heading, width: int) -> list[Segment]:
        voices, look = self.voices, of_row(heading.row)
        right: list[Segment] = []
        shape, voice, name = look.shape, look.voice, heading.name
        if heading.group is Group.DEPLOYMENT:
            shape, voice = "workspace", "bright"
            deployment = self.deployments.get(name)
            if deployment is not None:
                link = deployment.link
                words, link_voice = link_words([deployment], self.now)
                if link.state in LOST and link.since:
                    words = f"lost {self.age(link.since)}, {words.removeprefix('lost: ')}"
                    self.age(link.next_try or link.since)  # the countdown in the words
                right = [Segment(f" {fit(words, width // 2, self.glyphs.ellipsis)} ", voices[link_voice])]
        left = [
            Segment(f"{self.glyphs.of(shape)} ", voices[voice]),
            Segment(fit(name, width // 2, self.glyphs.ellipsis), voices.bold(voice)),
            Segment(f" ({heading.count})", voices["muted"]),
        ]
        return spread(left, right, width)

    def _workspace(self, workspace: Workspace, row: Row | None, width: int) -> list[Segment]:
        voices, look = self.voices, of_workspace(workspace)
        stale = row is not None and row.stale
        due = row is not None and row.due
        word, voice = look.word, look.voice
        running = look.shape == "workspace"
        if stale and row is not None:
            word, voice = f"{'' if running else f'{word}  '}{self._stale(row)}", "due"
        elif running and workspace.deadline and self.now and 0 < (workspace.deadline - self.now).total_seconds() < 3600:
            word, voice = f"stops in {self.age(workspace.deadline)}", "due" if due else "muted"
        elif not running and look.at:
            word = f"{word}  {self.age(look.at):>4}"
        title = voices["faint"] if stale else voices.bold("bright") if running else voices["muted"]
        marked = row is not None and row.agent is None and row.key in self.marks
        left = [
            Segment(f"{self.glyphs.mark if marked else self.glyphs.of(look.shape)} ", voices["faint"]),
            Segment(fit(workspace.title, width - len(word) - 4, self.glyphs.ellipsis), title),
        ]
        if len(self.deployments) > 1:
            left.append(Segment(f"  {fit(workspace.deployment, 16, self.glyphs.ellipsis)}", voices["faint"]))
        return spread(left, [Segment(f" {word} ", voices["faint" if word == "running" else voice])], width)

    def _app(self, row: Row, width: int) -> list[Segment]:
        voices, look, dots = self.voices, of_row(row), self.glyphs.ellipsis
        faint, alone = row.stale, self.order.group is not Group.WORKSPACE
        state = voices["faint" if faint else look.voice]
        room = width - 20
        age = self.age(look.at) if look.at else ""
        right = [Segment(f"{age:>4} ", voices["faint" if faint else "muted"])]
        if faint and self.order.group in (Group.STATE, Group.NONE):  # no heading tells it
            right = [Segment(f"{self._stale(row):>10} ", voices["due"])]
            room -= right[0].cell_length - 5
        roomy = room >= _MESSAGE_ROOM + (14 if alone else 0)
        name_room = (min(40, room // 2) if alone else min(26, max(room * 2 // 5, 16))) if roomy else max(0, room)
        marked = row.key in self.marks
        parts = [
            Segment(f"{self.glyphs.mark if marked else ' '} ", voices.bold("accent")),
            Segment(f"{self.glyphs.of(look.shape)} ", state),
            *self._whom(row, name_room, alone=alone),
            Segment(f" {column(look.word, 9, dots)} ", state),
        ]
        if roomy:
            parts += self._columns(row, room - name_room - 2)
        return spread(parts, right, width)

    def _whom(self, row: Row, room: int, *, alone: bool) -> list[Segment]:
        """In `room` cells: the app before the agent, and both before the workspace, which headings tell otherwise."""
        voices, dots = self.voices, self.glyphs.ellipsis
        plain, quiet = voices["faint" if row.stale else "foreground"], voices["faint"]
        above = row.agent.name if row.agent is not None else ""
        name = row.app.slug if row.app else above
        above = f"{above}/" if row.app else ""
        parts: list[Segment] = []
        if alone:
            inside = len(above) + len(name) + 1 if name else 0
            if len(row.workspace.title) + inside > room and row.app is not None:
                above, inside = "", len(name) + 1
            title = fit(row.workspace.title, max(room - inside, room // 2), dots)
            parts.append(Segment(title, quiet if row.stale else voices.bold("bright")))
            parts.append(Segment(" "))
            room -= sum(part.cell_length for part in parts)
        above = fit(above, max(0, room - min(len(name), room - 4)), dots)
        return [*parts, Segment(above, quiet), Segment(column(name, room - len(above), dots), plain)]

    def _columns(self, row: Row, room: int) -> list[Segment]:
        """The chosen columns that fit, then the message in what is left."""
        dots = self.glyphs.ellipsis
        message = "message" in self.columns
        left = room - (_LEAST_MESSAGE if message else 0)
        parts: list[Segment] = []
        for name, width in COLUMNS.items():
            if width and name in self.columns and width <= left:
                text, voice = self._cell(name, row)
                parts.append(Segment(f"{column(text, width - 1, dots)} ", self.voices["faint" if row.stale else voice]))
                left -= width
        if message:
            said = row.status.message if row.status else ""
            taken = sum(part.cell_length for part in parts)
            parts.append(Segment(fit(said, room - taken, dots), self.voices["faint" if row.stale else "muted"]))
        return parts

    def _cell(self, name: str, row: Row) -> tuple[str, str]:
        """Text and voice of one column."""
        workspace, agent = row.workspace, row.agent
        if name == "health":
            if agent is None:
                return workspace.build_status, "muted"
            word = agent.status if agent.status != "connected" else agent.lifecycle or agent.status
            return word, "muted" if agent.healthy else "failed"
        if name == "deadline":
            text = f"{self.glyphs.due} {self.age(workspace.deadline)}" if workspace.deadline else ""
            return text, "due" if row.due else "faint"
        return (workspace.template, "muted") if name == "template" else (row.key.deployment, "faint")

"""In which order the Agents pane shows its rows, and under which headings. Pure: lists in, lists out.

What moves costs what moved: a change of a few rows sorts these rows anew, not all of them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from coder_tui.fleet.snapshot import Key, Row, Workspace
from coder_tui.tui.states import of_row


class Group(StrEnum):
    """What rows stand under."""

    WORKSPACE = "workspace"
    STATE = "state"
    DEPLOYMENT = "deployment"
    NONE = "none"


class Sort(StrEnum):
    """Which row of a group is first; of workspaces, the one with such a row."""

    NAME = "name"
    URGENT = "urgent"  # open alerts by level, the longest waiting first; then who stops soon
    NEWEST = "newest"  # who changed last
    OLDEST = "oldest"  # who stands longest as it stands


@dataclass(frozen=True, slots=True)
class Heading:
    """Of a group of `count` rows; `row` is one of them."""

    group: Group
    name: str
    count: int
    row: Row


Item = Row | Workspace | Heading

# Words of `states.of_row` in the order of their groups; others follow by name.
_STATES = ("asks", "failed", "lost", "done", "quiet", "snoozed", "muted", "working", "idle", "complete", "failure")
_RANKS = {word: rank for rank, word in enumerate(_STATES)}
_LAST = float("inf")

Rank = tuple[Any, ...]


def group_of(row: Row, group: Group) -> tuple[int, str]:
    """The row's group: where it stands among the groups, and its name."""
    if group is Group.STATE:
        word = of_row(row).word
        return _RANKS.get(word, len(_RANKS)), word
    return 0, row.key.deployment if group is Group.DEPLOYMENT else ""


def rank_of(row: Row, sort: Sort) -> tuple[float, float]:
    """The smaller, the further up; equal ones keep the order of the list."""
    if sort is Sort.NAME:
        return 0, 0
    if sort is Sort.URGENT:
        alert = row.alert
        if alert is not None and alert.open:
            return alert.level.rank, alert.since.timestamp()
        return (5 if row.due else 6), 0
    at = of_row(row).at
    if at is None:
        return _LAST, 0
    return (-at.timestamp() if sort is Sort.NEWEST else at.timestamp()), 0


class Order:
    """`items` and their `keys` (None for headings) in the chosen order, kept up to date."""

    def __init__(self, group: Group = Group.WORKSPACE, sort: Sort = Sort.NAME) -> None:
        self.group, self.sort = group, sort
        self.items: list[Item] = []
        self.keys: list[Key | None] = []
        self._rows: Sequence[Row] = ()
        self._blocks: list[tuple[int, int]] = []  # rows that stand together: first place, and place after the last
        self._block_of: list[int] = []  # of each row
        self._ranks: list[Rank] = []  # of each block
        self._sorted: list[tuple[Rank, int]] = []  # with its block
        self._at: list[int] = []  # where each row is among the items

    def choose(self, group: Group, sort: Sort) -> None:
        """Another order, of the same rows."""
        self.group, self.sort = group, sort
        self.lay_out(self._rows)

    def lay_out(self, rows: Sequence[Row]) -> None:
        """Other rows."""
        self._rows = rows
        if self.group is Group.WORKSPACE:
            self._block_up(rows)
        else:
            self._blocks = [(place, place + 1) for place in range(len(rows))]
            self._block_of = list(range(len(rows)))
        if self.group in (Group.WORKSPACE, Group.NONE) and self.sort is Sort.NAME:
            self._ranks, self._sorted = [], []  # the list's own order
        else:
            self._ranks = [self._rank(block) for block in range(len(self._blocks))]
            self._sorted = sorted((rank, block) for block, rank in enumerate(self._ranks))
        self._assemble()

    def update(self, rows: Sequence[Row], changed: Sequence[int]) -> list[int] | None:
        """The same keys, but the rows at these places are others. Returns the items to paint again; None: some moved,
        and `items` and `keys` are new lists."""
        self._rows = rows
        moved = False
        for block in {self._block_of[place] for place in changed} if self._ranks else ():
            rank, old = self._rank(block), self._ranks[block]
            if rank != old:
                self._ranks[block] = rank
                del self._sorted[bisect_left(self._sorted, (old, block))]
                insort(self._sorted, (rank, block))
                moved = True
        if moved:
            self._assemble()
            return None
        touched: list[int] = []
        for place in changed:
            row, index = rows[place], self._at[place]
            self.items[index] = row
            touched.append(index)
            if index and isinstance(self.items[index - 1], Workspace):
                self.items[index - 1] = row.workspace
                touched.append(index - 1)
        return touched

    def _block_up(self, rows: Sequence[Row]) -> None:
        """One block for each workspace."""
        self._blocks, self._block_of = [], []
        start, workspace = 0, ""
        for place, row in enumerate(rows):
            if row.key.workspace_id != workspace:
                if place > start:
                    self._blocks.append((start, place))
                start, workspace = place, row.key.workspace_id
            self._block_of.append(len(self._blocks))
        if rows:
            self._blocks.append((start, len(rows)))

    def _rank(self, block: int) -> Rank:
        first, last = self._blocks[block]
        if self.group is Group.WORKSPACE:
            return min(rank_of(row, self.sort) for row in self._rows[first:last])
        row = self._rows[first]
        return (*group_of(row, self.group), *rank_of(row, self.sort))

    def _assemble(self) -> None:
        blocks = [block for _, block in self._sorted] if self._ranks else range(len(self._blocks))
        if self.group is Group.WORKSPACE:
            self._assemble_workspaces(blocks)
            return
        rows = self._rows
        self.items, self.keys = [], []
        self._at = [0] * len(rows)
        start = 0
        while start < len(blocks):
            end = len(blocks)
            if self.group is not Group.NONE:
                group = self._ranks[blocks[start]][:2]
                name = group[1]
                end = bisect_right(self._sorted, group, key=lambda one: one[0][:2])
                self.items.append(Heading(self.group, name, end - start, rows[blocks[start]]))
                self.keys.append(None)
            for index, place in enumerate(blocks[start:end], len(self.items)):
                self._at[place] = index
            self.items += [rows[place] for place in blocks[start:end]]
            self.keys += [rows[place].key for place in blocks[start:end]]
            start = end

    def _assemble_workspaces(self, blocks: Sequence[int]) -> None:
        """Headings before the first row of each workspace that has agents; one without is its own heading."""
        items: list[Item] = []
        keys: list[Key | None] = []
        rows, at = self._rows, [0] * len(self._rows)
        for block in blocks:
            first, last = self._blocks[block]
            if rows[first].agent is not None:
                items.append(rows[first].workspace)
                keys.append(None)
            for place in range(first, last):
                row = rows[place]
                at[place] = len(items)
                items.append(row)
                keys.append(row.key)
        self.items, self.keys, self._at = items, keys, at

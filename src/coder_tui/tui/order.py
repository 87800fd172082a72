"""In which order the Agents pane shows its rows, and under which headings. Pure: lists in, lists out.

What moves costs what moved: a change of a few rows sorts these rows anew, not all of them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate, chain, pairwise
from typing import Any

from coder_tui.fleet.lists import sorted_in_steps
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
_SLICE = 128  # rows that are ranked at once, in less than a millisecond

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
        self._chunks: list[list[Item]] = []  # of each workspace: its heading, if it has one, and its rows
        self._chunk_keys: list[list[Key | None]] = []
        self._at: list[int] = []  # where each block begins among the items; in the plain order, where each row is

    @property
    def plain(self) -> bool:
        """Whether it is the order in which the rows come."""
        return self.sort is Sort.NAME and self.group is Group.WORKSPACE

    def lay_out(self, rows: Sequence[Row]) -> None:
        """Other rows, at once."""
        for _ in self.steps(rows):
            pass

    def steps(self, rows: Sequence[Row]) -> Iterator[None]:
        """Other rows, in small steps: usable after the last one."""
        self._rows, self._ranks, self._chunks, self._chunk_keys = rows, [], [], []
        if self.plain:
            self.items, self.keys = [], []
            self._at = _list(rows, self.items, self.keys)
            return
        if self.group is Group.WORKSPACE:
            self._blocks = _workspaces(rows)
            self._block_of = [block for block, (first, last) in enumerate(self._blocks) for _ in range(first, last)]
        else:
            self._blocks = [(place, place + 1) for place in range(len(rows))]
            self._block_of = list(range(len(rows)))
        yield
        for block in range(len(self._blocks)):
            self._ranks.append(self._rank(block))
            if self.group is Group.WORKSPACE:
                items, keys = self._chunk(block)
                self._chunks.append(items)
                self._chunk_keys.append(keys)
            if not block % _SLICE:
                yield
        order = yield from sorted_in_steps(list(range(len(self._ranks))), self._ranks.__getitem__)
        self._sorted = [(self._ranks[block], block) for block in order]
        yield
        self._assemble()

    def update(self, rows: Sequence[Row], changed: Sequence[int]) -> list[int] | None:
        """The same keys, but the rows at these places are others. Returns the items to paint again; None: some moved,
        and `items` and `keys` are new lists."""
        self._rows = rows
        moved = False
        for block in {self._block_of[place] for place in changed} if self._ranks else ():
            if self._chunks:
                self._chunks[block], _ = self._chunk(block)
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
            row, index = rows[place], self._index(place)
            self.items[index] = row
            touched.append(index)
            if index and isinstance(self.items[index - 1], Workspace):
                self.items[index - 1] = row.workspace
                touched.append(index - 1)
        return touched

    def _index(self, place: int) -> int:
        if not self._ranks:
            return self._at[place]
        block = self._block_of[place]
        if not self._chunks:
            return self._at[block]
        return self._at[block] + len(self._chunks[block]) - (self._blocks[block][1] - place)

    def _rank(self, block: int) -> Rank:
        first, last = self._blocks[block]
        if self.group is Group.WORKSPACE:
            return min(rank_of(row, self.sort) for row in self._rows[first:last])
        row = self._rows[first]
        return (*group_of(row, self.group), *rank_of(row, self.sort))

    def _chunk(self, block: int) -> tuple[list[Item], list[Key | None]]:
        first, last = self._blocks[block]
        items: list[Item] = []
        keys: list[Key | None] = []
        _list(self._rows[first:last], items, keys)
        return items, keys

    def _assemble(self) -> None:
        """Chunks in order, under the headings of their groups."""
        blocks = [block for _, block in self._sorted]
        self.items, self.keys = [], []
        self._at = [0] * len(blocks)
        start = 0
        while start < len(blocks):
            end = len(blocks)
            if self.group in (Group.STATE, Group.DEPLOYMENT):
                group = self._ranks[blocks[start]][:2]
                end = bisect_right(self._sorted, group, key=lambda one: one[0][:2])
                self.items.append(Heading(self.group, group[1], end - start, self._rows[blocks[start]]))
                self.keys.append(None)
            self._append(blocks[start:end])
            start = end

    def _append(self, blocks: Sequence[int]) -> None:
        start = len(self.items)
        if not self._chunks:  # a block is a row
            rows = self._rows
            for index, block in enumerate(blocks, start):
                self._at[block] = index
            self.items += [rows[block] for block in blocks]
            self.keys += [rows[block].key for block in blocks]
            return
        chunks = [self._chunks[block] for block in blocks]
        for block, index in zip(blocks, accumulate(map(len, chunks), initial=start), strict=False):
            self._at[block] = index
        self.items += chain.from_iterable(chunks)
        self.keys += chain.from_iterable([self._chunk_keys[block] for block in blocks])


def _workspaces(rows: Sequence[Row]) -> list[tuple[int, int]]:
    """One block for each workspace."""
    starts = [place for place, row in enumerate(rows) if not place or row.key[:2] != rows[place - 1].key[:2]]
    return list(pairwise([*starts, len(rows)]))


def _list(rows: Sequence[Row], items: list[Item], keys: list[Key | None]) -> list[int]:
    """Append the rows, a heading before the first of each workspace that has agents; one without is its own heading.
    Returns where each row is."""
    at: list[int] = []
    workspace = ""
    for row in rows:
        key = row.key
        if row.agent is not None and key.workspace_id != workspace:
            items.append(row.workspace)
            keys.append(None)
        workspace = key.workspace_id
        at.append(len(items))
        items.append(row)
        keys.append(key)
    return at

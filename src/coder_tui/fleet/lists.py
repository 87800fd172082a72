"""The lists of a snapshot, kept sorted and patched in place: one change costs what it touches."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from heapq import merge
from typing import Any, NamedTuple, TypeVar

from coder_tui.fleet.buckets import Buckets
from coder_tui.fleet.rows import AlertPlace, Id, Place, alert_place
from coder_tui.fleet.snapshot import Alert, Row, Workspace

_T = TypeVar("_T")
_P = TypeVar("_P", Place, AlertPlace)
_SLICE = 256
"""Entries that are sorted or noted at once, in less than a millisecond."""
_BULK, _SHARE = 64, 16
"""From this many changed workspaces on, and this share of all, sorting anew is cheaper than patching."""


class Placed(NamedTuple):
    """A workspace and its rows, which stand together in the list, at `place`."""

    workspace: Workspace
    rows: tuple[Row, ...]
    place: Place

    @property
    def alerts(self) -> list[Alert]:
        """The alerts of its rows."""
        return [row.alert for row in self.rows if row.alert]


Edit = tuple[Placed | None, Placed | None]
"""How a workspace stood before (None: it is new) and stands now (None: it is gone)."""


class Lists:
    """Workspaces, rows and alerts in list order, and the rows by workspace."""

    def __init__(self) -> None:
        self.workspaces: list[Workspace] = []
        self.rows: list[Row] = []
        self.alerts: list[Alert] = []
        # where each of them stands: found without making 14 places for every search
        self._workspaces_at: list[Place] = []
        self._rows_at: list[Place] = []
        self._alerts_at: list[AlertPlace] = []
        self.index: Buckets[Id, tuple[Row, ...]] = Buckets()

    def edit(self, edits: Mapping[Id, Edit], known: Callable[[], Iterable[Placed]]) -> Iterator[None]:
        """Bring the lists up to date, in small steps. `known` gives all workspaces, for when that many changed."""
        for some in _slices(list(edits.items())):
            self.index = self.index.changed({name: after.rows if after else None for name, (_, after) in some})
            yield
        if len(edits) < max(_BULK, len(self.workspaces) // _SHARE):
            for before, after in edits.values():
                self._patch(before, after)
                yield
            return
        placed = yield from sorted_in_steps(list(known()), _placed_at)
        self.workspaces = [one.workspace for one in placed]
        self.rows = [row for one in placed for row in one.rows]
        yield
        self._workspaces_at, self._rows_at = [], []
        for group in _slices(placed):
            for one in group:
                self._workspaces_at.append(one.place)
                self._rows_at += [one.place] * len(one.rows)
            yield
        self.alerts = yield from sorted_in_steps([row.alert for row in self.rows if row.alert], alert_place)
        self._alerts_at = []
        for alerts in _slices(self.alerts):
            self._alerts_at += map(alert_place, alerts)
            yield

    def _patch(self, before: Placed | None, after: Placed | None) -> None:
        start = before.place if before else None
        end = after.place if after else None
        if before and start and start != end:
            self._put(start, before, None)
        if after and end:
            self._put(end, before if start == end else None, after)
        old, new = before.alerts if before else [], after.alerts if after else []
        for alert in old:
            if not any(alert is other for other in new):
                _splice(self.alerts, self._alerts_at, alert_place(alert), 1, ())
        for alert in new:
            if not any(alert is other for other in old):
                _splice(self.alerts, self._alerts_at, alert_place(alert), 0, (alert,))

    def _put(self, at: Place, before: Placed | None, after: Placed | None) -> None:
        """Replace what stands at `at`."""
        start = bisect_left(self._workspaces_at, at)
        # each workspace has a row at least: so many stand before these, and so many after
        first = bisect_left(self._rows_at, at, start, len(self.rows) - (len(self.workspaces) - start))
        count = len(before.rows) if before else 0
        self.workspaces[start : start + bool(before)] = (after.workspace,) if after else ()
        self.rows[first : first + count] = rows = after.rows if after else ()
        if not before or len(rows) != count:
            self._workspaces_at[start : start + bool(before)] = (at,) if after else ()
            self._rows_at[first : first + count] = (at,) * len(rows)


def _placed_at(placed: Placed) -> Place:
    return placed.place


def _slices(items: list[_T]) -> Iterator[list[_T]]:
    return (items[start : start + _SLICE] for start in range(0, len(items), _SLICE))


def sorted_in_steps(items: list[_T], key: Callable[[_T], Any]) -> Generator[None, None, list[_T]]:
    """As `sorted`, whose C code nothing can interrupt, in small steps: sort slices, then merge them."""
    runs: list[list[tuple[Any, int, _T]]] = []
    for start in range(0, len(items), _SLICE):
        keyed = ((key(item), number, item) for number, item in enumerate(items[start : start + _SLICE], start))
        runs.append(sorted(keyed))
        yield
    found: list[_T] = []
    for number, (_, _, item) in enumerate(merge(*runs)):
        found.append(item)
        if not number % _SLICE:
            yield
    return found


def _splice(items: list[_T], places: list[_P], at: _P, remove: int, insert: Sequence[_T]) -> None:
    """Replace `remove` items from the first one not before `at`; `places` says where each stands, in order."""
    start = bisect_left(places, at)
    items[start : start + remove] = insert
    places[start : start + remove] = [at] * len(insert)

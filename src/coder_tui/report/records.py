"""The records a terminal keeps for OSC 7501: one for each id, with the lifetime rules of the spec. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from coder_tui.report.signals import Status

LIMIT = 256
"""Records kept; the least recently reported goes first."""
_LASTING = frozenset({"done", "error"})


class Records:
    """What one program and its children last said."""

    def __init__(self) -> None:
        self._by_id: OrderedDict[str, Status] = OrderedDict()

    def apply(self, status: Status) -> None:
        """A report replaces its record whole; `clear` removes its subtree, without an id everything."""
        if status.state == "clear":
            below = f"{status.id}/"
            self._drop(name for name in self._by_id if not status.id or name == status.id or name.startswith(below))
            return
        self._by_id[status.id] = status
        self._by_id.move_to_end(status.id)
        if len(self._by_id) > LIMIT:
            self._by_id.popitem(last=False)

    def settle(self) -> None:
        """A shell prompt, or the program's end: only outcomes stay."""
        self._drop(name for name, status in self._by_id.items() if status.state not in _LASTING)

    def reset(self) -> None:
        """RIS: nothing stays."""
        self._by_id.clear()

    def __len__(self) -> int:
        return len(self._by_id)

    def app(self, status: Status) -> str:
        """The name of the program: its own, else that of the nearest ancestor."""
        name = status.id
        while not status.app and name:
            name = name.rpartition("/")[0]
            status = self._by_id.get(name, status)
        return status.app

    def summary(self) -> Status | None:
        """The one record that stands for all of them: who waits for a person, else the root, else the newest child
        in the order working, error, done, idle. A child never speaks for a root that said something itself."""
        newest = list(reversed(self._by_id.values()))
        blocked = [status for status in newest if status.state == "blocked"]
        if blocked:
            return next((status for status in blocked if not status.id), blocked[0])
        if root := self._by_id.get(""):
            return root
        order = ("working", "error", "done", "idle")
        return min(newest, key=lambda status: order.index(status.state), default=None)

    def _drop(self, names: Iterable[str]) -> None:
        for name in list(names):
            del self._by_id[name]

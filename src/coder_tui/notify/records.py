"""Every watched agent as a child record of ours in the outer terminal (OSC 7501, Program Status Protocol).

Only a terminal that answered `QUERY` is told; what it answers is that sequence itself. `Sieve` takes the answer out
of what is typed.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

from coder_tui.fleet.snapshot import Level, Row, Snapshot
from coder_tui.notify.terminals import ST
from coder_tui.text import one_line

QUERY = f"\x1b]7501;?{ST}"
CLEAR = f"\x1b]7501;state=clear{ST}"
LIMIT = 64
"""Agents told of at most, those that need a person first; a terminal keeps 256 records."""
_TITLE, _MESSAGE, _SEGMENT = 180, 512, 31  # bytes, bytes, characters: four segments fit into an id of 128
_ODD = re.compile(r"[^A-Za-z0-9_.+-]+")
_STATES = {
    Level.ASKS: "blocked:kind=question",
    Level.FAILED: "error",
    Level.LOST: "error",
    Level.DONE: "done",
    Level.QUIET: "working",
}


class Records:
    """What the terminal was told; `update` gives what it must be told now."""

    def __init__(self) -> None:
        self._told: dict[str, str] = {}

    def update(self, snapshot: Snapshot) -> str:
        """Sequences to write; "" when nothing differs."""
        wanted = dict(_records(snapshot))
        gone = [name for name in self._told if name not in wanted]
        changed = [body for name, body in wanted.items() if self._told.get(name) != body]
        self._told = wanted
        return "".join(f"\x1b]7501;{body}{ST}" for body in (*(f"state=clear:id={name}" for name in gone), *changed))


def _records(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """Id and report of each, ours (which has no id) first."""
    rows: dict[str, Row] = {}
    for row in _chosen(snapshot):
        name = "/".join(_word(part) for part in (row.key.deployment, row.workspace.name, row.key.agent, row.key.app))
        rows.setdefault(name, row)
        if len(rows) == LIMIT:
            break
    states = {name: _state(row) for name, row in rows.items()}
    calling = next(snapshot.needing(), None) is not None
    own = "blocked:kind=question" if calling else "working" if "working" in states.values() else "idle"
    yield "", f"state={own}:app=coder-tui"
    for name, row in rows.items():
        title, message = one_line(row.workspace.title), one_line(row.status.message if row.status else "")
        yield (
            name,
            f"state={states[name]}:id={name}:app={_word(row.key.app)}:title={_base64(title, _TITLE)}"
            + (f":msg={_base64(message, _MESSAGE)}" if message else ""),
        )


def _chosen(snapshot: Snapshot) -> Iterator[Row]:
    yield from (row for row in snapshot.needing() if row.app)
    yield from (row for row in snapshot.rows if row.app and row.status)


def _state(row: Row) -> str:
    if row.alert is not None and row.alert.open:
        return _STATES[row.alert.level]
    return "working" if row.status and row.status.state == "working" else "idle"


def _word(text: str) -> str:
    return _ODD.sub("-", text)[:_SEGMENT] or "-"


def _base64(text: str, limit: int) -> str:
    cut = text.encode()[:limit].decode(errors="ignore")
    return base64.b64encode(cut.encode()).decode()


_ANSWERS = (QUERY, "\x1b]7501;?\x07")
_SHORTEST = 2  # an ESC alone is a key: whoever reads keys waits for what follows it


class Sieve:
    """Takes the answer to `QUERY` out of what the terminal sends; everything else passes."""

    def __init__(self) -> None:
        self.answered = False
        self._held = ""

    def feed(self, text: str) -> str:
        """More input; what of it is for the keys. The beginning of what may be an answer is held back."""
        text = self._held + text
        self._held = ""
        for answer in _ANSWERS:
            if answer in text:
                self.answered = True
                text = text.replace(answer, "")
        start = text.rfind("\x1b]")
        tail = text[start:] if start >= 0 else ""
        if len(tail) >= _SHORTEST and any(answer.startswith(tail) for answer in _ANSWERS):
            self._held = tail
            text = text[:start]
        return text

    def release(self) -> str:
        """Nothing followed for a while: what is held was typed."""
        held, self._held = self._held, ""
        return held

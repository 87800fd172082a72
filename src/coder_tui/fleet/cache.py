"""The last known fleet as text for the disk, ours alone: a head line, then one line of JSON for each workspace.

A workspace is the list of its fields in their order. Reading it takes no library: the first frame waits for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from zlib import crc32

from coder_tui.fleet.snapshot import Agent, App, LogSource, Status, Workspace

_KINDS = (Status, App, LogSource, Agent, Workspace)
_NAMES: dict[type, tuple[str, ...]] = {kind: tuple(part.name for part in fields(kind)) for kind in _KINDS}
_HEAD = f'["fleet",{crc32(repr([(part.name, part.type) for kind in _KINDS for part in fields(kind)]).encode())}]'
"""Says which fields follow: a program whose rows have others does not read it."""


class FleetText:
    """The text of one deployment's fleet. Of workspaces that are the same objects as before, no line is made anew."""

    def __init__(self) -> None:
        self._lines: dict[str, tuple[Workspace, str]] | None = None

    def of(self, workspaces: Sequence[Workspace]) -> str | None:
        """The whole text, which `read_workspaces` reads back equal; None where it is that of the last time."""
        old, same = self._lines or {}, self._lines is not None and len(workspaces) == len(self._lines)
        self._lines = {}
        for workspace in workspaces:
            known = old.get(workspace.id)
            if known is None or known[0] is not workspace:
                same, known = False, (workspace, json.dumps(workspace, default=_plain, separators=(",", ":")))
            self._lines[workspace.id] = known
        return None if same else "\n".join((_HEAD, *(line for _, line in self._lines.values())))


def read_workspaces(text: str) -> Iterator[Workspace]:
    """The rows of a text that `FleetText` made, one by one, some 20 us each.

    Raises ValueError, and nothing else, for any other text: broken JSON, other fields, wrong types, times without a
    zone. What came before it may be forgotten.
    """
    head, *lines = text.split("\n")
    if head != _HEAD:
        raise ValueError("another version wrote this, or nobody")
    for line in lines:
        try:
            yield _workspace(json.loads(line))
        except RecursionError:
            raise ValueError("not a workspace") from None


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return [getattr(value, name) for name in _NAMES[type(value)]]


def _of(kind: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise ValueError(f"expected {kind.__name__}")
        return value

    return read


def _time(value: Any) -> datetime:
    at = datetime.fromisoformat(_text(value))
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return at


def _maybe(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else read(value)


def _many(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: tuple(map(read, _list(value)))


def _row(kind: type) -> Callable[[Any], Any]:
    parts = [_READERS[str(part.type)] for part in fields(kind)]

    def read(value: Any) -> Any:
        if len(_list(value)) != len(parts):
            raise ValueError(f"not a {kind.__name__}")
        return kind(*[part(item) for part, item in zip(parts, value, strict=True)])

    return read


_text, _list = _of(str), _of(list)
_READERS: dict[str, Callable[[Any], Any]] = {
    "str": _text, "int": _of(int), "bool": _of(bool), "str | None": _maybe(_text),
    "datetime": _time, "datetime | None": _maybe(_time),
}  # fmt: skip
_READERS["Status | None"] = _maybe(_row(Status))
_READERS["tuple[Status, ...]"] = _many(_row(Status))
_READERS["tuple[App, ...]"] = _many(_row(App))
_READERS["tuple[LogSource, ...]"] = _many(_row(LogSource))
_READERS["tuple[Agent, ...]"] = _many(_row(Agent))
_workspace: Callable[[Any], Workspace] = _row(Workspace)

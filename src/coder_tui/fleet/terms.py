"""The terms a filter is made of: each matches one row, and prints as the text it was parsed from."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import translate
from functools import lru_cache
from operator import ge, gt, le, lt
from typing import Protocol

from coder_tui.fleet.snapshot import Row, Snapshot

SEARCHED = 200
"""Characters of a text that a regular expression looks at: with a bounded pattern, this bounds its time."""
_BARE = re.compile(r'[^\s"|()!/:<>][^\s"|():<>]*')
_UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
_COMPARE: dict[str, Callable[[timedelta, timedelta], bool]] = {">": gt, "<": lt, ">=": ge, "<=": le}


class Term(Protocol):
    """Part of a filter."""

    def matches(self, row: Row, snapshot: Snapshot, now: datetime) -> bool:
        """Whether the row is wanted, at `now`."""


@dataclass(frozen=True, slots=True)
class Every:
    """All of them (and); of none, everything matches."""

    terms: tuple[Term, ...] = ()

    def matches(self, row: Row, snapshot: Snapshot, now: datetime) -> bool:
        """Whether all terms match."""
        return all(term.matches(row, snapshot, now) for term in self.terms)

    def __str__(self) -> str:
        return " ".join(f"({term})" if isinstance(term, Either) else str(term) for term in self.terms)


@dataclass(frozen=True, slots=True)
class Either:
    """Any of them (or)."""

    terms: tuple[Term, ...]

    def matches(self, row: Row, snapshot: Snapshot, now: datetime) -> bool:
        """Whether one of the terms matches."""
        return any(term.matches(row, snapshot, now) for term in self.terms)

    def __str__(self) -> str:
        return " | ".join(map(str, self.terms))


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    term: Term

    def matches(self, row: Row, snapshot: Snapshot, now: datetime) -> bool:
        """Whether the term does not match."""
        return not self.term.matches(row, snapshot, now)

    def __str__(self) -> str:
        return f"!({self.term})" if isinstance(self.term, Every | Either) else f"!{self.term}"


@dataclass(frozen=True, slots=True)
class Word:
    """A word anywhere in workspace, owner, agent, app or message. `text` is case-folded."""

    text: str

    def matches(self, row: Row, snapshot: Snapshot, now: datetime) -> bool:
        """Whether one of the row's texts contains the word."""
        return self.text in row.folded

    def __str__(self) -> str:
        return quoted(self.text)


@dataclass(frozen=True, slots=True)
class Regex:
    """A regular expression, searched in each of the row's texts, ignoring case. `source` has its slashes escaped."""

    source: str
    pattern: re.Pattern[str] = field(compare=False, repr=False)

    def matches(self, row: Row, snapshot: Snapshot, now: datetime) -> bool:
        """Whether the pattern is found in one of the row's texts."""
        return any(self.pattern.search(text[:SEARCHED]) for text in row.texts)

    def __str__(self) -> str:
        return f"/{self.source}/"


@dataclass(frozen=True, slots=True)
class Named:
    """`name:value`. Owners and states are compared whole, other names may contain the value; with `*` or `?` the
    value is a pattern for the whole name. `value` is case-folded."""

    name: str
    value: str

    def matches(self, row: Row, snapshot: Snapshot, now: datetime) -> bool:
        """Whether one of the row's values of that name fits."""
        value = self.value
        if self.name == "owner" and value == "me":
            deployment = snapshot.deployments.get(row.key.deployment)
            user = deployment.user if deployment else ""
            return user != "" and user.casefold() == row.workspace.owner.casefold()
        found = [text.casefold() for text in VALUES[self.name](row)]
        if "*" in value or "?" in value:
            return any(_glob(value).match(text) for text in found)
        return value in found if self.name in ("owner", "state") else any(value in text for text in found)

    def __str__(self) -> str:
        return f"{self.name}:{quoted(self.value)}"


@dataclass(frozen=True, slots=True)
class Age:
    """`age>10m`: the time since the app's newest status, or since the alert began if it has none."""

    compare: str
    limit: timedelta

    def matches(self, row: Row, snapshot: Snapshot, now: datetime) -> bool:
        """Whether the row has an age, and it compares so."""
        since = row.status.at if row.status else row.alert.since if row.alert else None
        return since is not None and _COMPARE[self.compare](now - since, self.limit)

    def __str__(self) -> str:
        return f"age{self.compare}{duration_text(self.limit)}"


@dataclass(frozen=True, slots=True)
class Is:
    """`is:acked` and its kind: yes or no."""

    flag: str

    def matches(self, row: Row, snapshot: Snapshot, now: datetime) -> bool:
        """Whether the row has that quality."""
        return FLAGS[self.flag](row)

    def __str__(self) -> str:
        return f"is:{self.flag}"


def states(row: Row) -> tuple[str, ...]:
    """What `state:` looks at: attention level, reported state, build status, agent status."""
    return (
        row.alert.level if row.alert else "",
        row.status.state if row.status else "",
        row.workspace.build_status,
        row.agent.status if row.agent else "",
    )


FLAGS: dict[str, Callable[[Row], bool]] = {
    "acked": lambda row: row.alert is not None and row.alert.acked,
    "due": lambda row: row.due,
    "running": lambda row: row.workspace.build_status == "running",
    "muted": lambda row: row.muted,
    "open": lambda row: row.alert is not None and row.alert.open,
    "snoozed": lambda row: row.alert is not None and row.alert.snoozed,
    "stale": lambda row: row.stale,
}
VALUES: dict[str, Callable[[Row], tuple[str, ...]]] = {
    "agent": lambda row: (row.agent.name,) if row.agent else (),
    "app": lambda row: (row.app.slug, row.app.name) if row.app else (),
    "deployment": lambda row: (row.workspace.deployment,),
    "owner": lambda row: (row.workspace.owner,),
    "state": states,
    "workspace": lambda row: (row.workspace.name, row.workspace.title),
}


def quoted(text: str) -> str:
    """The text as the language writes it: bare if it can be, else in double quotes."""
    if _BARE.fullmatch(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def duration_text(delta: timedelta) -> str:
    """`1h30m`: whole seconds in the units of the language."""
    seconds, text = int(delta.total_seconds()), ""
    for unit, size in _UNITS.items():
        if seconds >= size:
            text += f"{seconds // size}{unit}"
            seconds %= size
    return text or "0s"


def duration(text: str) -> timedelta | None:
    """`90s`, `10m`, `1h30m`, `4d`, `1w`; None if it is none of these."""
    parts = re.findall(r"([0-9]{1,5})([wdhms])", text)
    if not parts or "".join(map("".join, parts)) != text:
        return None
    return timedelta(seconds=sum(int(number) * _UNITS[unit] for number, unit in parts))


@lru_cache(maxsize=64)
def _glob(value: str) -> re.Pattern[str]:
    return re.compile(translate(value.replace("[", "[[]")))

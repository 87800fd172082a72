"""The `[notify]` table of the configuration, checked by hand as the rest of it.

```toml
[notify]
when = "unfocused"              # always, unfocused (nobody is looking, see `looking`), never
quiet_hours = "22:00-08:00"     # local time in which nobody is called
terminal = "auto"               # how the terminal is told: auto, osc9, osc99, osc777, none
command = ["notify-me", "-v"]   # a program and its arguments, never a shell; it gets JSON on stdin
title = true                    # the terminal's title counts who needs you
status = true                   # the outer terminal is told of every agent (OSC 7501), if it asks for that
asks = ["bell", "terminal", "command"]    # the channels of each level; also: desktop
quiet = []
```
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import time

FOCUSED_FOR, UNKNOWN_FOR = 300.0, 60.0
"""Seconds after the last key in which a person is taken to look: at a window that has the focus, and at one of which
the terminal never told."""
CHANNELS = ("bell", "terminal", "desktop", "command")
FORMS = ("auto", "osc9", "osc99", "osc777", "none")
WHEN = ("always", "unfocused", "never")
_HOURS = re.compile(r"(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)")
_USUAL = ("bell", "terminal", "command")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A time of day from `start` until `end` (not included), which may be on the next day."""

    start: time
    end: time

    def covers(self, moment: time) -> bool:
        """Whether that local time of day is in it."""
        if self.start < self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


@dataclass(frozen=True, slots=True)
class Settings:
    """Complete with defaults. `asks` to `quiet` are the channels of the attention level of that name."""

    when: str = "unfocused"
    quiet_hours: QuietHours | None = None
    terminal: str = "auto"
    command: tuple[str, ...] = ()
    title: bool = True
    status: bool = True
    asks: tuple[str, ...] = _USUAL
    failed: tuple[str, ...] = _USUAL
    lost: tuple[str, ...] = _USUAL
    done: tuple[str, ...] = _USUAL
    quiet: tuple[str, ...] = ()

    def channels(self, level: str) -> frozenset[str]:
        """The channels of a level; none for a level that is not known here."""
        found: tuple[str, ...] = getattr(self, level) if level in _LEVELS else ()
        return frozenset(found)

    @property
    def used(self) -> frozenset[str]:
        """The channels that some level has."""
        return frozenset().union(*(self.channels(level) for level in _LEVELS))


_LEVELS = frozenset(field.name for field in fields(Settings)) - {
    *("when", "quiet_hours", "terminal", "command", "title", "status")
}


def looking(focused: bool | None, idle: float) -> bool:
    """Whether the person is taken to look at us. `focused` None: the terminal never told; `idle`: seconds, no key."""
    return focused is not False and idle < (FOCUSED_FOR if focused else UNKNOWN_FOR)


def _one_of(words: tuple[str, ...]) -> Callable[[object], str]:
    def check(value: object) -> str:
        if value not in words:
            raise ValueError("expected " + ", ".join(f'"{word}"' for word in words[:-1]) + f' or "{words[-1]}"')
        return str(value)

    return check


def parse_quiet_hours(value: object) -> QuietHours:
    """`22:00-08:00`. Raises ValueError saying what was expected."""
    match = _HOURS.fullmatch(value.strip()) if isinstance(value, str) else None
    try:
        if match is None:
            raise ValueError
        hour, minute, until_hour, until_minute = (int(part) for part in match.groups())
        found = QuietHours(time(hour, minute), time(until_hour, until_minute))
    except ValueError:
        raise ValueError('expected two times of day like "22:00-08:00", in quotes') from None
    if found.start == found.end:
        raise ValueError('the two times are the same; to be never called, set when = "never"')
    return found


def _words(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(word, str) and "\0" not in word for word in value):
        raise ValueError('expected a program and its arguments, like ["notify-me", "-v"]')
    if value and not value[0]:
        raise ValueError("the program has no name")
    return tuple(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("expected true or false")
    return value


def _channels(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(word in CHANNELS for word in value):
        raise ValueError("expected a list of " + ", ".join(f'"{word}"' for word in CHANNELS))
    return tuple(value)


CHECKS: Mapping[str, Callable[[object], object]] = {
    "when": _one_of(WHEN),
    "quiet_hours": parse_quiet_hours,
    "terminal": _one_of(FORMS),
    "command": _words,
    "title": _flag,
    "status": _flag,
    **dict.fromkeys(sorted(_LEVELS), _channels),
}
"""How each key of the table is read. Every check raises ValueError saying what was expected."""

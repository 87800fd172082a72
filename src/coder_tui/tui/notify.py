"""Calling a person who looks elsewhere: decides by `notify.calls`, and sends what was decided out of the program."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from coder_tui.fleet.snapshot import Key, Snapshot
from coder_tui.notify.calls import Call, Calls, call_json, trial
from coder_tui.notify.records import Records
from coder_tui.notify.settings import CHANNELS, Settings
from coder_tui.notify.terminals import notification, outer

RECORDS_EVERY = 1.0
"""Seconds between two tellings of the outer terminal (OSC 7501)."""


@dataclass(frozen=True, slots=True)
class Outlets:
    """Ways out of the program. `write` goes to the outer terminal, `run` owns a task, `complain` is read by the
    person, `looking` tells whether they are there."""

    bell: Callable[[], None]
    write: Callable[[str], None]
    title: Callable[[str], None]
    run: Callable[[Coroutine[Any, Any, None]], object]
    complain: Callable[[str], None]
    looking: Callable[[], bool]


class Notifier:
    """Give it every snapshot. `seconds` is monotonic, `now` tells an aware time."""

    def __init__(
        self,
        settings: Settings,
        outlets: Outlets,
        *,
        seconds: Callable[[], float] = monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._settings, self._out, self._seconds, self._now = settings, outlets, seconds, now
        self._calls = Calls(settings)
        self._outer = outer(environ, settings.terminal)
        self._environ = environ
        self._records: Records | None = None
        self._told = float("-inf")  # when the outer terminal was told of the agents
        self._behind = False  # it does not know the newest
        self._title = ""
        self._number = 0
        self._said: set[str] = set()

    def update(self, snapshot: Snapshot, count: int, looked_at: Key | None) -> Call | None:
        """A newer snapshot with `count` open alerts; `looked_at` is the row the person has before them. Returns the
        call that was made."""
        self._retitle(count)
        self._tell(snapshot)
        call = self._calls.update(
            snapshot,
            self._seconds(),
            self._now().astimezone(),
            looked_at=looked_at,
            looking=self._out.looking(),
        )
        if call is not None:
            self._send(call, count)
        return call

    @property
    def wait(self) -> float | None:
        """Seconds until `update` should be called again though nothing changed; None: never."""
        records = self._told + RECORDS_EVERY if self._behind else None
        wake = min((when for when in (self._calls.wake, records) if when is not None), default=None)
        return None if wake is None else max(0.0, wake - self._seconds())

    def try_out(self, count: int) -> str:
        """Call by every channel in use, whatever the policy says; which these were, in sentences."""
        call = trial(self._settings)
        self._send(call, count)
        dumb = self._outer.form == "none" and "terminal" in call.channels
        silent = {"terminal"} if dumb else set()
        if not self._settings.command:
            silent.add("command")
        names = [name for name in CHANNELS if name in call.channels - silent]
        told = f"Called by {', '.join(names)}." if names else "No channel is in use."
        return f"{told} This terminal is not known to show notifications (coder-tui doctor)." if dumb else told

    @property
    def attended(self) -> bool:
        """Whether the person is taken to look at us."""
        return self._out.looking()

    @property
    def speaks(self) -> bool:
        """Whether the outer terminal is told of agents."""
        return self._records is not None

    def answered(self) -> None:
        """The outer terminal takes reports of agents (it answered OSC 7501's query): tell it from now on."""
        if self._records is None and self._settings.status:
            self._records, self._behind = Records(), True

    def _send(self, call: Call, count: int) -> None:
        self._number += 1
        if "bell" in call.channels:
            self._out.bell()
        if "terminal" in call.channels:
            self._out.write(notification(self._outer, call.title, call.body, self._number))
        if "desktop" in call.channels:
            self._out.run(self._desktop(call))
        if "command" in call.channels and self._settings.command:
            self._out.run(self._command(call, count))

    async def _desktop(self, call: Call) -> None:
        from coder_tui.notify import programs  # most people use none

        why = programs.no_desktop(sys.platform, shutil.which, self._environ)
        if not why:
            why = await programs.run(programs.desktop(call.title, call.body, sys.platform))
        self._complain("desktop", why)

    async def _command(self, call: Call, count: int) -> None:
        from coder_tui.notify import programs

        told = json.dumps(call_json(call, count, self._now())).encode()
        self._complain("command", await programs.run(self._settings.command, told))

    def _complain(self, channel: str, why: str) -> None:
        """Say it once; a channel that works again may complain again."""
        if not why:
            self._said = {said for said in self._said if not said.startswith(channel)}
        elif (said := f"{channel}: {why}") not in self._said:
            self._said.add(said)
            self._out.complain(f"Nobody was called by {said}.")

    def _retitle(self, count: int) -> None:
        title = f"({count}) coder-tui" if count else "coder-tui"
        if title != self._title and self._settings.title:
            self._title = title
            self._out.title(title)

    def _tell(self, snapshot: Snapshot) -> None:
        if self._records is None:
            return
        self._behind = self._seconds() < self._told + RECORDS_EVERY
        if not self._behind and (text := self._records.update(snapshot)):
            self._told = self._seconds()
            self._out.write(text)

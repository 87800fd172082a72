"""Reports that wait to be sent: kept in order in a file (0600, bounded), sent by one process at a time.

Whoever spools never waits for the network. Dropped: exact repeats of state, link, message and need for an app,
a question that was answered within its debounce, what is older than a day, the oldest over `ENTRIES`. At most
`BURST` reports go at once, then one in `GAP` seconds. Standard library only.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coder_tui.errors import ApiError, CoderTuiError, CredentialsError, UnreachableError
from coder_tui.report.states import cut

if TYPE_CHECKING:
    from coder_tui.report.reporter import Reporter  # HTTP is for the sender, not for who spools

ENTRIES = 200
OLDEST = 86_400.0
"""Seconds after which a report is of no use."""
DEBOUNCE = 1.0
"""Seconds a hook's question must stand."""
BURST, GAP = 5, 0.2
PATIENCE = 20.0
"""Seconds a sender goes on trying before it leaves the rest to the next one."""
_QUEUE, _LAST, _LOCK, _SENDER = "queue", "last", "lock", "sender"

Entry = dict[str, Any]


def directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Of this deployment, workspace and agent."""
    from coder_tui.paths import state_dir

    names = ("CODER_AGENT_URL", "CODER_WORKSPACE_ID", "CODER_WORKSPACE_NAME", "CODER_WORKSPACE_AGENT_NAME")
    whose = "\n".join(environ.get(name, "") for name in names)
    return state_dir() / "spool" / hashlib.sha256(whose.encode("utf-8", "replace")).hexdigest()[:32]


class Spool:
    """The reports of one directory. Every method may raise OSError."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = path, clock

    def put(self, app: str, state: str, message: str, link: str = "", *, needs: str = "", icon: str = "") -> bool:
        """Keep a report; False when it repeats the one before for that app, and nothing waits."""
        entry = entry_of(app, state, message, link, needs=needs, icon=icon) | {"at": self._clock()}
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked(_LOCK):
            queue = self._queue()
            before = next((one for one in reversed(queue) if one["app"] == app), None) or self._last().get(app)
            if before is not None and _key(before) == _key(entry):
                return False
            self._write(_QUEUE, [*queue, entry][-ENTRIES:])
        return True

    def waiting(self) -> int:
        """How many reports wait."""
        return len(self._queue())

    def send(
        self, send: Callable[[Entry], None], *, sleep: Callable[[float], None] = time.sleep, patience: float = PATIENCE
    ) -> bool:
        """Send what waits, in order; False when another process is at it, or some is left.

        `send` raises UnreachableError (or ApiError 429, 5xx) for what may be tried again, CoderTuiError for what is
        refused for good and dropped.
        """
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked(_SENDER, wait=False) as ours:
            if not ours:
                return False
            until, pause, sent = self._clock() + patience, 0.5, 0
            while (entry := self._first(sleep)) is not None:
                try:
                    send(entry)
                except CoderTuiError as error:
                    if temporary(error):
                        if self._clock() + pause > until:
                            return False
                        sleep(pause)
                        pause = min(5.0, 2 * pause)
                        continue
                    self._done(entry, sent=False)
                    continue
                self._done(entry, sent=True)
                sent, pause = sent + 1, 0.5
                if sent >= BURST:
                    sleep(GAP)
            return True

    def _first(self, sleep: Callable[[float], None]) -> Entry | None:
        """The next report to send; waits while it is a question that is too young."""
        while True:
            with self._locked(_LOCK):
                queue = self._fresh()
                if not queue:
                    return None
                entry = queue[0]
                young = DEBOUNCE - (self._clock() - entry["at"])
                if not (entry["needs"] and entry["icon"]) or young <= 0 or young > DEBOUNCE:
                    return entry
                if any(one["app"] == entry["app"] and not one["needs"] for one in queue[1:]):
                    self._write(_QUEUE, queue[1:])  # answered already
                    continue
            sleep(min(young, GAP))

    def _fresh(self) -> list[Entry]:
        queue, last = self._queue(), self._last()
        now = self._clock()
        while queue and (now - queue[0]["at"] > OLDEST or _key(queue[0]) == _key(last.get(queue[0]["app"], {}))):
            del queue[0]
        return queue

    def _done(self, entry: Entry, *, sent: bool) -> None:
        with self._locked(_LOCK):
            queue = self._queue()
            if entry in queue:
                self._write(_QUEUE, queue[queue.index(entry) + 1 :])
            if sent:
                self._write(_LAST, [*(self._last() | {entry["app"]: entry}).values()][-ENTRIES:])

    def _queue(self) -> list[Entry]:
        return list(self._read(_QUEUE))

    def _last(self) -> dict[str, Entry]:
        return {entry["app"]: entry for entry in self._read(_LAST)}

    def _read(self, name: str) -> Iterator[Entry]:
        with suppress(FileNotFoundError), (self._path / name).open("rb") as file:
            for line in file:
                with suppress(ValueError):  # a line that a full disk cut
                    entry = json.loads(line)
                    if isinstance(entry, dict) and entry.keys() >= {"at", "app", "state", "message", "link"}:
                        yield {"needs": "", "icon": "", **entry}

    def _write(self, name: str, entries: list[Entry]) -> None:
        data = "".join(json.dumps(entry, separators=(",", ":")) + "\n" for entry in entries).encode()
        temporary = self._path / f".{name}.{os.getpid()}"
        try:
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(data)
            temporary.replace(self._path / name)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise

    @contextmanager
    def _locked(self, name: str, *, wait: bool = True) -> Iterator[bool]:
        handle = os.open(self._path / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(handle)


def entry_of(app: str, state: str, message: str, link: str = "", *, needs: str = "", icon: str = "") -> Entry:
    """A report as it is kept, without its time."""
    return {"app": app, "state": state, "message": cut(message), "link": link, "needs": needs, "icon": icon}


def by_socket(entry: Entry, *, timeout: float = 10.0) -> bool:
    """Send it over the agent's socket; see `agent_socket.tell`."""
    from coder_tui.report.agent_socket import tell
    from coder_tui.wire.tailnet.appstatus import STATES, AppStatus

    if entry["state"] not in STATES:
        return False
    names = ("app", "state", "message", "link", "icon", "needs")
    return tell(AppStatus(*(str(entry[name]) for name in names)), timeout=timeout)


def through(reporter: Reporter) -> Callable[[Entry], None]:
    """How to send an entry over a connection."""

    def send(entry: Entry) -> None:
        reporter.status(
            entry["state"],
            entry["message"],
            entry["link"],
            app=entry["app"],
            needs=entry["needs"],
            icon=entry["icon"],
        )

    return send


def _key(entry: Entry) -> tuple[object, ...]:
    return tuple(entry.get(name) for name in ("app", "state", "link", "message", "needs"))


def temporary(error: CoderTuiError) -> bool:
    """Whether the same report may be taken later."""
    # a refused token may be that of a build that has just been replaced: it is not worth waiting for
    return isinstance(error, UnreachableError) or (
        isinstance(error, ApiError)
        and not isinstance(error, CredentialsError)
        and (error.status == 429 or error.status >= 500)
    )

"""What the program remembers between runs: what people said about alerts, the last known fleet, terminals.

One SQLite file in the state directory (`synchronous=FULL`: an acknowledgement is on disk when it returns). Any number
of programs may use it at once. A file that cannot be used at all is a warning, and makes `acknowledge` and its kind
raise rather than forget.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from coder_tui.errors import StorageError
from coder_tui.feeds import journal
from coder_tui.feeds.journal import Word
from coder_tui.feeds.schema import SCHEMAS
from coder_tui.feeds.source import PtyTarget
from coder_tui.feeds.statefile import StateFile, data_version, writing
from coder_tui.fleet.snapshot import Key
from coder_tui.fleet.standing import Standings

FILE = "state.db"
_KEEP = timedelta(days=180)
"""How long an acknowledgement is kept; its event has left every list long before. A mute is kept for ever."""
_T = TypeVar("_T")
_KEEP_TERMINALS = timedelta(days=30)
"""How long the tab of a terminal is kept that nobody looks at: its agent is long gone."""


class Memory:
    """Opened at once and cheaply. Call from one thread, except `save_fleet`, `save_seen` and what concerns hubs
    (`merge`, `unsent`, `heard`), which may run in any."""

    def __init__(self, state_dir: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.path = state_dir / FILE
        self._now = now
        self._standings = Standings()
        self._noted = -1  # SQLite's data_version when they were read
        self._file = StateFile(
            self.path, SCHEMAS, lost="acknowledgements", refill=self._restore, tidy=self._tidy, now=now
        )
        try:
            self._standings = self._file.read(self._read)
        except StorageError as error:
            self._file.warn(str(error))

    @property
    def warnings(self) -> list[str]:
        """Sentences for the person: what could not be used, and where it was put."""
        return self._file.warnings

    @property
    def standings(self) -> Standings:
        """What people said, as last read; `refresh()` looks for another program's."""
        return self._standings

    @property
    def acked(self) -> frozenset[str]:
        """The acknowledged event ids as last read."""
        return self._standings.acked

    def refresh(self) -> bool:
        """Read again if another program wrote. True if something differs. Costs microseconds at rest."""
        if not self._file.opened:
            return False
        before = self._standings
        try:
            self._standings = self._file.read(
                lambda db: self._standings if data_version(db) == self._noted else self._read(db)
            )
        except StorageError as error:
            self._file.warn(str(error))
        return self._standings != before

    def acknowledge(self, event_ids: Sequence[str], keys: Sequence[Key]) -> None:
        """Acknowledge these events as one undoable step, on disk when it returns. Raises StorageError."""
        now = self._now()
        fresh = {event: key for event, key in zip(event_ids, keys, strict=True) if event not in self.acked}
        if fresh:
            self._step(
                keys,
                # one that another client took back belongs to this step from now on
                "INSERT OR REPLACE INTO ack (event_id, at, step) VALUES (?, ?, ?)",
                lambda step: [(event, now.isoformat(), step) for event in fresh],
                [(key.deployment, Word("ack", event, True, now)) for event, key in fresh.items()],
            )

    def snooze(self, event_ids: Sequence[str], keys: Sequence[Key], until: datetime | None) -> None:
        """Hush these events until then (aware; None: until the app's next event), as one undoable step.

        On disk when it returns. Raises StorageError.
        """
        now, end = self._now(), until.astimezone(UTC).isoformat() if until else None
        if event_ids:
            self._step(
                keys,
                "INSERT OR IGNORE INTO snooze (event_id, until, step) VALUES (?, ?, ?)",
                lambda step: [(event_id, end, step) for event_id in event_ids],
                [
                    (key.deployment, Word("snooze", event, True, now, until))
                    for event, key in zip(event_ids, keys, strict=True)
                ],
            )

    def mute(self, keys: Sequence[Key], muted: bool = True) -> None:
        """Hush all alerts of these rows, or (`muted` false) hear them again, as one undoable step.

        On disk when it returns. Raises StorageError.
        """
        now = self._now()
        changed = [key for key in keys if (key in self._standings.muted) != muted]
        if changed:
            self._step(
                changed,
                "INSERT OR IGNORE INTO mute VALUES (?, ?, ?, ?, ?, ?)",
                lambda step: [(*key, step, muted) for key in changed],
                [(key.deployment, Word("mute", journal.mute_subject(key), muted, now)) for key in changed],
            )

    def undo(self) -> list[Key]:
        """Take the newest step back, on disk when it returns; the keys it was about. Raises StorageError."""

        def write(db: sqlite3.Connection) -> list[Key]:
            row = db.execute("SELECT id, keys FROM step ORDER BY id DESC LIMIT 1").fetchone()
            if row is None:
                return []
            items = journal.of_step(db, row[0])
            db.execute("DELETE FROM step WHERE id = ?", (row[0],))
            journal.undone(db, items, self._below(db), self._now())
            return [Key(*map(str, key)) for key in json.loads(row[1])]

        keys = self._file.write(write)
        self._standings = self._file.read(self._read)
        return keys

    def note_seen(self, event_ids: Iterable[str]) -> None:
        """A person had these before their eyes. Known at once; `save_seen` puts it on disk."""
        self._standings = replace(self._standings, seen=self._standings.seen.union(event_ids))

    def save_seen(self, event_ids: Iterable[str]) -> None:
        """Save what `note_seen` noted. On a connection of its own, so it may run in a thread. Raises StorageError."""
        at = self._now().isoformat()
        try:
            with contextlib.closing(self._file.connect()) as db, writing(db):
                db.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", [(event_id, at) for event_id in event_ids])
        except sqlite3.Error as error:
            raise StorageError(f"cannot save to {self.path}", why=str(error)) from None

    def merge(self, deployment: str, words: Sequence[Word]) -> bool:
        """A hub says this; whether anything is to be read again (by `refresh`). Raises StorageError."""
        if words:
            self._apart(lambda db: journal.merge(db, deployment, words))
        return bool(words)

    def unsent(self, deployment: str) -> list[Word]:
        """Some of what was said here and that hub has not heard. Raises StorageError."""
        return self._apart(lambda db: journal.unsent(db, deployment))

    def heard(self, deployment: str, words: Sequence[Word], standing: Sequence[Word]) -> None:
        """The hub heard `words` and answered with what stands. Raises StorageError."""
        self._apart(lambda db: journal.sent(db, deployment, words, standing))

    def _apart(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Work on a connection of its own, in one transaction."""
        try:
            with contextlib.closing(self._file.connect()) as db, writing(db):
                return work(db)
        except sqlite3.Error as error:
            raise StorageError(f"cannot use {self.path}", why=str(error)) from None

    def fleet(self, deployment: str, url: str) -> tuple[datetime, str] | None:
        """The last fleet saved for that deployment and URL: when it was true, and its text. Never raises."""

        def read(db: sqlite3.Connection) -> tuple[datetime, str] | None:
            row = db.execute(
                "SELECT at, body FROM fleet WHERE deployment = ? AND url = ?", (deployment, url)
            ).fetchone()
            return (datetime.fromisoformat(row[0]), str(row[1])) if row else None

        try:
            return self._file.read(read)
        except (StorageError, ValueError):
            return None  # warned about already, or not worth a word: the network is about to answer

    def save_fleet(self, deployment: str, url: str, at: datetime, body: str) -> None:
        """Save the last known fleet. On a connection of its own, so it may run in a thread. Raises StorageError."""
        try:
            with contextlib.closing(self._file.connect()) as db, writing(db):
                db.execute("INSERT OR REPLACE INTO fleet VALUES (?, ?, ?, ?)", (deployment, url, at.isoformat(), body))
        except sqlite3.Error as error:
            raise StorageError(f"cannot save the fleet to {self.path}", why=str(error)) from None

    def terminals(self, deployment: str, agent_id: str) -> list[PtyTarget]:
        """The terminals kept of one agent, in the order they were first attached. Raises StorageError."""

        def read(db: sqlite3.Connection) -> list[PtyTarget]:
            rows = db.execute(
                "SELECT deployment, workspace_id, agent_id, reconnect, title, command, container FROM terminal"
                " WHERE deployment = ? AND agent_id = ? ORDER BY id",
                (deployment, agent_id),
            )
            return [PtyTarget(*map(str, row)) for row in rows]

        return self._file.read(read)

    def keep_terminal(self, target: PtyTarget) -> None:
        """Keep it, or note that it was attached again. Raises StorageError."""
        self._file.write(
            lambda db: db.execute(
                "INSERT INTO terminal"
                " (deployment, workspace_id, agent_id, reconnect, title, command, container, at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (reconnect) DO UPDATE SET at = excluded.at",
                (*astuple(target), self._now().isoformat()),
            )
        )

    def forget_terminal(self, reconnect: str) -> None:
        """It ended, or its tab was closed. Raises StorageError."""
        self._file.write(lambda db: db.execute("DELETE FROM terminal WHERE reconnect = ?", (reconnect,)))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _step(
        self,
        keys: Sequence[Key],
        statement: str,
        rows: Callable[[int], Sequence[Sequence[object]]],
        words: Sequence[tuple[str, Word]],
    ) -> None:
        def write(db: sqlite3.Connection) -> None:
            text = json.dumps([list(key) for key in keys])
            step = db.execute("INSERT INTO step (at, keys) VALUES (?, ?)", (self._now().isoformat(), text)).lastrowid
            db.executemany(statement, rows(step or 0))
            journal.note(db, words)

        self._file.write(write)
        self._standings = self._file.read(self._read)

    def _read(self, db: sqlite3.Connection) -> Standings:
        """What stands, and what was seen (also by us, where it is not on disk yet)."""
        self._noted = data_version(db)
        return journal.overlay(db, self._below(db))

    def _below(self, db: sqlite3.Connection) -> Standings:
        """What the newest steps of this machine say."""
        # SQLite gives the other columns of the row with the max: https://www.sqlite.org/lang_select.html#bareagg
        snoozed = db.execute("SELECT event_id, until, max(step) FROM snooze GROUP BY event_id")
        muted = db.execute(
            "SELECT deployment, workspace_id, agent, app, muted, max(step) FROM mute GROUP BY 1, 2, 3, 4"
        )
        return Standings(
            acked=frozenset(str(row[0]) for row in db.execute("SELECT event_id FROM ack")),
            snoozed={str(event): datetime.fromisoformat(end) if end else None for event, end, _ in snoozed},
            muted=frozenset(Key(*map(str, row[:4])) for row in muted if row[4]),
            seen=self._standings.seen.union(str(row[0]) for row in db.execute("SELECT event_id FROM seen")),
        )

    def _tidy(self, db: sqlite3.Connection) -> None:
        now = self._now()
        journal.tidy(db, now - _KEEP)
        old = (now - _KEEP).isoformat()
        for table, before, unless in (
            ("step", old, "id IN (SELECT step FROM mute)"),
            ("seen", old, "0"),
            ("terminal", (now - _KEEP_TERMINALS).isoformat(), "0"),
        ):
            found = f"FROM {table} WHERE at < ? AND NOT ({unless})"
            if db.execute(f"SELECT 1 {found} LIMIT 1", (before,)).fetchone():
                with writing(db):
                    db.execute(f"DELETE {found}", (before,))

    def _restore(self, db: sqlite3.Connection) -> None:
        """The file is new. If it was put aside while we ran, what we know is not lost."""
        known, at = self._standings, self._now().isoformat()
        if not (known.acked or known.snoozed or known.muted):
            return
        step = db.execute("INSERT INTO step (at, keys) VALUES (?, '[]')", (at,)).lastrowid
        db.executemany("INSERT INTO ack VALUES (?, ?, ?)", [(event_id, at, step) for event_id in known.acked])
        db.executemany(
            "INSERT INTO snooze (event_id, until, step) VALUES (?, ?, ?)",
            [(event_id, until.isoformat() if until else None, step) for event_id, until in known.snoozed.items()],
        )
        db.executemany("INSERT INTO mute VALUES (?, ?, ?, ?, ?, 1)", [(*key, step) for key in known.muted])

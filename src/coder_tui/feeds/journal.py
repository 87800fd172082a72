"""The last word about each alert and app, whoever said it: ours, to be sent to a hub, and other clients' of that hub.

A table of the state file. It stands above the steps of this machine's people (which an undo walks back): a word that
came from a hub counts as theirs does. Times are microseconds since 1970, UTC.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from coder_tui.fleet.snapshot import Key
from coder_tui.fleet.standing import Standings

SCHEMA = """
CREATE TABLE journal (
    deployment TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
    value INTEGER NOT NULL, until INTEGER, at INTEGER NOT NULL, sent INTEGER NOT NULL,
    PRIMARY KEY (deployment, kind, subject)
) WITHOUT ROWID;
CREATE INDEX journal_unsent ON journal (deployment) WHERE NOT sent;
"""
_EPOCH = datetime.fromtimestamp(0, UTC)
_BATCH = 500  # words sent at once
_LONGEST = 512  # characters of a subject that a hub takes


@dataclass(frozen=True, slots=True)
class Word:
    """`kind` is `ack` or `snooze` (`subject`: the event's id) or `mute` (`workspace id/agent/app`). `on` false takes
    it back. `at` is when it was said."""

    kind: str
    subject: str
    on: bool
    at: datetime
    until: datetime | None = None


def mute_subject(key: Key) -> str:
    """What a mute of that row is about, for every client of its deployment."""
    return "/".join(key[1:])


def note(db: sqlite3.Connection, words: Iterable[tuple[str, Word]]) -> None:
    """Words of ours, each with its deployment."""
    db.executemany(
        "INSERT OR REPLACE INTO journal VALUES (?, ?, ?, ?, ?, ?, 0)",
        [
            (deployment, word.kind, word.subject, word.on, _maybe(word.until), _micros(word.at))
            for deployment, word in words
        ],
    )


def of_step(db: sqlite3.Connection, step: int) -> list[tuple[str, str, str]]:
    """Kind, subject and deployment ("": any) of all that was said in one step."""
    acks = db.execute("SELECT 'ack', event_id, '' FROM ack WHERE step = ?", (step,))
    snoozes = db.execute("SELECT 'snooze', event_id, '' FROM snooze WHERE step = ?", (step,))
    mutes = db.execute(
        "SELECT 'mute', workspace_id || '/' || agent || '/' || app, deployment FROM mute WHERE step = ?", (step,)
    )
    return [(str(kind), str(subject), str(name)) for found in (acks, snoozes, mutes) for kind, subject, name in found]


def undone(db: sqlite3.Connection, items: Sequence[tuple[str, str, str]], below: Standings, now: datetime) -> None:
    """A step was taken back: what the steps `below` say of its items is what we say now."""
    for kind, subject, deployment in items:
        until = below.snoozed.get(subject) if kind == "snooze" else None
        if kind == "mute":
            on = Key(deployment, *subject.split("/")) in below.muted
        else:
            on = subject in (below.acked if kind == "ack" else below.snoozed)
        db.execute(
            "UPDATE journal SET value = ?, until = ?, at = ?, sent = 0"
            " WHERE kind = ? AND subject = ? AND ? IN ('', deployment)",
            (on, _maybe(until), _micros(now), kind, subject, deployment),
        )


def merge(db: sqlite3.Connection, deployment: str, words: Iterable[Word]) -> None:
    """Words of a hub: the later one stands."""
    db.executemany(
        "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET value = excluded.value,"
        " until = excluded.until, at = excluded.at, sent = 1 WHERE excluded.at > journal.at",
        [
            (deployment, word.kind, word.subject, word.on, _maybe(word.until), _micros(word.at))
            for word in words
            if word.kind in ("ack", "snooze", "mute")
        ],
    )


def unsent(db: sqlite3.Connection, deployment: str) -> list[Word]:
    """Some words of ours that the hub has not heard."""
    rows = db.execute(
        "SELECT kind, subject, value, at, until FROM journal WHERE deployment = ? AND NOT sent"
        " AND length(subject) <= ? LIMIT ?",
        (deployment, _LONGEST, _BATCH),
    )
    return [
        Word(str(kind), str(subject), bool(on), _time(at), _time_or_none(end)) for kind, subject, on, at, end in rows
    ]


def sent(db: sqlite3.Connection, deployment: str, words: Sequence[Word], standing: Sequence[Word]) -> None:
    """The hub heard `words`, and answered with what stands. What was said since then stays to be sent."""
    db.executemany(
        "UPDATE journal SET value = ?, until = ?, at = ?, sent = 1"
        " WHERE deployment = ? AND kind = ? AND subject = ? AND at = ?",
        [
            (now.on, _maybe(now.until), _micros(now.at), deployment, word.kind, word.subject, _micros(word.at))
            for word, now in zip(words, standing, strict=True)
        ],
    )


def overlay(db: sqlite3.Connection, below: Standings) -> Standings:
    """The steps' standings with the last words above them."""
    acked, snoozed, muted = set(below.acked), dict(below.snoozed), set(below.muted)
    for deployment, kind, subject, on, until in db.execute(
        "SELECT deployment, kind, subject, value, until FROM journal"
    ):
        if kind == "snooze":
            snoozed.pop(subject, None)
            if on:
                snoozed[subject] = _time_or_none(until)
        elif kind == "ack":
            (acked.add if on else acked.discard)(subject)
        elif subject.count("/") == 2:
            (muted.add if on else muted.discard)(Key(deployment, *subject.split("/")))
    return replace(below, acked=frozenset(acked), snoozed=snoozed, muted=frozenset(muted))


def tidy(db: sqlite3.Connection, before: datetime) -> None:
    """Forget what was said before, but for mutes."""
    db.execute("DELETE FROM journal WHERE at < ? AND kind != 'mute'", (_micros(before),))


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _maybe(moment: datetime | None) -> int | None:
    return None if moment is None else _micros(moment)


def _time(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def _time_or_none(micros: int | None) -> datetime | None:
    return None if micros is None else _time(micros)

"""What the hub's person said about alerts, for all clients of the hub: the latest word by time stands."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from coder_tui.hub.clock import from_time, maybe_time, to_time
from coder_tui.hub.problems import Refused
from coder_tui.wire.shared import KINDS, Refusal, Standing

KEPT = 20_000
"""Acknowledgements and snoozes kept, the newest; their events have left every list long before. Mutes are all kept."""
MOST = 1000
"""Standings in one request."""
_LONGEST = 512  # characters of a subject
_REFUSALS = 256


def checked(standings: Sequence[Standing]) -> Sequence[Standing]:
    """Raises Refused (400) for what is no standing."""
    if len(standings) > MOST:
        raise Refused(400, "Too many standings.", f"At most {MOST} at once.")
    for one in standings:
        if one.kind not in KINDS or not 0 < len(one.subject) <= _LONGEST:
            raise Refused(
                400, "Invalid standing.", f"Kinds are {', '.join(KINDS)}; a subject has 1 to {_LONGEST} bytes"
            )
    return standings


def say(db: sqlite3.Connection, now: int, standings: Sequence[Standing]) -> list[Standing]:
    """Store what is newer than what is known; these subjects as they stand then.

    A clock that is ahead wins nothing: what was said later than `now` was said now.
    """
    answer = []
    for one in standings:
        at = min(from_time(one.at), now)
        until = from_time(one.until) if one.until else None
        known = db.execute("SELECT * FROM standings WHERE kind = ? AND subject = ?", (one.kind, one.subject)).fetchone()
        if known is None or known["at"] < at:
            # another row, so that its number tells watchers of it
            db.execute("DELETE FROM standings WHERE kind = ? AND subject = ?", (one.kind, one.subject))
            db.execute(
                "INSERT INTO standings (kind, subject, value, until, at) VALUES (?, ?, ?, ?, ?)",
                (one.kind, one.subject, one.on, until, at),
            )
            known = db.execute("SELECT * FROM standings WHERE seq = last_insert_rowid()").fetchone()
        answer.append(_read(known))
    db.execute(
        "DELETE FROM standings WHERE kind != 'mute' AND seq <= (SELECT seq FROM standings WHERE kind != 'mute'"
        " ORDER BY seq DESC LIMIT 1 OFFSET ?)",
        (KEPT,),
    )
    return answer


def newer(db: sqlite3.Connection, seq: int = 0) -> tuple[list[Standing], int]:
    """What was said after `seq`, oldest first, and the number to go on from."""
    rows = db.execute("SELECT * FROM standings WHERE seq > ? ORDER BY seq", (seq,)).fetchall()
    return [_read(row) for row in rows], rows[-1]["seq"] if rows else seq


def _read(row: sqlite3.Row) -> Standing:
    return Standing(
        kind=row["kind"],
        subject=row["subject"],
        on=bool(row["value"]),
        until=maybe_time(row["until"]),
        at=to_time(row["at"]),
    )


class Refusals:
    """Reports that named no app of their agent, the newest few hundred kinds of them. Kept in memory."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Refusal] = {}

    def note(self, agent_id: str, slug: str, now: int) -> None:
        """One more. `slug` is clean."""
        known = self._known.pop((agent_id, slug), None)
        count = known.count + 1 if known else 1
        self._known[agent_id, slug] = Refusal(agent_id=agent_id, slug=slug, count=count, at=to_time(now))
        while len(self._known) > _REFUSALS:
            del self._known[next(iter(self._known))]

    def every(self, live: Iterable[str]) -> list[Refusal]:
        """Those of the agents that are `live`, by id."""
        alive = set(live)
        return [one for one in self._known.values() if one.agent_id in alive]

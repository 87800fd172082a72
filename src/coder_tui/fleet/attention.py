"""Who needs a person, and why. Pure functions of rows, acknowledgements and time.

Levels are those of `snapshot.Level`. Three facts of the wire shape the rules:

- AgentAPI reports `idle` whenever the screen stops, also right after a tool call said `complete` or `failure`, and
  repeats the message. So an idle that adds no word of its own does not overrule what was said before it.
- `failure` often means "I have a question": the message is shown, the level does not judge.
- A dead tool leaves `working` standing for ever: silence and a lost agent are judged beside the state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from coder_tui.fleet.snapshot import Agent, Alert, App, Key, Level, Snapshot, Status, Workspace

ASKING = frozenset({"blocked", "requires_action", "input_required", "needs_input", "asks"})
"""States, compared in lower case with `_`, that wait for a person. Coder has none yet; other reporters do."""
GONE = frozenset({"disconnected", "timeout"})
"""Agent statuses that mean nobody is there."""
ENDED = frozenset({"stopped", "failed", "canceled", "deleted"})
"""Build statuses after which nothing runs, unless an agent proves otherwise."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a worker may be silent, how near a deadline is `due`, how long a result stays worth reading."""

    quiet_after: timedelta
    due_within: timedelta
    done_for: timedelta = timedelta(hours=12)


class Verdict(NamedTuple):
    """What was judged. `wake` is the next moment at which time alone may change it (None: never)."""

    alert: Alert | None = None
    due: bool = False
    wake: datetime | None = None


class Nap(NamedTuple):
    """A time in which this machine was asleep and heard nothing."""

    since: datetime
    until: datetime


class Said(NamedTuple):
    """What an app last said: its newest status, and the one that still stands behind a run of `idle`."""

    latest: Status
    word: Status | None  # newest that is not idle, of the running build
    turned: Status  # the oldest idle of the run (the latest itself when it is not idle)
    settled: bool  # the idles added no message of their own


def judge(
    key: Key,
    workspace: Workspace,
    agent: Agent | None,
    app: App | None,
    *,
    now: datetime,
    limits: Limits,
    acked: frozenset[str] = frozenset(),
    log_at: datetime | None = None,
    as_of: datetime | None = None,
    naps: Sequence[Nap] = (),
) -> Verdict:
    """Judge one row at `now`. `naps` are the times this machine slept, oldest first: they are no silence.

    `log_at` is when the agent's log was last seen growing. `as_of` is given for a stale row: silence is judged as
    of the last time the deployment was heard, because a dead link is no evidence of a quiet agent.
    """
    said = last_word(workspace, agent, app)
    if said is None:
        return Verdict()
    name = app.name if app else workspace.title
    alert, wake = _standing(key, name, said, now, limits)
    if alert is None and _state(said.latest) == "working":
        alert = _lost(key, name, said.latest, workspace, agent)
        if alert is None:
            heard = max(said.latest.at, log_at) if log_at else said.latest.at
            when = _awake(heard, limits.quiet_after, naps)
            if (min(as_of, now) if as_of else now) >= when:
                alert = _quiet(key, name, said.latest, heard, log_at)
            elif as_of is None:
                wake = when
    busy = _state(said.latest) == "working" or (alert is not None and alert.level is Level.ASKS)
    due = False
    if busy and workspace.deadline and workspace.build_status == "running":
        near = workspace.deadline - limits.due_within
        due = now >= near
        if not due:
            wake = min(wake, near) if wake else near
    if alert and alert.event_id in acked:
        alert = replace(alert, acked=True)
    return Verdict(alert, due, wake)


def fresh(old: Snapshot, new: Snapshot) -> tuple[Alert, ...]:
    """Alerts of `new` that a person should be notified of: what began after `old`, once for each event.

    Nothing for a deployment whose list `old` had not yet read (the first load is not news), nothing that is
    acknowledged, snoozed, muted or was seen, nothing again for an event that went and came back, and one for an event
    seen twice (a deployment with two names).
    """
    news: dict[str, Alert] = {}
    for alert in new.alerts:
        if alert.seq > old.seq and alert.open and not alert.seen and alert.key.deployment in old.confirmed:
            news.setdefault(alert.event_id, alert)
    return tuple(news.values())


def last_word(workspace: Workspace, agent: Agent | None, app: App | None) -> Said | None:
    """What the row's app said since the running build began; None when it said nothing."""
    if app is not None:
        statuses = app.statuses
    elif agent is None and workspace.last_status:
        statuses = (workspace.last_status,)
    else:
        return None
    idles: list[Status] = []
    for status in statuses:
        if app is not None and not app.current(status):
            break
        if _state(status) != "idle" or status.needs_attention:
            settled = all(idle.message in ("", status.message) for idle in idles)
            return Said(statuses[0], status, idles[-1] if idles else status, settled)
        idles.append(status)
    return Said(statuses[0], None, idles[-1], True) if idles else None


def asks(status: Status) -> bool:
    """Whether that report waits for a person."""
    return status.needs_attention or _state(status) in ASKING


def _state(status: Status) -> str:
    return _folded(status.state)


@lru_cache(maxsize=256)
def _folded(state: str) -> str:
    return state.lower().replace("-", "_")


def _standing(key: Key, name: str, said: Said, now: datetime, limits: Limits) -> tuple[Alert | None, datetime | None]:
    """Alerts that a report raises by itself: asks, failed, done."""
    latest, word = said.latest, said.word
    if word is None:
        return None, None
    stands = word is latest or said.settled
    still = "" if word is latest else f"; idle since {_at(said.turned.at)} without a word of its own"
    if asks(word) and stands:
        how = "and asked for attention" if word.needs_attention else "which waits for a person"
        why = f"{name} reported {word.state} at {_at(word.at)}, {how}{still}"
        return Alert(key, Level.ASKS, word.id, word.at, word.message, why), None
    if _state(word) == "failure" and stands:
        why = f"{name} reported failure at {_at(word.at)} (agents also use it for a question){still}"
        return Alert(key, Level.FAILED, word.id, word.at, word.message, why), None
    if _state(word) == "complete":
        event, why = word, f"{name} reported complete at {_at(word.at)}"
    elif word is not latest and _state(word) == "working":
        event = said.turned
        why = f"{name} reported idle at {_at(event.at)} directly after working, last reported at {_at(word.at)}"
    else:
        return None, None
    until = event.at + limits.done_for
    if now >= until:
        return None, None
    return Alert(key, Level.DONE, event.id, event.at, latest.message or word.message, why), until


def _lost(key: Key, name: str, status: Status, workspace: Workspace, agent: Agent | None) -> Alert | None:
    """`working` was said, and what should do the work is gone. One spell of being gone is one event."""
    claim = f"{name} reported working at {_at(status.at)}"
    if workspace.build_status in ENDED and (
        agent is None or workspace.build_status == "stopped" or agent.status != "connected"
    ):
        since = max(status.at, workspace.build_at) if workspace.build_at else status.at
        reason = f" ({workspace.build_reason})" if workspace.build_reason else ""
        why = f"{claim}, but the workspace is {workspace.build_status}: build {workspace.build_number}{reason}"
        if workspace.build_at:
            why += f" of {_at(workspace.build_at)}"
        return Alert(key, Level.LOST, f"lost:{workspace.build_id}:{key.app}", since, status.message, why)
    if agent is None or agent.status not in GONE:
        return None
    # Not `disconnected_at`: a server first infers the loss from the missed heartbeat and sets that later,
    # while the last contact stays the same for the whole spell.
    contact = agent.last_connected_at or agent.disconnected_at
    why = f"{claim}, but agent {agent.name} is {agent.status}: "
    why += f"last contact at {_at(contact)}" if contact else "it never connected"
    since = contact or agent.created_at or status.at
    return Alert(key, Level.LOST, f"lost:{agent.id}:{key.app}:{since.isoformat()}", since, status.message, why)


def _quiet(key: Key, name: str, status: Status, heard: datetime, log_at: datetime | None) -> Alert:
    """The alert for `working` when nothing was heard since for too long: maybe hung, never called stuck."""
    log = f"its log last grew at {_at(log_at)}" if log_at else "its log has not grown while we looked"
    why = f"{name} reported working at {_at(status.at)} and nothing since; {log}"
    return Alert(key, Level.QUIET, f"{status.id}:quiet", heard, status.message, why)


def _awake(heard: datetime, silence: timedelta, naps: Sequence[Nap]) -> datetime:
    """When `silence` has passed since `heard`, not counting the naps in between."""
    end = heard + silence
    for nap in naps:
        if nap.since < end and nap.until > heard:
            end += nap.until - max(nap.since, heard)
    return end


def _at(moment: datetime) -> str:
    return f"{str(moment)[:19]} UTC"

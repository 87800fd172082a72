"""How well an app's reporter does: what it does wrong, by what evidence, and what mends it. Pure, for `explain`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from coder_tui.fleet.attention import GONE
from coder_tui.fleet.snapshot import CHATS, Deployment, Row, Status
from coder_tui.fleet.timeline import exact_age

_YOUNG = timedelta(minutes=2)  # an agent that has just started may still say something
_RECENT = timedelta(minutes=5)
_FLAPS = 10  # changes of state within `_RECENT`
_LOOK = 20  # newest reports in which repeats are counted
_REPEATS = 6  # of these
_HABIT = 4  # intervals that make a habit
_UNUSUAL = 5  # times the usual interval
_LONG = timedelta(minutes=2)
_SKEW = 30  # seconds two clocks may differ
_REFUSED_FOR = timedelta(days=1)


def health(row: Row, deployment: Deployment | None, now: datetime) -> str:
    """Sentences about the reporter of one row at `now` (aware); "" for a row that nobody reports for."""
    if row.app is None or row.app.hidden or row.workspace.id == CHATS:
        return ""
    current = [status for status in row.app.statuses if row.app.current(status)]
    found = [
        *_refused(row, deployment, now),
        *_absent(row, current, now),
        *_flapping(current, now),
        *_repeating(current),
        *_silent(row, current, now),
        *_clocks(current, deployment, now),
    ]
    if found:
        return "; ".join(found)
    recent = sum(now - status.at <= timedelta(hours=1) for status in current)
    return f"healthy: {_count(recent, 'report')} within the last hour" if recent else ""


def _refused(row: Row, deployment: Deployment | None, now: datetime) -> Iterator[str]:
    """The hub was told of apps this agent has not."""
    for one in deployment.refused if deployment and row.agent and row.app else ():
        if row.agent and one.agent_id == row.agent.id and now - one.at < _REFUSED_FOR:
            slugs = " or ".join(app.slug for app in row.agent.apps) or "none"
            yield (
                f"unknown slug: {_count(one.count, 'report')} for an app called {one.slug or 'nothing'}"
                f" {'was' if one.count == 1 else 'were'} refused, the last {exact_age(now - one.at)} ago;"
                f" set CODER_MCP_APP_STATUS_SLUG (or --app) to {slugs}"
            )


def _absent(row: Row, current: Sequence[Status], now: datetime) -> Iterator[str]:
    agent, space = row.agent, row.workspace
    if current or agent is None or agent.status in GONE or space.build_status != "running" or row.app is None:
        return
    since = agent.first_connected_at or space.build_at
    if since is None or now - since < _YOUNG:
        return
    before = "it reported before this build" if row.app.statuses else "nothing ever reported for it"
    yield (
        f"no reporter: no report in the {exact_age(now - since)} since the agent came up, {before};"
        f" `coder-tui hooks install` makes an agent report, `coder-tui bridge --` watches any program"
    )


def _flapping(current: Sequence[Status], now: datetime) -> Iterator[str]:
    recent = [status for status in current if now - status.at <= _RECENT]
    changes = sum(_said(one)[:1] != _said(other)[:1] for one, other in pairwise(recent))
    if changes >= _FLAPS:
        states = " and ".join(sorted({status.state for status in recent}))
        yield (
            f"flapping: {changes} changes between {states} within {exact_age(recent[0].at - recent[-1].at)};"
            " two reporters may contradict each other: keep one (`coder-tui hooks status` lists hooks)"
        )


def _repeating(current: Sequence[Status]) -> Iterator[str]:
    newest = current[:_LOOK]
    repeats = sum(_said(one) == _said(other) for one, other in pairwise(newest))
    if repeats >= _REPEATS and repeats * 2 >= len(newest):
        yield (
            f"duplicates: {repeats} of the last {len(newest)} reports say what the one before said;"
            " let it report when the state changes, not at every step"
        )


def _silent(row: Row, current: Sequence[Status], now: datetime) -> Iterator[str]:
    if not current or current[0].state != "working" or row.stale:
        return
    intervals = [(newer.at - older.at).total_seconds() for newer, older in pairwise(current[:_LOOK])]
    if len(intervals) < _HABIT:
        return
    usual = timedelta(seconds=median(intervals))
    silence = now - max(current[0].at, row.log_at or current[0].at)
    if silence > max(usual * _UNUSUAL, _LONG):
        yield (
            f"silence: nothing for {exact_age(silence)} while working, it usually reports every {exact_age(usual)};"
            " look at its terminal (t): it may be hung, or its reporter may have died"
        )


def _clocks(current: Sequence[Status], deployment: Deployment | None, now: datetime) -> Iterator[str]:
    ahead = deployment.skew if deployment else 0
    if abs(ahead) < _SKEW and current and (future := (current[0].at - now).total_seconds()) >= _SKEW:
        ahead = int(future)
    if abs(ahead) >= _SKEW:
        where = deployment.name if deployment else "the server"
        how = f"{exact_age(timedelta(seconds=abs(ahead)))} {'ahead of' if ahead > 0 else 'behind'}"
        yield (
            f"clock skew: the clock of {where} is {how} ours, so every age here is wrong by that;"
            " set the wrong one (NTP)"
        )


def _said(status: Status) -> tuple[object, ...]:
    return (status.state, status.needs_attention), status.message, status.uri


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"

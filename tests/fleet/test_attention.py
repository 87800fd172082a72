from __future__ import annotations

from datetime import timedelta

import pytest
from tests.fleet.build import DUE, NOW, QUIET, agent, ago, app, said, workspace

from coder_tui.fleet.attention import Limits, Verdict, judge
from coder_tui.fleet.snapshot import Agent, App, Key, Level, Status, Workspace

LIMITS = Limits(QUIET, DUE)
KEY = Key("acme", "id-api", "main", "claude")


def verdict(
    one: App | None,
    *,
    on: Agent | None = None,
    of: Workspace | None = None,
    acked: frozenset[str] = frozenset(),
    log_minutes: float | None = None,
    as_of_minutes: float | None = None,
) -> Verdict:
    host = on or (agent(one) if one else None)
    return judge(
        KEY,
        of or workspace(*([host] if host else [])),
        host,
        one,
        now=NOW,
        limits=LIMITS,
        acked=acked,
        log_at=None if log_minutes is None else ago(log_minutes),
        as_of=None if as_of_minutes is None else ago(as_of_minutes),
    )


# newest first: statuses, level, the report the alert belongs to
REPORTS = [
    ((), None, None),
    ((said("working"),), None, None),
    ((said("working", attention=True),), Level.ASKS, "working-1"),
    ((said("failure", attention=True),), Level.ASKS, "failure-1"),
    ((said("idle", attention=True),), Level.ASKS, "idle-1"),
    ((said("blocked"),), Level.ASKS, "blocked-1"),
    ((said("Input-Required"),), Level.ASKS, "Input-Required-1"),
    ((said("pondering"),), None, None),
    ((said(""),), None, None),
    ((said("failure"),), Level.FAILED, "failure-1"),
    ((said("failure", 5000, message="since long"),), None, None),  # before the running build
    ((said("complete"),), Level.DONE, "complete-1"),
    ((said("idle"),), None, None),
    ((said("idle", 1), said("working", 2)), Level.DONE, "idle-1"),
    ((said("idle", 1, "b"), said("idle", 2, "a"), said("working", 3)), Level.DONE, "idle-2"),
    ((said("idle", 1), said("working", 700)), None, None),  # that was another build
    # a screen that stops after a word does not take the word back
    ((said("idle", 1, "May I?"), said("failure", 2, "May I?")), Level.FAILED, "failure-2"),
    ((said("idle", 1), said("blocked", 2, "May I?")), Level.ASKS, "blocked-2"),
    ((said("idle", 1, "Session started"), said("failure", 2, "May I?")), None, None),
    ((said("idle", 1, "x"), said("complete", 2, "x")), Level.DONE, "complete-2"),
    ((said("idle", 1, "Session started"), said("idle", 2, "May I?"), said("failure", 3, "May I?")), None, None),
    ((said("working", 1), said("failure", 2)), None, None),
    ((said("working", 1), said("complete", 2)), None, None),
]


@pytest.mark.parametrize(("statuses", "level", "event"), REPORTS)
def test_reports(statuses: tuple[Status, ...], level: Level | None, event: str | None) -> None:
    alert = verdict(app(*statuses)).alert
    assert (alert and alert.level, alert and alert.event_id) == (level, event)


def test_done_is_not_news_for_ever() -> None:
    fresh = verdict(app(said("complete", 719), since=None))
    assert fresh.alert
    assert fresh.alert.level is Level.DONE
    assert fresh.wake == NOW + timedelta(minutes=1)
    assert verdict(app(said("complete", 720), since=None)).alert is None


def test_quiet_counts_from_the_newest_evidence() -> None:
    quiet = verdict(app(said("working", 11))).alert
    assert quiet
    assert (quiet.level, quiet.event_id, quiet.since) == (Level.QUIET, "working-11:quiet", ago(11))
    assert "has not grown while we looked" in quiet.why
    growing = verdict(app(said("working", 11)), log_minutes=4)
    assert growing.alert is None
    assert growing.wake == ago(4) + QUIET
    still = verdict(app(said("working", 30)), log_minutes=12).alert
    assert still
    assert (still.event_id, still.since) == ("working-30:quiet", ago(12))
    assert f"{ago(12):%H:%M:%S} UTC" in still.why


def test_a_dead_link_is_no_evidence_of_silence() -> None:
    assert verdict(app(said("working", 11)), as_of_minutes=5) == Verdict()
    known = verdict(app(said("working", 20)), as_of_minutes=5).alert
    assert known
    assert known.level is Level.QUIET


@pytest.mark.parametrize("status", ["disconnected", "timeout"])
def test_a_lost_agent_is_one_event_for_one_spell(status: str) -> None:
    working = app(said("working", 5))
    first = verdict(working, on=agent(working, status=status, last_connected_at=ago(3))).alert
    noted = verdict(working, on=agent(working, status=status, last_connected_at=ago(3), disconnected_at=ago(2))).alert
    again = verdict(working, on=agent(working, status=status, last_connected_at=ago(1))).alert
    assert first
    assert noted
    assert again
    assert first.level is Level.LOST
    assert first.since == ago(3)
    assert f"agent main is {status}" in first.why
    assert noted.event_id == first.event_id, "the server wrote down later what it had inferred"
    assert again.event_id != first.event_id


def test_lost_needs_a_claim_to_work() -> None:
    for statuses in ((), (said("idle"),), (said("pondering"),)):
        one = app(*statuses)
        assert verdict(one, on=agent(one, status="disconnected", last_connected_at=ago(3))).alert is None
    one = app(said("working"))
    assert verdict(one, on=agent(one, status="connecting")).alert is None


@pytest.mark.parametrize(
    ("build", "agent_status", "lost"),
    [
        ("stopped", "connected", True),
        ("stopped", "connecting", True),
        ("failed", "connecting", True),
        ("failed", "connected", False),
        ("canceled", "connected", False),
        ("stopping", "connected", False),
        ("running", "connected", False),
        ("starting", "connected", False),
    ],
)
def test_a_workspace_that_ended_under_its_worker(build: str, agent_status: str, lost: bool) -> None:
    one = app(said("working", 5))
    host = agent(one, status=agent_status)
    alert = verdict(one, on=host, of=workspace(host, build_status=build, build_id="b7")).alert
    assert (alert is not None and alert.level is Level.LOST and alert.event_id == "lost:b7:claude") is lost


def test_a_stopped_workspace_without_agents_speaks_by_its_last_status() -> None:
    for last, level in (("working", Level.LOST), ("failure", Level.FAILED), ("complete", Level.DONE), ("idle", None)):
        space = workspace(
            build_status="stopped",
            transition="stop",
            build_reason="autostop",
            build_at=ago(2),
            last_status=said(last, 5),
        )
        alert = judge(Key("acme", "id-api"), space, None, None, now=NOW, limits=LIMITS).alert
        assert (alert and alert.level) == level
        if level is Level.LOST:
            assert alert
            assert "stopped" in alert.why
            assert "autostop" in alert.why
            assert alert.since == ago(2)


@pytest.mark.parametrize(
    ("state", "minutes", "build", "due"),
    [
        ("working", 29, "running", True),
        ("working", -5, "running", True),
        ("working", 31, "running", False),
        ("blocked", 29, "running", True),
        ("idle", 29, "running", False),
        ("failure", 29, "running", False),
        ("working", 29, "stopping", False),
    ],
)
def test_due(state: str, minutes: float, build: str, due: bool) -> None:
    one = app(said(state))
    space = workspace(agent(one), deadline=ago(-minutes), build_status=build)
    found = verdict(one, of=space)
    assert found.due is due
    if minutes == 31:
        assert found.wake == NOW + timedelta(minutes=1)


def test_an_acknowledged_alert_stays_listed() -> None:
    alert = verdict(app(said("failure")), acked=frozenset({"failure-1"})).alert
    assert alert
    assert alert.acked
    other = verdict(app(said("failure", 2)), acked=frozenset({"failure-1"})).alert
    assert other
    assert not other.acked, "an acknowledgement belongs to one report"

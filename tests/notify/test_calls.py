"""One call for what is new and elsewhere, once, not in bursts, not in quiet hours, not for who looks."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from tests.fleet.build import DUE, NOW, QUIET, agent, app, deployment, said, workspace

from coder_tui.fleet.events import AcksChanged, DeploymentChanged, FleetListed, WorkspaceChanged
from coder_tui.fleet.news import HOLD
from coder_tui.fleet.snapshot import Key, Workspace
from coder_tui.fleet.store import Store
from coder_tui.notify.calls import BURST, Call, Calls, call_json, trial
from coder_tui.notify.settings import Settings, parse_quiet_hours

NAMES = ("api", "web", "docs", "infra", "spike")
NOON = datetime(2025, 4, 1, 12, 0)


class Desk:
    """A fleet of five working agents, a clock the test turns, and everything that was called."""

    def __init__(self, settings: Settings = Settings()) -> None:
        self.calls = Calls(settings)
        self.store = Store(QUIET, DUE)
        self.time, self.local = 100.0, NOON
        self.looked_at: Key | None = None
        self.looking = False
        self.store.apply(DeploymentChanged(deployment()), FleetListed("acme", tuple(map(self.space, NAMES)), NOW))
        assert self.look() is None, "nothing on the first load"

    def space(self, name: str) -> Workspace:
        return workspace(agent(app(said("working"))), name=name)

    def says(self, name: str, state: str, message: str = "", event: str = "") -> None:
        status = replace(said(state, 0.5, message), id=event or f"{name}-{state}")
        space = workspace(agent(app(status)), name=name)
        self.store.apply(WorkspaceChanged(space, NOW))

    def look(self, after: float = 0.0) -> Call | None:
        self.time += after
        return self.calls.update(
            self.store.snapshot, self.time, self.local, looked_at=self.looked_at, looking=self.looking
        )

    def next(self) -> Call | None:
        """Look now, and at the next moment at which the calls want to be asked."""
        if (found := self.look()) is not None:
            return found
        assert self.calls.wake is not None, "nothing is awaited"
        return self.look(max(0.0, self.calls.wake - self.time))


def key(name: str) -> Key:
    return Key("acme", f"id-{name}", "main", "claude")


def test_one_call_once_it_stood_a_moment_and_none_again() -> None:
    desk = Desk()
    desk.says("api", "blocked", "May I run the migration?")
    assert desk.look() is None
    assert desk.look(HOLD / 2) is None, "what flashes calls nobody"
    call = desk.look(HOLD)
    assert call is not None
    assert (call.title, call.body, call.level) == ("kira/api claude asks you", "May I run the migration?", "asks")
    assert call.channels == {"bell", "terminal", "command"}
    assert desk.look(60) is None
    assert desk.calls.wake is None


def test_a_burst_is_one_call_at_its_end() -> None:
    desk = Desk()
    desk.says("api", "failure", "no")
    assert desk.next() is not None
    for name, state in (("web", "complete"), ("docs", "blocked"), ("infra", "failure"), ("spike", "complete")):
        desk.says(name, state)
    assert desk.look(HOLD) is None
    assert desk.look(HOLD) is None
    call = desk.next()
    assert call is not None
    assert call.title == "4 agents need you"
    assert call.body == "kira/docs claude asks you, kira/infra claude failed, kira/spike claude is done, and 1 more"
    assert (call.level, len(call.rows)) == ("asks", 4)
    assert desk.time >= 100 + HOLD + BURST


def test_what_ended_within_the_burst_is_not_told() -> None:
    desk = Desk()
    desk.says("api", "failure")
    assert desk.next() is not None
    desk.says("web", "blocked")
    desk.says("docs", "blocked")
    desk.look()
    assert desk.look(HOLD) is None
    desk.says("web", "working")
    desk.store.apply(AcksChanged(frozenset({"docs-blocked"})))
    assert desk.next() is None
    assert desk.calls.wake is None


def test_nothing_for_what_is_looked_at() -> None:
    desk = Desk(Settings(when="always"))
    desk.looked_at, desk.looking = key("api"), True
    desk.says("api", "blocked")
    assert desk.look() is None
    assert desk.calls.wake is None
    desk.looking = False
    desk.says("api", "blocked", event="another")
    assert desk.next() is not None, "nobody looks"


def test_when_it_calls() -> None:
    for when, calls in (
        ("always", {True: True, False: True}),
        ("unfocused", {True: False, False: True}),
        ("never", {True: False, False: False}),
    ):
        for there, called in calls.items():
            desk = Desk(Settings(when=when))
            desk.looking = there
            desk.says("api", "failure")
            assert (desk.next() is not None) == called, (when, there)


def test_quiet_hours_drop_and_do_not_delay() -> None:
    desk = Desk(Settings(quiet_hours=parse_quiet_hours("22:00-08:00")))
    desk.local = NOON.replace(hour=23)
    desk.says("api", "failure")
    assert desk.next() is None
    desk.local = NOON.replace(hour=8)
    assert desk.look(3600) is None
    desk.says("web", "failure")
    assert desk.next() is not None


def test_levels_without_channels_call_nobody_and_a_call_has_the_channels_of_all_its_levels() -> None:
    desk = Desk(Settings(done=(), failed=("bell",), asks=("desktop",)))
    desk.says("api", "complete")
    assert desk.next() is None
    desk.says("web", "failure")
    desk.says("docs", "blocked")
    call = desk.next()
    assert call is not None
    assert call.channels == {"bell", "desktop"}


def test_a_long_message_is_cut() -> None:
    desk = Desk()
    desk.says("api", "failure", "word " * 200)
    call = desk.next()
    assert call is not None
    assert len(call.body) <= 240
    assert call.body.endswith("…")


def test_json_for_the_hook() -> None:
    desk = Desk()
    desk.says("api", "blocked", "May I?")
    call = desk.next()
    assert call is not None
    told = call_json(call, 1, NOW + timedelta(seconds=1))
    [alert] = told.pop("alerts")
    assert told == {
        "schema": 1,
        "at": "2025-04-01T14:00:01Z",
        "title": "kira/api claude asks you",
        "body": "May I?",
        "level": "asks",
        "open": 1,
    }
    assert (alert["key"], alert["workspace"], alert["event"]) == (str(key("api")), "kira/api", "api-blocked")
    test = trial(Settings(quiet=("desktop",)))
    assert test.channels == {"bell", "terminal", "command", "desktop"}
    assert not test.rows

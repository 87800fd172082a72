"""The bell rings for what is new and elsewhere, once, and not in bursts."""

from __future__ import annotations

from dataclasses import replace

from tests.tui.small_fleet import NOW, StoreSource, ago, small_fleet, status

from coder_tui.fleet.events import WorkspaceChanged
from coder_tui.fleet.snapshot import Key, Status
from coder_tui.tui.notify import BELL_SECONDS, Notifier

AIDER = Key("acme", "ws-kira-api-refactor", "main", "aider")
GOOSE = Key("acme", "ws-mia-search", "dev", "goose")


class Desk:
    """A bell, a title, a clock that the test turns, and a fleet."""

    def __init__(self) -> None:
        self.bells = 0
        self.titles: list[str] = []
        self.time = 100.0
        self.source = StoreSource(*small_fleet())
        self.notifier = Notifier(self._ring, self.titles.append, lambda: self.time)

    def _ring(self) -> None:
        self.bells += 1

    def look(self, at: Key | None = None) -> int:
        """Show it, and again once what is new has stood long enough."""
        snapshot = self.source.snapshot
        count = sum(alert.open for alert in snapshot.alerts)
        self.notifier.update(snapshot, count, at)
        self.time += self.notifier.wait or 0.0
        return len(self.notifier.update(snapshot, count, at))

    def says(self, key: Key, said: Status) -> None:
        for one in small_fleet():
            if one.id == key.workspace_id:
                agents = tuple(
                    replace(
                        agent,
                        apps=tuple(
                            replace(app, statuses=(said,)) if app.slug == key.app else app for app in agent.apps
                        ),
                    )
                    if agent.name == key.agent
                    else agent
                    for agent in one.agents
                )
                self.source.apply(WorkspaceChanged(replace(one, agents=agents), NOW))


def test_nothing_on_the_first_load() -> None:
    desk = Desk()
    assert desk.look() == 0
    assert desk.bells == 0
    assert desk.titles == ["(4) coder-tui"]


def test_one_bell_for_a_new_alert_and_none_for_the_same_again() -> None:
    desk = Desk()
    desk.look()
    desk.says(AIDER, status("failure", "no", ago(seconds=1)))
    assert desk.look() == 1
    assert desk.look() == 0
    assert desk.bells == 1
    assert desk.titles[-1] == "(5) coder-tui"


def test_none_for_what_is_looked_at() -> None:
    desk = Desk()
    desk.look(AIDER)
    desk.says(AIDER, status("failure", "no", ago(seconds=1)))
    assert desk.look(AIDER) == 0
    assert desk.bells == 0


def test_a_burst_is_one_call() -> None:
    desk = Desk()
    desk.look()
    desk.says(AIDER, status("failure", "no", ago(seconds=1)))
    desk.look()
    desk.says(GOOSE, status("failure", "no", ago(seconds=2)))
    assert desk.look() == 1
    assert desk.bells == 1
    desk.time += BELL_SECONDS
    desk.says(AIDER, status("failure", "again", ago(seconds=0)))
    desk.look()
    assert desk.bells == 2


def test_work_going_on_is_no_news() -> None:
    desk = Desk()
    desk.look()
    desk.says(AIDER, status("working", "next file", ago(seconds=1)))
    assert desk.look() == 0

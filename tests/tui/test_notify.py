"""What was decided leaves the program by the right ways; `tests/notify` has the decisions."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Coroutine
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.tui.small_fleet import NOW, StoreSource, ago, small_fleet, status
from textual.events import AppBlur, AppFocus

from coder_tui.fleet.events import WorkspaceChanged
from coder_tui.fleet.snapshot import Key, Status
from coder_tui.notify.calls import BURST, Call
from coder_tui.notify.settings import Settings
from coder_tui.tui.app import CockpitApp
from coder_tui.tui.notify import Notifier, Outlets

AIDER = Key("acme", "ws-kira-api-refactor", "main", "aider")
GOOSE = Key("acme", "ws-mia-search", "dev", "goose")
KITTY = {"TERM": "xterm-kitty"}


class Desk:
    """A bell, a title, a terminal, a clock that the test turns, and a fleet."""

    def __init__(self, settings: Settings = Settings(when="always"), environ: dict[str, str] = KITTY) -> None:
        self.bells, self.there = 0, False
        self.titles: list[str] = []
        self.written: list[str] = []
        self.complaints: list[str] = []
        self.work: list[Coroutine[Any, Any, None]] = []
        self.time = 100.0
        self.source = StoreSource(*small_fleet())
        outlets = Outlets(
            bell=self._ring,
            write=self.written.append,
            title=self.titles.append,
            run=self.work.append,
            complain=self.complaints.append,
            looking=lambda: self.there,
        )
        self.notifier = Notifier(settings, outlets, seconds=lambda: self.time, now=lambda: NOW, environ=environ)

    def _ring(self) -> None:
        self.bells += 1

    def look(self, at: Key | None = None) -> Call | None:
        """Show it, and again whenever the notifier wants, until it wants no more."""
        snapshot = self.source.snapshot
        count = sum(alert.open for alert in snapshot.alerts)
        call = self.notifier.update(snapshot, count, at)
        while (wait := self.notifier.wait) is not None:
            self.time += wait
            call = self.notifier.update(snapshot, count, at) or call
        return call

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


def test_nothing_on_the_first_load_but_the_title() -> None:
    desk = Desk()
    assert desk.look() is None
    assert (desk.bells, desk.written, desk.titles) == (0, [], ["(4) coder-tui"])
    silent = Desk(Settings(title=False))
    silent.look()
    assert silent.titles == []


def test_a_call_rings_and_is_shown_by_the_terminal() -> None:
    desk = Desk()
    desk.look()
    desk.says(AIDER, status("failure", "no", ago(seconds=1)))
    assert desk.look() is not None
    assert desk.look() is None
    assert desk.bells == 1
    assert [text.startswith("\x1b]99;i=coder-tui-1:d=0:p=title:e=1;") for text in desk.written] == [True]
    assert desk.titles[-1] == "(5) coder-tui"
    assert desk.work == []


def test_none_for_what_is_looked_at_or_only_work() -> None:
    desk = Desk()
    desk.there = True
    desk.look(AIDER)
    desk.says(AIDER, status("failure", "no", ago(seconds=1)))
    assert desk.look(AIDER) is None
    desk.says(GOOSE, status("working", "next file", ago(seconds=1)))
    assert desk.look() is None
    assert desk.bells == 0


def test_a_burst_is_one_bell() -> None:
    desk = Desk()
    desk.look()
    desk.says(AIDER, status("failure", "no", ago(seconds=1)))
    desk.look()
    rang = desk.time
    desk.says(GOOSE, status("failure", "no", ago(seconds=2)))
    assert desk.look() is not None
    assert desk.bells == 2
    assert desk.time - rang >= BURST


async def test_the_command_gets_json_and_its_trouble_is_said_once(tmp_path: Path) -> None:
    file = tmp_path / "got"
    program = f"import sys; open({str(file)!r}, 'a').write(sys.stdin.read()); sys.exit(3)"
    desk = Desk(Settings(when="always", command=(sys.executable, "-c", program)))
    desk.look()
    desk.says(AIDER, status("failure", "no", ago(seconds=1)))
    desk.look()
    desk.says(GOOSE, status("failure", "which?", ago(seconds=2)))
    desk.look()
    assert len(desk.work) == 2
    for work in desk.work:
        await work
    first, second = (json.loads(part) for part in file.read_text().replace("}{", "}\n{").splitlines())
    assert (first["level"], first["open"], first["alerts"][0]["message"]) == ("failed", 5, "no")
    assert second["alerts"][0]["key"] == str(GOOSE)
    assert desk.complaints == [f"Nobody was called by command: {sys.executable} ended with code 3."]


async def test_a_desktop_that_is_not_there_is_said() -> None:
    desk = Desk(Settings(asks=("desktop",), failed=("desktop",)), {"PATH": ""})
    told = desk.notifier.try_out(0)
    assert told == "Called by bell, desktop. This terminal is not known to show notifications (coder-tui doctor)."
    [work] = desk.work
    await work
    [complaint] = desk.complaints
    assert complaint.startswith("Nobody was called by desktop: ")


def test_the_outer_terminal_is_told_of_agents_once_it_answered_and_not_too_often() -> None:
    desk = Desk()
    desk.look()
    assert desk.written == []
    desk.notifier.answered()
    assert desk.notifier.speaks
    assert desk.notifier.wait == 0
    desk.look()
    [first] = desk.written
    assert first.startswith("\x1b]7501;state=blocked:kind=question:app=coder-tui\x1b\\")
    for text in ("one", "two"):
        desk.says(GOOSE, status("working", text, ago(seconds=1)))
        desk.notifier.update(desk.source.snapshot, 4, None)
    assert len(desk.written) == 1
    assert desk.notifier.wait is not None
    desk.look()
    assert len(desk.written) == 2
    off = Desk(Settings(status=False))
    off.notifier.answered()
    assert not off.notifier.speaks


async def test_focus_and_keys_tell_whether_anybody_looks_and_the_palette_tries_it_out(tmp_path: Path) -> None:
    source = StoreSource(*small_fleet())
    file = tmp_path / "got"
    command = ("/bin/sh", "-c", f"cat > {file}.new; mv {file}.new {file}")
    app = CockpitApp(source, clock=lambda: NOW, calls=Settings(command=command))
    async with app.run_test() as pilot:
        there = app._notifier._out.looking
        assert not there(), "nobody has touched it"
        assert not source.seen
        await pilot.press("shift")
        assert there()
        async with asyncio.timeout(10):
            while not source.seen:
                await pilot.pause()
        app.post_message(AppBlur())
        await pilot.pause()
        assert not there()
        app.post_message(AppFocus())
        await pilot.pause()
        assert there()
        app.test_notification()
        async with asyncio.timeout(10):
            while not file.exists():
                await pilot.pause()
        assert json.loads(file.read_text())["title"] == "coder-tui calls you like this"
        assert datetime.fromisoformat(json.loads(file.read_text())["at"]) == NOW

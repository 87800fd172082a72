"""Digest and replay in the cockpit, over a history that the real recorder wrote."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from tests.tui.small_fleet import LIVE, NOW, StoreSource, ago, small_fleet, status
from tests.tui.test_cockpit import API, press, screen_text, toasts, until
from textual.pilot import Pilot

from coder_tui.feeds.history import Recorder
from coder_tui.fleet.events import DeploymentChanged, FleetListed, WorkspaceChanged
from coder_tui.fleet.snapshot import Deployment, Key, Workspace
from coder_tui.tui.app import CockpitApp
from coder_tui.tui.layout import Page
from coder_tui.tui.screens.cockpit import CockpitScreen
from coder_tui.tui.screens.digest import DigestScreen
from coder_tui.tui.uistate import UiFile

SPIKE = Key("laptop", "ws-laptop-spike", "main", "claude")
BEGAN = ago(minutes=50)


def by(space: Workspace, at: datetime) -> Workspace:
    """The workspace as it stood then."""
    agents = [
        replace(
            one, apps=tuple(replace(app, statuses=tuple(s for s in app.statuses if s.at <= at)) for app in one.apps)
        )
        for one in space.agents
    ]
    return replace(space, agents=tuple(agents))


def record(state: Path) -> None:
    """What the small fleet did within the last fifty minutes."""
    source, recorder = StoreSource(), Recorder(state, 14, lambda: NOW)
    spaces = small_fleet()

    def happens(*events: DeploymentChanged | FleetListed | WorkspaceChanged) -> None:
        recorder._save([source.store.apply(*events)])

    for name in ("acme", "laptop"):
        mine = tuple(by(one, BEGAN) for one in spaces if one.deployment == name)
        happens(DeploymentChanged(Deployment(name, link=LIVE)), FleetListed(name, mine, BEGAN))
    moments = {s.at for one in spaces for agent in one.agents for app in agent.apps for s in app.statuses}
    for at in sorted(at for at in moments if at > BEGAN):
        happens(*(WorkspaceChanged(by(one, at), at) for one in spaces))
    recorder._file.close()


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("state")
    record(found)
    return found


@asynccontextmanager
async def cockpit(
    state: Path | None, size: tuple[int, int] = (140, 40)
) -> AsyncIterator[tuple[Pilot[None], CockpitScreen, StoreSource]]:
    source = StoreSource(*small_fleet())
    running = CockpitApp(source, clock=lambda: NOW, state_dir=state)
    async with running.run_test(size=size) as pilot:
        await source.running.wait()
        await pilot.pause()
        yield pilot, running.cockpit, source


async def travel(pilot: Pilot[None], screen: CockpitScreen, text: str) -> None:
    await press(pilot, "R", *text, "enter")
    await until(pilot, lambda: screen.scene is not None)
    await pilot.pause()


async def test_the_fleet_as_it_was_and_back(state: Path) -> None:
    async with cockpit(state) as (pilot, screen, source):
        await travel(pilot, screen, "10m")
        assert "REPLAY Sat" in screen_text(screen)
        assert "10m ago, esc returns" in screen_text(screen)
        assert screen.needs.items == [Key("acme", "ws-bo-docs", "main", "claude")]
        row = screen.row()
        assert row is not None
        assert row.key == API  # the cursor stays on its row
        assert row.status is not None
        assert row.status.message == "Reading models"
        await until(pilot, lambda: "Session started" in screen_text(screen))  # the timeline, as it was
        assert "May I run" not in screen_text(screen)
        assert "then" in screen_text(screen)  # is where the strip ends
        # what happens meanwhile is not shown, and not lost
        (kira,) = (one for one in source.snapshot.workspaces if one.name == "api-refactor")
        claude = kira.agents[0].apps[0]
        said = replace(claude, statuses=(status("idle", "All done here", NOW), *claude.statuses))
        agents = (replace(kira.agents[0], apps=(said, *kira.agents[0].apps[1:])),)
        source.apply(WorkspaceChanged(replace(kira, agents=agents), NOW))
        await pilot.pause()
        assert "All done here" not in screen_text(screen)
        await press(pilot, "escape")
        assert screen.scene is None
        text = screen_text(screen)
        assert "REPLAY" not in text
        assert "All done here" in text


async def test_steps_by_event_and_by_minutes(state: Path) -> None:
    async with cockpit(state) as (pilot, screen, _):

        async def step(key: str, moment: datetime) -> None:
            await pilot.press(key)
            await until(pilot, lambda: screen.scene is not None and screen.scene.moment == moment)

        await travel(pilot, screen, "")  # the last event
        assert screen.scene is not None
        assert screen.scene.moment == ago(seconds=8)
        await step("left_square_bracket", ago(seconds=25))
        await step("left", ago(seconds=40))
        assert "asks May I run" in screen_text(screen)  # the banner says what happened
        await step("right", ago(seconds=25))
        await step("right", ago(seconds=8))
        screen.timeline.action_whose()
        await until(pilot, lambda: "Renaming fields in serializers.py" in screen_text(screen))
        await step("left", ago(seconds=25))
        await step("comma", ago(seconds=85))
        await step("less_than_sign", ago(seconds=685))
        await step("full_stop", ago(seconds=625))
        await step("greater_than_sign", ago(seconds=25))
        await step("right_square_bracket", ago(seconds=8))
        await press(pilot, "greater_than_sign")  # never beyond now
        await until(pilot, lambda: screen.scene is not None and screen.scene.moment == NOW)
        await press(pilot, "right_square_bracket")
        await until(pilot, lambda: "nothing is recorded after" in toasts(pilot).lower())
        for _ in range(4):  # a held key skips no event
            screen.action_event_back()
        await until(pilot, lambda: screen.scene is not None and screen.scene.moment == ago(minutes=1))


async def test_the_past_is_read_only(state: Path) -> None:
    async with cockpit(state) as (pilot, screen, source):
        await travel(pilot, screen, "1m")
        assert screen.snapshot.alerts
        seen = set(source.seen)
        await press(pilot, "space", "a", "M", "t")
        assert len(source.standings) == 1
        assert not source.ptys
        assert "This is the past: esc returns to now" in toasts(pilot)
        assert source.seen == seen
        await press(pilot, "escape", "a")
        assert len(source.standings) == 2


async def test_a_bad_moment_is_said_and_asked_again(state: Path) -> None:
    async with cockpit(state, (80, 24)) as (pilot, screen, _):
        await press(pilot, "R", *"soon", "enter")
        assert "is no moment" in toasts(pilot)
        assert screen.replay_bar.asking
        await press(pilot, "escape")
        assert not screen.replay_bar.asking
        assert not screen.replay_bar.display
        await press(pilot, "R", *"3h", "enter")
        await until(pilot, lambda: "nobody watched then" in toasts(pilot))
        assert screen.scene is None
        assert not screen.replay_bar.display


async def test_without_a_history_the_keys_say_so(tmp_path: Path) -> None:
    async with cockpit(None) as (pilot, _, _):
        await press(pilot, "R", "d")
        assert "No history is kept here" in toasts(pilot)
    async with cockpit(tmp_path) as (pilot, _, _):
        await press(pilot, "d")
        found = pilot.app.screen
        assert isinstance(found, DigestScreen)
        await until(pilot, lambda: "there is no history yet" in text_of(pilot))


def text_of(pilot: Pilot[None]) -> str:
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


async def test_the_digest_leads_to_the_agent_and_remembers_the_look(tmp_path: Path) -> None:
    record(tmp_path)
    async with cockpit(tmp_path) as (pilot, screen, _):
        screen.filter.use("state:asks")
        await press(pilot, "d")
        await until(pilot, lambda: "Missed (3)" in text_of(pilot))
        text = text_of(pilot)
        assert "8h ago: 1 asked, 1 failed, 0 lost, 1 finished" in text
        assert "kira/api-refactor/main/claude" in text
        assert "stands for 40s" in text
        await press(pilot, "j", "enter")  # the second newest
        assert pilot.app.screen is screen
        await until(pilot, lambda: screen.selected == SPIKE)
        assert not screen.filter.is_open  # it hid that row
        assert screen.page is Page.AGENTS
        await press(pilot, "d")
        await until(pilot, lambda: "Still open from before (3)" in text_of(pilot))
        assert "(your last look): 0 asked" in text_of(pilot)
        await press(pilot, "s")
        await until(pilot, lambda: "1h ago: 1 asked" in text_of(pilot))
        await press(pilot, "escape")
    assert UiFile(tmp_path).load().looked_at == NOW.isoformat()


async def test_a_digest_of_nothing_says_what_comes_next(tmp_path: Path) -> None:
    source, recorder = StoreSource(), Recorder(tmp_path, 14, lambda: NOW)
    live = DeploymentChanged(Deployment("acme", link=LIVE))
    recorder._save([source.store.apply(live, FleetListed("acme", (), BEGAN))])
    recorder._file.close()
    async with cockpit(tmp_path, (80, 24)) as (pilot, _, _):
        await press(pilot, "d")
        await until(pilot, lambda: "Nothing happened." in text_of(pilot))
        assert "s looks further back" in text_of(pilot)

"""z and M: out of Needs you, still in the list with their state, counted dimly, and taken back by u."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.tui.small_fleet import NOW
from tests.tui.test_cockpit import API, cockpit, press, screen_text

from coder_tui.fleet.snapshot import Alert
from coder_tui.tui.screens.cockpit import CockpitScreen
from coder_tui.tui.screens.snooze import SnoozeScreen


def alert_of(screen: CockpitScreen) -> Alert:
    row = screen.snapshot.row(API)
    assert row is not None
    assert row.alert is not None
    return row.alert


@pytest.mark.parametrize(("key", "span"), [("1", timedelta(minutes=15)), ("3", timedelta(hours=4)), ("5", None)])
async def test_snooze_hides_counts_and_is_taken_back(key: str, span: timedelta | None) -> None:
    async with cockpit() as (pilot, screen, _):
        await press(pilot, "z")
        assert isinstance(pilot.app.screen, SnoozeScreen)
        await press(pilot, key)
        alert = alert_of(screen)
        assert (alert.standing, alert.until) == ("snoozed", NOW + span if span else None)
        text = screen_text(screen)
        assert "Needs you (3)" in text
        assert "1 snoozed" in text
        assert any("claude" in line and "snoozed" in line for line in text.splitlines()), "listed with its state"
        await press(pilot, "u")
        assert alert_of(screen).open
        assert "snoozed" not in screen_text(screen).split("Agents")[0]


async def test_snooze_until_tomorrow_and_the_way_out() -> None:
    async with cockpit() as (pilot, screen, _):
        await press(pilot, "z", "escape")
        assert alert_of(screen).open
        await press(pilot, "z", "4")
        until = alert_of(screen).until
        assert until is not None
        assert (until.astimezone().hour, until > NOW) == (8, True)


async def test_mute_and_unmute() -> None:
    async with cockpit() as (pilot, screen, _):
        await press(pilot, "M")
        assert alert_of(screen).standing == "muted"
        assert "1 muted" in screen_text(screen)
        screen.jump(API)
        await press(pilot, "M")
        assert alert_of(screen).open
        await press(pilot, "u")
        assert alert_of(screen).muted

"""What a person arranges, marks and relates: groups, sorts, columns, marks, widths, statuses and their log lines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.tui.small_fleet import LIVE, NOW, StoreSource, agent, ago, app, small_fleet, status, workspace
from tests.tui.test_cockpit import API, CI, press, screen_text, toasts, until
from textual.pilot import Pilot

from coder_tui.client.events import LogBatch, LogLine, LogMark, LogNote
from coder_tui.feeds.source import LogEvent
from coder_tui.fleet.events import DeploymentChanged, FleetListed, WorkspaceChanged
from coder_tui.fleet.snapshot import Deployment, Key, Link, LinkState
from coder_tui.tui.app import CockpitApp
from coder_tui.tui.layout import Page
from coder_tui.tui.order import Group, Sort
from coder_tui.tui.panes.timeline import Whose
from coder_tui.tui.screens.cockpit import CockpitScreen


@asynccontextmanager
async def cockpit(
    source: StoreSource | None = None, size: tuple[int, int] = (140, 40), state: Path | None = None
) -> AsyncIterator[tuple[Pilot[None], CockpitScreen, StoreSource]]:
    source = source or StoreSource(*small_fleet())
    running = CockpitApp(source, clock=lambda: NOW, state_dir=state)
    async with running.run_test(size=size) as pilot:
        await source.running.wait()
        await pilot.pause()
        yield pilot, running.cockpit, source


async def test_the_cursor_stays_on_its_agent_in_every_order() -> None:
    async with cockpit() as (pilot, screen, source):
        await press(pilot, "1")
        screen.jump(CI)
        for group in Group:
            for sort in Sort:
                screen.agents.reorder(group, sort)
                assert screen.agents.key == screen.selected == CI
        screen.agents.reorder(Group.WORKSPACE, Sort.NAME)
        await press(pilot, "b", "B")
        assert "group: state" in screen_text(screen)
        assert "sort: urgent" in screen_text(screen)
        (ci,) = (one for one in source.snapshot.workspaces if one.name == "ci-flake")
        codex = ci.agents[0].apps[0]
        works = replace(codex, statuses=(status("working", "Trying once more", NOW), *codex.statuses))
        source.apply(WorkspaceChanged(replace(ci, agents=(replace(ci.agents[0], apps=(works,)),)), NOW))
        await pilot.pause()
        assert screen.agents.key == screen.selected == CI  # under another heading now
        assert "working (4)" in screen_text(screen)


async def test_many_rows_are_ordered_beside_what_is_shown() -> None:
    spaces = [
        workspace("kira", f"w{n:04}", agent(app("claude", status("working", "x", ago(minutes=n % 500))), ident=f"a{n}"))
        for n in range(1200)
    ]
    async with cockpit(StoreSource(*spaces, names=("acme",))) as (pilot, screen, source):
        await press(pilot, "1")
        chosen = screen.selected
        screen.agents.reorder(Group.NONE, Sort.NEWEST)
        assert screen.agents.order.group is Group.WORKSPACE  # shown until the other one is ready
        moved = agent(app("claude", status("working", "just now", NOW)), ident="a700")
        source.apply(WorkspaceChanged(replace(spaces[700], agents=(moved,)), NOW))
        await until(pilot, lambda: screen.agents.order.group is Group.NONE)
        assert screen.agents.key == screen.selected == chosen
        assert [key and key.workspace_id for key in screen.agents.order.keys[:2]] == ["ws-kira-w0000", "ws-kira-w0500"]
        assert "ws-kira-w0700" in {key.workspace_id for key in screen.agents.order.keys[:4] if key}
        assert len(screen.agents.order.keys) == 1200


async def test_marks_are_acted_on_together() -> None:
    async with cockpit() as (pilot, screen, source):
        await press(pilot, "m", "m")  # in Needs you: the two most urgent
        assert screen.agents.marks == {API, CI}
        assert "2 marked" in screen_text(screen)
        await press(pilot, "a")
        assert len(source.standings[-1].acked) == 2
        assert "Acknowledged 2 alerts" in toasts(pilot)
        assert not screen.agents.marks
        await press(pilot, "u", "1", "asterisk")
        assert len(screen.agents.marks) == len(source.snapshot.rows)
        await press(pilot, "M")
        assert len(source.standings[-1].muted) == len(source.snapshot.rows)
        await press(pilot, "asterisk", "M")
        assert not source.standings[-1].muted


async def test_a_mark_acts_only_where_it_is_seen() -> None:
    async with cockpit() as (pilot, screen, source):
        await press(pilot, "1", "asterisk")
        screen.filter.use("app:codex")
        await pilot.pause()
        assert [row.key for row in screen.chosen()] == [CI]
        assert "8 hidden" in screen_text(screen)
        await press(pilot, "a")
        assert source.standings[-1].acked == {ack_of(CI, source)}
        assert not screen.agents.marks
        await press(pilot, "m", "escape")
        assert not screen.agents.marks
        assert screen.filter.is_open
        await press(pilot, "escape")
        assert not screen.filter.is_open


def ack_of(key: Key, source: StoreSource) -> str:
    row = source.snapshot.row(key)
    assert row is not None
    assert row.alert is not None
    return row.alert.event_id


async def test_columns_come_where_there_is_room() -> None:
    async with cockpit(size=(200, 50)) as (pilot, screen, _):
        await press(pilot, "1", "plus")
        assert "Reading" not in screen_text(screen)
        assert "Renaming fields" in screen_text(screen)
        await press(pilot, "C", "2", "3", "1", "escape")
        text = screen_text(screen)
        assert screen.agents.columns == ("health", "deadline")
        assert "Renaming fields" not in text
        assert "ready" in text


async def test_the_arrangement_survives_a_restart(tmp_path: Path) -> None:
    async with cockpit(size=(120, 30), state=tmp_path) as (pilot, screen, _):
        width = screen.query_one("#left").size.width
        await press(pilot, "1", "b", "B", "B", "right_curly_bracket")
        assert screen.query_one("#left").size.width == width + 4
        screen.agents.columns = ("message", "template")
        await press(pilot, "2", "m", "5", "3", "plus")
        screen.filter.use("is:open")
        await pilot.pause()
    async with cockpit(size=(120, 30), state=tmp_path) as (pilot, screen, _):
        assert (screen.agents.group, screen.agents.sort) == (Group.STATE, Sort.NEWEST)
        assert screen.agents.columns == ("message", "template")
        assert screen.timeline.whose is Whose.AGENT
        assert (screen.right_page, screen.top_page) == (Page.LOGS, Page.DETAILS)
        assert screen.filter.text == "is:open"
        assert len([key for key in screen.agents.order.keys if key]) == 4
        assert screen.zoomed == "logs"
        assert screen.logs.has_focus
        await press(pilot, "plus")
        assert screen.query_one("#left").size.width == width + 4


class Logs(StoreSource):
    """One log line a minute, for the last ten."""

    async def follow_logs(self, deployment: str, agent_id: str) -> AsyncIterator[LogEvent]:
        yield LogNote(LogMark.OPEN)
        yield LogBatch(tuple(LogLine(m, ago(minutes=11 - m), "info", "s", f"line at {11 - m}") for m in range(1, 12)))
        yield LogNote(LogMark.LIVE)


async def test_from_a_status_to_its_log_lines_and_back() -> None:
    async with cockpit(Logs(*small_fleet())) as (pilot, screen, _):
        screen.jump(API)
        await press(pilot, "2", "j")  # what it said four minutes ago
        await press(pilot, "l")
        lines, buffer = screen.logs.lines, screen.logs.buffer
        assert buffer is not None
        assert screen.logs.has_focus
        await until(pilot, lambda: lines.current == 6)  # the first line after 4m11s
        assert screen.logs.time_of(6) == ago(minutes=4)
        await press(pilot, "b")
        assert screen.page is Page.TIMELINE
        told = screen.timeline.items[screen.timeline.cursor]
        assert told is not None
        assert told.span.status.message == "Writing migration 0042"
        await press(pilot, "G", "l")  # the oldest was before the log
        await until(pilot, lambda: "The log begins later" in toasts(pilot))
        await press(pilot, "2", "m")  # all apps of the agent as one timeline
        text = screen_text(screen)
        assert "all apps of main" in text
        assert text.index("Renaming fields in serializers.py") < text.index("Reading models")


async def test_a_dead_deployments_rows_are_marked_with_their_age() -> None:
    async with cockpit() as (pilot, screen, source):
        lost = Link(LinkState.RETRYING, ago(minutes=3), "connection refused", NOW + timedelta(seconds=9), None, NOW)
        source.apply(DeploymentChanged(Deployment("acme", "https://acme.io", link=lost)))
        await pilot.pause()
        text = screen_text(screen)
        stale = [line[:50] for line in text.split("\n") if "stale 3m" in line[:50]]
        assert any("ana/ci-flake" in line for line in stale)
        assert not any("laptop" in line for line in stale)
        await press(pilot, "1", "b", "b")
        assert "lost 3m, next try in 9s" in screen_text(screen)
        source.apply(DeploymentChanged(Deployment("acme", "https://acme.io", link=LIVE)))
        source.apply(FleetListed("acme", tuple(one for one in small_fleet() if one.deployment == "acme"), NOW))
        await until(pilot, lambda: "stale" not in screen_text(screen))

"""The Details page, and what all pages have in common that ask only while they are looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

import pytest
from tests.tui.closeup_kit import stage
from tests.tui.closeup_values import AGENT, DETAILS, PASSWORD, SECRET, WORKSPACE, measured
from tests.tui.small_fleet import NOW, StoreSource, agent, app, small_fleet, status, workspace

from coder_tui.errors import ApiError
from coder_tui.feeds.source import AgentRef, Details, Trouble
from coder_tui.fleet.events import FleetListed, WorkspaceChanged
from coder_tui.fleet.snapshot import Key
from coder_tui.tui.facts import facts
from coder_tui.tui.layout import Page
from coder_tui.wire.agents import WorkspaceAgent
from coder_tui.wire.workspaces import Workspace

PAGES = [Page.DETAILS, Page.PORTS, Page.CONTAINERS, Page.NETWORK]


async def test_everything_in_groups() -> None:
    async with stage(Page.DETAILS, size=(150, 160)) as on:
        text = await on.shows("More of the agent")
        lines = [line.split() for line in text.splitlines()]
        assert ["Status", "connected"] in [line[:2] for line in lines]
        for group in ("Agent", "Metadata", "Workspace", "Build", "Resource", "Apps", "Scripts", "Log sources"):
            assert f"\n {group}" in f"\n{text}", group
        for words in (
            "/home/kira/api",
            "linux/amd64",
            "v2.36.0, API 2.5",
            "Docker with AI, outdated",
            "zealous_lamport1",
        ):
            assert words in text
        assert "working: May I run `alembic`?" in text
        assert "exit_failure, exit 1, cron 0 3 * * *" in text
        assert "48,211 bytes" in text


async def test_secrets_are_hidden_until_asked() -> None:
    async with stage(Page.DETAILS, size=(150, 160)) as on:
        await on.shows("DATABASE_URL")
        assert SECRET not in on.text
        assert PASSWORD not in on.text
        await on.to("environment/DATABASE_URL")
        await on.press("enter")
        assert SECRET in on.text
        assert PASSWORD not in on.text
        await on.press("enter")
        assert SECRET not in on.text
        await on.press("y")  # copied unseen: the toast shows the name only
        assert on.pilot.app.clipboard == SECRET
        assert on.toasts.endswith("Copied DATABASE_URL")


async def test_a_revealed_secret_is_hidden_again_for_the_next_look() -> None:
    async with stage(Page.DETAILS, size=(150, 160)) as on:
        await on.to("environment/DATABASE_URL")
        await on.press("enter")
        assert SECRET in on.text
        await on.press("2", "5")
        await on.until(lambda: on.source.detail_look.open)
        assert SECRET not in on.text


async def test_metadata_is_live_and_says_its_age() -> None:
    async with stage(Page.DETAILS, size=(150, 60)) as on:
        text = await on.shows("37 %")
        assert "stale     1m" in text
        assert "error: nvidia-smi: not found" in text
        assert "waiting for its first value" in text
        on.source.detail_look.tell(replace(DETAILS, metadata=(measured("CPU usage", "99 %", 1),)))
        text = await on.shows("99 %")
        assert "37 %" not in text
        on.source.detail_look.tell(replace(DETAILS, metadata_why="the connection broke"))
        await on.shows("cannot be read: the connection broke")


async def test_live_values_leave_the_cursor_and_the_other_lines_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage(Page.DETAILS, size=(150, 60)) as on:
        await on.to("metadata/memory")
        painted: list[int] = []
        repaint = on.pane.repaint_items

        def noted(indexes: Iterable[int]) -> None:
            found = list(indexes)
            painted.extend(found)
            repaint(found)

        monkeypatch.setattr(on.pane, "repaint_items", noted)
        metadata = (measured("CPU usage", "38 %", 4), *DETAILS.metadata[1:])
        on.source.detail_look.tell(replace(DETAILS, metadata=metadata))
        await on.shows("38 %")
        assert len(painted) == 1
        assert on.pane.key == "metadata/memory"


async def test_asked_only_while_looked_at() -> None:
    async with stage(Page.DETAILS) as on:
        for page in PAGES:
            await on.turn(page)
            await on.until(lambda: on.looks[on.page].open == 1)
            await on.until(lambda: [one for one, look in on.looks.items() if look.open] == [on.page])
        await on.press("2")
        await on.until(lambda: not any(look.open for look in on.looks.values()))
        await on.press("5")
        await on.until(lambda: on.source.detail_look.open)
        await on.pilot.resize_terminal(20, 5)
        await on.until(lambda: not any(look.open for look in on.looks.values()))


async def test_selection_moves_the_look_once_it_rests() -> None:
    async with stage(Page.DETAILS) as on:
        await on.until(lambda: on.source.detail_look.open == 1)
        asked = len(on.source.detail_look.asked)
        await on.press("1", "space", "space", "space")
        await on.until(lambda: len(on.source.detail_look.asked) > asked and on.source.detail_look.open == 1)
        assert len(on.source.detail_look.asked) == asked + 1  # not one for each row on the way
        row = on.screen.row()
        assert row is not None
        assert row.agent is not None
        assert on.source.detail_look.asked[-1].agent_id == row.agent.id


async def test_going_back_shows_what_is_known_at_once() -> None:
    async with stage(Page.DETAILS) as on:
        await on.shows("connected")
        first = on.screen.selected
        await on.press("1", "space")
        assert "connected" not in on.text
        await on.until(lambda: len(on.source.detail_look.asked) == 2)
        assert first is not None
        on.screen.jump(first)
        assert "connected" in on.text


async def test_loading_then_error_then_a_person_asks_again() -> None:
    async with stage(Page.DETAILS, known=False) as on:
        for page in PAGES:
            await on.turn(page)
            what, look = on.pane.WHAT, on.looks[page]
            assert f"Reading the {what} of kira/api-refactor main from acme" in on.text
            look.tell(Trouble("connection refused", NOW + timedelta(seconds=8)))
            text = await on.shows("connection refused")
            assert f"Cannot read the {what} of kira/api-refactor main from acme" in text
            assert "Next try" in text
            assert "ctrl+r tries now" in text
            look.asked.clear()
            await on.press("ctrl+r")
            await on.until(lambda: on.looks[on.page].asked)


async def test_trouble_marks_what_is_shown_as_stale() -> None:
    async with stage(Page.DETAILS) as on:
        await on.shows("connected")
        on.source.detail_look.tell(Trouble("the connection broke", NOW + timedelta(seconds=8)))
        await on.until(lambda: "stale" in str(on.pane.border_subtitle))
        assert "the connection broke" in str(on.pane.border_subtitle)
        assert "connected" in on.text
        on.source.detail_look.tell(DETAILS)
        await on.until(lambda: "stale" not in str(on.pane.border_subtitle))


async def test_no_retry_for_what_is_hopeless_until_a_person_asks() -> None:
    async with stage(Page.DETAILS, known=False) as on:
        look = on.source.detail_look
        await on.until(lambda: look.open)
        look.tell(Trouble("acme refused GET workspaceagents: 404 Not found"))
        look.end()
        await on.until(lambda: not look.open)
        asked = len(look.asked)
        api = next(one for one in small_fleet() if one.name == "api-refactor")
        on.source.apply(WorkspaceChanged(replace(api, last_used_at=NOW), NOW))
        await on.pilot.pause(0.3)  # longer than the selection takes to settle
        assert len(look.asked) == asked
        assert "404" in on.text
        await on.press("ctrl+r")
        await on.until(lambda: len(look.asked) == asked + 1)


@pytest.mark.parametrize("fault", [ApiError("acme refused", status=500, why="it is on fire"), KeyError("on fire")])
async def test_a_fault_of_the_feed_costs_the_page_only(fault: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(agent: AgentRef) -> NoReturn:
        raise fault

    source = StoreSource(*small_fleet())
    monkeypatch.setattr(source, "details", broken)
    async with stage(Page.DETAILS, source, known=False) as on:
        await on.shows("Cannot read the details")
        assert "fire" in on.text
        assert on.pilot.app.is_running


async def test_workspace_without_agent_and_nobody_selected() -> None:
    fleet = (workspace("mia", "old-thing", build="stopped"),)
    async with stage(Page.DETAILS, StoreSource(*fleet, names=("acme",))) as on:
        text = await on.shows("The workspace is stopped.")
        assert "Press w to start it." in text
        assert not on.source.detail_look.asked
        on.source.apply(FleetListed("acme", (), NOW))
        await on.shows("Select an agent on the left to see its details.")


@pytest.mark.parametrize("size", [(220, 60), (140, 40), (100, 30), (80, 24), (40, 10)])
async def test_every_size(size: tuple[int, int]) -> None:
    async with stage(Page.DETAILS, size=size) as on:
        for page in PAGES:
            await on.turn(page)
            await on.until(lambda: on.pane.items)
            for index in range(len(on.pane.items)):
                segments = on.pane.paint(index, 0, on.pane.size.width)
                assert sum(segment.cell_length for segment in segments) <= on.pane.size.width, (index, segments)
            assert on.screen.focused_pane() is on.pane
            bar = on.screen.tabs if size[0] >= 84 else on.screen.crumbs
            assert page.value.capitalize() in bar.render_line(0).text


async def test_evil_text_on_the_screen() -> None:
    evil = "\x1b[2J\u202ebad[red]"
    details = Details(
        WORKSPACE,
        None,
        AGENT.model_copy(update={"expanded_directory": evil, "environment_variables": {evil: evil}}),
        metadata=(measured(evil, evil, 1),),
        metadata_at=NOW,
    )
    async with stage(Page.DETAILS, known=False, size=(150, 160)) as on:
        on.source.detail_look.tell(details)
        text = await on.shows("bad[red]")
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_an_agent_of_nulls_is_no_trouble() -> None:
    labels = [one.label for one in facts(Details(Workspace(), None, WorkspaceAgent()))]
    assert "Health" in labels
    assert "Started" not in labels  # never is left out


async def test_extend() -> None:
    docs = Key("acme", "ws-bo-docs", "main", "claude")
    async with stage(Page.DETAILS) as on:
        on.screen.jump(docs)
        await on.pilot.pause()
        assert "x extend" in on.screen.footer.render_line(0).text
        await on.press("x")
        await on.until(lambda: "bo/docs stops at" in on.toasts)
        assert " instead of " in on.toasts
        row = on.screen.row()
        assert row is not None
        assert row.workspace.deadline == NOW + timedelta(minutes=82)
        assert "x extend" not in on.screen.footer.render_line(0).text  # no need any more
        on.source.error = ApiError("acme refused", status=400, why="the template's limit is reached")
        await on.press("x")
        await on.until(lambda: "limit is reached" in on.toasts)


async def test_extend_says_why_not() -> None:
    async with stage(Page.DETAILS) as on:
        await on.press("x")
        assert "no deadline" in on.toasts
    late = workspace("bo", "late", agent(app("a", status("working", "x", NOW))), deadline=NOW + timedelta(minutes=5))
    async with stage(Page.DETAILS, StoreSource(late, names=("acme",)), read_only=True) as on:
        await on.press("x")
        assert "Read-only" in on.toasts

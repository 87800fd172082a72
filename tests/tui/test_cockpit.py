"""The cockpit driven by keys, over a real store: what a person does in the minute that matters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.tui.small_fleet import LIVE, NOW, StoreSource, agent, ago, app, small_fleet, status, workspace
from textual.pilot import Pilot

from coder_tui.errors import StorageError, UnreachableError
from coder_tui.fleet.events import DeploymentChanged, FleetListed, WorkspaceChanged
from coder_tui.fleet.snapshot import Deployment, Key, Level, Link, LinkState
from coder_tui.tui.app import CockpitApp
from coder_tui.tui.layout import Layout, Page
from coder_tui.tui.panes.terminal import TerminalPane
from coder_tui.tui.screens.cockpit import CockpitScreen

API = Key("acme", "ws-kira-api-refactor", "main", "claude")
CI = Key("acme", "ws-ana-ci-flake", "main", "codex")


@asynccontextmanager
async def cockpit(
    source: StoreSource | None = None, size: tuple[int, int] = (140, 40), *, read_only: bool = False
) -> AsyncIterator[tuple[Pilot[None], CockpitScreen, StoreSource]]:
    source = source or StoreSource(*small_fleet())
    running = CockpitApp(source, clock=lambda: NOW, read_only=read_only)
    async with running.run_test(size=size) as pilot:
        await source.running.wait()
        await pilot.pause()
        yield pilot, running.cockpit, source


def screen_text(screen: CockpitScreen) -> str:
    """What is on the screen, line by line."""
    strips = screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


async def press(pilot: Pilot[None], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await pilot.pause()


async def until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    """Let the application go on until `condition` holds; fail when it does not within two seconds."""
    for _ in range(200):
        if condition():
            return
        await pilot.pause(0.01)
    raise AssertionError("it did not happen")


def toasts(pilot: Pilot[None]) -> str:
    """What the toasts say."""
    return " | ".join(one.message for one in pilot.app._notifications)


async def test_first_frame_needs_no_network() -> None:
    source = StoreSource()
    running = CockpitApp(source, clock=lambda: NOW)
    async with running.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        assert "Reading workspaces" in screen_text(running.cockpit)
        await source.running.wait()  # started by the app itself, after that frame


async def test_the_last_known_fleet_is_painted_and_marked() -> None:
    source = StoreSource()
    source.apply(DeploymentChanged(Deployment("acme")))
    source.apply(FleetListed("acme", small_fleet()[:1], ago(minutes=7), cached=True))
    async with cockpit(source) as (_, screen, _):
        text = screen_text(screen)
        assert "kira/api-refactor" in text
        assert "last seen 7m ago" in text


@pytest.mark.parametrize(
    ("size", "layout", "present", "absent"),
    [
        ((220, 60), Layout.WIDE, ["Needs you (4)", "Agents", "Timeline", "Logs", "Terminal"], []),
        ((140, 40), Layout.WIDE, ["Needs you (4)", "Agents", "Timeline", "Logs", "Terminal"], []),
        (
            (100, 30),
            Layout.MEDIUM,
            ["Needs you (4)", "Agents", "Timeline", "Reading models"],
            ["No terminal is attached"],
        ),
        ((80, 24), Layout.NARROW, ["Needs you (4)", "Agents"], ["Reading models"]),
        ((20, 5), Layout.TINY, ["enlarge to 40x10"], ["Agents"]),
    ],
)
async def test_every_layout_shows_its_panes(
    size: tuple[int, int], layout: Layout, present: list[str], absent: list[str]
) -> None:
    async with cockpit(size=size) as (_, screen, _):
        assert screen.arrangement.layout is layout
        text = screen_text(screen)
        for words in present:
            assert words in text
        for words in absent:
            assert words not in text


async def test_state_survives_every_resize() -> None:
    async with cockpit() as (pilot, screen, _):
        await press(pilot, "space")
        key = screen.selected
        screen.go(Page.LOGS)
        await pilot.pause()
        panes = [screen.needs, screen.agents, screen.timeline, screen.logs, screen.terminal]
        for size in ((100, 30), (80, 24), (20, 5), (80, 24), (220, 60)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert screen.selected == key
        assert screen.focused_pane() is screen.logs
        assert [screen.needs, screen.agents, screen.timeline, screen.logs, screen.terminal] == panes


async def test_next_goes_round_those_who_need_a_person() -> None:
    async with cockpit() as (pilot, screen, _):
        assert screen.selected == API  # the most urgent, before any key
        seen = [screen.selected]
        for _ in range(4):
            await press(pilot, "space")
            seen.append(screen.selected)
        assert seen[1] == CI
        assert len(set(seen[:4])) == 4
        assert seen[4] == API


async def test_acknowledge_and_undo() -> None:
    async with cockpit() as (pilot, screen, source):
        await press(pilot, "a")
        row = screen.snapshot.row(API)
        assert row is not None
        assert row.alert is not None
        assert row.alert.acked
        assert "Needs you (3)" in screen_text(screen)
        assert screen.selected == CI  # on to the next
        await press(pilot, "u")
        assert "Needs you (4)" in screen_text(screen)
        assert screen.selected == API
        await press(pilot, "A")
        assert not list(source.snapshot.needing())
        await press(pilot, "u")
        assert len(list(source.snapshot.needing())) == 4


async def test_an_acknowledgement_that_cannot_be_saved_is_said() -> None:
    class Full(StoreSource):
        def acknowledge(self, alerts: object) -> None:
            raise StorageError("cannot write the state file", why="No space left on device")

    async with cockpit(Full(*small_fleet())) as (pilot, screen, _):
        await press(pilot, "a")
        assert "Needs you (4)" in screen_text(screen)
        assert "No space left" in toasts(pilot)


async def test_cursor_keeps_its_key_when_rows_come_and_go() -> None:
    async with cockpit() as (pilot, screen, source):
        screen.go(Page.AGENTS)
        screen.agents.focus()
        screen.jump(CI)
        await pilot.pause()
        source.apply(
            WorkspaceChanged(workspace("aaa", "first", agent(app("x", status("working", "hi", NOW)))), NOW),
            WorkspaceChanged(workspace("zzz", "last", agent(app("x", status("working", "hi", NOW)))), NOW),
        )
        await pilot.pause()
        assert screen.agents.key == screen.selected == CI
        remaining = tuple(one for one in small_fleet() if one.deployment == "acme" and one.name != "ci-flake")
        source.apply(FleetListed("acme", remaining, NOW))
        await pilot.pause()
        assert screen.selected is not None
        assert screen.agents.key == screen.selected != CI
        assert screen.snapshot.row(screen.selected) is not None


async def test_needs_you_grows_with_the_most_urgent_on_top() -> None:
    fleet = small_fleet()
    async with cockpit(StoreSource(fleet[2], names=("acme", "laptop"))) as (pilot, screen, source):
        for count, one in enumerate((fleet[0], fleet[1], fleet[3]), 2):
            source.apply(WorkspaceChanged(one, NOW))
            await until(pilot, lambda: "Needs you" in screen_text(screen))
            await pilot.pause()
            assert screen.needs.size.height == 2 * count
            lines = screen_text(screen).splitlines()[2 : 2 + 2 * count]
            assert "kira/api-refactor" in lines[0]
            assert "bo/docs" in lines[2 * count - 2]
            assert all("/" in line.split("│")[1] for line in lines[::2])


async def test_only_changed_lines_are_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with cockpit() as (pilot, screen, source):
        painted: list[int] = []
        paint = screen.agents.paint

        def counted(index: int, line: int, width: int) -> list[object]:
            painted.append(index)
            return [*paint(index, line, width)]

        monkeypatch.setattr(screen.agents, "paint", counted)
        source.apply(DeploymentChanged(Deployment("acme", link=replace(LIVE, latency_ms=31.0))))
        await pilot.pause()
        assert painted == []  # nothing that the list shows has changed
        assert "live 31 ms" in screen_text(screen)
        painted.clear()
        bo = small_fleet()[2]
        said = app("claude", status("working", "Chapter 5", NOW))
        source.apply(WorkspaceChanged(replace(bo, agents=(replace(bo.agents[0], apps=(said,)),)), NOW))
        await pilot.pause()
        assert 0 < len(set(painted)) <= 2  # the heading and the app


async def test_filter_good_and_bad() -> None:
    async with cockpit() as (pilot, screen, _):
        await press(pilot, "slash", *"ana")
        assert [key.workspace_id for key in screen.overview.needing] == ["ws-ana-ci-flake"]
        await press(pilot, "enter")
        assert screen.focused_pane() is screen.agents
        assert "bo/docs" not in screen_text(screen)
        await press(pilot, "slash", *" age>x")
        text = screen_text(screen)
        assert "column" in text
        assert "expected" in text
        await press(pilot, "escape")
        assert len(screen.overview.needing) == 4
        assert not screen.filter.is_open


async def test_no_key_acts_on_a_row_that_the_filter_hides() -> None:
    async with cockpit() as (pilot, screen, _):
        await press(pilot, "slash", *"ana", "enter")
        assert screen.selected is not None
        assert screen.selected.workspace_id == "ws-ana-ci-flake"
        await press(pilot, "escape", "slash", *"nobody-has-this", "enter")
        assert screen.row() is None


async def test_a_filter_that_matches_nothing_says_so() -> None:
    async with cockpit() as (pilot, screen, _):
        await press(pilot, "slash", *"nobody-has-this", "enter")
        text = screen_text(screen)
        assert "Nothing matches the filter" in text
        assert "esc" in text


async def test_the_timelines_cursor_stays_on_the_newest_or_on_what_was_chosen() -> None:
    fleet = small_fleet()
    kira = next(one for one in fleet if one.id == API.workspace_id)
    (main,) = kira.agents
    claude = next(one for one in main.apps if one.slug == API.app)

    def said(*news: str) -> WorkspaceChanged:
        statuses = tuple(replace(status("working", text, NOW), id=text) for text in news) + claude.statuses
        apps = tuple(replace(one, statuses=statuses) if one is claude else one for one in main.apps)
        return WorkspaceChanged(replace(kira, agents=(replace(main, apps=apps),)), NOW)

    async with cockpit() as (pilot, screen, source):
        await press(pilot, "1")  # from Needs you the selection would go on to the next when this one is answered
        screen.jump(API)
        source.apply(said("one"))
        await pilot.pause()
        assert screen.timeline.cursor == 1  # under the strip of the last hours
        await press(pilot, "2", "j")
        source.apply(said("two", "one"))
        await pilot.pause()
        assert screen.timeline.cursor == 3


async def test_no_agents_says_what_comes_next() -> None:
    source = StoreSource()
    source.apply(DeploymentChanged(Deployment("local", link=LIVE)), FleetListed("local", (), NOW))
    async with cockpit(source) as (_, screen, _):
        text = screen_text(screen)
        words_wanted = ("No agents yet", "Select an agent", "coder-tui new NAME -- CMD", "coder-tui demo", "login URL")
        for words in words_wanted:
            assert words in text


async def test_a_lost_link_is_counted_down_and_rows_are_marked() -> None:
    async with cockpit() as (pilot, screen, source):
        lost = Link(LinkState.RETRYING, NOW, "connection refused", NOW + timedelta(seconds=9))
        source.apply(DeploymentChanged(Deployment("acme", link=lost)))
        await pilot.pause()
        assert "acme lost: next try in 9s" in screen_text(screen)
        row = screen.snapshot.row(API)
        assert row is not None
        assert row.stale


async def test_a_deployment_that_never_answered_says_why_and_which_key() -> None:
    source = StoreSource()
    lost = Link(LinkState.RETRYING, NOW, "name or service not known", NOW + timedelta(seconds=9))
    source.apply(DeploymentChanged(Deployment("acme", link=lost)))
    async with cockpit(source) as (_, screen, _):
        text = screen_text(screen)
        assert "Cannot read acme: name or service not known" in text
        assert "ctrl+r" in text


async def test_a_source_that_breaks_is_said_and_can_be_started_again() -> None:
    source = StoreSource(*small_fleet())
    source.error = UnreachableError("cannot reach acme", why="refused")
    running = CockpitApp(source, clock=lambda: NOW)
    async with running.run_test(size=(140, 40)) as pilot:
        await pilot.pause()
        await until(pilot, lambda: "cannot reach acme" in screen_text(running.cockpit))
        source.error = None
        await press(pilot, "ctrl+r")
        await source.running.wait()
        await until(pilot, lambda: "cannot reach acme" not in screen_text(running.cockpit))
        assert source.refreshed == 1


async def test_zoom_and_back() -> None:
    async with cockpit() as (pilot, screen, _):
        screen.go(Page.TIMELINE)
        await pilot.pause()
        await press(pilot, "plus")
        assert screen.timeline.size.width > 130
        assert not screen.agents.display
        await press(pilot, "3")  # zoom follows the focus
        assert screen.logs.display
        assert not screen.timeline.display
        await press(pilot, "plus")
        assert screen.agents.display
        assert screen.timeline.display


async def test_narrow_navigation() -> None:
    async with cockpit(size=(80, 24)) as (pilot, screen, _):
        assert screen.agents.display
        await press(pilot, "enter")
        assert screen.page is Page.TIMELINE
        text = screen_text(screen)
        assert "kira/api-refactor › main › claude" in text
        assert "Writing migration 0042" in text
        assert not screen.agents.display
        await press(pilot, "l")
        assert screen.page is Page.LOGS
        await press(pilot, "escape")
        assert screen.page is Page.AGENTS
        await press(pilot, "tab", "tab")
        assert screen.page in (Page.TIMELINE, Page.LOGS)


async def test_panes_by_number_and_tab() -> None:
    async with cockpit() as (pilot, screen, _):
        for key, pane in (("2", screen.timeline), ("3", screen.logs), ("4", screen.terminal), ("1", screen.agents)):
            await press(pilot, key)
            assert screen.focused_pane() is pane
        await press(pilot, "shift+tab")
        assert screen.focused_pane() is screen.needs


async def test_terminal_takes_every_key() -> None:
    async with cockpit() as (pilot, screen, source):
        await press(pilot, "t")
        assert screen.focused_pane() is screen.terminal
        pty = source.ptys[0]
        assert (pty.target.reconnect, pty.target.command) == ("app-claude", "claude")
        before = screen.snapshot
        await press(pilot, "q", "a", "space", "slash", "ctrl+p", "escape", "tab", "ctrl+c", "ctrl+q")
        assert screen.focused_pane() is screen.terminal
        assert screen.snapshot is before
        assert pilot.app.screen is screen
        assert "".join(pty.sent).replace("\x1b[I", "").startswith("qa /")
        await press(pilot, "ctrl+right_square_bracket", "ctrl+right_square_bracket")  # twice: send it
        assert "\x1d" in "".join(pty.sent)
        screen.action_leave_terminal()
        await pilot.pause()
        assert screen.page is Page.AGENTS


async def test_ctrl_c_says_how_to_quit_and_q_quits() -> None:
    async with cockpit() as (pilot, _, _):
        await press(pilot, "ctrl+c")
        assert "to quit" in toasts(pilot)
        await press(pilot, "q")
        assert pilot.app._exit


async def test_a_renewed_shell_takes_the_place_of_the_old_one() -> None:
    async with cockpit() as (pilot, screen, source):
        await press(pilot, "s")
        old = source.ptys[0].target
        renewed = replace(old, reconnect="another")
        screen.terminal.post_message(TerminalPane.NewShell(renewed, old))
        await pilot.pause()
        screen.action_leave_terminal()
        await press(pilot, "s")
        assert screen.terminal.target == renewed


async def test_the_footer_belongs_to_the_focus() -> None:
    async with cockpit() as (pilot, screen, _):
        assert "/ filter" in screen.footer.render_line(0).text
        await press(pilot, "3")
        line = screen.footer.render_line(0).text
        assert "G follow" in line
        assert line.count("/ filter") == 1
        await press(pilot, "4", "t")
        assert "ctrl+] leave" in screen.footer.render_line(0).text
        assert "space" not in screen.footer.render_line(0).text


async def test_shell_reattaches_under_the_same_token() -> None:
    async with cockpit() as (pilot, _, source):
        await press(pilot, "s")
        token = source.ptys[0].target.reconnect
        assert source.ptys[0].target.command == ""
    async with cockpit() as (pilot, _, source):
        await press(pilot, "s")
        assert source.ptys[0].target.reconnect == token
        assert token != "app-claude"


async def test_workspace_asks_before_it_acts() -> None:
    async with cockpit() as (pilot, screen, source):
        await press(pilot, "w", "p")
        assert source.builds == []
        await press(pilot, "n", "escape")
        assert pilot.app.screen is screen
        await press(pilot, "w", "r", "y")
        await until(pilot, lambda: source.builds)
        assert source.builds == [(API, "restart")]
        await press(pilot, "w", "s")  # it runs already: nothing to say yes to
        await press(pilot, "y")
        assert len(source.builds) == 1


async def test_read_only_disables_visibly() -> None:
    async with cockpit(read_only=True) as (pilot, screen, source):
        assert "read-only" in screen_text(screen)
        assert screen.check_action("workspace", ()) is None
        await press(pilot, "w")
        assert pilot.app.screen is screen
        assert "--read-only" in toasts(pilot)
        await press(pilot, "a")  # acknowledging is ours, not the deployment's
        assert len(list(source.snapshot.needing())) == 3


async def test_a_disabled_key_says_why() -> None:
    async with cockpit() as (pilot, screen, _):
        assert screen.check_action("open_link", ()) is None
        await press(pilot, "o")
        assert "has no link" in toasts(pilot)


async def test_copy_uses_the_clipboard() -> None:
    async with cockpit() as (pilot, _, _):
        await press(pilot, "y")
        assert pilot.app.clipboard == "May I run `alembic upgrade head` on the staging database?"


async def test_a_link_without_a_browser_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coder_tui.tui.commands.has_browser", lambda: False)
    async with cockpit() as (pilot, screen, _):
        screen.jump(CI)
        await pilot.pause()
        await press(pilot, "o")
        assert pilot.app.clipboard == "https://ci.acme.io/9"


HOSTILE = "\x1b[2J\x1b]52;c;ZXZpbA==\x07[red]not markup[/] \u202egnp.exe [link=https://evil]x[/link] \x9b31m"


async def test_hostile_text_is_shown_harmless_everywhere() -> None:
    evil = workspace(
        "eve\x1b[31m",
        "[bold]ws[/]\u202e",
        agent(app("claude", status("failure", HOSTILE, ago(minutes=1), uri="javascript:alert(1)")), name="[b]m[/]"),
        deployment="acme",
    )
    async with cockpit(StoreSource(evil, names=("acme",)), size=(140, 40)) as (pilot, screen, _):
        for keys in ((), ("2",), ("plus",), ("plus", "question_mark"), ("escape", "colon", *"go")):
            await press(pilot, *keys)
            await until(pilot, lambda: all(one.group.startswith("stream:") for one in pilot.app.workers))
            strips = pilot.app.screen._compositor.render_strips()
            text = "\n".join("".join(segment.text for segment in strip) for strip in strips)
            assert not any(character in text for character in "\x1b\x07\x9b\u202e")
        await press(pilot, "escape")
        text = screen_text(screen)
        assert "[red]not markup[/]" in text
        assert "[bold]ws[/]" in text
        await press(pilot, "e")
        assert screen.check_action("open_link", ()) is None  # javascript: is never opened


async def test_the_feed_is_told_what_is_looked_at() -> None:
    async with cockpit() as (pilot, screen, source):
        await until(pilot, lambda: source.watched)
        assert source.watched[0] == Key("acme", "ws-kira-api-refactor")
        assert len(source.watched) == 6
        assert screen.selected == API


async def test_levels_are_in_words_and_shapes() -> None:
    async with cockpit() as (_, screen, _):
        text = screen_text(screen)
        for level, shape in ((Level.ASKS, "▲"), (Level.FAILED, "✗"), (Level.DONE, "✓"), (Level.QUIET, "◔")):
            assert level.value in text
            assert shape in text
        assert "stops in 22m" in text

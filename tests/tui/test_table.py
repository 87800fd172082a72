"""One action table: bindings, footer, help and palette say the same, and every action of it exists."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tui.small_fleet import NOW, StoreSource, agent, app, small_fleet, status, workspace
from textual.widgets import OptionList

from coder_tui.fleet.snapshot import Row
from coder_tui.tui import glyphs
from coder_tui.tui.actions import ACTIONS, BY_ID
from coder_tui.tui.app import CockpitApp
from coder_tui.tui.layout import Page
from coder_tui.tui.panes.agents import AgentsPane
from coder_tui.tui.panes.closeup import CloseUp
from coder_tui.tui.panes.containers import ContainersPane
from coder_tui.tui.panes.logs import LogsPane
from coder_tui.tui.panes.network import NetworkPane
from coder_tui.tui.panes.terminal import TerminalPane
from coder_tui.tui.panes.timeline import TimelinePane
from coder_tui.tui.player import PlayerApp
from coder_tui.tui.reasons import Situation, link_problem, reason
from coder_tui.tui.screens.cockpit import CockpitScreen
from coder_tui.tui.screens.help import HelpLines, HelpScreen, sections
from coder_tui.tui.screens.workspace import problem
from coder_tui.tui.widgets.footer import Hint, fitting
from coder_tui.tui.widgets.header import link_words
from coder_tui.tui.widgets.lines import LineList

HOLDERS = {
    "app": CockpitScreen,
    "list": LineList,
    "fleet": AgentsPane,
    "timeline": TimelinePane,
    "replay": CockpitScreen,
    "page": CloseUp,
    "containers": ContainersPane,
    "network": NetworkPane,
    "logs": LogsPane,
    "terminal": TerminalPane,
    "copy": TerminalPane,
    "player": PlayerApp,
}


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_every_action_is_implemented(action: object) -> None:
    found = next(one for one in ACTIONS if one is action)
    assert callable(getattr(HOLDERS[found.scope], f"action_{found.name}", None))


def test_no_key_means_two_things_in_one_scope() -> None:
    for scope in HOLDERS:
        keys = [key for action in ACTIONS if action.scope == scope for key in action.keys.split(",")]
        assert len(keys) == len(set(keys)), scope


async def test_help_is_the_table_with_the_focused_scope_first() -> None:
    running = CockpitApp(StoreSource(*small_fleet()), clock=lambda: NOW)
    async with running.run_test(size=(100, 120)) as pilot:
        await pilot.pause()
        running.cockpit.go(Page.LOGS)
        await pilot.pause()
        await pilot.press("question_mark")
        await pilot.pause()
        screen = running.screen
        assert isinstance(screen, HelpScreen)
        lines = screen.query_one(HelpLines)
        assert len(lines.items) == lines.get_content_height(lines.size, lines.size, lines.size.width)
        text = "\n".join("".join(part.text for part in line) for line in lines._laid_out(200))
        assert text.startswith("Logs (here)")
        for action in ACTIONS:
            assert f"{action.key_text} " in text
            assert action.help in text
        await pilot.press("escape")
        await pilot.pause()
        assert running.screen is running.cockpit


def test_sections_hold_every_action_once() -> None:
    for scope in (*HOLDERS, "input"):
        grouped = [action for _, actions in sections(scope) for action in actions]
        assert sorted(action.id for action in grouped) == sorted(BY_ID)
    assert next(iter(sections("terminal")))[0] == "terminal"


async def test_palette_is_the_table_the_themes_and_the_agents() -> None:
    running = CockpitApp(StoreSource(*small_fleet()), clock=lambda: NOW)
    async with running.run_test(size=(120, 120)) as pilot:
        await pilot.pause()
        await pilot.press("colon")
        names: list[str] = []
        for _ in range(200):
            options = running.screen.query(OptionList)
            names = [str(option.prompt).split("\n")[0] for one in options for option in one.options]
            if len(names) > len(running.themes):
                break
            await pilot.pause(0.01)
        wanted = [f"{one.label.capitalize()}  {one.key_text}" for one in ACTIONS if one.scope == "app"]
        assert names == [
            *wanted,
            "Test notification",
            *(f"Theme: {name.removeprefix('coder-')}" for name in running.themes),
        ]
        await pilot.press(*"go goose")
        for _ in range(200):
            names = [str(one.prompt).split("\n")[0] for one in running.screen.query_one(OptionList).options]
            if names and "goose" in names[0]:
                break
            await pilot.pause(0.01)
        await pilot.press("enter")
        for _ in range(200):
            if running.screen is running.cockpit:
                break
            await pilot.pause(0.01)
        await pilot.pause()
        assert running.cockpit.selected is not None
        assert running.cockpit.selected.app == "goose"


HINTS = [
    Hint("space", "next"),
    Hint("o", "open link", enabled=False),
    Hint("/", "filter"),
    Hint("?", "help", keep=True),
]


def test_footer_drops_disabled_then_last_and_help_at_the_very_end() -> None:
    assert fitting(HINTS, 200) == HINTS
    without = [hint for hint in HINTS if hint.enabled]
    assert fitting(HINTS, sum(hint.width for hint in without)) == without
    assert fitting(HINTS, HINTS[0].width + HINTS[3].width) == [HINTS[0], HINTS[3]]
    assert fitting(HINTS, HINTS[3].width) == [HINTS[3]]


@given(st.integers(0, 120))
def test_footer_is_never_crowded(width: int) -> None:
    assert sum(hint.width for hint in fitting(HINTS, width)) <= width


def row_of(build: str = "running", state: str = "connected", uri: str = "") -> Row:
    agents = () if build != "running" else (agent(app("claude", status("working", "x", NOW, uri=uri)), state=state),)
    return StoreSource(workspace("o", "w", *agents, build=build), names=("acme",)).snapshot.rows[0]


@pytest.mark.parametrize(
    ("ident", "situation", "words"),
    [
        ("app.terminal", Situation(), "No agent is selected"),
        ("app.terminal", Situation(row=row_of("stopped")), "stopped: w starts it"),
        ("app.shell", Situation(row=row_of(state="disconnected")), "disconnected"),
        ("app.logs", Situation(row=row_of(state="disconnected")), ""),
        ("app.terminal", Situation(row=row_of()), ""),
        ("app.workspace", Situation(row=row_of(), read_only=True), "read-only"),
        ("app.acknowledge", Situation(row=row_of()), "no open alert"),
        ("app.acknowledge-all", Situation(), "No alert"),
        ("app.next-needing", Situation(), "Nobody needs you"),
        ("app.open-link", Situation(row=row_of(uri="https://x.io/1")), ""),
        ("app.open-link", Situation(row=row_of(uri="file:///etc/passwd")), "file link is never opened"),
        ("app.help", Situation(tiny=True), "too small"),
        ("app.quit", Situation(tiny=True), ""),
    ],
)
def test_reasons(ident: str, situation: Situation, words: str) -> None:
    found = reason(BY_ID[ident], situation)
    assert words.lower() in found.lower()
    assert bool(found) == bool(words)


@pytest.mark.parametrize("uri", ["https://a.io", "http://a.io/x", "vscode://coder.coder-remote/open", "CURSOR://x/y"])
def test_links_that_may_be_opened(uri: str) -> None:
    assert link_problem(uri) == ""


@pytest.mark.parametrize(
    "uri", ["", "javascript:alert(1)", "file:///x", "x.io/a", "https:///path", "http://[bad", "data:,x"]
)
def test_links_that_are_never_opened(uri: str) -> None:
    assert link_problem(uri)


def test_what_a_workspace_cannot_do_now() -> None:
    assert problem("start", "stopped") == ""
    assert problem("start", "running")
    assert problem("stop", "stopped")
    assert problem("restart", "starting")
    assert problem("stop", "running") == ""
    assert problem("start", "failed") == ""


def test_glyphs_have_one_cell_and_an_ascii_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in dataclasses.fields(glyphs.Glyphs):
        assert len(getattr(glyphs.UNICODE, field.name)) == 1
        assert getattr(glyphs.ASCII, field.name).isascii()
    states = ("asks", "failed", "lost", "done", "quiet", "working", "idle")
    for shapes in (glyphs.UNICODE, glyphs.ASCII):
        assert len({shapes.of(state) for state in states}) == len(states)
        assert shapes.of("from the future") == shapes.unknown
    monkeypatch.setenv("CODER_TUI_ASCII", "1")
    assert glyphs.glyphs() is glyphs.ASCII
    monkeypatch.setenv("CODER_TUI_ASCII", "0")
    assert glyphs.glyphs() is glyphs.UNICODE


async def test_ascii_and_no_colour_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODER_TUI_ASCII", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    running = CockpitApp(StoreSource(*small_fleet()), clock=lambda: NOW)
    async with running.run_test(size=(140, 40)) as pilot:
        await pilot.pause()
        assert running.no_color
        header = running.cockpit.header.render_line(0).text
        assert "! 1 asks you" in header
        assert header.isascii()
        assert all(running.cockpit.agents.render_line(y).text.isascii() for y in range(10))


def test_link_words_name_the_worst() -> None:
    deployments = StoreSource(*small_fleet()).snapshot.deployments
    assert link_words(deployments.values(), NOW) == ("live 23 ms", "done")
    assert link_words([], NOW)[0] == "connecting"
    acme = deployments["acme"]
    for state, words in (("polling", "acme polling"), ("refused", "acme refused"), ("connecting", "acme connecting")):
        link = dataclasses.replace(acme.link, state=type(acme.link.state)(state))
        both = [deployments["laptop"], dataclasses.replace(acme, link=link)]
        assert link_words(both, NOW)[0].startswith(words)
    link = dataclasses.replace(acme.link, state=type(acme.link.state)("retrying"), next_try=NOW + timedelta(seconds=4))
    assert link_words([dataclasses.replace(acme, link=link)], NOW)[0] == "lost: next try in 4s"

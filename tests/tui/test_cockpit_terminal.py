"""Terminals in the whole cockpit: tabs by key, from within and from the lists; looking back; links; the footer."""

from __future__ import annotations

import pytest
from tests.tui.small_fleet import StoreSource, small_fleet
from tests.tui.test_cockpit import cockpit, press, toasts, until

from coder_tui.tui import commands
from coder_tui.tui.layout import Page
from coder_tui.tui.panes.terminal import TerminalPane


async def test_shells_are_tabs_from_the_list_and_from_within() -> None:
    async with cockpit() as (pilot, screen, source):
        await press(pilot, "s")
        await until(pilot, lambda: screen.terminal.captures_keys and screen.terminal.has_focus)
        first = screen.terminal.target
        await press(pilot, "ctrl+right_square_bracket", "S")
        await until(pilot, lambda: len(screen.terminal.tabs) == 2)
        second = screen.terminal.target
        assert first is not None
        assert second is not None
        assert (second.agent_id, second.title) == (first.agent_id, first.title)
        assert second.reconnect != first.reconnect
        assert screen.terminal.has_focus
        screen.action_leave_terminal()
        await press(pilot, "S")
        assert len(screen.terminal.tabs) == 3
        assert [kept.reconnect for kept in source.kept] == [tab.reconnect for tab in screen.terminal.tabs]
        await press(pilot, "ctrl+right_square_bracket", "greater_than_sign")
        await until(pilot, lambda: screen.terminal.target == first)
        assert screen.terminal.has_focus
        await press(pilot, "ctrl+right_square_bracket", "less_than_sign")
        await until(pilot, lambda: screen.terminal.target != first)
        await press(pilot, "ctrl+right_square_bracket", "X")
        await until(pilot, lambda: len(screen.terminal.tabs) == 2)
        assert len(source.kept) == 2
        assert screen.terminal.target == second
        assert "ends in five minutes" in toasts(pilot)
        assert all(pty.sent == [] for pty in source.ptys), "the programs heard of none of it"


async def test_tabs_survive_a_restart() -> None:
    source = StoreSource(*small_fleet())
    async with cockpit(source) as (pilot, screen, _):
        await press(pilot, "s")
        await press(pilot, "ctrl+right_square_bracket", "S")
        await until(pilot, lambda: len(screen.terminal.tabs) == 2)
        before = screen.terminal.tabs
    async with cockpit(source) as (pilot, screen, _):
        await press(pilot, "s")
        await until(pilot, lambda: screen.terminal.captures_keys)
        assert screen.terminal.tabs == before
        screen.action_next_terminal()
        await pilot.pause()
        assert screen.terminal.target == before[1]


async def test_without_a_terminal_its_keys_say_why_not() -> None:
    async with cockpit() as (pilot, screen, _):
        await press(pilot, "left_square_bracket")
        assert "No terminal is attached." in toasts(pilot)
        assert screen.page is Page.AGENTS


async def test_a_program_begins_in_the_size_it_will_have() -> None:
    async with cockpit(size=(160, 40)) as (pilot, screen, source):
        before = screen.terminal.screen_widget.size
        await press(pilot, "t")
        await until(pilot, lambda: screen.terminal.captures_keys)
        await pilot.pause()
        now = screen.terminal.screen_widget.size
        assert now != before, "being attached gives it room"
        assert source.ptys[0].opened_at == now


async def test_after_the_end_the_footer_has_the_cockpits_keys_and_a_new_shell_takes_them_back() -> None:
    async with cockpit(size=(160, 40)) as (pilot, screen, source):
        await press(pilot, "t")
        await until(pilot, lambda: screen.terminal.captures_keys)
        source.ptys[0].over.set()
        await until(pilot, lambda: "space next" in screen.footer.render_line(0).text)
        await press(pilot, "enter")
        await until(pilot, lambda: screen.terminal.captures_keys)
        await until(pilot, lambda: "every other key goes to the program" in screen.footer.render_line(0).text)


async def test_looking_back_has_keys_of_its_own_in_the_footer() -> None:
    async with cockpit(size=(160, 40)) as (pilot, screen, source):
        await press(pilot, "t")
        await until(pilot, lambda: screen.terminal.captures_keys)
        line = screen.footer.render_line(0).text
        assert "ctrl+] leave" in line
        assert "ctrl+] [ look back" in line
        screen.action_leave_terminal()
        await press(pilot, "left_square_bracket")
        await until(pilot, lambda: screen.terminal.looking_back)
        assert screen.scope() == "copy"
        line = screen.footer.render_line(0).text
        assert "/ search" in line
        assert "y copy" in line
        await press(pilot, "a", "slash")
        assert screen.scope() == "search"
        assert "enter search" in screen.footer.render_line(0).text
        await press(pilot, *"git", "enter")
        await until(pilot, lambda: "1 of 1" in str(screen.terminal.border_subtitle))
        await press(pilot, "q")
        assert screen.scope() == "terminal"
        assert source.ptys[0].sent == []
        assert "Acknowledged" not in toasts(pilot)


async def test_links_are_judged_before_they_are_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "has_browser", lambda: False)
    async with cockpit() as (pilot, screen, _):
        for uri in ("javascript:alert(1)", "file:///etc/passwd", "https:", "//host"):
            screen.terminal.post_message(TerminalPane.LinkAsked(uri))
        await pilot.pause()
        assert toasts(pilot).count("opened") + toasts(pilot).count("no host") == 4
        assert pilot.app.clipboard == ""
        screen.terminal.post_message(TerminalPane.LinkAsked("https://coder.com/docs"))
        await until(pilot, lambda: pilot.app.clipboard == "https://coder.com/docs")

"""Looking back in the pane: a cursor in the history, search, selection, copy; and hyperlinks on request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.tui.local_pty import LocalSource
from tests.tui.pane_app import PaneApp, target, until
from textual.pilot import Pilot
from textual.widgets import Input

from coder_tui.tui.panes.terminal_session import State
from coder_tui.tui.widgets.lookback import LookBack
from coder_tui.tui.widgets.screen import TerminalScreen

LINES = b"\r\n".join(b"line %d" % number for number in range(100))


@asynccontextmanager
async def showing(output: bytes, marker: str = "line 99") -> AsyncIterator[tuple[PaneApp, Pilot[None]]]:
    app = PaneApp(LocalSource(["sh", "-c", "stty raw -echo; exec cat >/dev/null"]))
    async with app.run_test(size=(60, 20)) as pilot:
        app.pane.attach(target(), fresh=True)
        app.pane.focus()
        await until(lambda: app.pane.state is State.OPEN and app.pane.has_focus, "open")
        app.source.last.inject(output)
        await until(lambda: marker in app.shown, "the output")
        yield app, pilot


def look(app: PaneApp) -> LookBack:
    found = app.pane.screen_widget.look
    assert found is not None
    return found


def reversed_text(screen: TerminalScreen, y: int) -> str:
    return "".join(part.text for part in screen.render_line(y) if part.style and part.style.reverse)


async def test_keys_move_select_and_copy_and_the_program_gets_none() -> None:
    async with showing(LINES) as (app, pilot):
        await pilot.press("ctrl+right_square_bracket", "left_square_bracket")
        await until(lambda: app.asked == ["look_back"], "the key reached who knows what it means")
        assert app.pane.captures_keys, "it did not leave"
        app.pane.look_back()
        assert "looking back" in app.subtitle
        await pilot.press("0", "k", "k", "v", "k", "dollar_sign")
        await until(lambda: app.pane.screen_widget.selected_text == "6\nl", "upwards, this cell included")
        assert look(app).spot[1] == 6
        await pilot.press("a", "tab", "f5", "x")
        assert app.pane.looking_back
        await pilot.press("y")
        assert app.copied == ["6\nl"]
        assert not app.pane.looking_back
        assert app.source.last.sent == []
        assert app.stolen == []
        await pilot.press("x")
        assert app.source.last.sent == ["x"]


async def test_a_whole_line_is_copied_where_nothing_is_selected() -> None:
    async with showing(LINES) as (app, pilot):
        app.pane.look_back()
        await pilot.press("k", "enter")
        assert app.copied == ["line 98"]


async def test_the_ends_of_history_and_back() -> None:
    async with showing(LINES) as (app, pilot):
        app.pane.look_back()
        await pilot.press("g")
        await until(lambda: app.shown.startswith("line 0\n"), "the oldest")
        assert "lines back" in app.subtitle
        await pilot.press("k", "ctrl+u")
        assert look(app).spot == (0, 0)
        await pilot.press("ctrl+d")
        assert look(app).spot[0] > 0
        await pilot.press("G")
        await until(lambda: "line 99" in app.shown, "the newest")
        await pilot.press("g", "q")
        await until(lambda: "line 99" in app.shown and not app.pane.looking_back, "done shows the live screen")
        assert "back" not in app.subtitle


async def test_output_does_not_carry_the_cursor_away() -> None:
    async with showing(LINES) as (app, pilot):
        app.pane.look_back()
        await pilot.press("k", "k")
        before = look(app).spot
        app.source.last.inject(b"\r\nmore" * 50)
        core = app.pane.screen_widget.core
        assert core is not None
        await until(lambda: core.scrollback.length > 100 and core.scrollback.offset > 0, "scrolled back")
        assert look(app).spot == before
        await until(lambda: "line 97" in app.shown, "still in sight")


async def test_search_goes_up_round_the_ends() -> None:
    output = LINES.replace(b"line 50", "日本 Needle here".encode()).replace(b"line 97", b"a needle there")
    async with showing(output) as (app, pilot):
        app.pane.look_back()
        await pilot.press("slash", *"needle")
        assert app.pane.searching
        assert app.query_one("#terminal-search", Input).value == "needle"
        await pilot.press("enter")
        await until(lambda: "1 of 2 'needle'" in app.subtitle, "the newest of two")
        assert not app.pane.searching
        assert app.pane.has_focus
        assert look(app).spot == (97, 2)
        await pilot.press("n")
        await until(lambda: "日本 Needle here" in app.shown, "the older one is in sight")
        assert look(app).spot == (50, 5)
        screen = app.pane.screen_widget
        y = app.shown.splitlines().index("日本 Needle here")
        marked = [part.text for part in screen.render_line(y) if part.style and part.style.underline]
        assert "".join(marked) == "eedle", "the first letter is under the cursor"
        assert reversed_text(screen, y) == "N"
        await pilot.press("n")
        assert look(app).spot == (97, 2), "round the end"
        await pilot.press("N")
        assert look(app).spot == (50, 5)
        await pilot.press("slash", *"nowhere", "enter")
        await until(lambda: "no 'nowhere'" in app.subtitle, "said so")
        await pilot.press("slash", "escape")
        assert app.pane.looking_back, "only the search line is closed"
        await pilot.press("escape")
        assert not app.pane.looking_back
        assert app.source.last.sent == []


async def test_leaving_ends_looking_back() -> None:
    async with showing(LINES) as (app, pilot):
        app.pane.look_back()
        await pilot.press("g", "ctrl+right_square_bracket")
        await until(lambda: app.left == 1, "elsewhere")
        assert not app.pane.looking_back
        await until(lambda: "line 99" in app.shown, "the live screen")


async def test_a_selection_stays_on_its_text() -> None:
    async with showing(LINES) as (app, pilot):
        screen = app.pane.screen_widget
        first = app.shown.splitlines()[2]
        await pilot.mouse_down(screen, offset=(0, 2))
        await pilot.hover(screen, offset=(len(first), 2))
        await pilot.mouse_up(screen, offset=(len(first), 2))
        await until(lambda: app.copied == [first], "the copy")
        app.source.last.inject(b"\r\nlater")
        await until(lambda: app.shown.splitlines()[1] == first and "later" in app.shown, "it moved up")
        assert screen.selected_text == first
        assert reversed_text(screen, 1) == first
        assert reversed_text(screen, 2) == ""
        app.source.last.inject(b"\x1b[2;1Hother")
        await until(lambda: "other" in app.shown, "its text is there no more")
        assert screen.selected_text == ""


async def test_shift_keeps_the_mouse_here_and_drags_are_told() -> None:
    async with showing(b"\x1b[?1002h\x1b[?1006hsome text", "some text") as (app, pilot):
        screen = app.pane.screen_widget
        await pilot.mouse_down(screen, offset=(1, 0))
        await pilot.hover(screen, offset=(4, 0))
        await pilot.mouse_up(screen, offset=(4, 0))
        assert app.source.last.sent == ["\x1b[<0;2;1M", "\x1b[<32;5;1M", "\x1b[<0;5;1m"]
        assert app.copied == []
        app.source.last.sent.clear()
        await pilot.mouse_down(screen, offset=(0, 0), shift=True)
        await pilot.hover(screen, offset=(4, 0))
        await pilot.mouse_up(screen, offset=(4, 0), shift=True)
        assert app.copied == ["some"]
        assert app.source.last.sent == []


@pytest.mark.parametrize("uri", ["https://coder.com/docs", "javascript:alert(1)"])
async def test_a_hyperlink_is_shown_first_and_asked_for_by_ctrl_click_or_key(uri: str) -> None:
    async with showing(f"see \x1b]8;;{uri}\x1b\\the docs\x1b]8;;\x1b\\ now".encode(), "now") as (app, pilot):
        screen = app.pane.screen_widget
        await pilot.hover(screen, offset=(5, 0))
        await until(lambda: uri in app.subtitle, "where it leads")
        await pilot.click(screen, offset=(5, 0))
        assert app.links == [], "a click is no wish"
        await pilot.hover(screen, offset=(1, 0))
        await until(lambda: uri not in app.subtitle, "gone")
        await pilot.click(screen, offset=(5, 0), control=True)
        await until(lambda: app.links == [uri], "asked; the app decides what may be opened")
        await pilot.click(screen, offset=(1, 0), control=True)
        app.pane.look_back()
        await pilot.press("0", "o")
        assert app.links == [uri]
        await pilot.press(*"lllll", "o")
        await until(lambda: app.links == [uri] * 2, "by key")
        assert uri in app.subtitle

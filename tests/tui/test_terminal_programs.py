"""What programs ask of the pane: the clipboard, keys, colours; and what happens when the emulator breaks."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.tui.local_pty import LocalPty, LocalSource
from tests.tui.pane_app import PaneApp, target, until
from textual.pilot import Pilot

from coder_tui.feeds.source import PtyTarget
from coder_tui.terminal.ghostty import GhosttyCore
from coder_tui.tui.panes.terminal import Clipboard
from coder_tui.tui.panes.terminal_session import State

QUIET = ["sh", "-c", "stty raw -echo; exec cat >/dev/null"]


def copy(text: str) -> bytes:
    return b"\x1b]52;c;" + base64.b64encode(text.encode()) + b"\x07"


async def opened(app: PaneApp) -> LocalPty:
    app.pane.attach(target(), fresh=True)
    app.pane.focus()
    await until(lambda: app.pane.state is State.OPEN and app.pane.has_focus, "open")
    return app.source.last


async def shown(app: PaneApp, text: str) -> None:
    app.source.last.inject(text.encode())
    await until(lambda: text in app.shown, text)


async def test_a_copy_is_asked_for_once_and_then_allowed() -> None:
    app = PaneApp(LocalSource(QUIET))
    async with app.run_test() as pilot:
        stream = await opened(app)
        stream.inject(copy("rm -rf \u202e/\nsecond"))
        await until(lambda: "wants to copy 16 characters: rm -rf / second" in app.notice, "the question")
        await pilot.press("y")
        assert stream.sent == ["y"], "not answered by a key that was on its way to the program"
        assert app.copied == []
        await until(lambda: app.pane.asking, "seen")
        await pilot.press("x")
        assert stream.sent == ["y", "x"], "other keys are the program's"
        await pilot.press("y")
        assert app.copied == ["rm -rf \u202e/\nsecond"]
        assert stream.sent == ["y", "x"]
        assert app.notice == ""
        stream.inject(copy("again"))
        await until(lambda: app.copied[1:] == ["again"], "not asked again")
        await pilot.press("y")
        assert stream.sent == ["y", "x", "y"]


async def test_a_copy_denied_stays_denied_for_that_terminal() -> None:
    app = PaneApp(LocalSource(QUIET))
    async with app.run_test() as pilot:
        stream = await opened(app)
        stream.inject(copy("one"))
        await until(lambda: app.pane.asking, "the question")
        await pilot.press("n")
        stream.inject(copy("two"))
        await shown(app, "after")
        assert app.notice == ""
        assert app.copied == []
        second = await opened(app)
        second.inject(copy("three"))
        await until(lambda: "wants to copy 5 characters: three" in app.notice, "another terminal, another question")


@pytest.mark.parametrize(("setting", "copied"), [("allow", ["text"]), ("deny", [])])
async def test_the_setting_answers(setting: Clipboard, copied: Sequence[str]) -> None:
    app = PaneApp(LocalSource(QUIET), setting)
    async with app.run_test():
        stream = await opened(app)
        stream.inject(copy("text"))
        stream.inject(b"\x1b]52;c;?\x07")
        await shown(app, "after")
        assert app.notice == ""
        assert app.copied == copied
        assert stream.sent == [], "never read"


class Replaying(LocalPty):
    """A session that was there before: its replay comes with the answer to the request."""

    def _start(self) -> None:
        self.inject(b"old output \x1b[c\x1b]52;c;b2xk\x07\x1b[?1004h")
        super()._start()


class OldSession(LocalSource):
    def open_pty(self, target: PtyTarget, columns: int, rows: int) -> LocalPty:
        stream = Replaying(self.argv, columns, rows)
        self.opened.append((target, stream))
        return stream


async def test_the_replay_of_a_session_found_is_not_answered() -> None:
    app = PaneApp(OldSession(QUIET))
    async with app.run_test():
        app.pane.attach(target())
        await until(lambda: "old output" in app.shown, "the replay")
        loop = asyncio.get_running_loop()
        at = loop.time()
        await until(lambda: loop.time() - at > 0.1, "a pause")
        app.source.last.inject(b"\x1b[5n")
        await until(lambda: app.source.last.sent, "an answer")
        assert app.source.last.sent == ["\x1b[0n"]
        assert app.copied == []
        assert app.notice == ""


async def test_a_new_session_is_answered_at_once() -> None:
    app = PaneApp(OldSession(QUIET))
    async with app.run_test():
        app.pane.attach(target(), fresh=True)
        await until(lambda: app.source.last.sent and app.source.last.sent[0].startswith("\x1b[?"), "an answer")


async def test_kitty_keys_where_the_program_asks() -> None:
    app = PaneApp(LocalSource(QUIET))
    async with app.run_test() as pilot:
        stream = await opened(app)
        stream.inject(b"\x1b[>1u\x1b[?u")
        await until(lambda: stream.sent == ["\x1b[?1u"], "the flags")
        stream.sent.clear()
        await pilot.press("escape", "ctrl+i", "a", "shift+enter")
        assert stream.sent == ["\x1b[27u", "\x1b[105;5u", "a", "\x1b[13;2u"]
        await double_leave(pilot)
        assert stream.sent[-1] == "\x1b[93;5u"


async def double_leave(pilot: Pilot[None]) -> None:
    from textual import events

    for _ in range(2):
        pilot.app.post_message(events.Key("ctrl+right_square_bracket", "\x1d"))
    await pilot.pause()


async def test_reverse_screen_and_the_programs_colours() -> None:
    app = PaneApp(LocalSource(QUIET))
    async with app.run_test():
        stream = await opened(app)
        screen = app.pane.screen_widget

        def colours(x: int) -> tuple[object, object]:
            style = next(iter(screen.render_line(0).crop(x, x + 1))).style
            assert style is not None
            return style.color and style.color.triplet, style.bgcolor and style.bgcolor.triplet

        await shown(app, "x\x1b[31my".replace("\x1b[31m", ""))
        before = colours(0)
        stream.inject(b"\x1b[?5h")
        await until(lambda: colours(0) == before[::-1], "reversed")
        stream.inject(b"\x1b[?5l\x1b]11;#102030\x07\x1b]4;1;#405060\x07\x1b[31mred")
        await until(lambda: colours(2) == ((0x40, 0x50, 0x60), (0x10, 0x20, 0x30)), "the program's own")
        stream.inject(b"\x1b]104\x07\x1b]111\x07")
        await until(lambda: colours(0) == before, "the theme's again")


async def test_a_broken_emulator_ends_its_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    app = PaneApp(LocalSource(QUIET))
    async with app.run_test() as pilot:
        stream = await opened(app)
        await shown(app, "before")

        def broken(self: GhosttyCore, y: int, changed: list[int]) -> None:
            raise ValueError("a bug in the emulator")

        with monkeypatch.context() as patch:
            patch.setattr(GhosttyCore, "_take_row", broken)
            stream.inject(b"after")
            await until(lambda: app.pane.state is State.ENDED, "its end")
        expected = "The terminal emulator broke: ValueError: a bug in the emulator. Enter starts a fresh one."
        assert app.notice == expected
        assert "before" in app.shown, "the last screen stays"
        await until(lambda: stream.closed, "let go")
        await pilot.press("q")
        assert app.stolen == ["q"]
        await pilot.press("enter")
        await until(lambda: app.pane.state is State.OPEN, "another try")
        assert app.source.opened[1][0] == app.source.opened[0][0], "the same session"
        await shown(app, "fresh")


async def test_a_core_that_cannot_be_fed_ends_its_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    app = PaneApp(LocalSource(QUIET))
    async with app.run_test() as pilot:
        stream = await opened(app)

        def broken(self: GhosttyCore, data: bytes) -> None:
            raise MemoryError("no memory")

        monkeypatch.setattr(GhosttyCore, "feed", broken)
        stream.inject(b"after")
        await until(lambda: app.pane.state is State.ENDED, "its end")
        assert "no memory" in app.notice
        await pilot.press("ctrl+right_square_bracket")
        await until(lambda: app.left == 1, "one can always leave")


async def test_a_stuck_program_can_be_left() -> None:
    app = PaneApp(LocalSource(["sh", "-c", "stty raw -echo -isig; trap '' HUP INT TERM; exec sleep 60"]))
    async with app.run_test() as pilot:
        await opened(app)
        await pilot.press("ctrl+c", "ctrl+z", "q", "ctrl+right_square_bracket")
        await until(lambda: app.left == 1 and not app.pane.has_focus, "elsewhere")


async def test_tabs_of_an_agent_and_no_other() -> None:
    app = PaneApp(LocalSource(QUIET))
    async with app.run_test(size=(100, 20)) as pilot:
        one, two, three = target("api main claude"), target("api main shell"), target("api main shell")
        other = replace(target("web main shell"), agent_id="elsewhere")
        app.source.kept = [three]  # of a run before
        for each in (other, one, two):
            app.pane.attach(each)
            await until(lambda: app.pane.state is State.OPEN, "open")
        assert app.pane.tabs == [three, one, two]
        assert app.title_shown.startswith("Terminal:  1 shell  2 claude  3 shell  · api main shell (ctrl+] leaves)")
        app.pane.next_tab(1)
        assert app.pane.target == three
        await until(lambda: app.pane.state is State.OPEN, "attached now that it is looked at")
        app.pane.next_tab(-1)
        assert app.pane.target == two
        app.pane.close_tab()
        assert app.pane.target == one
        assert app.pane.tabs == [three, one]
        assert [kept.reconnect for kept in app.source.kept] == [three.reconnect, other.reconnect, one.reconnect]
        app.pane.attach(other)
        assert app.pane.tabs == [other]
        app.pane.next_tab(1)
        assert app.pane.target == other
        app.pane.close_tab()
        assert app.pane.target is None
        await pilot.pause()


async def test_an_ended_tab_is_forgotten_and_its_place_taken() -> None:
    app = PaneApp(LocalSource(["sh", "-c", "read line"]))
    async with app.run_test() as pilot:
        first, second, third = target("a one"), target("a two"), target("a three")
        for each in (first, second, third):
            app.pane.attach(each)
            await until(lambda: app.pane.state is State.OPEN, "open")
        hidden = app.source.opened[0][1]
        hidden.send("x\r")
        await until(lambda: app.pane.tabs == [second, third], "ended while hidden")
        assert app.source.kept == [second, third]
        app.pane.focus()
        app.pane.attach(second)
        await pilot.press("enter")
        await until(lambda: app.pane.state is State.ENDED, "ended while shown")
        assert app.source.kept == [third]
        await pilot.press("enter")
        await until(lambda: app.pane.state is State.OPEN, "another in its place")
        assert app.pane.target is not None
        assert app.pane.tabs == [app.pane.target, third]
        assert app.source.kept == [third, app.pane.target]


@pytest.mark.parametrize(
    ("key", "action"),
    [
        ("left_square_bracket", "look_back"),
        ("S", "new_terminal"),
        ("greater_than_sign", "next_terminal"),
        ("less_than_sign", "previous_terminal"),
        ("X", "close_terminal"),
        ("plus", "zoom"),
    ],
)
async def test_keys_after_the_leave_key_that_are_about_the_terminal(key: str, action: str) -> None:
    app = PaneApp(LocalSource(QUIET))
    async with app.run_test() as pilot:
        stream = await opened(app)
        await pilot.press("ctrl+right_square_bracket", key)
        await until(lambda: app.asked == [action], "the action")
        assert app.left == 0
        await pilot.press("a")
        assert stream.sent == ["a"]


async def test_a_narrow_border_still_says_how_to_leave() -> None:
    app = PaneApp(LocalSource(QUIET))
    async with app.run_test(size=(44, 12)):
        for number in range(6):
            app.pane.attach(target(f"workspace{number} main shell"))
            await until(lambda: app.pane.state is State.OPEN, "open")
        app.source.last.inject(b"\x1b]2;" + b"title" * 30 + b"\x07.")
        await until(lambda: "." in app.shown, "the title")
        assert app.title_shown.endswith("(ctrl+] leaves)")
        assert len(app.title_shown) <= 42
        assert "6 shell of 6" in app.title_shown

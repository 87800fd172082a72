"""The Terminal pane with a real shell in a real PTY, in an app that would take its keys if it could."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import pytest
from tests.tui.local_pty import LocalSource
from tests.tui.pane_app import PaneApp, attached, target, type_line, until
from textual import events

from coder_tui.errors import NotFoundError
from coder_tui.terminal.core import screen_text
from coder_tui.tui.panes.terminal import MAX_SESSIONS
from coder_tui.tui.panes.terminal_session import State


async def test_typing_shows_output() -> None:
    app = PaneApp(LocalSource())
    async with app.run_test() as pilot:
        pane = await attached(app, pilot)
        await type_line(pilot, "echo $((6*7)) q j")
        await until(lambda: "\n42 q j\n" in app.shown, "the answer")
        assert app.stolen == []
        assert app.title_shown == "Terminal: kira/api · bash (ctrl+] leaves)"
        assert pane.state is State.OPEN


async def test_control_keys_reach_the_program_and_no_binding() -> None:
    app = PaneApp(LocalSource())
    async with app.run_test() as pilot:
        await attached(app, pilot)
        await type_line(pilot, "cat -v")
        await pilot.press("ctrl+q", "ctrl+a", "escape", "f5", "up", "tab", "enter")
        await until(lambda: "^A^[^[[15~^[[A" in app.shown, "the keys")
        await pilot.press("ctrl+c")
        await type_line(pilot, "echo back")
        await until(lambda: "\nback\n" in app.shown, "the shell again")
        assert app.stolen == []
        assert app.is_running


async def test_resize_reaches_the_program() -> None:
    app = PaneApp(LocalSource())
    async with app.run_test(size=(80, 24)) as pilot:
        pane = await attached(app, pilot)
        await until(lambda: app.source.last.sizes, "the first size")
        first = app.source.last.sizes[-1]
        assert first == pane.screen_widget.size
        await pilot.resize_terminal(60, 20)
        await until(lambda: app.source.last.sizes[-1] != first, "the new size")
        columns, rows = pane.screen_widget.size
        await type_line(pilot, "stty size")
        await until(lambda: f"\n{rows} {columns}\n" in app.shown, "the size the program sees")
        assert str(pane.border_subtitle) == f"{columns}x{rows}"


async def test_colours_and_attributes() -> None:
    app = PaneApp(LocalSource())
    async with app.run_test() as pilot:
        await attached(app, pilot)
        app.source.last.inject(b"\x1b[2J\x1b[H\x1b[1;31mred\x1b[0m \x1b[38;2;1;2;3;4mtrue\x1b[0m\x1b[?25l")
        await until(lambda: app.shown.startswith("red true"), "the text")
        segments = list(app.pane.screen_widget.render_line(0))
        red, _, true = segments[:3]
        assert red.style is not None
        assert red.style.bold
        assert red.style.color is not None
        assert red.style.color.number == 1
        assert true.style is not None
        assert true.style.underline
        assert true.style.color is not None
        assert true.style.color.triplet == (1, 2, 3)


async def test_columns_stay_aligned() -> None:
    app = PaneApp(LocalSource())
    async with app.run_test() as pilot:
        await attached(app, pilot)
        rows = ["日本語|", "👩‍💻|", "e\u0301|", "☀️|", "🇩🇪|", "\u200d|", "a\u0300\u0301\u0302|", "한글|"]
        app.source.last.inject(b"\x1b[2J\x1b[H" + "\r\n".join(rows).encode())
        await until(lambda: "한글" in app.shown, "the rows")
        screen = app.pane.screen_widget
        assert screen.core is not None
        for y, _ in enumerate(rows):
            strip = screen.render_line(y)
            assert sum(segment.cell_length for segment in strip) == screen.core.columns
            column = 0
            for run in screen.core.row(y):
                if "|" in run.text:
                    column += run.text.index("|")
                    break
                column += run.width
            assert strip.crop(column, column + 1).text == "|", rows[y]


async def test_leaving_and_sending_the_leave_key() -> None:
    app = PaneApp(LocalSource())
    async with app.run_test() as pilot:
        await attached(app, pilot)
        await pilot.press("ctrl+right_square_bracket")
        await until(lambda: app.left == 1 and not app.pane.has_focus, "elsewhere")
        assert "\x1d" not in app.source.last.sent
        app.pane.focus()
        await until(lambda: app.pane.has_focus, "back")
        for _ in range(2):  # at once: the pilot would wait in between
            app.post_message(events.Key("ctrl+right_square_bracket", "\x1d"))
        await until(lambda: "\x1d" in app.source.last.sent, "the key itself")
        assert app.left == 1
        assert app.pane.has_focus


async def test_a_key_after_the_leave_key_is_not_for_the_program() -> None:
    app = PaneApp(LocalSource())
    async with app.run_test() as pilot:
        await attached(app, pilot)
        await pilot.press("ctrl+right_square_bracket", "q")
        await until(lambda: app.left == 1, "elsewhere")
        assert "q" not in app.source.last.sent
        assert app.stolen == ["q"]


async def test_lost_shows_a_countdown_and_replay_resets() -> None:
    app = PaneApp(LocalSource())
    async with app.run_test() as pilot:
        pane = await attached(app, pilot)
        await type_line(pilot, "echo one")
        await until(lambda: "\none\n" in app.shown, "output")
        app.source.last.cut(30)
        await until(lambda: pane.state is State.LOST, "the loss")
        assert re.search(r"Connection lost: the socket broke\. Trying again in (30|29) s; enter", app.notice)
        assert "one" in app.shown, "the last screen stays"
        assert pane.screen_widget.has_class("-stale")
        await pilot.press("x", "q")
        assert app.stolen == []
        await pilot.press("enter")
        async with asyncio.timeout(5):
            await app.source.last.retried.wait()
        await until(lambda: pane.state is State.OPEN, "open again")
        await until(lambda: app.shown.count("\none\n") == 1, "the replay, on a clean screen")
        assert app.notice == ""
        assert "x" not in app.source.last.sent[-1]
        await type_line(pilot, "echo two")
        await until(lambda: "\ntwo\n" in app.shown, "the same shell")


async def test_a_replay_answers_no_queries() -> None:
    app = PaneApp(LocalSource())
    async with app.run_test() as pilot:
        await attached(app, pilot)
        app.source.last.inject(b"\x1b[c")
        await until(lambda: any(sent.startswith("\x1b[?") for sent in app.source.last.sent), "an answer")
        answers = len(app.source.last.sent)
        app.source.last._history += b"\x1b[c"
        app.source.last.cut()
        app.source.last.heal()
        app.source.last.inject(b"\x1b]2;replayed\x07")
        await until(lambda: "replayed" in app.title_shown, "the replay")
        assert len(app.source.last.sent) == answers


async def test_an_ended_session_offers_a_new_shell() -> None:
    app = PaneApp(LocalSource())
    async with app.run_test() as pilot:
        first = target()
        pane = await attached(app, pilot, first)
        await type_line(pilot, "exit")
        await until(lambda: pane.state is State.ENDED, "the end")
        assert app.notice == "The session ended. Enter starts a new shell."
        await pilot.press("q")
        assert app.stolen == ["q"], "nothing is left to type at: keys are the app's again"
        await pilot.press("enter")
        await until(lambda: app.shells and pane.state is State.OPEN, "a new shell")
        assert pane.target == replace(first, reconnect=app.shells[0].reconnect)
        assert app.shells[0].reconnect != first.reconnect
        await until(lambda: "$" in app.shown, "its prompt")


async def test_switching_keeps_sessions() -> None:
    app = PaneApp(LocalSource())
    async with app.run_test() as pilot:
        one, two = target("one"), target("two")
        await attached(app, pilot, one)
        await type_line(pilot, "echo first")
        await until(lambda: "\nfirst\n" in app.shown, "output")
        app.pane.attach(two)
        await until(lambda: app.pane.state is State.OPEN and "$" in app.shown, "the second")
        assert "first" not in app.shown
        app.source.opened[0][1].inject(b"\r\nwhile hidden")
        await pilot.pause()
        app.pane.attach(one)
        await until(lambda: "while hidden" in app.shown, "the first, fed in the background")
        assert "first" in app.shown
        assert len(app.source.opened) == 2
        app.pane.detach()
        await until(lambda: app.source.opened[0][1].closed, "closed")
        assert app.pane.target is None
        assert "Press t" in app.notice


async def test_sessions_are_bounded() -> None:
    app = PaneApp(LocalSource(["cat"]))
    async with app.run_test() as pilot:
        for number in range(MAX_SESSIONS + 2):
            app.pane.attach(target(str(number)))
            await until(lambda: app.pane.state is State.OPEN, "open")
        await until(lambda: sum(stream.closed for _, stream in app.source.opened) == 2, "the oldest two given up")
        assert [stream.closed for _, stream in app.source.opened][:2] == [True, True]
        await pilot.pause()


async def test_paste_is_bracketed_when_asked() -> None:
    app = PaneApp(LocalSource(["cat", "-v"]))
    async with app.run_test() as pilot:
        app.pane.attach(target())
        app.pane.focus()
        await until(lambda: app.pane.state is State.OPEN, "open")
        app.source.last.inject(b"\x1b[?2004h")
        await pilot.pause()
        app.post_message(events.Paste("two\nlines\x1b[201~"))
        await until(lambda: app.source.last.sent, "the paste")
        assert app.source.last.sent == ["\x1b[200~two\rlines[201~\x1b[201~"]


async def test_mouse_reports_wheel_and_selection() -> None:
    app = PaneApp(LocalSource(["cat"]))
    async with app.run_test() as pilot:
        app.pane.attach(target())
        await until(lambda: app.pane.state is State.OPEN, "open")
        stream, screen = app.source.last, app.pane.screen_widget
        stream.inject(b"\r\n".join(b"line %d" % number for number in range(60)))
        await until(lambda: "line 59" in app.shown, "lines")
        last = app.shown.splitlines()[-1]
        screen.post_message(wheel(screen, up=True))
        await until(lambda: app.shown.splitlines()[-1] != last, "history")
        assert stream.sent == []
        await pilot.mouse_down(screen, offset=(0, 0))
        await pilot.hover(screen, offset=(4, 1))
        await pilot.mouse_up(screen, offset=(4, 1))
        await until(lambda: app.copied, "the copy")
        first = app.shown.splitlines()[0]
        assert app.copied == [f"{first}\nline"]
        await pilot.click(screen)
        stream.inject(b"\x1b[?1049h")
        await until(lambda: app.shown.strip() == "", "the alternate screen")
        screen.post_message(wheel(screen, up=False))
        await until(lambda: stream.sent == ["\x1b[B" * 3], "arrows")
        stream.inject(b"\x1b[?1002h\x1b[?1006h\x1b[H.")
        await until(lambda: app.shown.startswith("."), "tracking")
        stream.sent.clear()
        await pilot.click(screen, offset=(3, 2))
        await until(lambda: len(stream.sent) == 2, "press and release")
        assert stream.sent == ["\x1b[<0;4;3M", "\x1b[<0;4;3m"]


def wheel(screen: object, *, up: bool) -> events.MouseScrollUp | events.MouseScrollDown:
    kind = events.MouseScrollUp if up else events.MouseScrollDown
    return kind(None, 1, 1, 0, 0, 0, False, False, False, screen_x=1, screen_y=1)


async def test_hostile_output_never_reaches_the_outer_terminal() -> None:
    app = PaneApp(LocalSource(["cat"]))
    async with app.run_test() as pilot:
        app.pane.attach(target())
        await until(lambda: app.pane.state is State.OPEN, "open")
        app.source.last.inject(
            b"\x1b]52;c;ZXZpbA==\x07\x1b]2;[red]\xe2\x80\xaetitle[/]\x1b\\\x1b]8;;http://evil/\x1b\\link\x1b]8;;\x1b\\"
            b"\x7f\xc2\x9b31m\xe2\x80\xae."
        )
        await until(lambda: "link" in app.shown, "the text")
        await pilot.pause()
        for y in range(app.pane.screen_widget.size.height):
            for segment in app.pane.screen_widget.render_line(y):
                assert segment.text.isprintable()
                assert segment.style is None or segment.style.link is None
        assert "[red]title[/]" in app.title_shown
        assert app.copied == []


async def test_a_synchronized_frame_is_painted_whole_or_after_a_while() -> None:
    app = PaneApp(LocalSource(["cat"]))
    async with app.run_test() as pilot:
        app.pane.attach(target())
        await until(lambda: app.pane.state is State.OPEN, "open")
        app.source.last.inject(b"before")
        await until(lambda: "before" in app.shown, "the first frame")
        app.source.last.inject(b"\x1b[?2026h\x1b[2J\x1b[Hhalf")
        core = app.pane.screen_widget.core
        assert core is not None
        await until(lambda: core.modes.synchronized, "a frame begun")
        assert "before" in app.shown
        await until(lambda: "half" in app.shown, "given up waiting")
        app.source.last.inject(b"\x1b[2J\x1b[Hwhole\x1b[?2026l")
        await until(lambda: "whole" in app.shown, "the whole frame")
        await pilot.pause()


async def test_big_output_arrives_whole() -> None:
    app = PaneApp(LocalSource(["cat"]))
    async with app.run_test() as pilot:
        app.pane.attach(target())
        await until(lambda: app.pane.state is State.OPEN, "open")
        app.source.last.inject(b"".join(b"\x1b[3%dmline %d\r\n" % (n % 8, n) for n in range(100_000)) + b"the end")
        await until(lambda: "the end" in app.shown, "all of it", 20)
        assert app.pane.screen_widget.core is not None
        assert screen_text(app.pane.screen_widget.core).splitlines()[-1] == "the end"
        await pilot.pause()


async def test_focus_is_told_and_the_cursor_shows_it() -> None:
    app = PaneApp(LocalSource(["sh", "-c", r"stty -echo; printf '\033[?1004h.'; exec cat"]))
    async with app.run_test() as pilot:
        app.pane.attach(target())
        app.pane.focus()
        await until(lambda: app.pane.state is State.OPEN and app.pane.has_focus, "open")
        screen = app.pane.screen_widget
        await until(lambda: app.shown.startswith("."), "asked")

        def cursor(attribute: str) -> bool:
            style = next(iter(screen.render_line(0).crop(1, 2))).style
            return bool(style and getattr(style, attribute))

        await until(lambda: cursor("reverse"), "a solid cursor")
        app.query_one("#elsewhere").focus()
        await until(lambda: app.source.last.sent == ["\x1b[O"], "focus out")
        await until(lambda: cursor("underline2") and not cursor("reverse"), "a hollow cursor")
        app.pane.focus()
        await until(lambda: app.source.last.sent == ["\x1b[O", "\x1b[I"], "focus in")
        await pilot.pause()


async def test_the_theme_answers_colour_queries() -> None:
    app = PaneApp(LocalSource(["cat"]))
    async with app.run_test() as pilot:
        app.pane.attach(target())
        await until(lambda: app.pane.state is State.OPEN, "open")
        for theme, dark in (("textual-light", False), ("textual-dark", True)):
            app.theme = theme
            await pilot.pause()
            app.source.last.sent.clear()
            app.source.last.inject(b"\x1b]11;?\x1b\\")
            await until(lambda: app.source.last.sent, "an answer")
            answer = re.search(r"rgb:([0-9a-f]{2})", app.source.last.sent[0])
            assert answer is not None
            assert (int(answer[1], 16) < 128) is dark


async def test_shift_page_keys_look_back() -> None:
    app = PaneApp(LocalSource(["cat"]))
    async with app.run_test() as pilot:
        app.pane.attach(target())
        app.pane.focus()
        await until(lambda: app.pane.state is State.OPEN, "open")
        app.source.last.inject(b"\r\n".join(b"line %d" % number for number in range(100)))
        await until(lambda: "line 99" in app.shown, "lines")
        await pilot.press("shift+pageup")
        await until(lambda: "line 99" not in app.shown, "history")
        await pilot.press("x")
        await until(lambda: "line 99" in app.shown, "typing shows the live screen")


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (4, 4), (200, 60)])
async def test_any_window_size(size: tuple[int, int]) -> None:
    app = PaneApp(LocalSource(["cat"]))
    async with app.run_test(size=size) as pilot:
        app.pane.attach(target())
        await until(lambda: app.pane.state is State.OPEN, "open")
        app.source.last.inject("wide 中文 text\r\nmore".encode())
        await pilot.pause()
        await pilot.resize_terminal(80, 24)
        await until(lambda: app.pane.screen_widget.size.area > 100, "room")
        app.source.last.inject(b"\x1b[H\x1b[2Jnow")
        await until(lambda: app.shown.startswith("now"), "text")


async def test_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = PaneApp(LocalSource(["cat"]))
    async with app.run_test() as pilot:
        app.pane.attach(target())
        await until(lambda: app.pane.state is State.OPEN, "open")
        app.source.last.inject(b"\x1b[31mred\x1b[7mreverse")
        await until(lambda: "redreverse" in app.shown, "text")
        await pilot.pause()
        strips = app.pane.screen_widget.render_lines(app.pane.screen_widget.size.region)
        colours = {
            segment.style.color.triplet
            for segment in strips[0]
            if segment.style and segment.style.color and segment.style.color.triplet
        }
        assert all(colour.red == colour.green == colour.blue for colour in colours)
        assert any(segment.style and segment.style.reverse for segment in strips[0])


@pytest.mark.parametrize("error", [NotFoundError("no such agent"), RuntimeError("no such agent")])
async def test_a_broken_stream_is_shown_and_tried_again(error: Exception) -> None:
    app = PaneApp(LocalSource(["cat"]))
    async with app.run_test() as pilot:
        app.pane.attach(target())
        app.pane.focus()
        await until(lambda: app.pane.state is State.OPEN, "open")
        app.source.last.fail(error)
        await until(lambda: app.pane.state is State.ENDED, "the end")
        assert "no such agent. Enter tries again." in app.notice
        assert app.source.last.closed
        await pilot.press("enter")
        await until(lambda: app.pane.state is State.OPEN, "another try")
        assert [found.reconnect for found, _ in app.source.opened] == [app.source.opened[0][0].reconnect] * 2
        assert app.is_running


async def test_an_empty_pane_leaves_the_keys_alone() -> None:
    app = PaneApp(LocalSource())
    async with app.run_test() as pilot:
        app.pane.focus()
        await pilot.press("q")
        assert app.stolen == ["q"]
        assert app.notice == "No terminal is attached. Press t on an agent to attach one."
        await pilot.press("ctrl+right_square_bracket")
        await until(lambda: app.left == 1, "elsewhere")

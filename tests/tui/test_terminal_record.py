"""Recording from the Terminal pane: from the picture as it is, over losses, into a file that can be played."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from tests.tui.local_pty import LocalSource
from tests.tui.pane_app import PaneApp, target, until

from coder_tui.terminal.cast import Event, read
from coder_tui.terminal.core import create_core, screen_text
from coder_tui.tui.panes.terminal import TerminalPane
from coder_tui.tui.panes.terminal_record import directory
from coder_tui.tui.panes.terminal_session import State


async def attached_to(app: PaneApp) -> TerminalPane:
    app.pane.attach(target())
    await until(lambda: app.pane.state is State.OPEN, "open")
    return app.pane


def recorded() -> tuple[Path, list[Event]]:
    [path] = directory().iterdir()
    with path.open("rb") as file:
        _, events = read(file, "x")
        return path, list(events)


def last_picture(events: list[Event], columns: int, rows: int) -> str:
    core = create_core(columns, rows)
    for event in events:
        if event.code == "r":
            core.resize(*event.size)
        else:
            core.feed(event.data.encode())
    return screen_text(core)


async def test_a_recording_begins_with_the_picture_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODER_TUI_STATE_DIR", str(tmp_path))
    app = PaneApp(LocalSource(["cat"]))
    async with app.run_test() as pilot:
        pane = await attached_to(app)
        stream = app.source.last
        stream.inject(b"\x1b[?1049h\x1b[31mdrawn before\x1b[m\r\n")
        await until(lambda: "drawn before" in app.shown, "the picture")
        pane.record()
        assert "recording" in str(pane.border_subtitle)
        stream.inject(b"while it runs\r\n")
        await until(lambda: "while it runs" in app.shown, "more")
        path, events = recorded()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        size = pane.screen_widget.size
        assert last_picture(events, size.width, size.height) == "drawn before\nwhile it runs"
        stream.cut()
        stream.heal()
        stream.inject(b"after the loss")
        await until(lambda: app.shown.startswith("after the loss"), "the replay")
        await pilot.resize_terminal(60, 20)
        await until(lambda: pane.screen_widget.size.width < size.width, "another size")
        pane.record()
        assert "recording" not in str(pane.border_subtitle)
        stream.inject(b"\r\nunrecorded")
        await until(lambda: "unrecorded" in app.shown, "the rest")
        _, events = recorded()
        assert events[-1].code == "r"
        assert last_picture(events, size.width, size.height) == "after the loss"


async def test_a_full_disk_is_said_once_and_the_terminal_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODER_TUI_STATE_DIR", str(tmp_path))
    app = PaneApp(LocalSource(["cat"]))
    said: list[str] = []
    async with app.run_test() as pilot:
        pane = await attached_to(app)
        monkeypatch.setattr(pane, "notify", lambda text, **_: said.append(text))
        pane.record()
        real = os.write

        def full(fd: int, data: bytes) -> int:
            if b"no room" in bytes(data):
                raise OSError(28, "No space left on device")
            return real(fd, data)

        monkeypatch.setattr(os, "write", full)
        app.source.last.inject(b"no room\r\n")
        app.source.last.inject(b"the program goes on")
        await until(lambda: "the program goes on" in app.shown, "output")
        await pilot.pause()
    assert len(said) == 2
    assert said[1].endswith("ended early: No space left on device")
    _, events = recorded()
    assert "no room" not in "".join(event.data for event in events)


async def test_where_no_file_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CODER_TUI_STATE_DIR", str(tmp_path / "file"))
    app = PaneApp(LocalSource(["cat"]))
    said: list[str] = []
    async with app.run_test():
        pane = await attached_to(app)
        monkeypatch.setattr(pane, "notify", lambda text, **_: said.append(text))
        pane.record()
    assert len(said) == 1
    assert said[0].startswith("cannot write to ")

"""The player of recordings: pause, arrows, hostile bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textual.pilot import Pilot

from coder_tui.terminal.cast import Event, Header, Playback
from coder_tui.tui.player import STEP_SECONDS, PlayerApp
from coder_tui.tui.widgets.screen import TerminalScreen

HOSTILE = "\x1b]52;c;ZXZpbA==\x07\x1b]2;evil\u202etitle\x07\x1b]8;;http://evil/\x07link\x1b]8;;\x07\x7f\x9b31m"


class Watched(PlayerApp):
    """Remembers what would have been copied."""

    def __init__(self, playback: Playback) -> None:
        super().__init__(playback)
        self.copied: list[str] = []

    def copy_to_clipboard(self, text: str) -> None:
        self.copied.append(text)


class Viewer:
    """An app and what it shows."""

    def __init__(self, *events: Event, speed: float = 1.0) -> None:
        self.playback = Playback(Header(30, 6, title="kira/api"), events, speed=speed)
        self.app = Watched(self.playback)

    @property
    def shown(self) -> str:
        screen = self.app.query_one(TerminalScreen)
        return "\n".join(screen.render_line(y).text.rstrip() for y in range(screen.size.height)).rstrip()

    @property
    def where(self) -> str:
        return str(self.app.query_one("#where").render())


async def until(holds: Callable[[], bool], pilot: Pilot[None]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await pilot.pause(0.005)


async def test_it_plays_to_its_end_and_again() -> None:
    viewer = Viewer(Event(0, "o", "one\r\n"), Event(0.05, "r", "20x4"), Event(0.1, "o", "two"), Event(0.6, "o", "."))
    async with viewer.app.run_test(size=(100, 20)) as pilot:
        await until(lambda: viewer.shown == "one\ntwo.", pilot)
        assert viewer.app.query_one(TerminalScreen).size == (20, 4)
        await until(lambda: viewer.where.startswith("end  0:00 / 0:00  kira/api  "), pilot)
        assert "space pause" in viewer.where
        await pilot.press("space")
        await until(lambda: not viewer.playback.ended, pilot)
        await until(lambda: viewer.playback.ended and viewer.shown == "one\ntwo.", pilot)
        await pilot.press("q")
    assert viewer.app.return_code == 0


async def test_pause_and_arrows() -> None:
    viewer = Viewer(*(Event(second * 1.0, "o", f"{second} ") for second in range(0, 1000)), speed=2)
    async with viewer.app.run_test(size=(100, 20)) as pilot:
        await until(lambda: viewer.shown.startswith("0"), pilot)
        await pilot.press("space")
        await until(lambda: viewer.where.startswith("paused"), pilot)
        assert "  2x  " in viewer.where
        at = viewer.playback.at
        await pilot.press("right", "right")
        await until(lambda: viewer.playback.at == at + 2 * STEP_SECONDS, pilot)
        await until(lambda: viewer.shown.startswith("0 1 2 3 4 5 6 7 8 9 10"), pilot)
        await pilot.press("home")
        await until(lambda: viewer.shown == "0" and viewer.playback.at == 0, pilot)
        await pilot.press("right", "left", "left")
        await until(lambda: viewer.shown == "0", pilot)


async def test_hostile_bytes_are_only_cells() -> None:
    viewer = Viewer(Event(0, "o", HOSTILE + "safe"))
    async with viewer.app.run_test(size=(40, 10)) as pilot:
        await until(lambda: "safe" in viewer.shown, pilot)
        for y in range(6):
            for segment in viewer.app.query_one(TerminalScreen).render_line(y):
                assert segment.text.isprintable()
                assert segment.style is None or segment.style.link is None
        assert viewer.where.isprintable()
        assert "\u202e" not in viewer.where
    assert viewer.app.copied == []


async def test_much_at_once() -> None:
    viewer = Viewer(Event(0, "o", "x" * 200_000 + "\r\nend"), Event(0, "o", "ed"))
    async with viewer.app.run_test(size=(20, 4)) as pilot:
        await until(lambda: viewer.shown.endswith("ended"), pilot)


async def test_a_recording_larger_than_the_window_is_shown_where_it_happens() -> None:
    viewer = Viewer(Event(0, "o", "top\x1b[6;1Hbottom"), Event(0.3, "o", "\x1b[H"))
    async with viewer.app.run_test(size=(40, 5)) as pilot:
        stage = viewer.app.query_one("#stage")
        await until(lambda: stage.scroll_y == 2, pilot)
        await until(lambda: viewer.playback.ended and stage.scroll_y == 0, pilot)

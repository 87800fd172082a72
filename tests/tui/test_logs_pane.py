"""The Logs pane in an app of its own; its stream is a queue that the test fills."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Input, Static

from coder_tui.errors import UnreachableError
from coder_tui.feeds.source import LogBatch, LogEvent, LogLine, LogMark, LogNote, Source
from coder_tui.fleet.snapshot import Agent, Key, LogSource, Row, Snapshot, Workspace
from coder_tui.tui.panes.logs import LogsPane
from coder_tui.tui.widgets.log_lines import LogLines
from coder_tui.tui.widgets.log_prompt import FILTER, FIND

T0 = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LIVE = LogNote(LogMark.LIVE)


class QueueSource:
    """One queue per agent id; an exception in it is raised to the reader."""

    def __init__(self) -> None:
        self.queues: dict[str, asyncio.Queue[LogEvent | Exception | None]] = {}
        self.opened: list[tuple[str, str]] = []
        self.closed: list[str] = []

    def put(self, agent_id: str, *events: LogEvent | Exception | None) -> None:
        queue = self.queues.setdefault(agent_id, asyncio.Queue())
        for event in events:
            queue.put_nowait(event)

    snapshot = Snapshot()

    def follow_build(self, deployment: str, build_id: str) -> AsyncIterator[LogEvent]:
        return self.follow_logs(deployment, build_id)

    async def follow_logs(self, deployment: str, agent_id: str) -> AsyncIterator[LogEvent]:
        self.opened.append((deployment, agent_id))
        queue = self.queues.setdefault(agent_id, asyncio.Queue())
        try:
            while (event := await queue.get()) is not None:
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            self.closed.append(agent_id)


class LogsApp(App[None]):
    """Nothing but the pane."""

    def __init__(self, source: QueueSource) -> None:
        super().__init__()
        self.pane = LogsPane(cast(Source, source))

    def compose(self) -> ComposeResult:
        yield self.pane


class Screen:
    """What a test does to the pane, and what it sees of it."""

    def __init__(self, source: QueueSource, pane: LogsPane, pilot: Pilot[None]) -> None:
        self.source, self.pane, self.pilot = source, pane, pilot
        self.lines = pane.query_one(LogLines)

    @property
    def rows(self) -> list[str]:
        """The rows in view, without what hangs over on the right."""
        return [self.lines.render_line(y).text.rstrip(" ▐|") for y in range(self.lines.size.height)]

    @property
    def text(self) -> str:
        return "\n".join(self.rows).rstrip()

    @property
    def title(self) -> str:
        return str(self.pane._border_title)

    @property
    def subtitle(self) -> str:
        return str(self.pane._border_subtitle)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await self.pilot.pause()

    async def sees(self, words: str) -> None:
        try:
            await self.until(lambda: words in self.text)
        except TimeoutError:
            pytest.fail(f"{words!r} never appeared in:\n{self.text}")


@asynccontextmanager
async def opened(width: int = 80, height: int = 24) -> AsyncIterator[Screen]:
    source = QueueSource()
    app = LogsApp(source)
    async with app.run_test(size=(width, height)) as pilot:
        app.pane.focus()
        await pilot.pause()
        yield Screen(source, app.pane, pilot)


def row(agent_id: str = "a1", *, name: str = "main", build: int = 7, **changes: Any) -> Row:
    sources = (LogSource("s1", "startup"), LogSource("s2", "[b]dev[/b]"))
    agent = Agent(agent_id, name, "connected", "ready", log_sources=sources)
    workspace = Workspace("acme", "w", "api", "kira", "running", "start", build_number=build, agents=(agent,))
    return Row(Key("acme", "w", name), workspace, agent, None, **changes)


def line(number: int, output: str | None = None, level: str = "info", source: str = "s1") -> LogLine:
    return LogLine(
        number, T0 + timedelta(seconds=number), level, source, f"line {number}" if output is None else output
    )


def batch(first: int, last: int) -> LogBatch:
    return LogBatch(tuple(line(number) for number in range(first, last)))


async def test_the_four_states() -> None:
    async with opened() as screen:
        assert "No agent is selected." in screen.text
        screen.pane.show(row())
        await screen.sees("Reading the logs of kira/api/main from acme")
        assert screen.title == "Logs: main"
        again = datetime.now(UTC)
        screen.source.put("a1", LogNote(LogMark.LOST, "connection refused", again))
        await screen.sees("Cannot read the logs of kira/api/main from acme: connection refused")
        await screen.sees(f"Next try {again.astimezone():%H:%M:%S}.")
        screen.source.put("a1", LogNote(LogMark.OPEN), LIVE)
        await screen.sees("kira/api/main has written no logs yet.")
        screen.source.put("a1", batch(1, 3))
        at = f"{(T0 + timedelta(seconds=1)).astimezone():%H:%M:%S}"
        await screen.sees(f"{at} info  line 1")
        assert screen.rows[0] == f"{at} info  line 1"
        assert (screen.title, screen.subtitle) == ("Logs: startup", "following")
        screen.pane.show(row(stale=True))
        assert screen.subtitle == "stale · following"
        screen.pane.show(None)
        assert "No agent is selected." in screen.text
        await screen.until(lambda: screen.source.closed == ["a1"])


async def test_a_workspace_without_agent_says_so() -> None:
    async with opened() as screen:
        stopped = Workspace("acme", "w", "api", "kira", "stopped", "stop")
        screen.pane.show(Row(Key("acme", "w"), stopped, None, None))
        assert "kira/api has no agent: it is stopped." in screen.text


async def test_scrolled_away_counts_new_lines_until_g_follows() -> None:
    async with opened() as screen:
        screen.pane.show(row())
        screen.source.put("a1", LIVE, batch(1, 101))
        await screen.sees("line 100")
        await screen.pilot.press("k", "k")
        await screen.until(lambda: screen.subtitle == "paused")
        before = screen.rows
        assert before[-1].endswith("line 98")
        screen.source.put("a1", batch(101, 104))
        await screen.until(lambda: screen.subtitle == "3 new lines")
        assert screen.rows == before
        await screen.pilot.press("j", "j", "j")
        await screen.until(lambda: screen.subtitle == "2 new lines")
        await screen.pilot.press("G")
        await screen.until(lambda: screen.subtitle == "following")
        assert screen.rows[-1].endswith("line 103")
        await screen.pilot.press("g")
        await screen.until(lambda: screen.rows[0].endswith("line 1"))
        await screen.pilot.press("ctrl+d", "ctrl+u", "down", "up")
        assert screen.rows[0].endswith("line 1")
        for _ in range(20):
            await screen.pilot.press("pagedown")
        await screen.until(lambda: screen.subtitle == "following")


async def test_a_rebuilt_agent_goes_on_in_the_same_text() -> None:
    async with opened() as screen:
        screen.pane.show(row())
        screen.source.put("a1", LIVE, batch(50, 52))
        await screen.sees("line 51")
        screen.pane.show(row("a2", build=8))
        screen.source.put("a2", LIVE, batch(1, 3))  # the ids of another hub may start anew
        await screen.sees("line 2")
        words = [text.split("  ")[-1].strip(" ─") for text in screen.rows[:5]]
        assert words[0:2] + words[3:5] == ["line 50", "line 51", "line 1", "line 2"]
        assert words[2].endswith("agent replaced by build 8")
        assert screen.source.opened == [("acme", "a1"), ("acme", "a2")]
        assert screen.source.closed == ["a1"]


async def test_switching_back_is_instant_and_repeats_nothing() -> None:
    async with opened() as screen:
        screen.pane.show(row())
        screen.source.put("a1", LIVE, batch(1, 4))
        await screen.sees("line 3")
        screen.pane.show(row("b1", name="other"))
        assert "Reading the logs of kira/api/other" in screen.text
        await screen.until(lambda: ("acme", "b1") in screen.source.opened)
        screen.pane.show(row())
        assert screen.rows[2].endswith("line 3")
        screen.source.put("a1", LogNote(LogMark.OPEN), batch(1, 4), LIVE, batch(4, 6))
        await screen.sees("line 5")
        assert [text[-6:] for text in screen.rows[:6]] == [*(f"line {i}" for i in range(1, 6)), ""]


async def test_trouble_is_shown_inline_once() -> None:
    async with opened() as screen:
        screen.pane.show(row())
        retry = datetime.now(UTC)
        lost = LogNote(LogMark.LOST, "reset\x1b[2J by [b]peer[/b]", retry)
        screen.source.put("a1", LIVE, batch(1, 2), lost)
        await screen.sees("connection lost: reset by [b]peer[/b], next try")
        assert screen.subtitle == f"next try {retry.astimezone():%H:%M:%S}"
        screen.source.put("a1", lost, lost, LogNote(LogMark.OPEN), LIVE, batch(2, 3))
        await screen.sees("line 2")
        assert screen.text.count("connection lost") == 1
        assert screen.text.index("connection lost") < screen.text.index("connected again") < screen.text.index("line 2")
        screen.source.put("a1", LogNote(LogMark.ENDED, "the agent is gone"), None)
        await screen.sees("end of the log: the agent is gone")
        assert screen.subtitle == "ended"
        await screen.until(lambda: screen.source.closed == ["a1"])
        await screen.pilot.press("G")
        await screen.until(lambda: len(screen.source.opened) == 2)


async def test_an_error_of_the_source_is_said() -> None:
    async with opened() as screen:
        screen.pane.show(row())
        screen.source.put("a1", UnreachableError("cannot reach acme", why="no route"))
        await screen.sees("Cannot read the logs of kira/api/main from acme: cannot reach acme: no route")
        assert "Press G to try again." in screen.text


async def test_filter() -> None:
    async with opened() as screen:
        screen.pane.show(row())
        lines = (line(1, "boom", "error"), line(2, "fine"), line(3, "Boom again", "warn", "s2"), line(4, "boom"))
        screen.source.put("a1", LIVE, LogBatch(lines))
        await screen.sees("Boom again")
        await screen.pilot.press("slash", *"boom level>=warn")
        await screen.until(lambda: "fine" not in screen.text)
        assert [text.split()[-1] for text in screen.rows[:3] if text] == ["boom", "again"]
        assert screen.title == "Logs: main · filter: boom level>=warn (2)"
        await screen.pilot.press("enter")
        assert screen.pane.has_focus
        screen.source.put("a1", LogBatch((line(5, "BOOM 5", "error"), line(6, "quiet", "error"))))
        await screen.sees("BOOM 5")
        assert "quiet" not in screen.text
        screen.pane.show(row("b1", name="other"))
        screen.source.put("b1", LIVE, LogBatch((line(9, "calm"), line(10, "boom b", "error"))))
        await screen.sees("boom b")
        assert "calm" not in screen.text
        await screen.pilot.press("slash", "escape")
        await screen.sees("calm")
        assert screen.title == "Logs: startup"
        assert screen.pane.has_focus


async def test_a_bad_filter_names_the_place_and_keeps_the_last_good_one() -> None:
    async with opened() as screen:
        screen.pane.show(row())
        screen.source.put("a1", LIVE, batch(1, 5))
        await screen.sees("line 4")
        await screen.pilot.press("slash", *"3 level>=w")
        await screen.until(lambda: screen.subtitle.startswith("bad filter at 10: expected a level"))
        await screen.pilot.press("enter")
        assert screen.pane.query_one(Input).has_focus
        await screen.pilot.press(*["backspace"] * 10, *"none")
        await screen.sees("None of 4 lines passes the filter.")


async def test_sources_are_named_when_there_are_several() -> None:
    async with opened() as screen:
        screen.pane.show(row())
        screen.source.put("a1", LIVE, LogBatch((line(1, "one"), line(2, "two", source="s2"))))
        await screen.sees("[b]dev[/b]")
        assert screen.rows[0].endswith("info  startup    one")
        assert screen.rows[1].endswith("info  [b]dev[/b] two")


async def test_lines_without_a_source_are_named_though_the_agent_lists_none() -> None:
    async with opened() as screen:
        screen.pane.show(row())
        one, two = line(1, "one"), line(2, "two", source="3b579bf4-1ed8-4b99-87a8-e9a1e3410410")
        screen.source.put("a1", LIVE, LogBatch((one, two)))
        await screen.sees("External")
        assert screen.rows[1].endswith("info  External two")


async def test_log_text_is_shown_never_obeyed() -> None:
    async with opened() as screen:
        screen.pane.show(row())
        evil = "a\x1b[31mred\x1b[0m\x1b[2J\x1b]0;title\x07 [link=x]b[/] \u202etxt.exe\rend"
        screen.source.put("a1", LIVE, LogBatch((line(1, evil),)))
        await screen.sees("ared [link=x]b[/] <202E>txt.exe^Mend")
        styles = {segment.text: segment.style for segment in screen.lines.render_line(0)}
        red = styles["red"]
        assert red is not None
        assert red.color is not None
        assert red.color.number == 1


@pytest.mark.parametrize("width", [40, 80, 140])
async def test_every_row_has_exactly_the_width(width: int) -> None:
    async with opened(width, 20) as screen:
        screen.pane.show(row())
        texts = ["漢" * 100, "é" * 200, "🙂 x" * 40, "", "\t\tx", "👩‍💻" * 30, "a" * 70_000]
        lines = [line(i, text, source=f"s{i % 2 + 1}") for i, text in enumerate(texts, 1)]
        screen.source.put("a1", LIVE, LogBatch(tuple(lines)))
        await screen.until(lambda: "aaa" in screen.text)
        for keys in ([], ["right"] * 3, ["left"], ["W"], ["g"], ["pagedown"]):
            await screen.pilot.press(*keys)
            await screen.pilot.pause()
            for y in range(screen.lines.size.height):
                strip = screen.lines.render_line(y)
                assert strip.cell_length == width - 2 == cell_len(strip.text)


async def test_sideways_and_wrapped() -> None:
    async with opened(80, 12) as screen:
        screen.pane.show(row())
        words = "".join(f"{i:03d}." for i in range(40))
        screen.source.put("a1", LIVE, LogBatch((line(1, words),)))
        await screen.sees("000.001.")
        assert len(screen.rows[0]) == 77
        await screen.pilot.press("right", "right")
        await screen.sees("info  004.005.")
        await screen.pilot.press(*["right"] * 40)
        assert screen.text.endswith("039.")
        await screen.pilot.press("W")
        await screen.sees("000.")
        assert "".join(text[15:] for text in screen.rows if text) == words
        assert screen.rows[1].startswith(" " * 15)


async def test_walking_down_wrapped_rows_shows_each_once() -> None:
    async with opened(60, 9) as screen:
        screen.pane.show(row())
        lines = [line(i, f"{i}:" + "漢字x" * (i * 7 % 40)) for i in range(1, 25)]
        screen.source.put("a1", LIVE, LogBatch(tuple(lines)))
        await screen.sees("24:")
        await screen.pilot.press("W", "g")
        await screen.until(lambda: screen.rows[0][15:].startswith("1:"))
        seen = [*screen.rows]
        while not screen.lines.following:
            screen.lines.scroll_rows(1)
            seen.append(screen.rows[-1])
        assert "".join(text[15:] for text in seen) == "".join(one.output for one in lines)
        up = [screen.rows[0]]
        for _ in range(len(seen) - len(screen.rows)):
            screen.lines.scroll_rows(-1)
            up.append(screen.rows[0])
        assert up[::-1] == seen[: len(up)]


async def test_dropped_lines_are_counted_and_the_view_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coder_tui.logs.buffer._CHUNK", 2000)
    async with opened(80, 12) as screen:
        screen.pane.show(row())
        buffer = screen.pane._log.buffer if screen.pane._log else None
        assert buffer is not None
        buffer.limit = 40_000
        screen.source.put("a1", LIVE, batch(1, 1001))
        await screen.sees("line 1000")
        await screen.pilot.press("ctrl+u")
        before = screen.rows
        screen.source.put("a1", batch(1001, 1301))
        await screen.until(lambda: screen.subtitle == "300 new lines")
        assert screen.rows == before
        await screen.pilot.press("g")
        await screen.sees(f"{buffer.first:,} older lines dropped")
        assert screen.rows[1].endswith(f"line {buffer.first + 1}")


async def test_nothing_is_painted_when_nothing_changed() -> None:
    async with opened() as screen:
        screen.pane.show(row())
        screen.source.put("a1", LIVE, batch(1, 100))
        await screen.sees("line 99")
        strip = screen.lines.render_line(0)
        screen.pane.show(row())
        screen.source.put("a1", LIVE)
        await screen.pilot.pause()
        assert screen.lines.render_line(0) is strip
        await screen.pilot.press("g")
        strip = screen.lines.render_line(0)
        screen.source.put("a1", batch(100, 101))
        await screen.until(lambda: screen.subtitle == "1 new line")
        assert screen.lines.render_line(0) is strip


async def test_a_flood_leaves_turns_to_others() -> None:
    async with opened() as screen:
        screen.pane.show(row())
        await screen.until(lambda: screen.source.opened)
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += screen.lines.unseen == 0 and "line 60000" not in screen.rows[-1]

        flood = batch(1, 60_001)
        task = asyncio.create_task(others())
        screen.source.put("a1", LIVE, flood)
        await screen.sees("line 60000")
        task.cancel()
        assert turns > 10


async def test_what_was_read_is_kept_when_the_reader_is_cancelled() -> None:
    async with opened() as screen:
        screen.pane.show(row())
        await screen.until(lambda: screen.source.opened)
        screen.source.put("a1", LIVE, LogBatch((line(1, "x\n" * 60_000), line(2, "the last"))))
        await screen.until(lambda: "x" in screen.text.split())
        screen.pane.show(row("b1", name="other"))
        await screen.until(lambda: ("acme", "b1") in screen.source.opened)
        screen.pane.show(row())
        await screen.sees("the last")


def words(screen: Screen) -> list[str]:
    """The last word of every row."""
    return [text.split()[-1] for text in screen.rows if text]


async def test_find_walks_the_hits_that_pass_the_filter_and_marks_them_in_the_bar() -> None:
    async with opened(80, 12) as screen:
        screen.pane.show(row())
        texts = [f"{'needle' if i % 100 == 7 else 'hay'} {i}" for i in range(1000)]
        lines = [line(i, text, "warn" if i > 500 else "info") for i, text in enumerate(texts, 1)]
        screen.source.put("a1", LIVE, LogBatch(tuple(lines)))
        await screen.sees("hay 999")
        await screen.pilot.press("n", *"needle", "enter")
        await screen.until(lambda: "find: needle (10)" in screen.title)
        await screen.sees("needle 907")  # nothing below: the nearest above
        assert screen.subtitle == "paused"
        bar = [screen.lines.render_line(y).text[-1] for y in range(10)]
        assert bar.count("▌") + bar.count("▐") == 10
        await screen.pilot.press("N", "N")
        await screen.sees("needle 707")
        await screen.pilot.press("n")
        await screen.sees("needle 807")
        await screen.pilot.press("g", "n")
        await screen.sees("needle 7")
        await screen.pilot.press("slash", *"level:warn", "enter")
        await screen.until(lambda: "level:warn" in screen.title and "info" not in screen.text)
        await screen.pilot.press("g", "n")
        await screen.sees("needle 507")
        await screen.pilot.press("N")
        assert "No more hits above." in str([note.message for note in screen.pane.app._notifications])
        await screen.pilot.press("f", "escape")
        await screen.until(lambda: "find" not in screen.title)


async def test_go_to_a_time() -> None:
    async with opened(80, 12) as screen:
        screen.pane.show(row())
        screen.source.put("a1", LIVE, batch(1, 1000))
        await screen.sees("line 999")
        at = (T0 + timedelta(seconds=300)).astimezone()
        await screen.pilot.press("at", *"soon", "enter")
        await screen.until(lambda: "is no moment" in screen.subtitle)
        await screen.pilot.press("escape", "at")
        screen.pane.query_one(Input).value = f"{at:%Y-%m-%d %H:%M:%S}"
        await screen.pilot.press("enter")
        await screen.sees("line 300")
        assert screen.lines.current == 299
        await screen.pilot.press("at")
        screen.pane.query_one(Input).value = "2199-01-01"
        await screen.pilot.press("enter")
        await screen.until(lambda: "no line is as young as 2199" in screen.subtitle)


async def test_times_are_of_day_since_the_first_line_or_none() -> None:
    async with opened() as screen:
        screen.pane.show(row())
        late = LogLine(3, T0 + timedelta(hours=3), "info", "s1", "late")
        screen.source.put("a1", LIVE, LogBatch((line(1), line(2), late)))
        await screen.sees("late")
        await screen.pilot.press("i")
        assert [text.split()[0] for text in screen.rows[:3]] == ["+0.000", "+1.000", "+2:59:59"]
        await screen.pilot.press("i")
        assert screen.rows[0] == "info  line 1"
        await screen.pilot.press("i")
        assert screen.rows[0].endswith(":01 info  line 1")


async def test_one_line_in_full_and_copied() -> None:
    async with opened() as screen:
        screen.pane.show(row())
        outputs = ['\x1b[1m{"msg":"caf\\u00e9","n":[1]}', "level=warn took=3s", "plain \x1b]52;c;eA==\x07text"]
        screen.source.put("a1", LIVE, LogBatch(tuple(line(i, text) for i, text in enumerate(outputs, 1))))
        await screen.sees("plain text")
        await screen.pilot.press("y")
        assert screen.pane.app.clipboard == "plain text"
        await screen.pilot.click(LogLines, offset=(4, 0))
        await screen.pilot.press("enter")
        shown = screen.pane.app.screen.query_one("#log-line Static", Static)
        assert '"msg": "café"' in str(shown.content)
        await screen.pilot.press("y", "escape")
        assert screen.pane.app.clipboard == '{\n  "msg": "café",\n  "n": [\n    1\n  ]\n}'


async def test_lines_are_marked_one_by_one_and_looked_at() -> None:
    async with opened(80, 12) as screen:
        screen.pane.show(row())
        screen.source.put("a1", LIVE, batch(1, 30), LogNote(LogMark.SAID, "turned over"))
        await screen.sees("turned over")
        await screen.pilot.press("y")
        assert screen.pane.app.clipboard == "line 29"  # no divider
        await screen.pilot.press("K", "K", "y")
        assert screen.pane.app.clipboard == "line 27"
        grounds = [{one.style.bgcolor for one in screen.lines.render_line(y) if one.style} for y in (5, 6, 7)]
        assert grounds[0] == grounds[2] != grounds[1]  # the marked line can be seen
        await screen.pilot.press("enter", "left", "left", "right", "y", "escape")
        assert screen.pane.app.clipboard == "line 26"
        numbers = [screen.lines.step(-1) for _ in range(30)]
        assert numbers == [*range(24, -1, -1), *[0] * 5]
        await screen.sees("line 1")
        numbers = [screen.lines.step(1) for _ in range(30)]
        assert numbers == [*range(1, 30), 29]
        await screen.sees("turned over")


async def test_what_passes_the_filter_is_saved(tmp_path: Path) -> None:
    async with opened() as screen:
        screen.pane.show(row())
        screen.source.put("a1", LIVE, LogBatch((line(1, "a\x1b[31mb", "warn"), line(2, "c"))))
        await screen.sees("ab")
        await screen.pilot.press("slash", *"level:warn", "enter", "S")
        path = tmp_path / "out.log"
        screen.pane.query_one(Input).value = str(path)
        await screen.pilot.press("enter")
        await screen.until(lambda: path.exists() and path.read_text().endswith("\n"))
        assert path.read_text() == "2026-03-01T12:00:01.000Z [warn] ab\n"
        await screen.pilot.press("S")
        screen.pane.query_one(Input).value = str(path)
        await screen.pilot.press("enter")
        await screen.until(lambda: "File exists" in screen.subtitle)


async def test_a_full_log_is_said_once_where_it_ended() -> None:
    async with opened() as screen:
        full = row()
        assert full.agent is not None
        agent = replace(full.agent, logs_overflowed=True)
        full = replace(full, agent=agent, workspace=replace(full.workspace, agents=(agent,)))
        screen.pane.show(row())
        screen.source.put("a1", LIVE, batch(1, 3))
        await screen.sees("line 2")
        screen.pane.show(full)
        screen.pane.show(full)
        await screen.sees("the log is full")
        assert screen.text.count("the log is full") == 1
        assert "log is full" in screen.subtitle


async def test_the_agents_of_a_workspace_merged_by_time_then_as_they_write() -> None:
    async with opened() as screen:
        one = row()
        assert one.agent is not None
        other = replace(one.agent, id="a2", name="db")
        one = replace(one, workspace=replace(one.workspace, agents=(one.agent, other)))
        screen.pane.show(one)
        screen.source.put("a1", LogBatch((line(1), line(5))), LIVE)
        await screen.sees("line 5")
        await screen.pilot.press("m")
        await screen.until(lambda: screen.title == "Logs: kira/api")
        screen.source.put("a1", LogBatch((line(1), line(5))), LIVE)
        screen.source.put("a2", LogBatch((line(3), line(7))), LIVE)
        await screen.sees("line 7")
        assert [text.split()[-3:] for text in screen.rows if text] == [
            [name, "line", number] for name, number in (("main", "1"), ("db", "3"), ("main", "5"), ("db", "7"))
        ]
        screen.source.put("a1", LogBatch((line(9),)))
        await screen.sees("line 9")
        screen.source.put("a2", LogBatch((line(8),)), LogNote(LogMark.LOST, "gone", datetime.now(UTC)))
        await screen.sees("db: connection lost: gone")
        await screen.pilot.press("slash", *"source:db", "enter")
        await screen.until(lambda: "line 9" not in screen.text)
        assert words(screen)[:3] == ["3", "7", "8"]
        await screen.pilot.press("m")
        await screen.until(lambda: "startup" in screen.title)


async def test_a_build_is_followed_where_no_agent_is_with_its_stages() -> None:
    async with opened() as screen:
        started = Workspace("acme", "w", "api", "kira", "starting", "start", build_id="b7", build_number=7)
        screen.pane.show(Row(Key("acme", "w"), started, None, None))
        assert "Reading the logs of kira/api, build 7 from acme" in screen.text
        stages = ("Queued", "Queued", "Apply", "Apply", "Done")
        for number, stage in enumerate(stages, 1):
            screen.source.put("b7", LogBatch((line(number, f"{stage} {number}", source=stage),)), LIVE)
        screen.source.put("b7", LogNote(LogMark.ENDED), None)
        await screen.sees("end of the log")
        rules = [text[12:].strip("─ ") for text in screen.rows if text]
        assert rules == [
            "Queued · 2 lines (enter)",
            "Apply: Queued took 2.0 s · 2 lines (enter)",
            "Done: Apply took 2.0 s · 1 line (enter)",
            "end of the log: Done took 0.0 s",
        ]
        assert (screen.title, screen.subtitle) == ("Logs: build 7", "ended")
        await screen.pilot.press("K", "K", "enter")
        await screen.sees("Done 5")
        await screen.pilot.press("enter")
        await screen.until(lambda: "Done 5" not in screen.text)
        await screen.pilot.press("slash", *"apply", "enter")
        await screen.sees("Apply 4")
        await screen.pilot.press("slash", "escape")
        await screen.until(lambda: "Apply 4" not in screen.text)
        screen.pane.show(row())
        await screen.until(lambda: ("acme", "a1") in screen.source.opened)


async def test_words_typed_faster_than_they_are_searched_are_found() -> None:
    async with opened() as screen:
        screen.pane.show(row())
        screen.source.put("a1", LIVE, *(batch(first, first + 1000) for first in range(1, 40_001, 1000)))
        await screen.sees("line 40000")
        for typed in ("l", "li", "line", "line 39", "/line 399.*9$/"):
            screen.pane.use(FIND, typed)
            screen.pane.use(FILTER, typed)
        await screen.until(lambda: "find: /line 399.*9$/ (11)" in screen.title)
        await screen.until(lambda: words(screen)[-1] == "39999")

"""What one app, or every app of its agent, said, newest first: when, which state, the message, how long it lasted, and
whether there is a link. On top a strip of the last hours: how often it reported, and how it stood."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime, timedelta
from enum import StrEnum

from rich.segment import Segment
from textual.content import Content
from textual.message import Message

from coder_tui.fleet import attention
from coder_tui.fleet.snapshot import App, Row, Status
from coder_tui.fleet.timeline import Told, density, exact_age, merged, reach, short_age
from coder_tui.tui.actions import bindings
from coder_tui.tui.paint import clock_time, column, fit, spread, wrap
from coder_tui.tui.states import of_status, path_of
from coder_tui.tui.widgets.lines import LineList
from coder_tui.tui.widgets.titled import Titled

_HEADLINE = 4  # lines the newest message may take: it is what a person came to read
_LEAST_STRIP = 24  # cells below which a strip says nothing


class Whose(StrEnum):
    """Whose statuses are shown."""

    APP = "app"
    AGENT = "agent"


class TimelinePane(Titled, LineList[Told | None]):
    """The selected app's statuses; the first item, None, is the strip."""

    BINDINGS = [*bindings("timeline")]
    PAGE = "Timeline"

    class LogAsked(Message):
        """The log lines of that moment."""

        def __init__(self, at: datetime) -> None:
            super().__init__()
            self.at = at

    class Switched(Message):
        """Others' statuses are shown now."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="pane")
        self.whose = Whose.APP
        self.ends = "now"  # the last word of the strip
        self._row: Row | None = None
        self._apps: tuple[App, ...] = ()
        self._width = 0
        self._first = 0  # place of the newest
        self._moved_at = 0  # which bucket of the strip was the last one

    def show(self, row: Row | None) -> None:
        """Show this row's app, or its agent's apps."""
        old, self._row = self._row, row
        if old is None or row is None or old.key != row.key:
            self.entitle(path_of(row) if row else ())
            self.top = 0
            self.cursor = -1
        apps = self._chosen(row)
        if len(apps) != len(self._apps) or any(a is not b for a, b in zip(apps, self._apps, strict=True)) or not old:
            self._apps = apps
            self._lay_out()
        self._explain_emptiness(row)

    def _chosen(self, row: Row | None) -> tuple[App, ...]:
        if row is None:
            return ()
        if self.whose is Whose.AGENT and row.agent is not None:
            return tuple(app for app in row.agent.apps if app.statuses)
        return (row.app,) if row.app is not None else ()

    def on_resize(self) -> None:
        """The newest message wraps anew."""
        if self.size.width != self._width:
            self._lay_out()
        super().on_resize()

    def action_whose(self) -> None:
        """Statuses of this app alone, or of all apps of its agent."""
        self.whose = Whose.AGENT if self.whose is Whose.APP else Whose.APP
        self.cursor = -1
        self._apps = self._chosen(self._row)
        self._lay_out()
        self.post_message(self.Switched())

    def action_log(self) -> None:
        """The log lines of the moment under the cursor."""
        told = self.items[self.cursor] if 0 <= self.cursor < len(self.items) else None
        if told is not None:
            self.post_message(self.LogAsked(told.span.since))

    def reveal(self, at: datetime) -> None:
        """Put the cursor on what was said last by then; before everything, on the oldest."""
        places = [place for place, told in enumerate(self.items) if told is not None]
        if places:
            index = next((place for place in places if (t := self.items[place]) and t.span.since <= at), places[-1])
            self._move(index, tell=False)

    def tick(self, now: datetime) -> float | None:
        """The strip moves with time."""
        youngest = super().tick(now)
        if self.items and self.items[0] is None:
            place = int(now.timestamp() // self._bucket_seconds())
            if place != self._moved_at:
                self._moved_at = place
                self.repaint_items([0])
        return youngest

    def _lay_out(self) -> None:
        self._width = self.size.width
        told = merged(self._apps)
        self._first = 1 if told and self._width >= _LEAST_STRIP else 0
        items: list[Told | None] = [*([None] * self._first), *told]
        keys: list[Hashable] = [*([None] * self._first), *((one.app.slug, one.span.status.id) for one in told)]
        heights = [1] * len(items)
        if told:
            heights[self._first] = len(self._headline(told[0].span.status, self._width - 1))
        newest = self.cursor <= self._first  # who stands on the newest stays on the newest
        self.fill(items, keys, heights)
        if newest and told:
            self._move(self._first, tell=False)
        self._tell_whose()

    def _tell_whose(self) -> None:
        every = self.whose is Whose.AGENT and self._row is not None and self._row.agent is not None
        words = f"all apps of {self._row.agent.name}" if every and self._row and self._row.agent else ""
        if words != str(self.border_subtitle or ""):
            self.border_subtitle = Content(words)

    @property
    def _said_at(self) -> int:
        """The cell where messages begin."""
        return 22 + (self._slug_room + 1 if self._slug_room else 0)

    @property
    def _slug_room(self) -> int:
        if self.whose is Whose.APP:
            return 0
        return min(max((len(app.slug) for app in self._apps), default=0), 14)

    def _headline(self, status: Status, width: int) -> list[str]:
        return wrap(status.message, max(10, width - self._said_at - 10), _HEADLINE, self.glyphs.ellipsis)

    def _explain_emptiness(self, row: Row | None) -> None:
        if row is None:
            self.say(("Select an agent on the left to see what it said.", "muted"))
        elif row.agent is None:
            word = row.workspace.build_status or "not running"
            self.say((f"The workspace is {word}.", "foreground"), ("Press w to start it.", "muted"))
        elif row.app is None:
            self.say(
                ("This agent has no app that reports.", "foreground"),
                ("Press t or s for a terminal, l for its logs.", "muted"),
            )
        else:
            self.say(
                (f"{row.app.name or row.app.slug} has reported nothing yet.", "foreground"),
                ("Press t for its terminal, l for its logs, e for what is known.", "muted"),
            )

    def paint(self, index: int, line: int, width: int) -> list[Segment]:
        """Time, state, message; at the end how long it lasted and a mark for a link."""
        told, voices, g = self.items[index], self.voices, self.glyphs
        if told is None:
            return self._strip(width)
        span, status = told.span, told.span.status
        look = of_status(status)
        newest = index == self._first
        if newest:
            lines = self._headline(status, width)
            text = lines[line] if line < len(lines) else ""
            if line:
                return [Segment(" " * self._said_at), Segment(text, voices["bright"])]
        else:
            text = fit(status.message, width - self._said_at - 10, g.ellipsis)
        lasted = self.age(span.since) if span.until is None else exact_age(span.until - span.since)
        again = f" x{span.count}" if span.count > 1 else ""
        state, said = voices[look.voice], voices["bright" if newest else "foreground"]
        if span.history:  # said before the running build
            state = said = voices["faint"]
        room = self._slug_room
        left = [
            Segment(f" {clock_time(span.since, self.now or span.since)}  ", voices["faint"]),
            Segment(f"{column(told.app.slug, room, g.ellipsis)} " if room else "", voices["muted"]),
            Segment(f"{g.of(look.shape)} ", state),
            Segment(f"{fit(look.word, 8, g.ellipsis):<9}", voices.bold(look.voice) if newest else state),
            Segment(text, said),
            Segment(again, voices["faint"]),
        ]
        right = [
            Segment(f" {g.link}" if status.uri else "  ", voices["accent"]),
            Segment(f"{lasted:>7} ", voices["muted"]),
        ]
        return spread(left, right, width)

    # --- the strip ---

    def _cells(self) -> int:
        return max(1, self.size.width - 19)

    def _bucket_seconds(self) -> float:
        span = reach(self._apps, self.now) if self.now else timedelta(hours=1)
        return span.total_seconds() / self._cells()

    def _strip(self, width: int) -> list[Segment]:
        """The last hours: a bar for each stretch, as high as there were reports, in the colour of how it stood."""
        if self.now is None:
            return []
        voices, g, span = self.voices, self.glyphs, reach(self._apps, self.now)
        buckets = density(self._apps, self.now, span, self._cells())
        cells = [Segment(f" {short_age(span):>3} ago  ", voices["faint"])]
        for reports, status in buckets:
            if status is None:
                cells.append(Segment(" "))
                continue
            look = of_status(status)
            calls = reports and (attention.asks(status) or status.state == "failure")
            shape = g.of(look.shape) if calls else g.heights[min(reports, len(g.heights) - 1)]
            cells.append(Segment(shape, voices[look.voice]))
        return [*cells, Segment(f"  {self.ends}", voices["faint"])]

"""What one app said, newest first: when, which state, the message, how long it lasted, and whether there is a link."""

from __future__ import annotations

from rich.segment import Segment

from coder_tui.fleet.snapshot import App, Row, Status
from coder_tui.fleet.timeline import Span, exact_age, timeline
from coder_tui.tui.paint import clock_time, fit, spread, wrap
from coder_tui.tui.states import of_status, path_of
from coder_tui.tui.widgets.lines import LineList
from coder_tui.tui.widgets.titled import Titled

_HEADLINE = 4  # lines the newest message may take: it is what a person came to read


class TimelinePane(Titled, LineList[Span]):
    """The selected app's statuses."""

    PAGE = "Timeline"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="pane")
        self._row: Row | None = None
        self._app: App | None = None
        self._width = 0

    def show(self, row: Row | None) -> None:
        """Show this row's app."""
        old, self._row = self._row, row
        if old is None or row is None or old.key != row.key:
            self.entitle(path_of(row) if row else ())
            self.top = 0
            self.cursor = -1
        app = row.app if row else None
        if app is not self._app or old is None:
            self._app = app
            self._lay_out()
        self._explain_emptiness(row)

    def on_resize(self) -> None:
        """The newest message wraps anew."""
        if self.size.width != self._width:
            self._lay_out()
        super().on_resize()

    def _lay_out(self) -> None:
        self._width = self.size.width
        spans = timeline(self._app) if self._app else ()
        heights = [1] * len(spans)
        if heights:
            heights[0] = len(self._headline(spans[0].status, self._width - 1))
        newest = self.cursor <= 0  # who stands on the newest stays on the newest
        self.fill(spans, [span.status.id for span in spans], heights)
        if newest and spans:
            self._move(0, tell=False)

    def _headline(self, status: Status, width: int) -> list[str]:
        return wrap(status.message, max(10, width - 32), _HEADLINE, self.glyphs.ellipsis)

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
        span, voices, g = self.items[index], self.voices, self.glyphs
        status = span.status
        look = of_status(status)
        newest = index == 0
        if newest:
            lines = self._headline(status, width)
            text = lines[line] if line < len(lines) else ""
            if line:
                return [Segment(" " * 22), Segment(text, voices["bright"])]
        else:
            text = fit(status.message, width - 32, g.ellipsis)
        if span.until is None:
            lasted = self.age(span.since)
        else:
            lasted = exact_age(span.until - span.since)
        again = f" x{span.count}" if span.count > 1 else ""
        state, said = voices[look.voice], voices["bright" if newest else "foreground"]
        if span.history:  # said before the running build
            state = said = voices["faint"]
        left = [
            Segment(f" {clock_time(span.since, self.now or span.since)}  ", voices["faint"]),
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

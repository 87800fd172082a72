"""What finished, failed, asked and was missed since the last look: the same data as `coder-tui digest`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.cells import cell_len
from rich.segment import Segment
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from coder_tui.errors import CoderTuiError
from coder_tui.feeds.past import Call, Digest
from coder_tui.fleet.snapshot import Key, LinkState
from coder_tui.fleet.timeline import exact_age
from coder_tui.tui.paint import Voices, column, fit, spread
from coder_tui.tui.widgets.lines import LineList

Read = Callable[[datetime], Awaitable[Digest]]
"""The digest since a moment. Raises CoderTuiError."""
_SPANS = (timedelta(hours=1), timedelta(hours=8), timedelta(days=1), timedelta(days=7))
_FIRST = timedelta(hours=8)  # how far back without a last look
_NAMES = {
    "missed": "asks",
    "still open from before": "asks",
    "asked": "asks",
    "failed": "failed",
    "lost": "lost",
    "finished": "done",
}
_LOST = {LinkState.RETRYING: "lost", LinkState.REFUSED: "refused"}
_LEAST, _AROUND = 5, 12  # lines of the list, and those of the window that are not its
_WIDE = 90  # cells from which on how it ended has a column of its own


@dataclass(frozen=True, slots=True)
class Heading:
    """One part, with how many are in it."""

    name: str
    count: int


Line = Heading | Call | tuple[str, datetime, str, str]


def lines_of(digest: Digest) -> tuple[list[Line], list[Hashable]]:
    """What was missed first, the newest on top; then what stood open already; then the rest by what it said; then the
    links that were lost. Every call stands once."""
    lines: list[Line] = []
    keys: list[Hashable] = []
    missed = digest.missed
    parts = {
        "missed": [call for call in missed if call.since >= digest.since],
        "still open from before": [call for call in missed if call.since < digest.since],
        **{name: [c for c in some if not c.missed] for name, some in digest.parts.items()},
    }
    for name, calls in parts.items():
        if calls:
            lines.append(Heading(name, len(calls)))
            keys.append(None)
        for call in reversed(calls):
            lines.append(call)
            keys.append((call.key, call.event_id))
    lost = [link for link in reversed(digest.links) if link[2] in _LOST]
    if lost:
        lines.append(Heading("lost links", len(lost)))
        keys.append(None)
        lines += lost
        keys += [(name, at) for name, at, *_ in lost]
    return lines, keys


def counts(digest: Digest) -> str:
    """`2 asked, 1 failed, 0 lost, 5 finished`."""
    fresh = {name: sum(call.since >= digest.since for call in calls) for name, calls in digest.parts.items()}
    return ", ".join(f"{count} {name}" for name, count in fresh.items())


class DigestList(LineList[Line]):
    """One line for each call."""

    def paint(self, index: int, line: int, width: int) -> list[Segment]:
        """A heading; or time, shape, who, what it said, how it ended."""
        item, voices, dots = self.items[index], self.voices, self.glyphs.ellipsis
        if isinstance(item, Heading):
            voice = _NAMES.get(item.name, "muted")
            return [Segment(f" {item.name.capitalize()} ({item.count})", voices.bold(voice))]
        if isinstance(item, tuple):
            name, at, state, why = item
            word = _LOST.get(LinkState(state), state)
            said = fit(f"{name} {word}  {why}", width - 13, dots)
            return [Segment(f"  {self._clock(at)}  ", voices["faint"]), Segment(said, voices["muted"])]
        ended = item.met(self.now) if self.now else ""
        voice = item.level.value
        room = width - 13
        who_room = min(34, max(14, room * 2 // 5))
        whole = "/".join(part for part in (item.title, item.key.agent, item.key.app) if part)
        short = f"{item.title} {item.key.app or item.key.agent}".rstrip()
        who = whole if cell_len(whole) <= who_room else short
        right = [Segment(f" {fit(ended, 26, dots)} ", voices["muted"])] if width >= _WIDE else []
        said_room = room - who_room - 1 - sum(segment.cell_length for segment in right)
        left = [
            Segment(f"  {self._clock(item.since)}  ", voices["faint"]),
            Segment(f"{self.glyphs.of(voice)} ", voices[voice if item.missed else "muted"]),
            Segment(f"{column(who, who_room, dots)} ", voices.bold("bright") if item.missed else voices["foreground"]),
            Segment(fit(item.message or voice, said_room, dots), voices["foreground" if item.missed else "muted"]),
        ]
        return spread(left, right, width)

    def _clock(self, at: datetime) -> str:
        local, now = at.astimezone(), self.now.astimezone() if self.now else None
        return f"{local:%H:%M}" if now and local.date() == now.date() else f"{local:%a %d}"[:6].ljust(5)


class DigestScreen(ModalScreen[Key]):
    """Answers with the row to go to, or nothing. `last_look` (aware): when the digest was looked at before."""

    BINDINGS = [
        Binding("escape,q,d", "dismiss", "Close"),
        Binding("s", "further", "Look further back"),
    ]

    def __init__(self, read: Read, now: datetime, last_look: datetime | None) -> None:
        super().__init__()
        self._read, self._now, self._last_look = read, now, last_look
        self._reach = 0  # place of the span in _SPANS, from 1; 0: since the last look
        self.digest: Digest | None = None

    @property
    def since(self) -> datetime:
        """How far back."""
        if self._reach:
            return self._now - _SPANS[self._reach - 1]
        return self._last_look or self._now - _FIRST

    def compose(self) -> ComposeResult:
        """Counts, then the list."""
        with Vertical(classes="dialog", id="digest"):
            yield Static("", id="digest-counts", markup=False)
            yield DigestList(id="digest-list")

    def on_mount(self) -> None:
        """Read."""
        dialog, found = self.query_one("#digest"), self.query_one(DigestList)
        dialog.border_title = "Digest"
        dialog.border_subtitle = "enter goes there, s looks further back, esc closes"
        found.voices, found.now = Voices(self.app.theme_variables), self._now
        found.focus()
        self._look()

    def action_further(self) -> None:
        """The next longer span; after the longest, since the last look."""
        longer = (place for place, span in enumerate(_SPANS, 1) if self._now - span < self.since)
        self._reach = next(longer, 0)
        self._look()

    def _look(self) -> None:
        self.run_worker(self._show(), name="digest", group="digest", exclusive=True)

    async def _show(self) -> None:
        found, head = self.query_one(DigestList), self.query_one("#digest-counts", Static)
        ago = exact_age(self._now - self.since)
        mark = " (your last look)" if self._last_look and not self._reach else ""
        since = f"Since {self.since.astimezone():%a %H:%M}, {ago} ago{mark}"
        if not found.items:
            found.say(("Reading the history" + found.glyphs.ellipsis, "muted"))
        try:
            self.digest = await self._read(self.since)
        except CoderTuiError as error:
            head.update(since)
            found.fill((), ())
            self._take_height(0)
            found.say((str(error), "due"))
            return
        head.update(f"{since}: {counts(self.digest)}")
        lines, keys = lines_of(self.digest)
        found.say(
            ("Nothing happened.", "foreground"),
            (f"Nobody asked, failed, got lost or finished in {ago}.", "muted"),
            ("s looks further back, esc closes.", "muted"),
        )
        self._take_height(len(lines))
        found.fill(lines, keys)

    def _take_height(self, lines: int) -> None:
        self.query_one(DigestList).styles.height = max(_LEAST, min(lines, self.app.size.height - _AROUND))

    @on(LineList.Opened)
    def _opened(self, message: LineList.Opened) -> None:
        message.stop()
        if isinstance(message.key, tuple) and isinstance(message.key[0], Key):
            self.dismiss(message.key[0])

    @on(LineList.Moved)
    def _moved(self, message: LineList.Moved) -> None:
        message.stop()

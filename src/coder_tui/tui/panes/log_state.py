"""What the Logs pane knows of one log: its lines, the streams they come from, how far each was read, how it stands."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from coder_tui.feeds.source import LogLine, LogMark, LogNote
from coder_tui.logs.buffer import Columns, LogBuffer
from coder_tui.text import one_line

_STEP = 512  # outputs that are appended at once: well under a millisecond
_WORST_FIRST = (LogMark.LOST, LogMark.OPEN, LogMark.LIVE, LogMark.FAILED, LogMark.ENDED)


@dataclass(slots=True)
class Tail:
    """One stream: of an agent, or of a build. `id` is its id there; a rebuilt agent is another tail."""

    place: str  # the deployment's name
    id: str
    name: str
    build: bool = False
    last_id: int = 0  # newest line that we have
    mark: LogMark = LogMark.OPEN
    text: str = ""  # of the newest note
    retry_at: datetime | None = None
    stage: str = ""  # of a build: the newest one, and when it began
    stage_at: float = 0.0

    @property
    def over(self) -> bool:
        """Nothing more will come, unless the stream is opened again."""
        return self.mark in (LogMark.ENDED, LogMark.FAILED)


@dataclass(slots=True)
class LogState:
    """One log as it is shown. Several tails are merged by time while their histories come in, then as they write."""

    name: str
    title: str
    place: str
    buffer: LogBuffer = field(default_factory=LogBuffer)
    tails: dict[str, Tail] = field(default_factory=dict)
    full: set[str] = field(default_factory=set)  # ids of agents whose log takes no more
    noted: str = ""  # newest divider, until lines follow it

    def divide(self, text: str) -> None:
        """A divider in the text, unless nothing was written since the same one, or at all."""
        if len(self.buffer) and text != self.noted:
            self.buffer.note(text, time.time())
            self.noted = text

    def fresh(self, tail: Tail, lines: Sequence[LogLine]) -> Iterator[Columns]:
        """The lines we do not have yet: a stream that is opened again begins with the whole history.

        Append each step before you ask for the next one: between them, dividers are written.
        """
        if lines and lines[0].id <= tail.last_id:
            lines = [line for line in lines if line.id > tail.last_id]
        start = 0
        while start < len(lines):
            if tail.build and lines[start].source_id != tail.stage:
                self._begin_stage(tail, lines[start])
            step = lines[start : start + _STEP]
            if tail.build:
                same = next((i for i, line in enumerate(step) if line.source_id != tail.stage), len(step))
                step = step[:same]
            start += len(step)
            tail.last_id = step[-1].id
            self.noted = ""
            ids, times, levels, sources, outputs = zip(*step, strict=True)
            if times[0] is times[-1] and len(set(map(id, times))) == 1:  # of a file: one time for all
                seconds = [times[0].timestamp()] * len(times)
            else:
                seconds = list(map(datetime.timestamp, times))
            yield Columns(ids, seconds, levels, [tail.id] * len(ids) if self.merged else sources, outputs)

    def _begin_stage(self, tail: Tail, line: LogLine) -> None:
        at = line.at.timestamp()
        self.buffer.grouped = True
        self.buffer.rename({line.source_id: one_line(line.source_id)})
        self.buffer.note(_sentence(one_line(line.source_id), _took(tail, at)), at)
        tail.stage, tail.stage_at = line.source_id, at

    def hear(self, tail: Tail, note: LogNote) -> None:
        """A stream says how it is. Trouble becomes a divider where it happened, once."""
        text, was = one_line(note.text), tail.mark
        who = f"{tail.name}: " if self.merged else ""
        if note.mark is LogMark.SAID:
            self.divide(who + text)
            return
        tail.retry_at = note.retry_at
        if note.mark is LogMark.LIVE:
            if was is LogMark.LOST:
                self.divide(f"{who}connected again")
        elif note.mark is LogMark.LOST:
            if was is not LogMark.LOST:
                self.divide(who + _sentence("connection lost", text, _next_try(note.retry_at)))
        elif note.mark is LogMark.ENDED:
            self.divide(who + _sentence("end of the log", text, _took(tail, self._last_at())))
        elif note.mark is LogMark.FAILED:
            self.divide(who + _sentence("cannot follow", text))
        if not (note.mark is LogMark.OPEN and was is LogMark.LOST):  # LIVE will tell that it is over
            tail.mark, tail.text = note.mark, text

    def _last_at(self) -> float:
        return self.buffer.line(self.buffer.end - 1, 0).at if len(self.buffer) else 0.0

    @property
    def merged(self) -> bool:
        """Whether lines are told apart by their stream rather than by their source."""
        return len(self.tails) > 1

    @property
    def worst(self) -> Tail:
        """The stream that most needs a word."""
        return min(self.tails.values(), key=lambda tail: _WORST_FIRST.index(tail.mark))

    @property
    def mark(self) -> LogMark:
        """How the log as a whole stands."""
        return self.worst.mark if self.tails else LogMark.ENDED

    @property
    def over(self) -> bool:
        """Nothing more will come, unless the streams are opened again."""
        return all(tail.over for tail in self.tails.values())

    @property
    def heading(self) -> str:
        """What the log is called: by its source when there is but one."""
        sources = [] if self.merged else [source for source in self.buffer.sources if source]
        build = any(tail.build for tail in self.tails.values())
        return one_line(self.buffer.name_of(sources[0])) if len(sources) == 1 and not build else self.name

    def standing(self, *, following: bool, unseen: int) -> list[str]:
        """The state in a few words: of the stream, then of the view."""
        words = [_next_try(self.worst.retry_at) or "retrying"] if self.mark is LogMark.LOST else []
        if self.full:
            words.append("log is full")
        if unseen:
            words.append(f"{unseen:,} new line{'s' if unseen > 1 else ''}")
        elif not following:
            words.append("paused")
        elif self.over:
            words.append("ended")
        elif self.mark is not LogMark.LOST:
            words.append("following" if self.mark is LogMark.LIVE else "reading")
        return words

    def explain(self) -> tuple[str, ...]:
        """Why there is no line at all."""
        if not self.tails:
            return (f"No agent of {self.title} runs.",)
        worst = self.worst
        if not self.place:  # a file, a pipe
            return {
                LogMark.OPEN: (f"Reading {self.name} ...",),
                LogMark.LIVE: (f"{self.name} is empty.", "New lines appear here by themselves."),
            }.get(worst.mark, (f"{self.name} is empty.",))
        cannot = _sentence(f"Cannot read the logs of {self.title} from {self.place}", worst.text)
        match worst.mark:
            case LogMark.OPEN:
                return (f"Reading the logs of {self.title} from {self.place} ...",)
            case LogMark.LIVE | LogMark.SAID:
                return (f"{self.title} has written no logs yet.", "New lines appear here by themselves.")
            case LogMark.LOST:
                return cannot, (_next_try(worst.retry_at) or "trying again").capitalize() + "."
            case LogMark.ENDED:
                return (_sentence(f"{self.title} wrote no logs", worst.text),)
            case LogMark.FAILED:
                return cannot, "Press G to try again."


def _took(tail: Tail, until: float) -> str:
    """How long the stage that ends lasted."""
    return f"{one_line(tail.stage)} took {max(0.0, until - tail.stage_at):.1f} s" if tail.stage else ""


def _sentence(what: str, *more: str) -> str:
    return ": ".join([what, ", ".join(filter(None, more))]) if any(more) else what


def _next_try(at: datetime | None) -> str:
    return f"next try {at.astimezone():%H:%M:%S}" if at else ""

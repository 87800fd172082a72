"""What the Logs pane knows of one agent's log: its lines, how far it has read, how the stream stands."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from coder_tui.feeds.source import LogLine, LogMark, LogNote
from coder_tui.logs.buffer import LogBuffer, RawLine
from coder_tui.text import one_line


@dataclass(slots=True)
class LogState:
    """What we know of one agent's log. The agent is known by name: its id changes with every build."""

    agent: str
    title: str
    place: str  # the deployment's name
    buffer: LogBuffer = field(default_factory=LogBuffer)
    agent_id: str = ""
    last_id: int = 0  # newest line of this agent id
    mark: LogMark = LogMark.OPEN
    text: str = ""  # of the newest note
    retry_at: datetime | None = None
    noted: str = ""  # newest divider, until lines follow it

    def divide(self, text: str) -> None:
        """A divider in the text, unless nothing was written since the same one, or at all."""
        if len(self.buffer) and text != self.noted:
            self.buffer.note(text, time.time())
            self.noted = text

    def fresh(self, lines: Iterable[LogLine]) -> Iterator[RawLine]:
        """The lines we do not have yet: a stream that is opened again begins with the whole history."""
        for line in lines:
            if line.id > self.last_id:
                self.last_id = line.id
                self.noted = ""
                yield line.id, line.at.timestamp(), line.level, line.source_id, line.output

    def hear(self, note: LogNote) -> None:
        """The stream says how it is. Trouble becomes a divider where it happened, once."""
        text, was = one_line(note.text), self.mark
        self.retry_at = note.retry_at
        if note.mark is LogMark.LIVE:
            if was is LogMark.LOST:
                self.divide("connected again")
        elif note.mark is LogMark.LOST:
            if was is not LogMark.LOST:
                self.divide(_sentence("connection lost", text, _next_try(note.retry_at)))
        elif note.mark is LogMark.ENDED:
            self.divide(_sentence("end of the log", text))
        elif note.mark is LogMark.FAILED:
            self.divide(_sentence("cannot follow", text))
        if not (note.mark is LogMark.OPEN and was is LogMark.LOST):  # LIVE will tell that it is over
            self.mark, self.text = note.mark, text

    @property
    def over(self) -> bool:
        """Nothing more will come, unless the stream is opened again."""
        return self.mark in (LogMark.ENDED, LogMark.FAILED)

    @property
    def name(self) -> str:
        """The log source when there is but one, else the agent."""
        sources = [source for source in self.buffer.sources if source]
        return one_line(self.buffer.name_of(sources[0])) if len(sources) == 1 else self.agent

    def standing(self, *, following: bool, unseen: int) -> list[str]:
        """The state in a few words: of the stream, then of the view."""
        words = [_next_try(self.retry_at) or "retrying"] if self.mark is LogMark.LOST else []
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
        cannot = _sentence(f"Cannot read the logs of {self.title} from {self.place}", self.text)
        match self.mark:
            case LogMark.OPEN:
                return (f"Reading the logs of {self.title} from {self.place} ...",)
            case LogMark.LIVE:
                return (f"{self.title} has written no logs yet.", "New lines appear here by themselves.")
            case LogMark.LOST:
                return cannot, (_next_try(self.retry_at) or "trying again").capitalize() + "."
            case LogMark.ENDED:
                return (_sentence(f"{self.title} wrote no logs", self.text),)
            case LogMark.FAILED:
                return cannot, "Press G to try again."


def _sentence(what: str, *more: str) -> str:
    return ": ".join([what, ", ".join(filter(None, more))]) if any(more) else what


def _next_try(at: datetime | None) -> str:
    return f"next try {at.astimezone():%H:%M:%S}" if at else ""

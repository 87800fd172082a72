"""Watches one program: its output, what is reported for it and how it ends, and says when its state changes.

Sans-I/O: the hub puts it beside a session, the bridge around a command. Time is an argument, in seconds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from coder_tui.report import signals
from coder_tui.report.evidence import Evidence, Fusion, Source, Verdict
from coder_tui.report.osc import Scanner
from coder_tui.report.records import Records
from coder_tui.report.states import AGENTAPI_ICON, EXIT_ICON, HOOK_ICON, NOTICE_ICON, TERMINAL_ICON, cut
from coder_tui.text import one_line

_STATES = {"idle": "idle", "working": "working", "done": "complete", "error": "failure", "blocked": "idle"}
_PROGRESS = {0: "idle", 1: "working", 3: "working"}
TYPED = 2.0
"""Seconds after a key in which BEL is an answer to it (completion, an edge), not a call."""
_INTERRUPTED = 130
# Spinners at the beginning of titles: dingbats, braille, geometric shapes, dots.
_SPINNER = re.compile(r"^(?:[\u2022\u00b7*\u25a0-\u25ff\u2700-\u27bf\u2800-\u28ff]\s*)+")


@dataclass(frozen=True, slots=True)
class Change:
    """A new state to report. `message` is clean, and fits into a report."""

    state: str
    message: str
    link: str
    source: Source
    asks: str = ""

    @property
    def icon(self) -> str:
        """Who says so, as the wire can carry it."""
        return _ICONS.get(self.source, "")


_ICONS = {
    Source.NOTICE: NOTICE_ICON,
    Source.PROGRESS: TERMINAL_ICON,
    Source.OSC: TERMINAL_ICON,
    Source.AGENTAPI: AGENTAPI_ICON,
    Source.HOOK: HOOK_ICON,
    Source.EXIT: EXIT_ICON,
}


class Witness:
    """Feed it what happens; ask `change` for what to report."""

    def __init__(self) -> None:
        self._scanner, self._records, self._fusion = Scanner(), Records(), Fusion()
        self._title = ""
        self._typed_at = float("-inf")
        self._told: tuple[str, bool, str] | None = None  # state, attention, what it asks
        self._message = self._link = ""  # last told

    @property
    def verdict(self) -> Verdict | None:
        """All that is known, with source, age and what was overruled."""
        return self._fusion.verdict()

    def output(self, data: bytes, now: float) -> tuple[bytes, tuple[signals.Signal, ...]]:
        """More output: what to answer the program, and what it said."""
        said = self._scanner.feed(data)
        if not said:
            return b"", ()
        reply = b""
        records = False
        for signal in said:
            match signal:
                case signals.Query():
                    reply = signal.reply  # asked twice in one piece is asked once
                case signals.Status():
                    self._records.apply(signal)
                    records = True
                case signals.Reset():
                    self._records.reset()
                    records = True
                case signals.Mark("A"):
                    self._records.settle()
                    records = True
                case signals.Progress():
                    self._progress(signal, now)
                case signals.Notice():
                    self._pulse(f"{signal.title}: {signal.body}" if signal.body else signal.title, now)
                case signals.Bell():
                    if now - self._typed_at > TYPED:
                        self._pulse("rang the bell", now)
                case signals.Title():
                    self._title = _SPINNER.sub("", one_line(signal.text[:512]))
                case _:
                    pass
        if records:
            self._recorded(now)
        return reply, said

    def typed(self, now: float) -> None:
        """Somebody wrote to the program: who was called has come."""
        self._typed_at = now
        self._fusion.retract(Source.NOTICE)

    def reported(self, state: str, message: str, link: str, asks: str, now: float) -> None:
        """The agent reported that, and it has been told already. `asks` as in `Evidence`."""
        self._fusion.put(Evidence(Source.REPORTED, state, asks, message, link, now))
        self._told, self._message, self._link = (state, bool(asks), asks), message, link

    def hooked(self, state: str, message: str, asks: str, now: float) -> None:
        """A hook of the agent fired."""
        self._fusion.put(Evidence(Source.HOOK, state, asks, message, "", now))

    def agentapi(self, state: str, message: str, now: float) -> None:
        """AgentAPI told that of the agent's screen."""
        self._fusion.put(Evidence(Source.AGENTAPI, state, "", message, "", now))

    def agentapi_lost(self) -> None:
        """AgentAPI is away: what it told last may be true no more."""
        self._fusion.retract(Source.AGENTAPI)

    def ended(self, code: int, now: float) -> None:
        """The program ended with that exit code. What it said about its own end counts for more."""
        self._records.settle()
        self._recorded(now)
        self._fusion.retract(Source.NOTICE)
        known = self._fusion.verdict()
        told_state, told_asking = self._told[:2] if self._told else ("", False)
        state, asked = (known.state, bool(known.asks)) if known else (told_state, told_asking)
        if code == _INTERRUPTED:
            if state == "working" or asked:
                self._fusion.put(Evidence(Source.EXIT, "idle", message="interrupted", at=now))
        elif code:
            if state not in {"complete", "failure"} or asked:
                self._fusion.put(Evidence(Source.EXIT, "failure", message=f"exited with code {code}", at=now))
        elif state in {"", "working"} or asked:
            self._fusion.put(Evidence(Source.EXIT, "complete", at=now))

    def change(self) -> Change | None:
        """What to tell now; None while it is what was told last. Counts as told from then on."""
        verdict = self._fusion.verdict()
        if verdict is None:
            # the last witness took back what it said
            if self._told is None or not (self._told[0] == "working" or self._told[1]):
                return None
            new, message, link, source = ("idle", False, ""), self._message, self._link, Source.NOTICE
        else:
            new = (verdict.state, bool(verdict.asks), verdict.asks)
            message, link, source = verdict.message, verdict.link, verdict.source
        if new == self._told:
            return None
        self._told = new
        self._message = cut(one_line(message) or self._title or self._message)
        self._link = link
        return Change(new[0], self._message, link, source, new[2])

    def _recorded(self, now: float) -> None:
        status = self._records.summary()
        if status is None:
            self._fusion.retract(Source.OSC)
            return
        asks = (status.kind or "attention") if status.state == "blocked" else ""
        message = status.msg or status.title or (f"waits for {_WORDS.get(asks, 'you')}" if asks else "")
        self._fusion.put(Evidence(Source.OSC, _STATES[status.state], asks, message, "", now))

    def _progress(self, signal: signals.Progress, now: float) -> None:
        state = _PROGRESS.get(signal.state)
        if state is None:
            self._fusion.retract(Source.PROGRESS)
        else:
            self._fusion.put(Evidence(Source.PROGRESS, state, at=now))

    def _pulse(self, text: str, now: float) -> None:
        self._fusion.put(Evidence(Source.NOTICE, "idle", "attention", text, at=now))


_WORDS = {"permission": "a permission", "question": "an answer", "auth": "a login"}

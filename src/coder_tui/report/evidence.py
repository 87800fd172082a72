"""What is known about one app from several witnesses, and what that makes of its state. Pure: time is an argument.

Rank: what the agent reported, OSC 7501, AgentAPI, hooks, OSC 9;4. A weaker witness is heard over a stronger one only
where it saw something begin after the stronger one spoke. Bytes on the screen are no evidence at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

SETTLE = 2.0
"""Seconds in which a hook that contradicts OSC 7501 is a straggler: hooks run beside the agent and may come late."""


class Source(IntEnum):
    """Who says so, weakest first. NOTICE is a pulse (BEL, OSC 9, 777, 99): somebody wants to be looked at."""

    NOTICE = 0
    PROGRESS = 1
    HOOK = 2
    AGENTAPI = 3
    OSC = 4
    REPORTED = 5
    EXIT = 6


@dataclass(frozen=True, slots=True)
class Evidence:
    """One witness: `state` is working, idle, complete or failure; `asks` a kind of question (permission, question,
    auth, attention), "" for none. `at` is when it was last said, `since` when that began (seconds, any clock)."""

    source: Source
    state: str
    asks: str = ""
    message: str = ""
    link: str = ""
    at: float = 0.0
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to show: the evidence that decides, with a message and link inherited where it has none, and what it
    overruled, strongest first."""

    state: str
    asks: str
    message: str
    link: str
    source: Source
    since: float
    at: float
    overruled: tuple[Evidence, ...] = ()

    def age(self, now: float) -> float:
        """Seconds since it was last said."""
        return max(0.0, now - self.at)


_STATEFUL = (Source.REPORTED, Source.OSC, Source.AGENTAPI, Source.HOOK)


class Fusion:
    """The newest evidence of each witness of one app."""

    def __init__(self) -> None:
        self._known: dict[Source, Evidence] = {}

    def put(self, evidence: Evidence) -> None:
        """A witness speaks. Saying the same again keeps its `since`; only a report is meant anew each time."""
        before = self._known.get(evidence.source)
        same = before is not None and (before.state, before.asks) == (evidence.state, evidence.asks)
        again = same and evidence.source is not Source.REPORTED
        since = before.since if before is not None and again else evidence.at
        self._known[evidence.source] = replace(evidence, since=since)

    def retract(self, source: Source) -> None:
        """A witness takes back what it said."""
        self._known.pop(source, None)

    def has(self, *sources: Source) -> bool:
        """Whether one of them has spoken."""
        return any(source in self._known for source in sources)

    def verdict(self) -> Verdict | None:
        """What all of it comes to; None while nobody said anything that counts."""
        deciding = self._known.get(Source.EXIT) or self._blocked() or self._base()
        if deciding is None:
            return None
        rest = sorted((one for one in self._known.values() if one is not deciding), key=lambda one: -one.source)
        message, link = deciding.message, deciding.link
        for one in rest:
            message, link = message or one.message, link or one.link
        return Verdict(
            deciding.state,
            deciding.asks,
            message,
            link,
            deciding.source,
            deciding.since,
            deciding.at,
            tuple(one for one in rest if (one.state, one.asks) != (deciding.state, deciding.asks)),
        )

    def _blocked(self) -> Evidence | None:
        """A question that no stronger witness has left behind. It is a loan: when its witness takes it back, what was
        there before is there again. A pulse counts only while nobody else speaks."""
        for source in (Source.REPORTED, Source.OSC, Source.HOOK, Source.NOTICE):
            one = self._known.get(source)
            if one is None or not one.asks or (source is Source.NOTICE and self.has(*_STATEFUL)):
                continue
            late = SETTLE if source is Source.HOOK else 0.0
            stronger = (other for other in self._known.values() if other.source > source and not other.asks)
            if not any(other.at > one.since + late for other in stronger):
                return one
        return None

    def _base(self) -> Evidence | None:
        known = (self._known.get(source) for source in _STATEFUL)
        ranked = [one for one in known if one is not None and not one.asks]
        if not ranked:
            return None
        base = ranked[0]
        for weaker in ranked[1:]:
            late = SETTLE if base.source is Source.OSC else 0.0
            if weaker.since > base.since + late and _adds(base.state, weaker.state):
                base = weaker
        progress = self._known.get(Source.PROGRESS)
        if (
            progress is not None
            and progress.state == "idle"
            and base.source is Source.HOOK
            and base.state == "working"
            and progress.since > base.at
        ):
            # an interrupted turn fires no hook, but its progress bar is taken down
            return replace(progress, message=base.message, link=base.link)
        return base


def _adds(base: str, weaker: str) -> bool:
    """Whether the later words of a weaker witness say more: to rest is nothing new after an outcome."""
    return base != weaker and (base == "working" or weaker != "idle")

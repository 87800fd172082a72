"""The top line: who is watched, how many need a person, and how the link stands, in words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from coder_tui.fleet.snapshot import Deployment, Level, LinkState, Snapshot
from coder_tui.fleet.timeline import short_age
from coder_tui.tui.glyphs import Glyphs, glyphs
from coder_tui.tui.overview import Overview
from coder_tui.tui.paint import NO_VOICES, Voices, fit, spread

_WORST = (LinkState.REFUSED, LinkState.RETRYING, LinkState.CONNECTING, LinkState.POLLING, LinkState.LIVE)


def link_words(deployments: Iterable[Deployment], now: datetime | None) -> tuple[str, str]:
    """The worst link in words, and its voice."""
    ranked = sorted(deployments, key=lambda deployment: _WORST.index(deployment.link.state))
    if not ranked:
        return "connecting", "muted"
    worst, link = ranked[0], ranked[0].link
    name = f"{worst.name} " if len(ranked) > 1 and link.state is not LinkState.LIVE else ""
    match link.state:
        case LinkState.LIVE:
            latencies = [d.link.latency_ms for d in ranked if d.link.latency_ms is not None]
            return (f"live {max(latencies):.0f} ms" if latencies else "live"), "done"
        case LinkState.POLLING:
            return f"{name}polling", "quiet"
        case LinkState.CONNECTING:
            return f"{name}connecting", "muted"
        case LinkState.REFUSED:
            return f"{name}refused: coder-tui login", "failed"
        case LinkState.RETRYING:
            wait = link.next_try - now if link.next_try and now else timedelta(0)
            when = f"next try in {short_age(wait)}" if wait > timedelta(0) else "trying now"
            return f"{name}lost: {when}", "failed"


class HeaderBar(Widget):
    """One line, painted again only when its text changes."""

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None, note: str = "", read_only: bool = False) -> None:
        super().__init__(id=id)
        self.note, self.read_only = note, read_only
        self.voices: Voices = NO_VOICES
        self.glyphs: Glyphs = glyphs()
        self.failure = ""  # why the source stopped, if it did
        self._told: tuple[object, ...] = ()
        self._counts: dict[str, int] = {}
        self._link = ("connecting", "muted")
        self._names = ""
        self._cached = ""

    def tell(self, snapshot: Snapshot, overview: Overview, now: datetime) -> bool:
        """Show this snapshot at `now`; True while a countdown runs that needs a tick each second."""
        levels = overview.levels
        self._counts = {
            "agents": overview.agents,
            **{level: levels.get(level, 0) for level in (Level.ASKS, Level.FAILED, Level.LOST)},
            "working": overview.working,
        }
        deployments = snapshot.deployments.values()
        self._link = (self.failure, "failed") if self.failure else link_words(deployments, now)
        self._names = " + ".join(deployment.name for deployment in deployments)
        self._cached = f"last seen {short_age(now - snapshot.at)} ago" if snapshot.cached and snapshot.at else ""
        told = (tuple(self._counts.values()), self._link, self._names, self._cached)
        if told != self._told:
            self._told = told
            self.refresh(Region(0, 0, self.size.width, 1))
        return any(d.link.state is LinkState.RETRYING and d.link.next_try for d in deployments)

    def render_line(self, y: int) -> Strip:
        """The line, dropping from the middle what does not fit."""
        width, voices = self.size.width, self.voices
        base = self.visual_style.rich_style
        words, voice = self._link
        right: list[Segment] = []
        if self._cached:
            right.append(Segment(f"{self._cached}  ", voices["due"]))
        shape = self.glyphs.working if voice == "done" else self.glyphs.warn if voice == "failed" else self.glyphs.idle
        right.append(Segment(f"{shape} {fit(words, max(12, width // 2), self.glyphs.ellipsis)} ", voices[voice]))
        left = [Segment(" coder-tui", voices.bold("accent"))]
        if self.read_only:
            left.append(Segment(f"  {self.glyphs.lock} read-only", voices["due"]))
        counts = self._count_parts()
        room = width - sum(segment.cell_length for segment in [*left, *counts, *right]) - 6
        names = f"{self._names}{' ' + self.glyphs.dot + ' ' if self._names and self.note else ''}{self.note}"
        if names and room >= 8:
            left.append(Segment(f"  {fit(names, room, self.glyphs.ellipsis)}", voices["muted"]))
        left.append(Segment("   "))
        while counts and sum(segment.cell_length for segment in [*left, *counts, *right]) > width - 2:
            counts.pop(0 if counts[0].text.strip().endswith("agents") else -1)
        return Strip(spread([*left, *counts], right, width), width).apply_style(base)

    def _count_parts(self) -> list[Segment]:
        """Agents, then what needs a person, then what works; zeros are not worth a word."""
        voices, g = self.voices, self.glyphs
        agents = self._counts.get("agents", 0)
        parts = [Segment(f"{agents} agent{'' if agents == 1 else 's'}   ", voices["muted"])]
        for name, number in self._counts.items():
            if number and name != "agents":
                words = {"asks": "asks you" if number == 1 else "ask you"}.get(name, name)
                voice = voices[name] if name == "working" else voices.bold(name)
                parts.append(Segment(f"{g.of(name)} {number} {words}   ", voice))
        return parts

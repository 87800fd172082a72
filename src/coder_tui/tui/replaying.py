"""Replay: the same panes show the fleet as it was. What streams in meanwhile is kept for when the person returns."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from textual import on

from coder_tui.errors import CoderTuiError, NotFoundError
from coder_tui.feeds.archive import Archive
from coder_tui.fleet.snapshot import App, Row, Snapshot, Status
from coder_tui.logs.moment import parse_moment
from coder_tui.tui.actions import ACTIONS
from coder_tui.tui.layout import Page
from coder_tui.tui.terminals import Terminals
from coder_tui.tui.widgets.replay_bar import ReplayBar

if TYPE_CHECKING:
    from coder_tui.feeds.past import Past, Scene

REPLAY_ACTIONS = {action.name: action for action in ACTIONS if action.scope == "replay"}
_AHEAD = 8  # steps that may wait while one is looked up
_MINUTE = timedelta(minutes=1)

Where = Callable[["Past", datetime], datetime]
"""From a moment to the one to show next. Raises NotFoundError when there is none."""


def row_with(row: Row, told: dict[str, tuple[Status, ...]]) -> Row:
    """The row as a timeline needs it: with everything that its agent's apps had said by then."""
    if row.agent is None or row.app is None:
        return row
    newest = row.app.latest
    statuses = told.get(row.app.slug, ())
    if newest is not None and (not statuses or statuses[0].id != newest.id):
        statuses = (newest, *(one for one in statuses if one.id != newest.id))
    # without a newest one, all were said before the build of then
    since = datetime.max.replace(tzinfo=UTC) if newest is None else None
    app = replace(row.app, statuses=statuses, since=since)
    others = (App(slug, slug, slug, statuses=some) for slug, some in told.items() if slug and slug != app.slug)
    return replace(row, app=app, agent=replace(row.agent, apps=(app, *others)))


class Replaying(Terminals):
    """Base of the cockpit screen: `scene` is the moment on show, None while it is now."""

    archive: Archive | None

    def __init__(self) -> None:
        super().__init__()
        self.live = Snapshot()
        self.scene: Scene | None = None
        self._steps: deque[Where] = deque(maxlen=_AHEAD)
        self._travels = False

    @property
    def travelling(self) -> bool:
        """Whether a replay is on show."""
        return self.scene is not None

    # The screen knows these.
    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Show this fleet."""
        raise NotImplementedError

    def show_timeline(self, row: Row | None) -> None:
        """Show this row's timeline."""
        raise NotImplementedError

    def time(self) -> datetime:
        """The moment on show: now, or that of the replay."""
        return self.scene.moment if self.scene else self.clock()

    def present(self) -> Row | None:
        """The selected row as it is now, also in a replay: what logs and details are about."""
        return self.live.row(self.selected) if self.selected else None

    # --- keys ---

    def action_replay(self) -> None:
        """Ask for a moment."""
        self.replay_bar.ask()
        self.arranged()

    def action_at(self) -> None:
        """Ask for another moment."""
        self.action_replay()

    def action_event_back(self) -> None:
        """The event before."""
        self._step(lambda past, moment: _found(past.next_change(moment, -1), "before"))

    def action_event_on(self) -> None:
        """The next event."""
        self._step(lambda past, moment: _found(past.next_change(moment), "after"))

    def action_minute_back(self) -> None:
        """A minute back."""
        self._by(-_MINUTE)

    def action_minute_on(self) -> None:
        """A minute on."""
        self._by(_MINUTE)

    def action_ten_back(self) -> None:
        """Ten minutes back."""
        self._by(-10 * _MINUTE)

    def action_ten_on(self) -> None:
        """Ten minutes on."""
        self._by(10 * _MINUTE)

    def leave_replay(self) -> bool:
        """Back to now; False when it is now."""
        if self.scene is None:
            return False
        self._steps.clear()
        self._set_scene(None)
        return True

    @on(ReplayBar.Dropped)
    def _dropped(self) -> None:
        self.replay_bar.show(self.scene, self.clock())
        self.agents.focus()
        self.arranged()

    @on(ReplayBar.Answered)
    def _answered(self, message: ReplayBar.Answered) -> None:
        now = self.clock()
        try:
            moment = parse_moment(message.text, now.astimezone()).astimezone(UTC) if message.text else None
            if moment is not None and moment > now:
                raise NotFoundError("that is yet to come", fix="give a time of the past")
        except CoderTuiError as error:
            self.tell(str(error), error=True)
            return
        self.replay_bar.close()
        self.agents.focus()
        if moment is None:
            self._step(lambda past, _: _found(past.next_change(now, -1), "before"))
        else:
            self._step(lambda past, _: moment)

    def _by(self, span: timedelta) -> None:
        now = self.clock()
        self._step(lambda past, moment: min(moment + span, now))

    # --- travelling ---

    def _step(self, where: Where) -> None:
        self._steps.append(where)
        if not self._travels:
            self._travels = True
            self.run_worker(self._travel(), name="replay", group="replay")

    async def _travel(self) -> None:
        """Take the steps that were asked for, one after the other: a held key skips none."""
        try:
            while self._steps and self.archive is not None:
                where, start = self._steps.popleft(), self.time()
                self._set_scene(await self.archive.ask(partial(_scene, where=where, start=start)))
        except CoderTuiError as error:
            self._steps.clear()
            self.tell(str(error), error=True)
            self.replay_bar.show(self.scene, self.clock())
            self.arranged()
        finally:
            self._travels = False

    def _set_scene(self, scene: Scene | None) -> None:
        began = self.scene is None
        self.scene = scene
        self.replay_bar.show(scene, self.clock())
        self.timeline.ends = "then" if scene else "now"
        self.show_snapshot(scene.snapshot if scene else self.live)
        if began and self.page is Page.TERMINAL:
            self.go(Page.AGENTS)
        self.arranged()

    def recall(self, row: Row) -> None:
        """Bring what the row's agent had said by then into the timeline."""
        self.run_worker(self._recall(row, self.time()), name="replay statuses", group="replay:statuses", exclusive=True)

    async def _recall(self, row: Row, moment: datetime) -> None:
        if self.archive is None:
            return
        try:
            told = await self.archive.ask(lambda past: past.statuses(row.key, moment))
        except CoderTuiError as error:
            self.tell(str(error), error=True)
            return
        if self.scene is not None and self.row() is row:
            self.show_timeline(row_with(row, told))


def _scene(past: Past, where: Where, start: datetime) -> Scene:
    return past.scene(where(past, start))


def _found(moment: datetime | None, where: str) -> datetime:
    if moment is None:
        raise NotFoundError(f"nothing is recorded {where} this moment")
    return moment

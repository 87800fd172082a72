"""`coder-tui watch [FILTER]` and `coder-tui wait WHAT`: the fleet as it changes, without a screen."""

from __future__ import annotations

import asyncio
import json
import sys
from argparse import Namespace
from collections.abc import Callable
from datetime import UTC, datetime

from coder_tui.cli.agents import called, tell
from coder_tui.cli.deployments import HUB_NAME, chosen_or_hub, configuration
from coder_tui.cli.signals import EndSignals
from coder_tui.config import Config
from coder_tui.errors import CoderTuiError, NotFoundError, UnreachableError
from coder_tui.feeds.cockpit import Cockpit
from coder_tui.fleet import query
from coder_tui.fleet.changes import LinkChange, RowChange, Watch, change_json
from coder_tui.fleet.outcome import Outcome, outcome
from coder_tui.fleet.snapshot import Key, LinkState, Snapshot
from coder_tui.paths import state_dir
from coder_tui.text import one_line

CODES = {Outcome.FAILED: 3, Outcome.ASKS: 4, Outcome.LOST: 5}
"""Exit codes of `wait` for what it did not wait for; they are this verb's own."""
TIMED_OUT = 124
_IDLE = (Outcome.IDLE, Outcome.COMPLETE)


def watch(arguments: Namespace) -> int:
    """Print one line per change until a signal ends it. Raises UsageError for a bad filter."""
    wanted = query.parse(" ".join(arguments.filter))
    changes = Watch(lambda row, snapshot: wanted.matches(row, snapshot, datetime.now(UTC)))

    def show(snapshot: Snapshot) -> None:
        now = datetime.now(UTC)
        for change in changes.update(snapshot):
            print(json.dumps(change_json(change, now)) if arguments.json else _line(change, now))
        sys.stdout.flush()

    return asyncio.run(_follow(arguments, configuration(arguments), show))


def wait(arguments: Namespace) -> int:
    """0 when all that WHAT means got there; see `CODES` and `TIMED_OUT`.

    Raises NotFoundError when nothing is called that, UsageError, and what keeps every deployment from being read.
    """
    what = " ".join(arguments.what)
    query.parse(what)
    waiting = Waiting(what, Outcome(arguments.goal))
    timeout = arguments.timeout.total_seconds() if arguments.timeout else None
    code = asyncio.run(_follow(arguments, configuration(arguments), waiting.update, timeout))
    if code == TIMED_OUT:
        tell([CoderTuiError(f"{what} is not {arguments.goal} after {arguments.timeout}")])
    return code


class Waiting:
    """Compares each snapshot with the goal; `update` gives the exit code once it is known."""

    def __init__(self, what: str, goal: Outcome) -> None:
        self._what, self._goal = what, goal
        self._keys: list[Key] = []

    def update(self, snapshot: Snapshot) -> int | None:
        """None: wait on. Raises NotFoundError when every deployment was read and none has it."""
        if not self._keys and not self._found(snapshot):
            return None
        rows = [snapshot.row(key) for key in self._keys]
        if any(row is not None and row.stale for row in rows):
            return None  # what is not confirmed decides nothing
        outcomes = [outcome(row) for row in rows]
        goals = _IDLE if self._goal is Outcome.IDLE else (self._goal,)
        if all(one in goals for one in outcomes):
            return 0
        wrong = [(key, one) for key, one in zip(self._keys, outcomes, strict=True) if one in CODES and one not in goals]
        if not wrong:
            return None
        for key, one in wrong:
            tell([CoderTuiError(f"{' '.join(part for part in key[2:] if part) or key.workspace_id} is {one}")])
        return CODES[wrong[0][1]]

    def _found(self, snapshot: Snapshot) -> bool:
        links = [deployment.link for deployment in snapshot.deployments.values()]
        if any(link.state is LinkState.CONNECTING for link in links):
            return False
        try:
            self._keys = [row.key for row in called(snapshot, self._what, datetime.now(UTC)) if not row.stale]
        except NotFoundError:
            broken = [link for link in links if link.state in (LinkState.RETRYING, LinkState.REFUSED)]
            if not broken:
                raise
            if all(link.state is LinkState.REFUSED for link in links):
                raise UnreachableError("no deployment can be read", why=broken[0].why) from None
        return bool(self._keys)


async def _follow(
    arguments: Namespace, config: Config, show: Callable[[Snapshot], int | None], timeout: float | None = None
) -> int:
    """Give `show` every snapshot until it names a code, a signal comes or the time is over."""
    ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def end() -> None:
        if not ended.done():
            ended.set_result(signals.code)

    signals = EndSignals(end)
    cockpit = Cockpit(
        chosen_or_hub(arguments, config),
        state_dir=state_dir(),
        quiet_after=config.quiet_after,
        due_within=config.due_within,
        hub_names=[HUB_NAME],
        history_days=config.history_days,
    )

    def hear(snapshot: Snapshot) -> None:
        if ended.done():
            return
        try:
            code = show(snapshot)
        except (CoderTuiError, OSError) as error:
            ended.set_exception(error)
        else:
            if code is not None:
                ended.set_result(code)

    def broke(task: asyncio.Task[None]) -> None:
        if not ended.done() and not task.cancelled():
            ended.set_exception(task.exception() or CoderTuiError("the feeds ended"))

    cockpit.subscribe(hear)
    running = asyncio.create_task(cockpit.run(), name="cockpit")
    try:
        async with asyncio.timeout(timeout):
            running.add_done_callback(broke)
            return await ended
    except TimeoutError:
        return TIMED_OUT
    finally:
        await cockpit.aclose()
        tell(CoderTuiError(warning) for warning in cockpit.warnings)


def _line(change: RowChange | LinkChange, now: datetime) -> str:
    moment = f"{now.astimezone():%H:%M:%S}"
    if isinstance(change, LinkChange):
        link = change.deployment.link
        why = f": {link.why}" if link.why else ""
        return one_line(f"{moment}  link      {change.deployment.name} {link.state}{why}")
    row = change.row
    place = " ".join(part for part in (row.workspace.title, row.key.agent, row.key.app) if part)
    word = change.event if change.event == "left" else str(outcome(row))
    if row.alert is not None and row.alert.standing not in ("new", "seen"):
        word = f"{word} {row.alert.standing}"
    said = row.alert.message if row.alert else row.status.message if row.status else ""
    return one_line(f"{moment}  {word:<9} {place}  {said}").rstrip()

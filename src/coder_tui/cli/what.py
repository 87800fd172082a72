"""Which terminal the words of `attach` mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from coder_tui.cli.agents import matching
from coder_tui.errors import UsageError
from coder_tui.fleet.snapshot import Agent, App, Row, Snapshot, Workspace
from coder_tui.text import one_line

_SHOWN = 20  # candidates that are listed


@dataclass(frozen=True, slots=True)
class Place:
    """An agent, and the app whose terminal is meant (None: a shell)."""

    deployment: str
    workspace: Workspace
    agent: Agent
    app: App | None = None

    @property
    def address(self) -> str:
        """`owner/name.agent/app`, as `attach` takes it; safe to print."""
        app = f"/{self.app.slug}" if self.app else ""
        return one_line(f"{self.workspace.title}.{self.agent.name}{app}")


def the_place(snapshot: Snapshot, what: str, now: datetime, *, shell: bool) -> Place:
    """The one terminal that `what` means: NAME or OWNER/NAME, optionally .AGENT, optionally /APP; else a filter.

    `shell`: an agent is meant, whatever apps it has. Raises NotFoundError, UsageError (which lists what it could be).
    """
    called = [row for row in snapshot.rows if what in _names(row)]
    places = _places(called or matching(snapshot, what, now), shell=shell)
    if len(places) == 1:
        return places[0]
    listed = [f"{place.address} ({one_line(place.deployment)})" for place in places[:_SHOWN]]
    more = f", and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    raise UsageError(
        f"{one_line(what)} could be any of {len(places)} terminals",
        why=", ".join(listed) + more,
        fix="name one of them; --deployment chooses between deployments",
    )


def _names(row: Row) -> Iterator[str]:
    if row.agent is not None and row.app is not None:
        for name in (row.workspace.name, row.workspace.title):
            yield f"{name}/{row.app.slug}"
            yield f"{name}.{row.agent.name}/{row.app.slug}"


def _places(rows: Sequence[Row], *, shell: bool) -> list[Place]:
    """Each app with a command, and each agent that has none among `rows`, once."""
    found: dict[tuple[str, str, str], Place] = {}
    apps: dict[tuple[str, str], int] = {}
    for row in rows:
        if row.agent is None:
            continue
        agent = (row.key.deployment, row.agent.id)
        app = None if shell or row.app is None or not row.app.command else row.app
        apps[agent] = apps.get(agent, 0) + (app is not None)
        found[*agent, app.id if app else ""] = Place(row.key.deployment, row.workspace, row.agent, app)
    return [place for key, place in found.items() if place.app is not None or not apps[key[:2]]]

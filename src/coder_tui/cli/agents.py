"""Which agents the words of a verb mean, and tables for people."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from coder_tui.cli.deployments import chosen_or_hub, configuration
from coder_tui.cli.ls import cells, look, narrow
from coder_tui.client.credentials import Credentials
from coder_tui.errors import CoderTuiError, NotFoundError
from coder_tui.fleet import query
from coder_tui.fleet.snapshot import Agent, Row, Snapshot, Workspace
from coder_tui.text import one_line


@dataclass(frozen=True, slots=True)
class Found:
    """One agent, and how to speak to its deployment."""

    credentials: Credentials
    workspace: Workspace
    agent: Agent

    @property
    def name(self) -> str:
        """`owner/name agent`."""
        return f"{self.workspace.title} {self.agent.name}"


def matching(snapshot: Snapshot, what: str, now: datetime) -> list[Row]:
    """Rows called `what` (NAME or OWNER/NAME, optionally .AGENT); else those that the filter `what` matches.

    Raises NotFoundError when there is none, UsageError for a bad filter.
    """
    rows = called(snapshot, what, now)
    if not any(row.agent for row in rows):
        workspace = rows[0].workspace
        raise NotFoundError(
            f"{workspace.title} has no agent", why=f"it is {workspace.build_status or 'not running'}", fix="start it"
        )
    return rows


def called(snapshot: Snapshot, what: str, now: datetime) -> list[Row]:
    """As `matching`, also rows without an agent; `what` may end in /APP. Raises NotFoundError, UsageError."""
    rows = [row for row in snapshot.rows if what in _names(row)] or list(narrow(snapshot, what, now).rows)
    if not rows:
        raise NotFoundError(f"nothing is called {one_line(what)}, and no agent matches it", fix="see `coder-tui ls`")
    return rows


def _names(row: Row) -> set[str]:
    names = {row.workspace.name, row.workspace.title}
    if row.agent:
        names |= {f"{name}.{row.agent.name}" for name in names}
    return names | {f"{name}/{row.app.slug}" for name in names} if row.app else names


async def find(arguments: Namespace) -> list[Found]:
    """The agents that `arguments.what` means, each once. Raises as `meant` does."""
    rows = await meant(arguments, matching)
    return list({row.agent.id: Found(speaks, row.workspace, row.agent) for speaks, row in rows if row.agent}.values())


async def meant(
    arguments: Namespace, among: Callable[[Snapshot, str, datetime], list[Row]]
) -> list[tuple[Credentials, Row]]:
    """The rows that `among` takes `arguments.what` to mean, and who speaks to them. Trouble with one deployment is
    told, and another searched.

    Raises NotFoundError, UsageError, or the first trouble when nothing is found beside it.
    """
    config = configuration(arguments)
    what = " ".join(arguments.what)
    query.parse(what)  # a bad filter is said before anything is asked
    every = chosen_or_hub(arguments, config)
    snapshot, errors = await look(every, config)
    try:
        rows = among(snapshot, what, datetime.now(UTC))
    except NotFoundError:
        if errors:
            raise errors[0] from None
        raise
    tell(errors)
    speaking = {one.name: one for one in every}
    return [(speaking[row.key.deployment], row) for row in rows]


def tell(errors: Iterable[CoderTuiError]) -> None:
    """Errors on stderr, one line each."""
    for error in errors:
        print(f"coder-tui: {one_line(str(error))}", file=sys.stderr)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Aligned lines for people; every cell is made safe to print."""
    lines = [tuple(head), *(tuple(one_line(cell) for cell in row) for row in rows)]
    widths = [max(map(cells, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "  ".join(text + " " * (wide - cells(text)) for text, wide in zip(line, widths, strict=True)).rstrip()

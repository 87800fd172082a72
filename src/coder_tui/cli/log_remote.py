"""The logs of agents and builds of a deployment, printed: once, or as they are written."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from heapq import merge

from coder_tui.cli.agents import called, meant, tell
from coder_tui.cli.log_print import Printer
from coder_tui.client.credentials import Credentials
from coder_tui.client.events import LogBatch, LogLine, LogMark, LogNote
from coder_tui.client.rest import RestClient
from coder_tui.client.streams import Streams
from coder_tui.errors import ApiError, NotFoundError
from coder_tui.fleet.snapshot import Row
from coder_tui.text import one_line
from coder_tui.wire.logs import EXTERNAL_SOURCE_ID, EXTERNAL_SOURCE_NAME


@dataclass(frozen=True, slots=True)
class Target:
    """One log: of an agent, or of a build. `sources`: names by source id."""

    credentials: Credentials
    title: str
    id: str
    build: bool = False
    sources: dict[str, str] = field(default_factory=dict)

    def source(self, line: LogLine) -> str:
        """The name of the line's source; of a build, the stage."""
        return self.sources.get(line.source_id, line.source_id if self.build else "")


async def print_logs(arguments: Namespace, printer: Printer) -> int:
    """What WHAT means, by time; with `follow` as it comes. A log that fails is told, and its exit code is ours."""
    targets = await _targets(arguments)
    async with AsyncExitStack() as stack:
        clients: dict[str, RestClient] = {}
        for one in (target.credentials for target in targets):
            if one.name not in clients:
                clients[one.name] = await stack.enter_async_context(await asyncio.to_thread(RestClient, one))
        if arguments.follow:
            readers = (_follow(Streams(clients[one.credentials.name]), one, printer) for one in targets)
            failures = await asyncio.gather(*readers)
            return max(failures)
        histories = await asyncio.gather(*(_history(clients[one.credentials.name], one) for one in targets))
    runs = ([(line.at, index, line) for line in lines] for index, lines in enumerate(histories))
    for _, index, line in merge(*runs, key=lambda entry: entry[:2]):
        printer.line(targets[index].title, targets[index].source(line), line)
    return 0


async def _targets(arguments: Namespace) -> list[Target]:
    rows = await meant(arguments, called)
    targets = {target.id: target for speaks, row in rows if (target := _target(row, speaks, arguments.build))}
    if not targets:
        raise NotFoundError(f"{rows[0][1].workspace.title} has no log yet", fix="start it")
    return list(targets.values())


def _target(row: Row, credentials: Credentials, build: bool) -> Target | None:
    space, agent = row.workspace, row.agent
    if (build or agent is None) and space.build_id:
        return Target(credentials, f"{space.title} build {space.build_number}", space.build_id, True)
    if build or agent is None:
        return None
    sources = {EXTERNAL_SOURCE_ID: EXTERNAL_SOURCE_NAME} | {one.id: one.name for one in agent.log_sources}
    return Target(credentials, f"{space.title}.{agent.name}", agent.id, sources=sources)


async def _history(client: RestClient, target: Target) -> Sequence[LogLine]:
    if target.build:
        return [
            LogLine(line.id, line.created_at, line.log_level, line.stage or line.log_source, line.output)
            for line in await client.build_logs(target.id)
        ]
    return [
        LogLine(line.id, line.created_at, line.level, line.source_id, line.output)
        for line in await client.agent_logs(target.id)
    ]


async def _follow(streams: Streams, target: Target, printer: Printer) -> int:
    """Until the log ends: 0, or the exit code of what went wrong. Trouble is told on stderr once."""
    follow = streams.follow_build if target.build else streams.follow_logs
    was = LogMark.OPEN
    async with aclosing(follow(target.id)) as events:
        async for event in events:
            if isinstance(event, LogBatch):
                for line in event.lines:
                    printer.line(target.title, target.source(line), line)
                sys.stdout.flush()
            else:
                if event.mark is LogMark.FAILED:
                    tell([ApiError(f"cannot follow {target.title}", status=0, why=event.text)])
                    return ApiError.exit_code
                if event.mark is LogMark.LOST is not was:
                    _say(target, event)
                was = event.mark
    return 0


def _say(target: Target, note: LogNote) -> None:
    again = f", next try {note.retry_at.astimezone():%H:%M:%S}" if note.retry_at else ""
    print(f"coder-tui: {target.title}: connection lost: {one_line(note.text)}{again}", file=sys.stderr)

"""`coder-tui attach WHAT [-- CMD]`: a terminal elsewhere in the terminal we are in, without the cockpit.

The program's own output reaches the terminal as it is, as with ssh: whoever writes in that workspace may send it any
escape sequence. (In the cockpit nothing but cells is painted.) Modes, title and colours are put back at the end.

Exit codes: 0 when it was left or has ended (a PTY tells no exit status), 128 + signal when ended by one, else those
of `coder_tui.errors`.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
import uuid
from argparse import Namespace
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from coder_tui.cli.agents import tell
from coder_tui.cli.attached import Attached
from coder_tui.cli.deployments import chosen_or_hub, configuration
from coder_tui.cli.ls import look
from coder_tui.cli.piped import OwnSession, Piped
from coder_tui.cli.signals import EndSignals
from coder_tui.cli.what import Place, the_place
from coder_tui.client.backoff import CLOCK
from coder_tui.client.credentials import Credentials
from coder_tui.client.events import PtyEnded
from coder_tui.client.pty import PtyStream
from coder_tui.client.rest import RestClient
from coder_tui.errors import CoderTuiError, NotFoundError, UsageError
from coder_tui.feeds.source import shell_token
from coder_tui.feeds.usage import Usage
from coder_tui.terminal.recorder import Recorder


def run(arguments: Namespace) -> int:
    """Attach until the program ends or is left. Raises NotFoundError, UsageError, CredentialsError, UnreachableError,
    ApiError, StorageError (the recording)."""
    interactive = os.isatty(0) and os.isatty(1)
    if arguments.record_input and not arguments.record:
        raise UsageError("--record-input needs --record FILE")
    if arguments.record and not interactive:
        raise UsageError("--record needs a terminal", why="stdin or stdout is none", fix="redirect the output instead")
    return asyncio.run(_run(arguments, interactive))


async def _run(arguments: Namespace, interactive: bool) -> int:
    credentials, place = await _find(arguments)
    words: Sequence[str] = arguments.command
    command = words[0] if len(words) == 1 else shlex.join(words)
    if place.app is not None:
        reconnect, command, own = place.app.id, place.app.command, None
    elif interactive:
        reconnect, own = str(uuid.uuid4()) if command else shell_token(place.agent.id), None
    else:
        own = OwnSession(command)
        reconnect, command = str(uuid.uuid4()), own.command
    recorder = _recorder(arguments, place)
    signals = EndSignals(lambda: None)
    visit: Attached | Piped
    try:
        async with await asyncio.to_thread(RestClient, credentials) as rest, _reporting(rest) as usage:
            stream = PtyStream(
                credentials,
                place.agent.id,
                reconnect,
                _size(),
                command=command,
                tls=rest.tls,
                budget=rest.budget,
                on_typed=lambda: usage.typed(place.workspace.id, place.agent.id),
            )
            if interactive:
                replays = not words
                visit = Attached(stream, signals, replays=replays, recorder=recorder)
            else:
                visit = Piped(stream, signals, own)
            await visit.run()
    finally:
        if recorder is not None:
            recorder.close()
    if recorder is not None and recorder.error is not None:
        tell([recorder.error])
    return _outcome(visit.ended, signals.code, place, interactive=interactive)


@asynccontextmanager
async def _reporting(rest: RestClient) -> AsyncIterator[Usage]:
    """Reports use while the context lasts; what is still on its way at the end is not waited for."""
    usage = Usage(CLOCK)

    async def report() -> None:
        async with asyncio.TaskGroup() as group:
            usage.start(rest, group)
            await asyncio.Event().wait()

    task = asyncio.create_task(report(), name="attach:usage")
    try:
        yield usage
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _find(arguments: Namespace) -> tuple[Credentials, Place]:
    what = " ".join(arguments.what)
    config = configuration(arguments)
    every = chosen_or_hub(arguments, config)
    snapshot, errors = await look(every, config)
    try:
        place = the_place(snapshot, what, datetime.now(UTC), shell=bool(arguments.command))
    except NotFoundError:
        if errors:
            raise errors[0] from None
        raise
    tell(errors)
    return next(one for one in every if one.name == place.deployment), place


def _recorder(arguments: Namespace, place: Place) -> Recorder | None:
    if not arguments.record:
        return None
    path: Path = arguments.record
    return Recorder(path, *_size(), title=place.address, with_input=arguments.record_input)


def _size() -> tuple[int, int]:
    try:
        size = os.get_terminal_size(1)
    except OSError:
        return 80, 24
    return max(size.columns, 1), max(size.lines, 1)


def _outcome(ended: PtyEnded | None, signal: int, place: Place, *, interactive: bool) -> int:
    if ended is not None and ended.failed:
        error = CoderTuiError(f"cannot attach to {place.address}", why=ended.why)
        error.exit_code = ended.exit_code or error.exit_code
        raise error
    if signal:
        return signal
    if interactive:
        what = f"{place.address} ended" if ended else f"left {place.address}, it goes on"
        print(f"coder-tui: {what}", file=sys.stderr)
    return 0

"""`coder-tui play FILE`: a recording on the screen; with `--raw`, into the terminal as it is."""

from __future__ import annotations

import asyncio
import os
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from coder_tui.cli.signals import EndSignals
from coder_tui.errors import StorageError, UsageError
from coder_tui.modes import ModeTracker
from coder_tui.terminal.cast import Playback, read, without_pauses

_PLAIN = b"\x1b]8;;\x1b\\\x1b[m\x1b(B\x0f"


def run(arguments: Namespace) -> int:
    """0 at its end, or when left; 128 + signal when ended by one. Raises StorageError, UsageError, ConfigError."""
    path: Path = arguments.file
    if not arguments.raw and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("play needs a terminal", why="stdin or stdout is none", fix="use --raw for a pipe")
    with _opened(path) as file:
        header, events = read(file, str(path))
        playback = Playback(
            header, without_pauses(events, arguments.idle_limit or header.idle_limit), speed=arguments.speed
        )
    return asyncio.run(_raw(playback) if arguments.raw else _screen(playback, arguments))


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise StorageError(f"cannot read {path}", why=error.strerror or str(error)) from None


async def _screen(playback: Playback, arguments: Namespace) -> int:
    from coder_tui.cli.deployments import configuration
    from coder_tui.cli.player import play

    signals = EndSignals(lambda: None)
    await play(playback, signals, theme=configuration(arguments).theme)
    return signals.code


async def _raw(playback: Playback) -> int:
    over = asyncio.Event()
    signals = EndSignals(over.set)
    modes = ModeTracker()
    loop = asyncio.get_running_loop()
    since = loop.time()
    try:
        while not signals.code and (wait := playback.wait()) is not None:
            try:
                async with asyncio.timeout(wait):
                    await over.wait()
            except TimeoutError:
                pass
            now = loop.time()
            for event in playback.advance(now - since):
                if event.code == "o":
                    data = event.data.encode("utf-8", "replace")
                    modes.feed(data)
                    _write(data)
            since = now
    finally:
        if os.isatty(1):
            _write(modes.leave() + _PLAIN)
    return signals.code


def _write(data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(1, rest) :]

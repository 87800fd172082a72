"""`coder-tui hub token create|list|revoke`: tokens that may report for one app and nothing else."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from sqlite3 import Connection
from typing import TypeVar

from coder_tui.cli.agents import table
from coder_tui.errors import UsageError
from coder_tui.hub import reporters
from coder_tui.hub.clock import rising_clock, to_time
from coder_tui.hub.core import DATABASE
from coder_tui.hub.storage import Storage
from coder_tui.paths import data_dir, ensure_private

T = TypeVar("T")


def create(arguments: Namespace) -> int:
    """Print the new token, once. Raises NotFoundError, UsageError, StorageError."""
    name: str = arguments.name or arguments.app.replace("/", "-")
    if not name.isprintable() or len(name) > 64:
        raise UsageError("this cannot be a token's name", why="it must be printable, at most 64 characters")
    now = rising_clock()()
    print(_database(arguments, lambda db: reporters.create(db, now, name, arguments.app)))
    return 0


def every(arguments: Namespace) -> int:
    """A table of them; the tokens themselves are not known any more."""
    rows = [
        (one.name, one.app, _when(one.created_at), _when(one.used_at) if one.used_at else "never")
        for one in _database(arguments, reporters.every)
    ]
    for line in table(("NAME", "APP", "CREATED", "USED"), rows):
        print(line)
    return 0


def revoke(arguments: Namespace) -> int:
    """A running hub refuses it from now on. Raises NotFoundError."""
    _database(arguments, lambda db: reporters.revoke(db, arguments.name))
    return 0


def _database(arguments: Namespace, work: Callable[[Connection], T]) -> T:
    directory = Path(arguments.data).expanduser().resolve() if arguments.data else data_dir()

    async def run() -> T:
        storage = Storage(ensure_private(directory) / DATABASE)
        try:
            return await storage.write(work)
        finally:
            await asyncio.to_thread(storage.close)

    return asyncio.run(run())


def _when(microseconds: int) -> str:
    return to_time(microseconds).astimezone().strftime("%Y-%m-%d %H:%M")

"""Watches the directories beside its own and tells what changed there: a steady, modest flow of logs."""

from __future__ import annotations

import itertools
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from coder_tui.demo.agents.kit import Kit, main

EVERY = 5.0
"""Seconds between two looks."""
QUIETLY = 3
"""A look in so many is reported even when nothing changed."""


@dataclass(frozen=True)
class Look:
    """One look at a tree: `files` maps a path relative to it to (bytes, modification time in ns)."""

    files: dict[str, tuple[int, int]]

    @property
    def size(self) -> int:
        """Bytes in all files."""
        return sum(size for size, _ in self.files.values())

    def changes(self, before: Look) -> list[str]:
        """One line per file that appeared, changed or went away."""
        lines = [
            f"{'changed' if name in before.files else 'new'} {name} ({size} bytes)"
            for name, (size, at) in self.files.items()
            if before.files.get(name) != (size, at)
        ]
        return lines + [f"gone {name}" for name in before.files if name not in self.files]


def look(root: Path) -> Look:
    """Every file under `root`, without hidden and cache directories."""
    files = {}
    for directory, names, leaves in os.walk(root):
        names[:] = sorted(name for name in names if not name.startswith((".", "__")))
        for leaf in sorted(leaves):
            path = Path(directory, leaf)
            try:
                found = path.stat()
            except OSError:
                continue  # it went away meanwhile
            files[str(path.relative_to(root))] = (found.st_size, found.st_mtime_ns)
    return Look(files)


def work(kit: Kit) -> None:
    """Look, tell, wait."""
    root = Path.cwd().parent
    before = Look({})
    for count in itertools.count():
        now = look(root)
        changes = now.changes(before)
        kit.say(time.strftime("%H:%M:%S ") + f"{len(now.files)} files, {now.size} bytes", "dim")
        for line in changes:
            kit.say(f"    {line}", "cyan")
        kit.log(changes, source="files")
        load, _, _ = os.getloadavg()
        kit.log([f"{len(now.files)} files, {now.size} bytes, load {load:.2f}"], "debug", source="summary")
        if changes or count % QUIETLY == 0:
            kit.report("working", f"Watching {len(now.files)} files, {now.size} bytes, load {load:.2f}")
        before = now
        kit.pause(EVERY)


if __name__ == "__main__":
    sys.exit(main("watcher", work))

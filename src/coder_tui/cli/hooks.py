"""`coder-tui hooks install|status|uninstall AGENT`: our hook in an agent's own configuration."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from coder_tui.errors import CoderTuiError, UsageError
from coder_tui.report.hooks import AGENTS
from coder_tui.report.hooks.install import codex_hooks_on, plan
from coder_tui.text import clean

_CODEX_HINT = "codex runs hooks only with `[features] hooks = true` in its config.toml"


def install(arguments: Namespace) -> int:
    """Show what changes, ask where there is a terminal, and write it. Raises ConfigError, StorageError, UsageError."""
    return _change(arguments, install=True)


def uninstall(arguments: Namespace) -> int:
    """The same backwards."""
    return _change(arguments, install=False)


def status(arguments: Namespace) -> int:
    """One line for each agent; a file that cannot be understood is said, and stops nobody."""
    for agent in arguments.agent or AGENTS:
        try:
            change = plan(agent, install=True, project=_project(arguments))
            print(f"{agent}: {'not installed' if change.diff else 'installed'} in {clean(str(change.path))}")
        except CoderTuiError as error:
            print(f"{agent}: {clean(str(error))}")
    return 0


def _change(arguments: Namespace, *, install: bool) -> int:
    answer = install and arguments.answer
    plans = [
        (agent, plan(agent, install=install, project=_project(arguments), answer=answer)) for agent in arguments.agent
    ]
    changes = [(agent, change) for agent, change in plans if change.diff]
    for _, change in changes:
        for line in change.diff.splitlines():
            print(clean(line))
    if not changes:
        print("nothing to change", file=sys.stderr)
        return 0
    if arguments.dry_run:
        return 0
    if not arguments.yes:
        if not sys.stdin.isatty():
            raise UsageError("nothing was written", fix="say so with --yes")
        print("Write this? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline(16).strip().lower() not in {"y", "yes"}:
            raise UsageError("nothing was written")
    for agent, change in changes:
        change.carry_out()
        if agent == "codex" and install and not _codex_on(change.path.with_name("config.toml")):
            print(f"coder-tui: {_CODEX_HINT}", file=sys.stderr)
    return 0


def _codex_on(path: Path) -> bool:
    try:
        return codex_hooks_on(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def _project(arguments: Namespace) -> Path | None:
    return Path.cwd() if arguments.project else None

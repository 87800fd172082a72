"""`coder-tui logs WHAT`: the log of agents or builds on stdout, or a file or pipe in our pane.

To a terminal, lines are made safe to print; into a pipe or a file they go as they are.
"""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from datetime import datetime
from pathlib import Path

from coder_tui.cli.log_print import Printer
from coder_tui.errors import NotFoundError, UsageError
from coder_tui.logs.engine import Pattern, PatternError
from coder_tui.logs.moment import parse_moment
from coder_tui.logs.search import Text
from coder_tui.text import one_line


def run(arguments: Namespace) -> int:
    """Print, or show. Raises UsageError, NotFoundError, and what the deployment answers."""
    pattern = _pattern(arguments.grep)
    file = _file(arguments)
    if file is not None:
        return _show_file(arguments, file, pattern)
    since = parse_moment(arguments.since, datetime.now().astimezone()) if arguments.since else None
    from coder_tui.cli.log_remote import print_logs

    return asyncio.run(print_logs(arguments, Printer(pattern, since, arguments.json)))


def _pattern(source: str) -> Pattern | None:
    if not source:
        return None
    try:
        return Text(source, regex=True).pattern()
    except PatternError as error:
        raise UsageError(f"--grep: the regex is wrong at {error.position + 1}", why=str(error)) from None


# --- a file or a pipe ---


def _file(arguments: Namespace) -> Path | None:
    """The file that is meant; `-` is stdin. A file that is there comes before a workspace of that name."""
    words: list[str] = arguments.what
    if len(words) != 1 or arguments.build:
        return None
    path = Path(words[0])
    if words == ["-"] or path.is_file() or path.is_fifo():
        return path
    if words[0].startswith(("./", "../", "/", "~")):
        raise NotFoundError(f"there is no file {one_line(words[0])}", fix="check the path")
    return None


def _show_file(arguments: Namespace, file: Path, pattern: Pattern | None) -> int:
    if arguments.since:
        raise UsageError("--since is for agents and builds", why="the lines of a file have no time of their own")
    if sys.stdout.isatty() and not arguments.json:
        from coder_tui.cli.log_viewer import view

        return view(file, follow=arguments.follow, grep=arguments.grep, theme=arguments.theme)
    printer = Printer(pattern, None, arguments.json)
    stream = sys.stdin.buffer if str(file) == "-" else file.open("rb")
    with stream:
        for number, line in enumerate(stream, 1):
            printer.raw(number, line.removesuffix(b"\n").removesuffix(b"\r"), one_line(str(file)))
    return 0

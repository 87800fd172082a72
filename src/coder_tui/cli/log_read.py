"""`coder-tui logs WHAT`: the log of agents or builds on stdout, or a file or pipe in our pane.

To a terminal, lines are made safe to print; into a pipe or a file they go as they are.
"""

from __future__ import annotations

import os
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from pathlib import Path

from coder_tui.cli.log_file import LineFile
from coder_tui.cli.log_page import first_page
from coder_tui.cli.log_print import Printer
from coder_tui.errors import NotFoundError, UsageError
from coder_tui.logs.engine import Pattern, PatternError
from coder_tui.logs.moment import parse_moment
from coder_tui.text import one_line

_BLOCK = 1 << 20  # bytes read at once
_LOOK = 1.0  # seconds between two looks at a file that may grow


def run(arguments: Namespace) -> int:
    """Print, or show. Raises UsageError, NotFoundError, and what the deployment answers."""
    pattern = _pattern(arguments.grep)
    file = _file(arguments)
    if file is not None:
        return _show_file(arguments, file, pattern)
    since = parse_moment(arguments.since, datetime.now().astimezone()) if arguments.since else None
    import asyncio

    from coder_tui.cli.log_remote import print_logs

    return asyncio.run(print_logs(arguments, Printer(pattern, since, arguments.json)))


def _pattern(source: str) -> Pattern | None:
    if not source:
        return None
    from coder_tui.logs.search import Text  # what opening a file need not wait for

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


def _show_file(arguments: Namespace, path: Path, pattern: Pattern | None) -> int:
    if arguments.since:
        raise UsageError("--since is for agents and builds", why="the lines of a file have no time of their own")
    shown = sys.stdout.isatty() and not arguments.json
    piped = str(path) == "-"
    file = LineFile(_take_stdin() if shown else 0) if piped else LineFile.open(path)
    if shown:
        with first_page(file, pattern):
            from coder_tui.cli.log_viewer import view

            return view(file, path, grep=arguments.grep, theme=arguments.theme)
    printer = Printer(pattern, None, arguments.json)
    numbers, name = count(1), "-" if piped else one_line(str(path))
    for data in _blocks(file, follow=arguments.follow):
        for line in data.removesuffix(b"\n").split(b"\n"):
            printer.raw(next(numbers), line.removesuffix(b"\r"), name)
        if arguments.follow:
            sys.stdout.flush()
    return 0


def _blocks(file: LineFile, *, follow: bool) -> Iterator[bytes]:
    """Whole lines until the end; a file that is followed has none."""
    while True:
        while (data := file.read(_BLOCK)) is not None:
            if data:
                yield data
        said = file.changed() if follow else ""
        if (said or not follow) and (last := file.flush()):
            yield last
        if not (follow and file.regular):
            return
        if said:
            print(f"coder-tui: {said}", file=sys.stderr)
        else:
            time.sleep(_LOOK)


def _take_stdin() -> int:
    """The pipe under another number; stdin becomes the terminal, where Textual reads keys."""
    if sys.stdin.isatty():
        raise UsageError("stdin is the terminal", why="there is no pipe to read", fix="PROGRAM | coder-tui logs -")
    pipe = os.dup(0)
    try:
        terminal = os.open(os.ttyname(1), os.O_RDWR)  # /dev/tty would need a controlling terminal
    except OSError:
        raise UsageError("there is no terminal to show the log in", fix="send stdout to a file or a pipe") from None
    os.dup2(terminal, 0)
    os.close(terminal)
    return pipe

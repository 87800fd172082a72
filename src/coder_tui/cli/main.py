"""Entry point: words in, exit code out. Every failure is one sentence on stderr; nobody sees a traceback.

stdout is data, stderr is narration. Exit codes: 0, those of `coder_tui.errors`, 130 after Ctrl-C, 141 when the
reader of our output went away (as a shell reports SIGPIPE).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module

from coder_tui.errors import CoderTuiError

INTERRUPTED = 130
BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's) and return its exit code. Never raises."""
    try:
        try:
            code = _dispatch(sys.argv[1:] if argv is None else argv)
        except SystemExit as leave:  # argparse, after --help and --version
            code = leave.code if isinstance(leave.code, int) else 0
        if sys.stdout:
            sys.stdout.flush()
    except CoderTuiError as error:
        _say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # what is still buffered must not fail again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception as error:
        from coder_tui.cli.crash import write_report

        _say(f"this is a bug in coder-tui: {type(error).__name__}. {write_report(error)}")
        return CoderTuiError.exit_code
    return code


def _dispatch(argv: Sequence[str]) -> int:
    if argv[:1] == ["hook"] and argv[1:] not in (["--help"], ["-h"]):  # a hot path, whatever the words: see `cli.hook`
        from coder_tui.cli.hook import run as hook

        return hook(argv[1:])
    from coder_tui.cli.parser import parse

    arguments = parse(argv)
    module, _, function = str(arguments.run).partition(":")
    run: Callable[[object], int] = getattr(import_module(module), function)
    try:
        return run(arguments)
    except ExceptionGroup as group:  # of a TaskGroup: one of ours in it is what to say
        ours, bugs = group.split(CoderTuiError)
        if ours is None or bugs is not None:
            raise
        raise next(_leaves(ours)) from None


def _leaves(error: Exception) -> Iterator[Exception]:
    if isinstance(error, ExceptionGroup):
        for one in error.exceptions:
            yield from _leaves(one)
    else:
        yield error


def _say(text: str) -> None:
    from coder_tui.text import one_line

    try:
        print(f"coder-tui: {one_line(text)}", file=sys.stderr, flush=True)
    except OSError:
        pass  # stderr is gone too; the exit code still speaks

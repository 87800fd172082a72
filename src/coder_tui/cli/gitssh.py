"""`coder-tui gitssh -- ARGS`: ssh with the Git key of the workspace's owner, for `GIT_SSH_COMMAND`.

The key is fetched anew each time and lives in a 0600 file only as long as ssh runs.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from coder_tui.cli.agent_auth import as_agent
from coder_tui.errors import NotFoundError, StorageError
from coder_tui.text import one_line

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_SSH_FAILED = 255
_WITH_VALUE = frozenset("BbcDEeFIiJLlmOoPpQRSWw")  # options of ssh(1) that take a value

Child = subprocess.Popen[bytes]


def run(arguments: Namespace) -> int:
    """Run ssh and return its exit code (128 + n when signal n ended it).

    Raises NotFoundError without ssh, StorageError when the key cannot be written, and what fetching the key raises.
    """
    ssh, words = shutil.which("ssh"), list(arguments.command)
    if ssh is None:
        raise NotFoundError("cannot run ssh", why="it is not on PATH", fix="install the OpenSSH client")
    if _only_asks(words):  # no key is needed
        return _run([ssh, *words])
    public, private = as_agent(lambda reporter: reporter.git_ssh_key())
    with _passing_signals() as started, _key_file(private) as path:
        code = _run([ssh, "-i", path, *words], started)
    if code == _SSH_FAILED:
        print(
            "coder-tui: if the Git host refused the key, add this public key to your account there:\n"
            f"{one_line(public)}",
            file=sys.stderr,
        )
    return code


def _only_asks(words: Sequence[str]) -> bool:
    """Whether -G is among the options (ssh(1)): so Git finds out whether we are an ssh."""
    left = iter(words)
    for word in left:
        if not word.startswith("-") or word == "--":
            return False
        for place, letter in enumerate(word[1:], 1):
            if letter == "G":
                return True
            if letter in _WITH_VALUE:
                if place == len(word) - 1:
                    next(left, None)
                break
    return False


def _run(argv: Sequence[str], started: Callable[[Child], None] = lambda child: None) -> int:
    with subprocess.Popen(argv) as child:
        started(child)
        code = child.wait()
    return code if code >= 0 else 128 - code


@contextmanager
def _passing_signals() -> Iterator[Callable[[Child], None]]:
    """Signals are for the child: what we hold must be cleaned up after it. Call what is yielded with the child."""
    children: list[Child] = []
    early: list[int] = []

    def pass_on(number: int, frame: object) -> None:
        if children:
            children[0].send_signal(number)
        else:
            early.append(number)

    def started(child: Child) -> None:
        children.append(child)
        for number in early:
            child.send_signal(number)

    # what nohup made us ignore, ssh must ignore too
    wanted = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, pass_on) for number in wanted}
    try:
        yield started
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _key_file(private: str) -> Iterator[str]:
    """The path of a file, 0600, that holds the key for the life of the context."""
    path = ""
    try:
        try:
            descriptor, path = tempfile.mkstemp(prefix="coder-tui-gitssh-")  # 0600
            with os.fdopen(descriptor, "w", encoding="ascii", errors="replace") as file:
                file.write(private.rstrip("\n") + "\n")  # ssh insists on the last line's end
        except OSError as error:
            raise StorageError("cannot write the Git key", why=error.strerror or str(error)) from None
        yield path
    finally:
        if path:
            os.unlink(path)

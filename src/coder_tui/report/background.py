"""Sends what is spooled in a process of its own, so that an agent never waits for the network."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from coder_tui.report.spool import Entry, Spool

_DESCRIPTORS = 1024


def send_soon(spool: Spool) -> None:
    """Fork a sender that belongs to nobody. Call it with one thread only."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)  # it leaves at once
        return
    code = 1
    with suppress(BaseException):  # whatever happens, this process never goes on with its parent's work
        os.setsid()
        if os.fork() == 0:
            # who waits for the end of our output must not wait for the sender
            null = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(null, descriptor)
            # nor may the terminal of a command, or a pipe for signals, live on in it
            signal.set_wakeup_fd(-1)
            os.closerange(3, _DESCRIPTORS)
            _send(spool)
        code = 0
    os._exit(code)


def _send(spool: Spool) -> None:
    from coder_tui.report.reporter import Reporter
    from coder_tui.report.spool import by_socket, through

    reporter: Reporter | None = None

    def send(entry: Entry) -> None:
        nonlocal reporter
        if not by_socket(entry, timeout=5.0):
            reporter = reporter or Reporter.from_env(timeout=5.0)
            through(reporter)(entry)

    while spool.send(send) and spool.waiting():
        pass

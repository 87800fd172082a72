"""A program in a pseudo-terminal of its own: start it, signal all of it, find what belongs to it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pwd
import signal
import struct
import sys
import termios
from collections.abc import Mapping, Sequence
from contextlib import suppress

import psutil

# Runs between fork and exec, in a process of its own because code in a forked child of a threaded parent may
# deadlock. It takes the terminal as controlling one (opening it is not enough on macOS) and gives back the default
# signals: Python ignores SIGPIPE, and a hub started by nohup would hand on an ignored SIGHUP.
_LAUNCHER = """\
import _signal as s, fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
for n in (s.SIGPIPE, s.SIGXFSZ, s.SIGHUP, s.SIGINT, s.SIGQUIT, s.SIGTERM, s.SIGTSTP, s.SIGTTIN, s.SIGTTOU):
    s.signal(n, s.SIG_DFL)
try:
    os.execvp(sys.argv[1], sys.argv[2:])
except OSError as error:
    print(sys.argv[1] + ": " + error.strerror)
    sys.exit(127)
"""

# what the terminal around the hub said about itself is not true of the terminal inside
_OUTER_TERMINAL = (
    "COLUMNS",
    "LINES",
    "STY",
    "TERM_PROGRAM",
    "TERM_PROGRAM_VERSION",
    "TERM_SESSION_ID",
    "TMUX",
    "TMUX_PANE",
    "WINDOWID",
)

# a hub inside a Coder workspace: its programs report to the hub, not to that workspace
_OUTER_WORKSPACE = ("CODER_AGENT_", "CODER_MCP_", "CODER_WORKSPACE_")


def login_shell() -> str:
    """The user's shell: $SHELL, else the password database, else /bin/sh."""
    with suppress(KeyError):
        for shell in (os.environ.get("SHELL", ""), pwd.getpwuid(os.getuid()).pw_shell):
            if os.path.isabs(shell) and os.access(shell, os.X_OK):
                return shell
    return "/bin/sh"


def shell_argv(command: str) -> list[str]:
    """A command line through the user's shell; a login shell if it is empty. The first item is the program."""
    shell = login_shell()
    return [shell, "-c", command] if command else [shell, "-l"]


def child_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Our environment without what describes the terminal or the workspace around us, plus `extra`."""
    inherited = {
        key: value
        for key, value in os.environ.items()
        if key not in _OUTER_TERMINAL and not key.startswith(_OUTER_WORKSPACE)
    }
    return inherited | dict(extra)


async def spawn(
    argv: Sequence[str], *, directory: str, env: Mapping[str, str], columns: int, rows: int
) -> tuple[asyncio.subprocess.Process, int]:
    """Start `argv` as leader of a new session with a new controlling terminal of that size in cells.

    Returns the process and the non-blocking master side (the caller closes it). Raises OSError.
    """
    master, slave = os.openpty()
    try:
        os.set_blocking(master, False)
        set_size(master, columns, rows)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", "-S", "-c", _LAUNCHER, argv[0]),
            *argv,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=directory,
            env=dict(env),
            start_new_session=True,
        )
    except BaseException:
        os.close(master)
        raise
    finally:
        os.close(slave)
    return process, master


def set_size(master: int, columns: int, rows: int) -> None:
    """Give the terminal a new size in cells; its foreground programs get SIGWINCH."""
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def hang_up(leader: int, master: int) -> None:
    """SIGHUP to the session's leader and to whatever is in the foreground of its terminal."""
    groups = {leader}
    with suppress(OSError):
        groups.add(os.tcgetpgrp(master))
    for group in groups:
        if group > 1:
            _signal_group(group, signal.SIGHUP)
            _signal_group(group, signal.SIGCONT)  # a stopped program cannot hang up


def kill(leader: int) -> None:
    """SIGKILL to every process of the session. Blocks for a look at the process table."""
    _signal_group(leader, signal.SIGKILL)
    for pid in session_pids(leader):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def session_pids(leader: int) -> set[int]:
    """Processes of the terminal session that `leader` leads, and its descendants that left it. Blocks."""
    pids: set[int] = set()
    for pid in psutil.pids():
        with suppress(OSError):
            if os.getsid(pid) == leader:
                pids.add(pid)
    with suppress(psutil.Error):
        pids.update(child.pid for child in psutil.Process(leader).children(recursive=True))
    return pids


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)

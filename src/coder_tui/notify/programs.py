"""Programs that call a person: the desktop's own, and the command of the configuration. Never through a shell.

`notify-send` and `osascript` are on every desktop that has notifications; a library for them would bring D-Bus or
Objective-C bindings along for one argument list.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from html import escape

from coder_tui.text import one_line

PATIENCE = 5.0
"""Seconds a program may take; then it is ended, with all it started."""
_SCRIPT = ("on run argv", "display notification (item 2 of argv) with title (item 1 of argv)", "end run")
_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS")

Which = Callable[[str], str | None]


def no_desktop(platform: str, which: Which, environ: Mapping[str, str]) -> str:
    """Why nothing can be shown on the desktop; "" when it can."""
    if platform == "darwin":
        return "" if which("osascript") else "osascript is not there"
    if not any(environ.get(name) for name in _DISPLAYS):
        return "there is no desktop here"
    return "" if which("notify-send") else "notify-send is not installed (libnotify)"


def desktop(title: str, body: str, platform: str) -> list[str]:
    """The program and arguments that show it. The text is data to both, whatever is in it."""
    title, body = "coder-tui: " + one_line(title), one_line(body)
    if platform == "darwin":
        # the title comes first and begins with no dash, so nothing after it is an option
        return ["osascript", *(word for line in _SCRIPT for word in ("-e", line)), title, body]
    # the body may be marked up (Desktop Notifications Specification), and notify-send resolves backslashes in it
    marked = escape(body, quote=False).replace("\\", "\\\\")
    return ["notify-send", "--app-name=coder-tui", "--", title, marked]


async def run(argv: Sequence[str], stdin: bytes = b"", patience: float = PATIENCE) -> str:
    """Run it with `stdin`, for `patience` seconds at most. Why it failed, "" when it did not; never raises OSError."""
    name = one_line(argv[0])
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        return f"{name} cannot be run: {error.strerror or error}"
    try:
        async with asyncio.timeout(patience):
            await process.communicate(stdin)
    except TimeoutError:
        return f"{name} took longer than {patience:g} s and was ended"
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return f"{name} ended with code {process.returncode}" if process.returncode else ""

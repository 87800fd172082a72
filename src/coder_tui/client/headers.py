"""Extra request headers: `CODER_HEADER`, and the output of a header command (`CODER_HEADER_COMMAND`, or ours).

For deployments behind a proxy that wants headers of its own. Values are secret: no error quotes one.
"""

from __future__ import annotations

import csv
import os
from functools import lru_cache

from coder_tui.errors import CredentialsError

COMMAND_TIMEOUT = 10.0
"""Seconds a header command may take."""
_NAME = frozenset("!#$%&'*+-.^_`|~abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")  # RFC 9110 token

Headers = tuple[tuple[str, str], ...]


def parse_headers(text: str) -> Headers:
    """`CODER_HEADER`: one CSV record of `name=value`. Raises CredentialsError, never quoting a value."""
    try:
        fields = next(csv.reader([text], strict=True, skipinitialspace=True), [])
    except csv.Error:
        raise CredentialsError("CODER_HEADER is wrong", why="it is not comma separated name=value pairs") from None
    return tuple(_pair(item, "CODER_HEADER is wrong") for item in fields)


@lru_cache(maxsize=64)
def command_headers(command: str, url: str, timeout: float = COMMAND_TIMEOUT) -> Headers:
    """Run `command` in a shell, with `CODER_URL` set to `url`: each line of its output is one `name=value`.

    Blocks for up to `timeout` seconds: call it in a thread. Run once in a process; what failed is tried again.
    Raises CredentialsError, never quoting the output.
    """
    import signal
    import subprocess

    what, fix = f"the header command for {url} failed", "run it by hand to see what it says"
    process = subprocess.Popen(
        ["/bin/sh", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # it would be painted over the screen
        env={**os.environ, "CODER_URL": url},
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # the shell's children too: they hold the pipe
        process.communicate()
        raise CredentialsError(what, why=f"it took longer than {timeout:g} s", fix=fix) from None
    if process.returncode:
        raise CredentialsError(what, why=f"it ended with code {process.returncode}", fix=fix)
    try:
        lines = output.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise CredentialsError(what, why="its output is not text", fix=fix) from None
    return tuple(_pair(line, what) for line in lines if line.strip())


def _pair(item: str, what: str) -> tuple[str, str]:
    name, equals, value = item.partition("=")
    name = name.strip()
    if not equals or not name or not _NAME.issuperset(name):
        raise CredentialsError(what, why="each header must be name=value")
    if not value.isprintable():
        raise CredentialsError(what, why=f"the value of {name} has control characters")
    return name, value

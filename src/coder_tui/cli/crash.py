"""Crash reports: the traceback of a bug of ours, in a private file, without secrets."""

from __future__ import annotations

import os
import platform
import re
import sys
import time
import traceback

from coder_tui import __version__
from coder_tui.errors import StorageError
from coder_tui.paths import ensure_private, state_dir, write_private

# A person's session token (10-22 alphanumerics), an agent's token (UUID), a password in a URL.
_SECRET = re.compile(
    r"\b[A-Za-z0-9]{10}-[A-Za-z0-9]{22}\b"
    r"|\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"
    r"|(?<=://)[^/\s@]+@"
)
_VARIABLE = re.compile(r"TOKEN|SECRET|PASSWORD|KEY", re.IGNORECASE)


def redact(text: str) -> str:
    """`text` without anything that looks like a secret, and without the value of any secret-looking variable."""
    text = _SECRET.sub("[redacted]", text)
    for name, value in os.environ.items():
        if len(value) >= 8 and _VARIABLE.search(name):
            text = text.replace(value, "[redacted]")
    return text


def write_report(error: Exception) -> str:
    """Write the traceback to a 0600 file under the state directory; a sentence that says where it is."""
    body = "".join(traceback.format_exception(error))
    text = f"coder-tui {__version__}, Python {platform.python_version()}, {sys.platform}\n\n{redact(body)}"
    path = state_dir() / f"crash-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    try:
        ensure_private(path.parent)
        write_private(path, text)
    except StorageError as unwritable:
        return f"No report was kept: {unwritable}"
    return f"The report is in {path}"

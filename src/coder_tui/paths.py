"""Every path the program uses, in one place.

Directories follow the platform (XDG on Linux, Library on macOS); `CODER_TUI_DATA_DIR`, `CODER_TUI_STATE_DIR`,
`CODER_TUI_CONFIG_DIR` and `CODER_TUI_CACHE_DIR` override each.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from coder_tui.errors import StorageError

_APP = "coder-tui"


def _dir(kind: str) -> Path:
    override = os.environ.get(f"CODER_TUI_{kind.upper()}_DIR")
    if override:
        return Path(override).expanduser()
    import platformdirs

    return Path(getattr(platformdirs, f"user_{kind}_dir")(_APP, appauthor=False))


def data_dir() -> Path:
    """Where the hub keeps its database and token."""
    return _dir("data")


def state_dir() -> Path:
    """Where the TUI keeps what it saw: acknowledgements, the last fleet, open terminals."""
    return _dir("state")


def config_dir() -> Path:
    """Where the user's own configuration and themes live. Never written by the program unasked."""
    return _dir("config")


def cache_dir() -> Path:
    """What may be deleted at any time."""
    return _dir("cache")


SUN_PATH = 104
"""Bytes of a unix socket's path with its NUL, on macOS; Linux has four more."""
SOCKET_NAME = 12
"""Bytes of a socket's name in `socket_dir`."""


def socket_dir(data: Path) -> Path:
    """Where the hub of this data directory has its sockets: in there while their paths stay short enough, else under
    a name of its own among the temporary files."""
    data = data.resolve()
    near = data / "s"
    if len(os.fsencode(near)) + 1 + SOCKET_NAME < SUN_PATH:
        return near
    import hashlib
    import tempfile

    whose = hashlib.sha256(os.fsencode(data)).hexdigest()[:8]
    return Path(tempfile.gettempdir()) / f"coder-tui-{os.getuid()}-{whose}"


def ensure_private(directory: Path) -> Path:
    """Create `directory` (mode 0700 when new) and check that it can be written.

    Raises StorageError naming the directory, the cause and the override variable's family.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = directory / f".probe-{os.getpid()}-{secrets.token_hex(4)}"
        probe.touch(mode=0o600)
        probe.unlink()
    except OSError as error:
        raise StorageError(
            f"cannot write to {directory}",
            why=error.strerror or str(error),
            fix="free the disk or fix its permissions, or set CODER_TUI_DATA_DIR / CODER_TUI_STATE_DIR elsewhere",
        ) from None
    return directory


def write_private(path: Path, text: str) -> None:
    """Write `text` to `path` atomically, readable by the owner only (0600). Raises StorageError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StorageError(f"cannot write {path}", why=error.strerror or str(error)) from None

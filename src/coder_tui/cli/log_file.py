"""Lines of a file or a pipe, whole, a block at a time; and what happens to a file that is followed."""

from __future__ import annotations

import fcntl
import os
import select
import stat
from pathlib import Path

from coder_tui.errors import NotFoundError

_LONGEST = 16 << 20  # bytes of a line without an end
_PIPE = 1 << 20  # bytes a pipe may hold, where that can be chosen


class LineFile:
    """An open descriptor. `path` is looked at again when the file is followed: it may be another one by then."""

    def __init__(self, descriptor: int, path: Path | None = None) -> None:
        self.descriptor = descriptor
        self._path = path
        self._rest: list[bytes] = []  # of a line that has no end yet
        self._size = 0  # bytes of it
        self._flushed = False  # the last line was given without its end, which may still come
        self._gone = False
        about = os.fstat(descriptor)
        self.regular = stat.S_ISREG(about.st_mode)
        """A file on disk: never waits, may grow. Else what is read ends for good."""
        if stat.S_ISFIFO(about.st_mode) and hasattr(fcntl, "F_SETPIPE_SZ"):
            try:
                fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE)
            except OSError:
                pass  # the user's pipes are too big already

    @classmethod
    def open(cls, path: Path) -> LineFile:
        """Raises NotFoundError."""
        try:
            return cls(os.open(path, os.O_RDONLY | os.O_CLOEXEC), path)
        except OSError as error:
            raise NotFoundError(f"cannot read {path}", why=error.strerror or "", fix="check the path") from None

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.descriptor)

    def read(self, size: int) -> bytes | None:
        """The next whole lines, with their ends; empty while there is none; None at the end, as of now.

        About `size` bytes, of a pipe what is there.
        """
        parts = []
        while size > 0 and (data := os.read(self.descriptor, size)):
            parts.append(data)
            size -= len(data)
            if not self.regular and not select.select([self.descriptor], [], [], 0)[0]:
                break
        if not parts:
            return None
        data = b"".join(parts)
        if self._flushed:
            self._flushed, data = False, data.removeprefix(b"\n")
        lines, end, rest = data.rpartition(b"\n")
        whole = b"".join([*self._rest, lines, end]) if end else b""
        if end:
            self._rest, self._size = [], 0
        self._rest.append(rest)
        self._size += len(rest)
        return whole or (self.flush() if self._size > _LONGEST else b"")

    def flush(self) -> bytes:
        """What there is of a line that has no end."""
        whole, self._rest, self._size = b"".join(self._rest), [], 0
        self._flushed = bool(whole)
        return whole

    def changed(self) -> str:
        """At the end of a file: what happened to it meanwhile that makes the next line another file's; or nothing."""
        if self._path is None or not self.regular:
            return ""
        mine = os.fstat(self.descriptor)
        try:
            there = self._path.stat()
        except OSError:
            was, self._gone = self._gone, True
            return "" if was else "the file is gone: waiting for another one"
        position = os.lseek(self.descriptor, 0, os.SEEK_CUR)
        if mine.st_size > position:  # something was written a moment ago
            return ""
        if (there.st_dev, there.st_ino) != (mine.st_dev, mine.st_ino):
            try:
                other = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:  # it was there a moment ago
                return ""
            os.dup2(other, self.descriptor, inheritable=False)
            os.close(other)
            self._gone = self._flushed = False
            return "another file of that name begins"
        if mine.st_size < position:
            os.lseek(self.descriptor, 0, os.SEEK_SET)
            return "the file was truncated"
        return ""

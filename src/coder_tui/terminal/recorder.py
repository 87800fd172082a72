"""Records a terminal into a file (asciicast v2). Every event is with the system when the call returns."""

from __future__ import annotations

import os
import time
from pathlib import Path

from coder_tui.errors import StorageError
from coder_tui.terminal.cast import Encoder, Header

_RESET = b"\x1bc"


class Recorder:
    """One recording. When it cannot be written any more, `error` says why, once and for all: it is whole up to there.

    Writes go to the system's cache at once, so that a killed program loses nothing that was recorded.
    """

    def __init__(self, path: Path, columns: int, rows: int, *, title: str = "", with_input: bool = False) -> None:
        """Create `path` (mode 0600). Raises StorageError, also if there is one of that name."""
        self.path, self._with_input = path, with_input
        self.error: StorageError | None = None
        self._size = (columns, rows)
        header = Header(columns, rows, int(time.time()), title, env={"TERM": "xterm-256color"})
        self._encoder = Encoder(header, time.monotonic())
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
            self._file = os.open(path, flags, 0o600)
        except FileExistsError:
            raise StorageError(f"{path} exists", fix="give the recording another name") from None
        except OSError as error:
            raise StorageError(f"cannot record to {path}", why=error.strerror or str(error)) from None
        self._length = 0
        self._write(self._encoder.header())

    def output(self, data: bytes) -> None:
        """The program wrote this."""
        self._write(self._encoder.output(time.monotonic(), data))

    def input(self, data: bytes) -> None:
        """The person typed this; kept only if the recording was made `with_input`."""
        if self._with_input:
            self._write(self._encoder.input(time.monotonic(), data))

    def resize(self, columns: int, rows: int) -> None:
        """The terminal has this size, in cells, from now on."""
        if (columns, rows) != self._size:
            self._size = (columns, rows)
            self._write(self._encoder.resize(time.monotonic(), columns, rows))

    def restart(self) -> None:
        """The screen is cleared and drawn again: after a lost connection."""
        self.output(_RESET)

    def close(self) -> None:
        """End the recording."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write(self, line: bytes) -> None:
        if self._file < 0 or not line:
            return
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
            self._length += len(line)
        except OSError as error:
            why = error.strerror or str(error)
            self.error = StorageError(f"the recording {self.path} ended early", why=why)
            try:
                os.ftruncate(self._file, self._length)  # half a line would be no event
            except OSError:
                pass
            self.close()

"""The newest page of a file on the screen at once: loading Textual takes several times as long."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from coder_tui.cli.log_file import LineFile
from coder_tui.logs import ansi
from coder_tui.logs.engine import Pattern

_TAIL = 64 << 10  # bytes at the end of the file that are looked at
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[H\x1b[2J", "\x1b[?7h\x1b[?25h\x1b[?1049l"


@contextmanager
def first_page(file: LineFile, pattern: Pattern | None) -> Iterator[None]:
    """Paint it where the pane will; what runs inside takes the screen over, and gives it back by its own means.

    Not of a pipe, whose lines can be read only once. When the block raises, the screen is given back here.
    """
    page = _page(file, pattern) if file.regular else ""
    if not page:
        yield
        return
    try:
        _write(_ENTER + page)
        yield
    except BaseException:
        _write(_LEAVE)
        raise


def _page(file: LineFile, pattern: Pattern | None) -> str:
    columns, rows = os.get_terminal_size(sys.stdout.fileno())
    size = os.fstat(file.descriptor).st_size
    data = os.pread(file.descriptor, _TAIL, max(0, size - _TAIL))
    if size > _TAIL:
        data = data.partition(b"\n")[2]
    lines = data.removesuffix(b"\n").split(b"\n")
    if pattern is not None:
        lines = [line for line in lines if pattern.matches(ansi.strip(line))]
    room = max(0, rows - 3)  # the border and the keys
    texts = [ansi.plain(line.removesuffix(b"\r").decode("utf-8", "replace")) for line in lines[-room:]]
    # The terminal itself cuts what is too wide: autowrap is off.
    return "".join(f"\x1b[{row};2H{text[:columns]}\x1b[{columns}G\x1b[K" for row, text in enumerate(texts, 2))


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()

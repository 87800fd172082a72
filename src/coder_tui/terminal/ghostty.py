"""The native core: libghostty-vt through cffi."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

from coder_tui.terminal import libvt, nativetext
from coder_tui.terminal.core import (
    PLAIN,
    RGB,
    UNCHANGED,
    Colors,
    Cursor,
    CursorShape,
    Match,
    Modes,
    Point,
    Run,
    Scroll,
    clamp,
)
from coder_tui.terminal.nativerows import Rows
from coder_tui.terminal.nativestate import State
from coder_tui.terminal.sieve import Sieve

_CELL_PIXELS = 8, 16  # only told to programs that ask for pixels
_BYTES_PER_CELL = 10  # of scrollback; a line limit instead costs five times the speed

load = libvt.load


class GhosttyCore:
    """One libghostty-vt terminal and what of it is shown."""

    def __init__(self, columns: int, rows: int, scrollback_lines: int) -> None:
        self._loaded = libvt.load()
        self._ffi, self._lib = self._loaded.ffi, self._loaded.lib
        self.columns, self.rows = clamp(columns, rows)
        self._scrollback_lines = scrollback_lines
        self._replies = bytearray()
        self._theme: tuple[RGB, RGB] | None = None
        self._copied = ""
        # cffi callbacks live as long as these attributes.
        self._on_write = self._ffi.callback("write_fn", self._write)
        self._on_copy = self._ffi.callback("copy_fn", self._copy)
        self._on_size = self._ffi.callback("size_fn", self._size)
        self._dirty, self._dirty_y = self._ffi.new("int *"), self._ffi.new("uint16_t *")
        self._open()

    def _open(self) -> None:
        ffi, lib = self._ffi, self._lib
        handles = []
        for create, arguments in (
            (lib.ghostty_terminal_new, (self.columns, self.rows)),
            (lib.ghostty_render_state_new, ()),
            (lib.ghostty_render_state_row_iterator_new, ()),
            (lib.ghostty_render_state_row_cells_new, ()),
        ):
            handle = ffi.new("void **")
            if create(ffi.NULL, handle, *arguments):
                raise MemoryError("the terminal emulator got no memory")
            handles.append(handle)
        # The iterators are filled through a pointer to their handle, so those stay boxed.
        self._terminal, self._state, self._iterator, cells = handles[0][0], handles[1][0], handles[2], handles[3]
        # The functions are looked up now: a finalizer may run inside cffi's own lock, and must not ask for it.
        free = (
            lib.ghostty_render_state_row_cells_free,
            lib.ghostty_render_state_row_iterator_free,
            lib.ghostty_render_state_free,
            lib.ghostty_terminal_free,
        )
        self._close = weakref.finalize(self, _free, free, [handle[0] for handle in reversed(handles)])
        self._set(libvt.OPT_WRITE_PTY, self._on_write)
        self._set(libvt.OPT_SIZE, self._on_size)
        self._set(libvt.OPT_CLIPBOARD_WRITE, self._on_copy)
        self._set(libvt.OPT_IMAGE_STORAGE_LIMIT, ffi.new("uint64_t *", 0))
        self._set(libvt.OPT_SCROLLBACK_MAX_LINES, ffi.NULL)
        self._limit_scrollback()
        if self._theme:
            self.set_colors(*self._theme)
        self._sieve = Sieve()
        self._reader = Rows(self._loaded, self._terminal, self._iterator, cells, self._sieve.links)
        self._told = State(self._loaded, self._terminal)
        self._shown: list[list[Run]] = [self._blank()] * self.rows
        self._cursor = Cursor(0, 0, True, CursorShape.BLOCK)
        self._colors = UNCHANGED
        self._seen = self._overlooked = False

    def _blank(self) -> list[Run]:
        return [Run(" " * self.columns, PLAIN, self.columns)]

    def _set(self, option: int, value: Any) -> None:
        self._lib.ghostty_terminal_set(self._terminal, option, value)

    def _limit_scrollback(self) -> None:
        limit = self._scrollback_lines * self.columns * _BYTES_PER_CELL
        self._set(libvt.OPT_SCROLLBACK_MAX_BYTES, self._ffi.new("size_t *", limit))

    def _write(self, _terminal: Any, _userdata: Any, data: Any, length: int) -> None:
        self._replies += self._ffi.buffer(data, length)

    def _copy(self, _terminal: Any, _userdata: Any, write: Any) -> None:
        self._copied = nativetext.copied(self._loaded, write)

    def _size(self, _terminal: Any, _userdata: Any, out: Any) -> bool:
        out.rows, out.columns = self.rows, self.columns
        out.cell_width, out.cell_height = _CELL_PIXELS
        return True

    def feed(self, data: bytes) -> None:
        """Interpret program output; releases the GIL meanwhile."""
        if self._seen and data[:1] >= b"\x80":
            # A combining mark joins the cell before it, and the library does not count that as a change.
            self._overlooked = True
        self._seen = False
        data = self._sieve.through(data)
        self._lib.ghostty_terminal_vt_write(self._terminal, data, len(data))

    def resize(self, columns: int, rows: int) -> None:
        """Change the size, reflowing the primary screen."""
        columns, rows = clamp(columns, rows)
        if (columns, rows) == (self.columns, self.rows):
            return
        self.columns, self.rows = columns, rows
        self._lib.ghostty_terminal_resize(self._terminal, columns, rows, *_CELL_PIXELS)
        self._limit_scrollback()
        self._shown = [self._blank()] * rows

    def reset(self) -> None:
        """A new terminal: RIS would leave history and a half-read sequence behind."""
        self._close()
        self._replies.clear()
        self._copied = ""
        self._open()

    def take_dirty(self) -> Sequence[int]:
        """Read what changed into `row`."""
        lib, state, dirty = self._lib, self._state, self._dirty
        if self._overlooked:
            self._show_background()  # said again, it makes every row count as changed
        self._seen, self._overlooked = True, False
        lib.ghostty_render_state_update(state, self._terminal)
        self._cursor = self._told.cursor(state) or self._cursor
        self._colors = self._told.colors()
        lib.ghostty_render_state_get(state, libvt.STATE_DIRTY, dirty)
        if dirty[0] == libvt.DIRTY_NONE:
            return ()
        lib.ghostty_render_state_get(state, libvt.STATE_ROW_ITERATOR, self._iterator)
        iterator = self._iterator[0]
        rows: list[int] = []
        if dirty[0] == libvt.DIRTY_FULL:
            for y in range(self.rows):
                if not lib.ghostty_render_state_row_iterator_next(iterator):
                    break
                self._take_row(y, rows)
        else:
            while lib.ghostty_render_state_row_iterator_next_dirty(iterator, self._dirty_y):
                self._take_row(self._dirty_y[0], rows)
        lib.ghostty_render_state_clean(state)
        return rows

    def _take_row(self, y: int, changed: list[int]) -> None:
        runs = self._reader.read(y) or self._blank()
        if runs != self._shown[y]:
            self._shown[y] = runs
            changed.append(y)

    def row(self, y: int) -> Sequence[Run]:
        """The runs of row `y`."""
        return self._shown[y]

    @property
    def colors(self) -> Colors:
        """What the program changed of the colours."""
        return self._colors

    def find(self, needle: str) -> Sequence[Match]:
        """Where `needle` stands, oldest first."""
        return nativetext.find(self._loaded, self._terminal, needle)

    def text(self, start: Point, end: Point) -> str:
        """The text between two cells; lines the terminal wrapped are joined."""
        (row, column), (last_row, last_column) = start, end
        if last_column == 0:
            last_row, last_column = last_row - 1, self.columns
        if start >= end or (last_row, last_column) <= start:
            return ""
        return nativetext.text(
            self._loaded, self._terminal, (row, min(column, self.columns - 1)), (last_row, last_column - 1)
        )

    def take_copied(self) -> str:
        """What the program asked to copy."""
        copied, self._copied = self._copied, ""
        return copied

    @property
    def cursor(self) -> Cursor:
        """The cursor, as of the last `take_dirty`."""
        return self._cursor

    def scroll(self, rows: int) -> None:
        """Move the view; the library keeps it on its rows while output arrives."""
        self._lib.ghostty_terminal_scroll_viewport(self._terminal, (libvt.SCROLL_DELTA, rows, 0))

    def scroll_to_bottom(self) -> None:
        """Show the live screen."""
        self._lib.ghostty_terminal_scroll_viewport(self._terminal, (libvt.SCROLL_BOTTOM, 0, 0))

    @property
    def scrollback(self) -> Scroll:
        """How much history there is, and where the view is in it."""
        return self._told.scroll()

    @property
    def modes(self) -> Modes:
        """The modes now."""
        return self._told.modes()

    def take_replies(self) -> bytes:
        """What the terminal answered since the last call."""
        if not self._replies:
            return b""
        replies = bytes(self._replies)
        self._replies.clear()
        return replies

    def set_colors(self, foreground: RGB, background: RGB) -> None:
        """What OSC 10 and 11 queries answer."""
        self._theme = foreground, background
        self._set(libvt.OPT_FOREGROUND, self._ffi.new("GhosttyColorRgb *", foreground))
        self._show_background()

    def _show_background(self) -> None:
        color = self._ffi.new("GhosttyColorRgb *", self._theme[1]) if self._theme else self._ffi.NULL
        self._set(libvt.OPT_BACKGROUND, color)

    @property
    def title(self) -> str:
        """The window title, cleaned."""
        return self._told.string(libvt.TERMINAL_TITLE)

    @property
    def cwd(self) -> str:
        """The working directory as the program told it, cleaned."""
        return self._told.string(libvt.TERMINAL_PWD)


def _free(functions: Sequence[Any], handles: Sequence[Any]) -> None:
    for free, handle in zip(functions, handles, strict=True):
        free(handle)

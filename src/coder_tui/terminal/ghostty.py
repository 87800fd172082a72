"""The native core: libghostty-vt through cffi, read a row at a time.

One call returns the raw cells of a row; the rest is arithmetic on big integers (`rawcells`), so that a row costs a
handful of Python operations, not one per cell. Style ids belong to a page of the grid and are reused, so they are
looked up anew in every row; the looked-up values are shared by content.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from coder_tui.terminal import libvt, nativetext, rawcells
from coder_tui.terminal.core import (
    PLAIN,
    REPLACEMENT,
    RGB,
    UNCHANGED,
    Colors,
    Cursor,
    CursorShape,
    Match,
    Modes,
    MouseEncoding,
    MouseTracking,
    Point,
    Run,
    Scroll,
    Style,
    clamp,
    safe,
)
from coder_tui.terminal.deccolm import without_width
from coder_tui.terminal.rawcells import BACKGROUND, CLUSTER, HEAD, LINK, STYLE, TAG, WIDE, RawRow, new
from coder_tui.text import one_line

_SHAPES = {0: CursorShape.BAR, 2: CursorShape.UNDERLINE}
_CELL_PIXELS = 8, 16  # only told to programs that ask for pixels
_CACHED = 2048  # random colours must not grow memory, nor freeing them be felt
_CLUSTER_BYTES = 256
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
        self._palettes = self._ffi.new("GhosttyColorRgb[256]"), self._ffi.new("GhosttyColorRgb[256]")
        self._rgb = self._ffi.new("GhosttyColorRgb *"), self._ffi.new("GhosttyColorRgb *")
        self._styles: dict[bytes, Style] = {}
        # cffi callbacks live as long as these attributes.
        self._on_write = self._ffi.callback("write_fn", self._write)
        self._on_copy = self._ffi.callback("copy_fn", self._copy)
        self._on_size = self._ffi.callback("size_fn", self._size)
        self._style_out = self._ffi.new("GhosttyStyle *")
        self._style_out.size = self._ffi.sizeof("GhosttyStyle")
        self._style_bytes = self._ffi.buffer(self._style_out)
        storage = self._ffi.new("uint8_t[]", _CLUSTER_BYTES)
        self._clusters: dict[bytes, str] = {}
        self._cluster_bytes = self._ffi.buffer(storage)
        self._cluster_buffer = self._ffi.new("GhosttyBuffer *", (storage, _CLUSTER_BYTES, 0))
        self._cluster_storage = storage  # owns the memory the two lines above point to
        self._view = self._ffi.new("GhosttyCellsView *")
        self._place = self._ffi.new("GhosttyGridRef *")  # of the row being read; one call a style instead of two
        self._place.size = self._ffi.sizeof("GhosttyGridRef")
        self._dirty_y = self._ffi.new("uint16_t *")
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
        self._terminal, self._state, self._iterator, self._cells = handles[0][0], handles[1][0], handles[2], handles[3]
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
        self._shown: list[list[Run]] = [[Run(" " * self.columns, PLAIN, self.columns)]] * self.rows
        self._cursor = Cursor(0, 0, True, CursorShape.BLOCK)
        self._colors, self._colors_key = UNCHANGED, b""
        self._seen = self._overlooked = False
        self._cut = b""

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
        if self._cut or b"\x1b" in data:
            data, self._cut = without_width(self._cut + data)
        self._lib.ghostty_terminal_vt_write(self._terminal, data, len(data))

    def resize(self, columns: int, rows: int) -> None:
        """Change the size, reflowing the primary screen."""
        columns, rows = clamp(columns, rows)
        if (columns, rows) == (self.columns, self.rows):
            return
        self.columns, self.rows = columns, rows
        # Without autowrap (mode 7) the library would not reflow, and then crashes at times where there are hyperlinks.
        wraps = self._mode(7)
        self._set_mode(7, True)
        self._lib.ghostty_terminal_resize(self._terminal, columns, rows, *_CELL_PIXELS)
        self._set_mode(7, wraps)
        self._limit_scrollback()
        self._shown = [[Run(" " * columns, PLAIN, columns)]] * rows

    def _set_mode(self, number: int, on: bool) -> None:
        self._set(libvt.OPT_MODE, self._ffi.new("GhosttyTerminalModeConfig *", (number, on)))

    def reset(self) -> None:
        """A new terminal: RIS would leave history and a half-read sequence behind."""
        self._close()
        self._replies.clear()
        self._copied = ""
        self._open()

    def take_dirty(self) -> Sequence[int]:
        """Read what changed into `row`."""
        lib, state = self._lib, self._state
        if self._overlooked:
            self._show_background()  # said again, it makes every row count as changed
        self._seen, self._overlooked = True, False
        lib.ghostty_render_state_update(state, self._terminal)
        self._read_cursor()
        self._read_colors()
        dirty = self._ffi.new("int *")
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

    def row(self, y: int) -> Sequence[Run]:
        """The runs of row `y`."""
        return self._shown[y]

    def _take_row(self, y: int, changed: list[int]) -> None:
        runs = self._read_row(y)
        if runs != self._shown[y]:
            self._shown[y] = runs
            changed.append(y)

    def _read_row(self, y: int) -> list[Run]:
        view, iterator = self._view, self._iterator[0]
        if self._lib.ghostty_render_state_row_get(iterator, libvt.ROW_CELLS_RAW, view) or not view.len:
            return [Run(" " * self.columns, PLAIN, self.columns)]
        row = rawcells.read(self._ffi.buffer(view.ptr, view.len * 8)[:])
        if not row.looks:
            return [Run(row.text, PLAIN, view.len)]
        self._lib.ghostty_render_state_row_get(iterator, libvt.ROW_CELLS, self._cells)
        self._lib.ghostty_terminal_grid_ref(self._terminal, (libvt.POINT_VIEWPORT, 0, 0, y, 0), self._place)
        return self._runs(row, y)

    def _runs(self, row: RawRow, y: int) -> list[Run]:
        text, columns = row.text, row.columns
        runs: list[Run] = []
        styles: dict[int, Style] = {0: PLAIN}
        start = before = 0
        for look, group in groupby(row.looks):
            end = start + len([*group])
            width = 2 if look & WIDE == HEAD else 1
            style_id = look & STYLE
            style = styles.get(style_id)
            if style is None:
                style = styles[style_id] = self._style(columns[start])
            if look & BACKGROUND:
                style = rawcells.with_background(style, look)
            if look & LINK or look & TAG == CLUSTER:  # rare: a call per cell
                for index in range(start, end):
                    x = columns[index]
                    linked = (
                        style._replace(link=nativetext.link(self._loaded, self._terminal, y, x))
                        if look & LINK
                        else style
                    )
                    if look & TAG == CLUSTER:
                        runs.append(Run(self._cluster(x), linked, width, cluster=True))
                    else:
                        _append(runs, text[index], linked, width)
            elif (look | before) & BACKGROUND:  # looks that differ may have one style
                _append(runs, text[start:end], style, width)
            else:
                runs.append(new(Run, (text[start:end], style, width * (end - start), False)))
            start, before = end, look
        return runs

    def _style(self, x: int) -> Style:
        self._place.x = x
        self._lib.ghostty_grid_ref_style(self._place, self._style_out)
        key = self._style_bytes[:]
        style = self._styles.get(key)
        if style is None:
            if len(self._styles) > _CACHED:
                self._styles.clear()
            style = self._styles[key] = rawcells.style(key)
        return style

    def _cluster(self, x: int) -> str:
        lib, cells, buffer = self._lib, self._cells[0], self._cluster_buffer
        lib.ghostty_render_state_row_cells_select(cells, x)
        if lib.ghostty_render_state_row_cells_get(cells, libvt.CELL_GRAPHEMES_UTF8, buffer):
            return REPLACEMENT  # marks without end (zalgo) are cut
        key = self._cluster_bytes[: buffer.len]
        cluster = self._clusters.get(key)
        if cluster is None:
            if len(self._clusters) > _CACHED:
                self._clusters.clear()
            # A joiner left at the end would fuse with the next cell in a terminal that shapes emoji.
            cluster = self._clusters[key] = safe(key.decode("utf-8", "replace").rstrip("\u200d")) or " "
        return cluster

    def _read_colors(self) -> None:
        """Only where the bytes of all colours differ from last time; then in some hundred microseconds."""
        get, terminal, (now, usual) = self._lib.ghostty_terminal_get, self._terminal, self._palettes
        own: list[RGB | None] = []
        for kind in (libvt.TERMINAL_FOREGROUND, libvt.TERMINAL_BACKGROUND, libvt.TERMINAL_CURSOR):
            color, default = self._rgb
            if get(terminal, kind, color):
                own.append(None)
                continue
            absent = get(terminal, kind + libvt.TERMINAL_DEFAULTS, default)
            value = (color.r, color.g, color.b)
            own.append(value if absent or value != (default.r, default.g, default.b) else None)
        get(terminal, libvt.TERMINAL_PALETTE, now)
        key = bytes(str(own), "ascii") + self._ffi.buffer(now)[:]
        if key == self._colors_key:
            return
        self._colors_key = key
        get(terminal, libvt.TERMINAL_PALETTE + libvt.TERMINAL_DEFAULTS, usual)
        palette = {
            index: (color.r, color.g, color.b)
            for index, color in enumerate(now)
            if (color.r, color.g, color.b) != (usual[index].r, usual[index].g, usual[index].b)
        }
        colors = Colors(own[0], own[1], own[2], palette)
        self._colors = colors if any(colors) else UNCHANGED

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

    def _read_cursor(self) -> None:
        out = self._ffi.new("GhosttyRenderStateCursor *")
        out.size = self._ffi.sizeof("GhosttyRenderStateCursor")
        if self._lib.ghostty_render_state_get(self._state, libvt.STATE_CURSOR, out):
            return
        shape = _SHAPES.get(out.visual_style, CursorShape.BLOCK)
        if not out.viewport_has_value:
            self._cursor = Cursor(0, 0, False, shape)
            return
        x = out.viewport_x - bool(out.wide_tail)
        self._cursor = Cursor(x, out.viewport_y, bool(out.visible), shape)

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
        bar = self._ffi.new("GhosttyTerminalScrollbar *")
        self._lib.ghostty_terminal_get(self._terminal, libvt.TERMINAL_SCROLLBAR, bar)
        length = max(0, bar.total - bar.len)
        return Scroll(length, max(0, length - bar.offset))

    def _is_alternate(self) -> bool:
        screen = self._ffi.new("int *")
        self._lib.ghostty_terminal_get(self._terminal, libvt.TERMINAL_ACTIVE_SCREEN, screen)
        return bool(screen[0])

    def _mode(self, number: int) -> bool:
        config = self._ffi.new("GhosttyTerminalModeConfig *", (number, False))
        self._lib.ghostty_terminal_get(self._terminal, libvt.TERMINAL_MODE, config)
        return bool(config.value)

    @property
    def modes(self) -> Modes:
        """The modes now."""
        kitty = self._ffi.new("uint64_t *")
        self._lib.ghostty_terminal_get(self._terminal, libvt.TERMINAL_KITTY_FLAGS, kitty)
        mode = self._mode
        return Modes(
            alternate_screen=self._is_alternate(),
            application_cursor=mode(1),
            application_keypad=mode(66),
            bracketed_paste=mode(2004),
            focus_events=mode(1004),
            synchronized=mode(2026),
            alternate_scroll=mode(1007),
            reverse_screen=mode(5),
            kitty=int(kitty[0]),
            mouse=next((kind for kind in reversed(MouseTracking) if kind and mode(kind)), MouseTracking.NONE),
            mouse_encoding=next((kind for kind in _ENCODINGS if mode(kind)), MouseEncoding.LEGACY),
        )

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

    def _string(self, data: int) -> str:
        out = self._ffi.new("GhosttyString *")
        if self._lib.ghostty_terminal_get(self._terminal, data, out) or not out.len:
            return ""
        return one_line(bytes(self._ffi.buffer(out.ptr, out.len)).decode("utf-8", "replace"))

    @property
    def title(self) -> str:
        """The window title, cleaned."""
        return self._string(libvt.TERMINAL_TITLE)

    @property
    def cwd(self) -> str:
        """The working directory as the program told it, cleaned."""
        return self._string(libvt.TERMINAL_PWD)


def _append(runs: list[Run], text: str, style: Style, each: int) -> None:
    """Add characters of `each` columns to the run before, if they are of its kind."""
    last = runs[-1] if runs else None
    if last is not None and not last.cluster and last.style == style and last.width == each * len(last.text):
        runs[-1] = Run(last.text + text, style, last.width + each * len(text))
    else:
        runs.append(Run(text, style, each * len(text)))


_ENCODINGS = (MouseEncoding.SGR, MouseEncoding.URXVT, MouseEncoding.UTF8)


def _free(functions: Sequence[Any], handles: Sequence[Any]) -> None:
    for free, handle in zip(functions, handles, strict=True):
        free(handle)

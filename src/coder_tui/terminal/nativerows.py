"""Rows of libghostty-vt's view as runs.

One call returns the raw cells of a row; the rest is arithmetic on big integers (`rawcells`), so that a row costs a
handful of Python operations, not one per cell. Style ids belong to a page of the grid and are reused, so they are
looked up anew in every row; the looked-up values are shared by content.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from types import SimpleNamespace
from typing import Any

from coder_tui.terminal import libvt, rawcells
from coder_tui.terminal.core import PLAIN, REPLACEMENT, RGB, Run, Style, safe
from coder_tui.terminal.rawcells import BACKGROUND, CLUSTER, HEAD, STYLE, TAG, WIDE, RawRow, new

_CACHED = 2048  # random colours must not grow memory, nor freeing them be felt
_CLUSTER_BYTES = 256


class Rows:
    """Reads rows of one terminal. `links` are the underline colours that stand for hyperlinks (see `sieve`)."""

    def __init__(
        self, loaded: SimpleNamespace, terminal: Any, iterator: Any, cells: Any, links: Mapping[RGB, str]
    ) -> None:
        ffi = loaded.ffi
        self._ffi, self._lib = ffi, loaded.lib
        self._terminal, self._iterator, self._cells, self._links = terminal, iterator, cells, links
        self._style_out = ffi.new("GhosttyStyle *")
        self._style_out.size = ffi.sizeof("GhosttyStyle")
        self._style_bytes = memoryview(ffi.buffer(self._style_out))
        self._styles: dict[bytes, Style] = {}
        storage = ffi.new("uint8_t[]", _CLUSTER_BYTES)
        self._clusters: dict[bytes, str] = {}
        self._cluster_bytes = ffi.buffer(storage)
        self._cluster_buffer = ffi.new("GhosttyBuffer *", (storage, _CLUSTER_BYTES, 0))
        self._owned = storage  # what the two lines above point to
        self._view = ffi.new("GhosttyCellsView *")
        self._place = ffi.new("GhosttyGridRef *")  # of the row being read; one call a style instead of two
        self._place.size = ffi.sizeof("GhosttyGridRef")
        self._x = memoryview(ffi.buffer(ffi.addressof(self._place, "x"), 2)).cast("H")
        quick = loaded.quick
        self._get_style, self._get_cluster = quick.ghostty_grid_ref_style, quick.ghostty_render_state_row_cells_get
        self._select = quick.ghostty_render_state_row_cells_select
        self._at_style = libvt.address(ffi, self._place), libvt.address(ffi, self._style_out)
        self._at_cells, self._at_cluster = libvt.address(ffi, cells[0]), libvt.address(ffi, self._cluster_buffer)

    def read(self, y: int) -> list[Run] | None:
        """The row the iterator is at, which is number `y` of the view; None where there is none."""
        view, iterator = self._view, self._iterator[0]
        if self._lib.ghostty_render_state_row_get(iterator, libvt.ROW_CELLS_RAW, view) or not view.len:
            return None
        row = rawcells.read(self._ffi.buffer(view.ptr, view.len * 8)[:])
        if not row.looks:
            return [Run(row.text, PLAIN, view.len)]
        self._lib.ghostty_render_state_row_get(iterator, libvt.ROW_CELLS, self._cells)
        self._lib.ghostty_terminal_grid_ref(self._terminal, (libvt.POINT_VIEWPORT, 0, 0, y, 0), self._place)
        return self._runs(row)

    def _runs(self, row: RawRow) -> list[Run]:
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
            if look & TAG == CLUSTER:  # rare: a call per cell
                runs += [Run(self._cluster(x), style, width, cluster=True) for x in columns[start:end]]
            elif (look | before) & BACKGROUND:  # looks that differ may have one style
                _append(runs, text[start:end], style, width)
            else:
                runs.append(new(Run, (text[start:end], style, width * (end - start), False)))
            start, before = end, look
        return runs

    def _style(self, x: int) -> Style:
        self._x[0] = x
        self._get_style(*self._at_style)
        key = self._style_bytes.tobytes()
        style = self._styles.get(key)
        if style is None:
            if len(self._styles) > _CACHED:
                self._styles.clear()
            style = rawcells.style(key)
            if isinstance(style.underline_color, tuple) and (link := self._links.get(style.underline_color)):
                style = style._replace(underline_color=None, link=link)
            self._styles[key] = style
        return style

    def _cluster(self, x: int) -> str:
        self._select(self._at_cells, x)
        if self._get_cluster(self._at_cells, libvt.CELL_GRAPHEMES_UTF8, self._at_cluster):
            return REPLACEMENT  # marks without end (zalgo) are cut
        key = self._cluster_bytes[: self._cluster_buffer.len]
        cluster = self._clusters.get(key)
        if cluster is None:
            if len(self._clusters) > _CACHED:
                self._clusters.clear()
            # A joiner left at the end would fuse with the next cell in a terminal that shapes emoji.
            cluster = self._clusters[key] = safe(key.decode("utf-8", "replace").rstrip("\u200d")) or " "
        return cluster


def _append(runs: list[Run], text: str, style: Style, each: int) -> None:
    """Add characters of `each` columns to the run before, if they are of its kind."""
    last = runs[-1] if runs else None
    if last is not None and not last.cluster and last.style == style and last.width == each * len(last.text):
        runs[-1] = Run(last.text + text, style, last.width + each * len(text))
    else:
        runs.append(Run(text, style, each * len(text)))

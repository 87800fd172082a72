"""libghostty-vt, loaded with only the declarations we use.

pyghostty ships the library, but importing it parses its whole C interface (a quarter of a second). These few are
parsed in 30 ms. They are checked against the manifest the library carries about itself, so a library that differs
is refused (and the fallback core used) rather than misread.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import json
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

_DECLARATIONS = """
typedef struct { const uint8_t *ptr; size_t len; } GhosttyString;
typedef struct { uint8_t r, g, b; } GhosttyColorRgb;
typedef struct { int tag; union { uint8_t palette; GhosttyColorRgb rgb; uint64_t padding; } value; } GhosttyStyleColor;
typedef struct {
  size_t size; GhosttyStyleColor fg_color, bg_color, underline_color;
  bool bold, italic, faint, blink, inverse, invisible, strikethrough, overline; int underline;
} GhosttyStyle;
typedef struct { const uint64_t *ptr; size_t len; } GhosttyCellsView;
typedef struct { uint8_t *ptr; size_t cap, len; } GhosttyBuffer;
typedef struct { size_t size; void *node; uint16_t x, y; } GhosttyGridRef;
typedef struct { size_t size; GhosttyGridRef start, end; bool rectangle; } GhosttySelection;
typedef struct { GhosttySelection *ptr; size_t cap, len; } GhosttySelectionBuffer;
typedef struct { uint16_t x; uint32_t y; } GhosttyPointCoordinate;
typedef struct {
  size_t size; int emit; bool unwrap, trim; const GhosttySelection *selection;
} GhosttyTerminalSelectionFormatOptions;
typedef struct { GhosttyString mime, data; } GhosttyClipboardContent;
typedef struct { size_t size; int result; bool remember; } GhosttyClipboardWriteReply;
typedef struct GhosttyClipboardWrite GhosttyClipboardWrite;
struct GhosttyClipboardWrite {
  size_t size; int location; const GhosttyClipboardContent *contents; size_t contents_len; GhosttyString name;
  bool granted, can_remember; const void *ctx;
  void (*reply)(const GhosttyClipboardWrite *write, const GhosttyClipboardWriteReply *reply);
};
typedef struct { uint16_t mode; bool value; } GhosttyTerminalModeConfig;
typedef struct { uint64_t total, offset, len; } GhosttyTerminalScrollbar;
typedef struct { uint16_t rows, columns; uint32_t cell_width, cell_height; } GhosttySizeReportSize;
typedef struct {
  size_t size; bool viewport_has_value; uint16_t viewport_x, viewport_y;
  bool wide_tail, visible, blinking, password_input; int visual_style;
} GhosttyRenderStateCursor;

/* Tagged unions go by value; libffi cannot pass a union, a struct of the same layout passes alike. */
typedef struct { int tag, hole; uint16_t x; uint32_t y; uint64_t padding; } point_t;
typedef struct { int tag; intptr_t value; uint64_t padding; } scroll_t;

typedef void (*write_fn)(void *terminal, void *userdata, const uint8_t *data, size_t len);
typedef void (*copy_fn)(void *terminal, void *userdata, const GhosttyClipboardWrite *write);
typedef bool (*size_fn)(void *terminal, void *userdata, GhosttySizeReportSize *out);

const char *ghostty_type_json(void);
int ghostty_terminal_new(const void *allocator, void **terminal, uint16_t columns, uint16_t rows);
void ghostty_terminal_free(void *terminal);
int ghostty_terminal_resize(void *terminal, uint16_t columns, uint16_t rows, uint32_t cell_width, uint32_t cell_height);
int ghostty_terminal_set(void *terminal, int option, const void *value);
int ghostty_terminal_get(void *terminal, int data, void *out);
void ghostty_terminal_vt_write(void *terminal, const uint8_t *data, size_t len);
void ghostty_terminal_scroll_viewport(void *terminal, scroll_t behavior);
int ghostty_terminal_grid_ref(void *terminal, point_t point, GhosttyGridRef *out);
int ghostty_grid_ref_style(const GhosttyGridRef *ref, GhosttyStyle *out);
int ghostty_terminal_point_from_grid_ref(
  void *terminal, const GhosttyGridRef *ref, int tag, GhosttyPointCoordinate *out);
int ghostty_terminal_selection_format_buf(
  void *terminal, GhosttyTerminalSelectionFormatOptions options, uint8_t *buf, size_t buf_len, size_t *out_written);

int ghostty_search_new(const void *allocator, void **search, void *terminal);
void ghostty_search_free(void *search);
int ghostty_search_run(void *search);
int ghostty_search_set(void *search, int option, const void *value);
int ghostty_search_get(void *search, int data, void *value);

int ghostty_render_state_new(const void *allocator, void **state);
void ghostty_render_state_free(void *state);
int ghostty_render_state_update(void *state, void *terminal);
int ghostty_render_state_clean(void *state);
int ghostty_render_state_get(void *state, int data, void *out);
int ghostty_render_state_row_iterator_new(const void *allocator, void **iterator);
void ghostty_render_state_row_iterator_free(void *iterator);
bool ghostty_render_state_row_iterator_next(void *iterator);
bool ghostty_render_state_row_iterator_next_dirty(void *iterator, uint16_t *out_y);
int ghostty_render_state_row_get(void *iterator, int data, void *out);
int ghostty_render_state_row_cells_new(const void *allocator, void **cells);
void ghostty_render_state_row_cells_free(void *cells);
int ghostty_render_state_row_cells_select(void *cells, uint16_t x);
int ghostty_render_state_row_cells_get(void *cells, int data, void *out);
"""

# The bits of a raw cell (u64), by name: (lowest bit, width).
CELL_BITS = {"content_tag": (0, 2), "content": (2, 24), "style_id": (26, 16), "wide": (42, 2)}

# GhosttyTerminalOption, GhosttyTerminalData, GhosttyRenderState*Data: the ones we use.
OPT_WRITE_PTY, OPT_SIZE, OPT_FOREGROUND, OPT_BACKGROUND = 1, 6, 11, 12
OPT_IMAGE_STORAGE_LIMIT, OPT_CLIPBOARD_WRITE, OPT_SCROLLBACK_MAX_BYTES, OPT_SCROLLBACK_MAX_LINES = 15, 26, 27, 28
TERMINAL_ACTIVE_SCREEN, TERMINAL_KITTY_FLAGS, TERMINAL_SCROLLBAR = 6, 8, 9
TERMINAL_TITLE, TERMINAL_PWD, TERMINAL_MODE = 12, 13, 37
TERMINAL_FOREGROUND, TERMINAL_BACKGROUND, TERMINAL_CURSOR, TERMINAL_PALETTE = 18, 19, 20, 21
TERMINAL_DEFAULTS = 4  # each colour's default is this much further on
SEARCH_NEEDLE = 0
SEARCH_TOTAL, SEARCH_MATCHES = 2, 5
CLIPBOARD_SUCCESS, CLIPBOARD_DENIED = 0, 1
STATE_DIRTY, STATE_ROW_ITERATOR, STATE_CURSOR = 3, 4, 18
ROW_CELLS, ROW_CELLS_RAW = 3, 5
CELL_GRAPHEMES_UTF8 = 9
SCROLL_BOTTOM, SCROLL_DELTA = 1, 2
POINT_VIEWPORT, POINT_SCREEN = 1, 2
DIRTY_NONE, DIRTY_FULL = 0, 2
OUT_OF_SPACE = -3


def _library_path() -> Path:
    spec = importlib.util.find_spec("pyghostty")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for path in sorted(Path(folder, "_lib").glob("libghostty-vt.*")):
            return path
    raise OSError("pyghostty is not installed, or brings no library for this machine")


def _check(ffi: Any, manifest: dict[str, Any]) -> None:
    for name, declared in manifest.items():
        if declared.get("kind") != "struct" or name not in ffi.list_types()[0]:
            continue
        if ffi.sizeof(name) != declared["size"]:
            raise OSError(f"libghostty-vt has another {name} than we know")
    bits = manifest["GhosttyCell"]["bits"]
    if any((bits[name]["lsb"], bits[name]["width"]) != place for name, place in CELL_BITS.items()):
        raise OSError("libghostty-vt has another cell layout than we know")


@cache
def load() -> SimpleNamespace:
    """`ffi` and `lib` of the library, and `quick`: the same, but keeping the GIL.

    Raises OSError where there is none that we understand. A call through `lib` lets other threads run, which a call of
    a few nanoseconds, made a thousand times a frame, has to wait for a thousand times. Those take only addresses.
    """
    ffi = importlib.import_module("cffi").FFI()  # comes with pyghostty, so it may be missing too
    ffi.cdef(_DECLARATIONS)
    path = str(_library_path())
    lib = ffi.dlopen(path)
    _check(ffi, json.loads(ffi.string(lib.ghostty_type_json()))["types"])
    return SimpleNamespace(ffi=ffi, lib=lib, quick=ctypes.PyDLL(path))


def address(ffi: Any, pointer: Any) -> ctypes.c_void_p:
    """A pointer of `lib` for `quick`; who owns the memory has to live on."""
    return ctypes.c_void_p(int(ffi.cast("intptr_t", pointer)))

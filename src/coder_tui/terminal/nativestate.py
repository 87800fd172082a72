"""What libghostty-vt knows besides its grid: cursor, modes, colours, title."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from coder_tui.terminal import libvt
from coder_tui.terminal.core import (
    RGB,
    UNCHANGED,
    Colors,
    Cursor,
    CursorShape,
    Modes,
    MouseEncoding,
    MouseTracking,
    Scroll,
)
from coder_tui.text import one_line

_SHAPES = {0: CursorShape.BAR, 2: CursorShape.UNDERLINE}
_ENCODINGS = (MouseEncoding.SGR, MouseEncoding.URXVT, MouseEncoding.UTF8)


class State:
    """Asks one terminal."""

    def __init__(self, loaded: SimpleNamespace, terminal: Any) -> None:
        ffi = loaded.ffi
        self._ffi, self._terminal, self._get = ffi, terminal, loaded.lib.ghostty_terminal_get
        self._render_get = loaded.lib.ghostty_render_state_get
        self._palettes = ffi.new("GhosttyColorRgb[256]"), ffi.new("GhosttyColorRgb[256]")
        self._rgb = ffi.new("GhosttyColorRgb *"), ffi.new("GhosttyColorRgb *")
        self._colors, self._colors_key = UNCHANGED, b""

    def cursor(self, render_state: Any) -> Cursor | None:
        """The cursor as of the last update of the render state."""
        out = self._ffi.new("GhosttyRenderStateCursor *")
        out.size = self._ffi.sizeof("GhosttyRenderStateCursor")
        if self._render_get(render_state, libvt.STATE_CURSOR, out):
            return None
        shape = _SHAPES.get(out.visual_style, CursorShape.BLOCK)
        if not out.viewport_has_value:
            return Cursor(0, 0, False, shape)
        return Cursor(out.viewport_x - bool(out.wide_tail), out.viewport_y, bool(out.visible), shape)

    def colors(self) -> Colors:
        """What the program changed of the colours; the same object while that is the same.

        Costs some hundred microseconds only where the bytes of all colours differ from last time.
        """
        get, terminal, (now, usual) = self._get, self._terminal, self._palettes
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
            return self._colors
        self._colors_key = key
        get(terminal, libvt.TERMINAL_PALETTE + libvt.TERMINAL_DEFAULTS, usual)
        palette = {
            index: (color.r, color.g, color.b)
            for index, color in enumerate(now)
            if (color.r, color.g, color.b) != (usual[index].r, usual[index].g, usual[index].b)
        }
        colors = Colors(own[0], own[1], own[2], palette)
        self._colors = colors if any(colors) else UNCHANGED
        return self._colors

    def scroll(self) -> Scroll:
        """How much history there is, and where the view is in it."""
        bar = self._ffi.new("GhosttyTerminalScrollbar *")
        self._get(self._terminal, libvt.TERMINAL_SCROLLBAR, bar)
        length = max(0, bar.total - bar.len)
        return Scroll(length, max(0, length - bar.offset))

    def modes(self) -> Modes:
        """The modes now."""
        kitty, screen = self._ffi.new("uint64_t *"), self._ffi.new("int *")
        self._get(self._terminal, libvt.TERMINAL_KITTY_FLAGS, kitty)
        self._get(self._terminal, libvt.TERMINAL_ACTIVE_SCREEN, screen)
        mode = self._mode
        return Modes(
            alternate_screen=bool(screen[0]),
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

    def _mode(self, number: int) -> bool:
        config = self._ffi.new("GhosttyTerminalModeConfig *", (number, False))
        self._get(self._terminal, libvt.TERMINAL_MODE, config)
        return bool(config.value)

    def string(self, data: int) -> str:
        """The title or the working directory, cleaned."""
        out = self._ffi.new("GhosttyString *")
        if self._get(self._terminal, data, out) or not out.len:
            return ""
        return one_line(bytes(self._ffi.buffer(out.ptr, out.len)).decode("utf-8", "replace"))

"""What stands where in libghostty-vt's grid, history included: searches and texts; and what was copied."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from coder_tui.terminal import libvt
from coder_tui.terminal.core import MAX_COPY_BYTES, MAX_MATCHES, Match, Point, safe

_TEXT_BYTES = 1 << 16  # a first guess; the library says when it needs more


def find(loaded: SimpleNamespace, terminal: Any, needle: str) -> list[Match]:
    """Where `needle` stands, oldest first, at most `MAX_MATCHES`. Does not move the view."""
    ffi, lib = loaded.ffi, loaded.lib
    data = needle.encode("utf-8", "replace")
    handle = ffi.new("void **")
    if not data or lib.ghostty_search_new(ffi.NULL, handle, terminal):
        return []
    search = handle[0]
    try:
        storage = ffi.from_buffer(data)
        lib.ghostty_search_set(search, libvt.SEARCH_NEEDLE, ffi.new("GhosttyString *", (storage, len(data))))
        lib.ghostty_search_run(search)
        total = ffi.new("size_t *")
        lib.ghostty_search_get(search, libvt.SEARCH_TOTAL, total)
        count = min(total[0], MAX_MATCHES)
        found = ffi.new("GhosttySelection[]", max(1, count))
        buffer = ffi.new("GhosttySelectionBuffer *", (found, count, 0))
        lib.ghostty_search_get(search, libvt.SEARCH_MATCHES, buffer)  # newest first; says so when it had more
        matches = [
            Match(_point(loaded, terminal, found[index].start), _point(loaded, terminal, found[index].end))
            for index in range(min(count, buffer.len))
        ]
    finally:
        lib.ghostty_search_free(search)
    matches.reverse()
    return matches


def _point(loaded: SimpleNamespace, terminal: Any, ref: Any) -> Point:
    out = loaded.ffi.new("GhosttyPointCoordinate *")
    loaded.lib.ghostty_terminal_point_from_grid_ref(terminal, loaded.ffi.addressof(ref), libvt.POINT_SCREEN, out)
    return out.y, out.x


def _ref(loaded: SimpleNamespace, terminal: Any, kind: int, row: int, column: int) -> Any:
    """A reference to a cell, or None where there is none. Good until the terminal changes."""
    ref = loaded.ffi.new("GhosttyGridRef *")
    ref.size = loaded.ffi.sizeof("GhosttyGridRef")
    failed = loaded.lib.ghostty_terminal_grid_ref(terminal, (kind, 0, column, row, 0), ref)
    return None if failed else ref


def text(loaded: SimpleNamespace, terminal: Any, start: Point, last: Point) -> str:
    """The text from cell `start` to cell `last`, both included; lines wrapped by the terminal are joined."""
    ffi = loaded.ffi
    first, end = _ref(loaded, terminal, libvt.POINT_SCREEN, *start), _ref(loaded, terminal, libvt.POINT_SCREEN, *last)
    if first is None or end is None:
        return ""
    selection = ffi.new("GhosttySelection *", (ffi.sizeof("GhosttySelection"), first[0], end[0], False))
    size = ffi.sizeof("GhosttyTerminalSelectionFormatOptions")
    options = ffi.new("GhosttyTerminalSelectionFormatOptions *", (size, 0, True, True, selection))
    room, written = _TEXT_BYTES, ffi.new("size_t *")
    while True:
        buffer = ffi.new("uint8_t[]", room)
        failed = loaded.lib.ghostty_terminal_selection_format_buf(terminal, options[0], buffer, room, written)
        if not failed:
            found = bytes(ffi.buffer(buffer, written[0])).decode("utf-8", "replace")
            return "\n".join(safe(line).rstrip() for line in found.split("\n"))
        if failed != libvt.OUT_OF_SPACE or written[0] <= room:
            return ""
        room = written[0]


def copied(loaded: SimpleNamespace, write: Any) -> str:
    """The text of a clipboard request, answered at once: whether it is copied is decided later, by a person."""
    ffi = loaded.ffi
    contents = [write.contents[index] for index in range(write.contents_len)]
    found = next((one.data for one in contents if _bytes(ffi, one.mime) == b"text/plain"), None)
    if found is not None and found.len > MAX_COPY_BYTES:
        found = None
    reply = ffi.new("GhosttyClipboardWriteReply *")
    reply.size = ffi.sizeof("GhosttyClipboardWriteReply")
    reply.result = libvt.CLIPBOARD_DENIED if found is None else libvt.CLIPBOARD_SUCCESS
    write.reply(write, reply)
    return "" if found is None else _bytes(ffi, found).decode("utf-8", "replace")


def _bytes(ffi: Any, string: Any) -> bytes:
    return bytes(ffi.buffer(string.ptr, string.len)) if string.len else b""

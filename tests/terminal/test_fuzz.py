"""Whatever comes, however it is cut: no exception, the same screen, and cells that fill the grid."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.terminal import libvt
from coder_tui.terminal.core import TerminalCore, screen_text
from coder_tui.terminal.fallback import BitttyCore
from coder_tui.terminal.ghostty import GhosttyCore

parameters = st.lists(st.integers(0, 300), max_size=4).map(lambda numbers: ";".join(map(str, numbers)))
sequences = st.one_of(
    st.text(min_size=1, max_size=12).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(min_size=1, max_size=12),
    st.builds(
        lambda private, numbers, final: f"\x1b[{private}{numbers}{final}".encode(),
        st.sampled_from(["", "?", ">", "="]),
        parameters,
        st.sampled_from("@ABCDEFGHIJKLMPSTXZ`abcdefghlmnqrstu"),
    ),
    st.sampled_from(
        [b"\r\n", b"\n", b"\t", b"\x08", b"\x1b7", b"\x1b8", b"\x1bM", b"\x1bD", b"\x1bc", b"\x1b#8", b"\x1b[?1049h"]
    ),
    st.builds(
        lambda command, text: b"\x1b]" + command + text.encode("utf-8", "surrogatepass") + b"\x07",
        st.sampled_from([b"0;", b"8;;", b"4;1;", b"52;c;", b"7;"]),
        st.text(max_size=8),
    ),
    st.sampled_from(["中", "👩‍💻", "e\u0301", "🇩🇪", "☀️", "\u200d"]).map(str.encode),
)
streams = st.lists(sequences, max_size=30).map(b"".join)
sizes = st.tuples(st.integers(1, 40), st.integers(1, 20))


def shown(core: TerminalCore) -> list[Any]:
    core.take_dirty()
    rows = [list(core.row(y)) for y in range(core.rows)]
    for row in rows:
        assert sum(run.width for run in row) == core.columns
        assert all(run.text and run.width > 0 for run in row)
    return [*rows, core.cursor, core.modes, core.title]


@given(streams, sizes, st.data())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_chunks_do_not_matter(stream: bytes, size: tuple[int, int], data: st.DataObject) -> None:
    whole, cut = GhosttyCore(*size, 100), GhosttyCore(*size, 100)
    whole.feed(stream)
    rest = stream
    while rest:
        at = data.draw(st.integers(1, len(rest)))
        cut.feed(rest[:at])
        rest = rest[at:]
    assert shown(whole) == shown(cut)
    assert whole.take_replies() == cut.take_replies()


@given(st.lists(st.tuples(streams, sizes, st.integers(-30, 30)), max_size=6))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_resizes_and_scrolls_between(steps: list[tuple[bytes, tuple[int, int], int]]) -> None:
    core = GhosttyCore(20, 5, 100)
    for stream, size, scroll in steps:
        core.feed(stream)
        shown(core)
        core.resize(*size)
        shown(core)
        core.scroll(scroll)
        shown(core)
    core.reset()
    assert screen_text(core) == ""


@given(streams, sizes)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_the_fallback_survives(stream: bytes, size: tuple[int, int]) -> None:
    core = BitttyCore(20, 5, 100)
    core.feed(stream)
    shown(core)
    core.resize(*size)
    core.feed(stream)
    shown(core)


_REPLAY = """
import gzip, json, sys
from coder_tui.terminal.ghostty import GhosttyCore
core = GhosttyCore(80, 24, 10_000)
for name, *values in json.loads(gzip.decompress(open(sys.argv[1], "rb").read())):
    if name == "feed":
        core.feed(values[0].encode("latin-1"))
    else:
        {"resize": core.resize, "scroll": core.scroll, "dirty": core.take_dirty}[name](*values)
"""


def test_a_crash_that_the_fuzz_found_is_guarded_against() -> None:
    """Hyperlinks, no autowrap, a resize: libghostty-vt ended the process. In one of its own, in case it is back."""
    steps = Path(__file__).parent / "reflow-crash.json.gz"
    done = subprocess.run([sys.executable, "-c", _REPLAY, str(steps)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_numbers_we_use_are_the_librarys() -> None:
    """Enum values are no part of the load-time check: here they are compared with the library's own manifest."""
    loaded = libvt.load()
    types = json.loads(loaded.ffi.string(loaded.lib.ghostty_type_json()))["types"]
    expected = {
        ("GhosttyTerminalOption", "WRITE_PTY"): libvt.OPT_WRITE_PTY,
        ("GhosttyTerminalOption", "SIZE"): libvt.OPT_SIZE,
        ("GhosttyTerminalOption", "COLOR_FOREGROUND"): libvt.OPT_FOREGROUND,
        ("GhosttyTerminalOption", "COLOR_BACKGROUND"): libvt.OPT_BACKGROUND,
        ("GhosttyTerminalOption", "KITTY_IMAGE_STORAGE_LIMIT"): libvt.OPT_IMAGE_STORAGE_LIMIT,
        ("GhosttyTerminalOption", "SCROLLBACK_MAX_BYTES"): libvt.OPT_SCROLLBACK_MAX_BYTES,
        ("GhosttyTerminalOption", "SCROLLBACK_MAX_LINES"): libvt.OPT_SCROLLBACK_MAX_LINES,
        ("GhosttyTerminalData", "ACTIVE_SCREEN"): libvt.TERMINAL_ACTIVE_SCREEN,
        ("GhosttyTerminalData", "SCROLLBAR"): libvt.TERMINAL_SCROLLBAR,
        ("GhosttyTerminalData", "TITLE"): libvt.TERMINAL_TITLE,
        ("GhosttyTerminalData", "PWD"): libvt.TERMINAL_PWD,
        ("GhosttyTerminalData", "MODE"): libvt.TERMINAL_MODE,
        ("GhosttyTerminalData", "KITTY_KEYBOARD_FLAGS"): libvt.TERMINAL_KITTY_FLAGS,
        ("GhosttyTerminalData", "COLOR_FOREGROUND"): libvt.TERMINAL_FOREGROUND,
        ("GhosttyTerminalData", "COLOR_BACKGROUND"): libvt.TERMINAL_BACKGROUND,
        ("GhosttyTerminalData", "COLOR_CURSOR"): libvt.TERMINAL_CURSOR,
        ("GhosttyTerminalData", "COLOR_PALETTE"): libvt.TERMINAL_PALETTE,
        ("GhosttyTerminalData", "COLOR_FOREGROUND_DEFAULT"): libvt.TERMINAL_FOREGROUND + libvt.TERMINAL_DEFAULTS,
        ("GhosttyTerminalData", "COLOR_PALETTE_DEFAULT"): libvt.TERMINAL_PALETTE + libvt.TERMINAL_DEFAULTS,
        ("GhosttyTerminalOption", "CLIPBOARD_WRITE"): libvt.OPT_CLIPBOARD_WRITE,
        ("GhosttyPointTag", "VIEWPORT"): libvt.POINT_VIEWPORT,
        ("GhosttyPointTag", "SCREEN"): libvt.POINT_SCREEN,
        ("GhosttySearchOption", "NEEDLE"): libvt.SEARCH_NEEDLE,
        ("GhosttySearchData", "TOTAL_MATCHES"): libvt.SEARCH_TOTAL,
        ("GhosttySearchData", "MATCHES"): libvt.SEARCH_MATCHES,
        ("GhosttyClipboardWriteResult", "SUCCESS"): libvt.CLIPBOARD_SUCCESS,
        ("GhosttyClipboardWriteResult", "DENIED"): libvt.CLIPBOARD_DENIED,
        ("GhosttyResult", "OUT_OF_SPACE"): libvt.OUT_OF_SPACE,
        ("GhosttyRenderStateData", "DIRTY"): libvt.STATE_DIRTY,
        ("GhosttyRenderStateData", "ROW_ITERATOR"): libvt.STATE_ROW_ITERATOR,
        ("GhosttyRenderStateData", "CURSOR"): libvt.STATE_CURSOR,
        ("GhosttyRenderStateRowData", "CELLS"): libvt.ROW_CELLS,
        ("GhosttyRenderStateRowData", "CELLS_RAW"): libvt.ROW_CELLS_RAW,
        ("GhosttyRenderStateRowCellsData", "GRAPHEMES_UTF8"): libvt.CELL_GRAPHEMES_UTF8,
    }
    for (enum, name), value in expected.items():
        assert types[enum]["values"][name] == value, (enum, name)

"""Mode 40 and hyperlinks never reach the library, however they are written or cut; everything else does."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.terminal import rawcells
from coder_tui.terminal.core import Style, Underline, screen_text
from coder_tui.terminal.ghostty import GhosttyCore
from coder_tui.terminal.sieve import MAX_LINK_BYTES, Sieve

_HYPERLINK = 1 << 45  # of a raw cell


def filtered(*chunks: bytes) -> bytes:
    sieve = Sieve()
    return b"".join(map(sieve.through, chunks)) + sieve._begun


def links(core: GhosttyCore) -> list[tuple[str, str]]:
    core.take_dirty()
    return [(run.text, run.style.link) for run in core.row(0) if run.style.link]


@pytest.mark.parametrize(
    ("output", "left"),
    [
        (b"\x1b[?40h\x1b[?3h", b"\x1b[?h\x1b[?3h"),
        (b"a\x1b[?25;40;7hb", b"a\x1b[?25;7hb"),
        (b"\x1b[?0040h", b"\x1b[?h"),
        (b"\x1b[?4\r0h", b"\r\x1b[?h"),
        (b"\x1b\x7f[\n?40\x7fh", b"\x7f\n\x7f\x1b[?h"),
        (b"\x1b[?140;400h\x1b[?1049h\x1b[?2004h", b"\x1b[?140;400h\x1b[?1049h\x1b[?2004h"),
        (b"\x1b[?40l\x1b[40h\x1b[40m?40h", b"\x1b[?40l\x1b[40h\x1b[40m?40h"),
        (b"\x1b[?4\x180h", b"\x1b[?4\x180h"),
    ],
)
def test_modes(output: bytes, left: bytes) -> None:
    assert filtered(output) == left
    assert filtered(*(output[at : at + 1] for at in range(len(output)))) == left, "byte by byte"


_PIECES = [b"\x1b", b"[", b"]", b"?", b"4", b"0", b"8", b";", b"h", b"m", b"\r", b"x", b"\x18", b"\x07"]


@given(st.lists(st.sampled_from(_PIECES), max_size=30))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_cuts_do_not_matter(pieces: list[bytes]) -> None:
    def unmarked(data: bytes) -> bytes:
        return re.sub(rb"58:2::\d+:\d+:\d+", b"58", data)  # a link's colour is by chance

    assert unmarked(filtered(*pieces)) == unmarked(filtered(b"".join(pieces)))


def has_hyperlinks(core: GhosttyCore) -> bool:
    """Whether the library knows of any in the shown screen."""
    cells: list[int] = []
    read = rawcells.read

    def spied(raw: bytes) -> rawcells.RawRow:
        cells.extend(int.from_bytes(raw[at : at + 8], "little") for at in range(0, len(raw), 8))
        return read(raw)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rawcells, "read", spied)
        core.take_dirty()
    assert cells
    return any(cell & _HYPERLINK for cell in cells)


@given(
    st.lists(st.sampled_from([*_PIECES, b"\x1b]8;;u\x07", b"\x1b]8;;", b"]8;;v\x1b\\", b"\x1b]", b"\x90"]), max_size=30)
)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_no_hyperlink_reaches_the_library(pieces: list[bytes]) -> None:
    core = GhosttyCore(20, 3, 10)
    for piece in pieces:
        core.feed(piece)
    core.feed(b"\x18shown")
    assert not has_hyperlinks(core)


def test_the_library_by_itself_has_hyperlinks() -> None:
    """Otherwise the test above could not fail."""
    core, output = GhosttyCore(20, 3, 10), b"\x1b]8;;u\x07x"
    core._lib.ghostty_terminal_vt_write(core._terminal, output, len(output))
    assert has_hyperlinks(core)


@pytest.mark.parametrize(
    ("output", "found"),
    [
        (b"\x1b]8;;http://a/?x=1;y\x1b\\A\x1b]8;;\x1b\\B", [("A", "http://a/?x=1;y")]),
        (b"\x1b]8;id=one:x=y;u\x07A", [("A", "u")]),
        (b"\x1b\r]8\x01;;u\rv\x07A", [("A", "uv")]),
        (b"\x1b]8;;u\x07A\x1b]8;;v\x07B\x1b]8;;\x07C", [("A", "u"), ("B", "v")]),
        (b"\x1b]8;;u\x07A\x1b[1;31mB\x1b[mC", [("A", "u"), ("B", "u"), ("C", "u")]),
        (b"\x1b]8;;u\x07A\x1b[58;2;1;2;3;4mB", [("A", "u"), ("B", "u")]),
        (b"\x1b]8;;u\x07A\x1b7\x1b]8;;\x07B\x1b8C", [("A", "u")]),
        (b"\x1b]8;;u\x07A\x1b[s\x1b]8;;\x07B\x1b[uC", [("A", "u")]),
        (b"\x1b]8;;u\x07A\x1b[?1049h\x1b[H\x1b]8;;\x07\x1b[?1049lC", [("A", "u")]),
        (b"\x1b]8;;u\x07A\x1bcB", []),
        (b"\x1b]8;;u\x18A\x1b]8;;u\x1aB\x1b]8;u\x07C", []),
        (b"\x1b[1\x1b]8;;u\x07mA", [("mA", "u")]),
        (b"\x1b]8;;" + b"u" * (MAX_LINK_BYTES + 1) + b"\x07A", []),
        (b"\x1b]8;;" + b"u" * MAX_LINK_BYTES + b"\x07A", [("A", "u" * MAX_LINK_BYTES)]),
        ("\x1b]8;;http://作/\x07中文".encode(), [("中文", "http://作/")]),
        (b"\x1b]8;;u\x1b[4mA", [("A", "u")]),
    ],
)
def test_links(output: bytes, found: list[tuple[str, str]]) -> None:
    core, cut = GhosttyCore(20, 3, 10), GhosttyCore(20, 3, 10)
    core.feed(output)
    assert links(core) == found
    for at in range(0, len(output), max(1, len(output) // 100)):
        cut.feed(output[at : at + max(1, len(output) // 100)])
    assert links(cut) == found, "in pieces"


def test_a_link_changes_nothing_else_of_its_cells() -> None:
    core = GhosttyCore(20, 3, 10)
    core.feed(b"\x1b[4:3;58;5;9;1mA\x1b]8;;u\x07B\x1b]8;;\x07\x1b[58;2;1;2;3mC")
    core.take_dirty()
    curly = Style(underline=Underline.CURLY, bold=True)
    assert [run.style for run in core.row(0)][:3] == [
        curly._replace(underline_color=9),
        curly._replace(link="u"),
        curly._replace(underline_color=(1, 2, 3)),
    ]


def test_links_move_with_their_text() -> None:
    core = GhosttyCore(10, 3, 100)
    core.feed(b"\x1b]8;;u\x07link here\x1b]8;;\x07 and text\r\n" + b"x\r\n" * 9)
    core.resize(20, 3)
    core.scroll(-100)
    assert links(core) == [("link here", "u")]
    assert screen_text(core).splitlines()[0] == "link here and text"


def test_links_without_end_cost_no_memory() -> None:
    sieve = Sieve()
    for number in range(3000):
        sieve.through(b"\x1b]8;;%d%s\x07x" % (number, b"u" * 4000))
    assert sum(map(len, sieve.links.values())) <= 1 << 22
    assert any(link.startswith("2999u") for link in sieve.links.values()), "the newest are kept"


def test_a_target_said_again_is_the_same_link() -> None:
    sieve = Sieve()
    sieve.through(b"\x1b]8;;u\x07x\x1b]8;;\x07" * 100)
    assert list(sieve.links.values()) == ["u"]


@pytest.mark.parametrize("start", [b"\x1b[?", b"\x1b]8;;"])
def test_an_endless_sequence_costs_no_memory(start: bytes) -> None:
    sieve = Sieve()
    assert sieve.through(start + b"0" * 100_000) == b""
    assert sieve.through(b"0" * 100_000) == b""
    assert len(sieve._begun) < 10_000
    assert sieve.through(b"\x07\x1b[1mx").endswith(b"\x1b[1mx")

"""Mode 40 never reaches the core, however it is written or cut; everything else does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.terminal.deccolm import without_width


def filtered(*chunks: bytes) -> bytes:
    done, begun = b"", b""
    for chunk in chunks:
        data, begun = without_width(begun + chunk)
        done += data
    return done + begun


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


@given(st.lists(st.sampled_from([b"\x1b", b"[", b"?", b"4", b"0", b";", b"h", b"\r", b"x", b"\x18"]), max_size=30))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_cuts_do_not_matter(pieces: list[bytes]) -> None:
    assert filtered(*pieces) == filtered(b"".join(pieces))


def test_an_endless_sequence_costs_no_memory() -> None:
    data, begun = without_width(b"\x1b[?" + b"0" * 10_000)
    assert (data, begun) == (b"", b"")

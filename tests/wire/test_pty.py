"""The unframed JSON stream of the terminal socket: any split gives the same requests."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.errors import ProtocolError
from coder_tui.wire.pty import MAX_CELLS, PtyRequest, PtyRequestDecoder, encode_request

texts = st.text(alphabet=st.characters(codec="utf-8"), max_size=40)
cells = st.integers(0, MAX_CELLS)
requests = st.builds(PtyRequest, texts, cells, cells)


def feed_all(decoder: PtyRequestDecoder, pieces: list[bytes]) -> list[PtyRequest]:
    return [request for piece in pieces for request in decoder.feed(piece)]


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@settings(max_examples=150)
@given(
    st.lists(requests, max_size=6),
    st.lists(st.integers(0, 2000), max_size=30),
    st.sampled_from([b"", b" ", b"\n", b" \r\n\t"]),
)
def test_any_split_gives_the_requests_that_were_sent(sent: list[PtyRequest], cuts: list[int], between: bytes) -> None:
    wire = between.join(encode_request(r.data, height=r.height, width=r.width) for r in sent) + between
    assert feed_all(PtyRequestDecoder(), cut(wire, cuts)) == sent


@settings(max_examples=100)
@given(st.lists(requests, min_size=1, max_size=3))
def test_byte_by_byte_with_escaped_text(sent: list[PtyRequest]) -> None:
    wire = b"".join(json.dumps({"data": r.data, "height": r.height, "width": r.width}).encode() for r in sent)
    assert feed_all(PtyRequestDecoder(), [wire[i : i + 1] for i in range(len(wire))]) == sent


@settings(max_examples=200)
@given(st.binary(max_size=80))
def test_garbage_is_refused_or_waits_but_never_crashes(data: bytes) -> None:
    decoder = PtyRequestDecoder()
    try:
        for request in decoder.feed(data):
            assert isinstance(request, PtyRequest)
    except ProtocolError:
        pass


def test_a_utf8_sequence_split_between_frames() -> None:
    wire = encode_request("é🙂")
    middle = wire.index("🙂".encode()) + 2
    assert feed_all(PtyRequestDecoder(), [wire[:middle], wire[middle:]]) == [PtyRequest("é🙂")]


def test_unknown_fields_and_null_are_ignored() -> None:
    wire = b'{"data":null,"extra":{"deep":["}",{"a":"\\"{"}]},"width":3,"height":null}{"data":"x"}'
    assert PtyRequestDecoder().feed(wire) == [PtyRequest("", 0, 3), PtyRequest("x")]


def test_a_size_counts_only_when_both_are_given() -> None:
    assert PtyRequest(height=2, width=3).resizes
    assert not PtyRequest(height=2).resizes
    assert not PtyRequest(width=2).resizes


def test_half_a_surrogate_pair_becomes_the_replacement_character() -> None:
    assert PtyRequestDecoder().feed(b'{"data":"\\ud800"}') == [PtyRequest("\ufffd")]
    assert encode_request("\udcff") == '{"data":"\ufffd"}'.encode()


@pytest.mark.parametrize(
    "wire",
    [
        b"x",
        b"1",
        b"[]",
        b'"data"',
        b'{"data":1}',
        b'{"height":65536,"width":1}',
        b'{"height":-1}',
        b'{"height":1.5}',
        b'{"width":true}',
        b'{"data":"a"},',
        b'{data:"a"}',
        b'{"a":' + b"[" * 100_000 + b"}",
    ],
)
def test_what_is_not_a_request_is_refused(wire: bytes) -> None:
    with pytest.raises(ProtocolError):
        PtyRequestDecoder().feed(wire)


def test_the_buffer_is_bounded() -> None:
    decoder = PtyRequestDecoder(max_request=1000)
    decoder.feed(b'{"data":"' + b"a" * 900)
    with pytest.raises(ProtocolError):
        decoder.feed(b"a" * 200)


def test_many_small_requests_in_one_frame_are_not_an_endless_object() -> None:
    wire = encode_request("a") * 500
    assert len(PtyRequestDecoder(max_request=100).feed(wire)) == 500


@pytest.mark.parametrize("size", [-1, 65536])
def test_sizes_that_do_not_fit_the_wire_are_refused(size: int) -> None:
    with pytest.raises(ValueError):
        encode_request(height=size, width=1)

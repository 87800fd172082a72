"""The SSE parser reads anything a server may send; the encoder writes only what Go readers accept."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.errors import ProtocolError
from coder_tui.wire.base import encode
from coder_tui.wire.sse import SseEvent, SseParser, encode_event

LINE = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20)


def parse(*chunks: bytes) -> list[SseEvent]:
    parser = SseParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


def split(blob: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(blob) + 1) for cut in cuts), len(blob)]
    return [blob[start:end] for start, end in pairwise(edges)]


@settings(max_examples=150)
@given(
    events=st.lists(st.tuples(st.sampled_from(["data", "ping", "error", "x"]), st.lists(LINE, min_size=1, max_size=3))),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    comment=LINE,
    cuts=st.lists(st.integers(0, 10_000), max_size=12),
)
def test_any_chunking_any_line_end(
    events: list[tuple[str, list[str]]], end: str, comment: str, cuts: list[int]
) -> None:
    lines = []
    for kind, data in events:
        lines += [f":{comment}", f"event: {kind}", *(f"data: {line}" for line in data), "retry: 5", ""]
    blob = "".join(line + end for line in lines).encode()
    expected = [SseEvent(kind, "\n".join(data).encode()) for kind, data in events]
    assert parse(*split(blob, cuts)) == expected


@settings(max_examples=100)
@given(
    value=st.recursive(
        st.none() | st.text(max_size=10) | st.integers(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=8,
    ),
    cuts=st.lists(st.integers(0, 10_000), max_size=6),
)
def test_what_is_encoded_is_read_back(value: object, cuts: list[int]) -> None:
    blob = encode_event("data", encode(value)) + encode_event("ping") + encode_event("error", b'{"message":"no"}')
    first, ping, error = parse(*split(blob, cuts))
    assert (first.type, json.loads(first.data)) == ("data", value)
    assert ping == SseEvent("ping", b"")
    assert error == SseEvent("error", b'{"message":"no"}')


@settings(max_examples=100)
@given(st.lists(st.binary(max_size=60), max_size=6))
def test_garbage_never_raises(chunks: list[bytes]) -> None:
    assert parse(*chunks) == parse(b"".join(chunks))


def test_the_strict_form() -> None:
    assert encode_event("data", b'{"a":1}\n') == b'event: data\ndata: {"a":1}\n\n'
    assert encode_event("ping") == b"event: ping\n\n"


@pytest.mark.parametrize(("kind", "data"), [("", None), ("a\nb", None), ("data", b"1\n2"), ("data", b"1\r2")])
def test_the_encoder_refuses_to_break_the_framing(kind: str, data: bytes | None) -> None:
    with pytest.raises(ValueError):
        encode_event(kind, data)


def test_details_of_the_standard() -> None:
    assert parse(b"\xef\xbb\xbfdata:x\n\n") == [SseEvent("message", b"x")]
    assert parse(b"data\n\n") == [SseEvent("message", b"")]
    assert parse(b"data:  two\n\n") == [SseEvent("message", b" two")]
    assert parse(b": only a comment\n\nid: 4\n\n") == []
    assert parse(b"event: data\ndata: cut off") == []


def test_an_endless_event_is_an_error() -> None:
    parser = SseParser(max_event=100)
    with pytest.raises(ProtocolError, match="exceeds 100 bytes"):
        list(parser.feed(b"data: 0123456789\n" * 20))

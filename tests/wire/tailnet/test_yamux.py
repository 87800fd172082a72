import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.errors import ProtocolError
from coder_tui.wire.tailnet.yamux import BACKLOG, HALF_OPEN, PATIENCE, PING_EVERY, WINDOW, Session
from coder_tui.wire.tailnet.yamux_frames import (
    Data,
    Event,
    Finished,
    Flag,
    GoneAway,
    Opened,
    Reset,
    Type,
    Writable,
    frame,
)

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())


def client() -> Session:
    return Session(client=True, now=0.0)


def server() -> Session:
    return Session(client=False, now=0.0)


def opened(stream: int = 1) -> bytes:
    return frame(Type.WINDOW_UPDATE, Flag.SYN, stream, 0)


def data(stream: int, body: bytes, flags: Flag = Flag.NONE) -> bytes:
    return frame(Type.DATA, flags, stream, len(body), body)


@pytest.mark.parametrize("script", VECTORS["transcripts"], ids=lambda script: script["scenario"])
def test_captured_headers_decode_and_encode_back(script: dict[str, Any]) -> None:
    writes = script["writes"]
    for write in writes:
        if "yamux" in write:
            told = write["yamux"]
            flags = Flag(sum(Flag[name] for name in told["flags"]))
            assert frame(Type[told["type"].upper()], flags, told["stream"], told["length"]).hex() == write["hex"]
    # what each side of the capture sent is understood by the other role
    for receiver, sender in ((server(), "client"), (client(), "server")):
        wire = b"".join(bytes.fromhex(write["hex"]) for write in writes if write["from"] == sender)
        bodies = b"".join(
            bytes.fromhex(write["hex"]) for write in writes if write["from"] == sender and "drpc_frames" in write
        )
        stream = next(write["yamux"]["stream"] for write in writes if "yamux" in write)
        if sender == "server":
            while receiver.open() != stream:
                pass
        events = receiver.receive(wire, 0.0)
        assert b"".join(event.data for event in events if isinstance(event, Data)) == bodies
        assert events[-1] == Finished(stream)


def test_the_captured_ping_is_answered() -> None:
    vector = VECTORS["yamux_ping_exchange"]
    session = client()
    assert session.receive(bytes.fromhex(vector["request_hex"]), 0.0) == []
    assert session.take().hex() == vector["reply_hex"]


def test_a_stream_from_open_to_close() -> None:
    near, far = client(), server()
    stream = near.open()
    assert stream == 1
    assert near.send(stream, b"hello") == 5
    assert far.receive(near.take(), 0.0) == [Opened(1), Data(1, b"hello")]
    assert far.send(1, b"there") == 5
    far.finish(1)
    assert near.receive(far.take(), 0.0) == [Data(1, b"there"), Finished(1)]
    near.finish(1)
    assert near.streams == 0
    assert far.receive(near.take(), 0.0) == [Finished(1)]
    assert far.streams == 0
    assert near.open() == 3


def test_open_and_close_may_ride_on_data() -> None:
    session = server()
    assert session.receive(data(1, b"x", Flag.SYN | Flag.FIN), 0.0) == [Opened(1), Data(1, b"x"), Finished(1)]
    assert session.take() == frame(Type.WINDOW_UPDATE, Flag.ACK, 1, 0)


def test_a_window_is_used_up_and_opened_again() -> None:
    near, far = client(), server()
    stream = near.open()
    body = bytes(range(256)) * 1100
    sent = near.send(stream, body)
    assert sent == WINDOW
    assert near.send(stream, body[sent:]) == 0
    events = far.receive(near.take(), 0.0)
    assert events == [Opened(1), Data(1, body[:WINDOW])]
    far.take()
    far.consumed(1, WINDOW // 2 - 1)
    assert far.take() == b""
    far.consumed(1, 1)
    assert near.receive(far.take(), 0.0) == [Writable(1)]
    assert near.send(stream, body[sent:]) == len(body) - sent


def test_data_beyond_the_window_ends_the_session() -> None:
    session = server()
    session.receive(opened() + data(1, bytes(WINDOW)), 0.0)
    session.take()
    with pytest.raises(ProtocolError, match="beyond the window"):
        session.receive(data(1, b"x")[:12], 0.0)  # before the body is there
    assert session.take() == frame(Type.GO_AWAY, Flag.NONE, 0, 1)
    with pytest.raises(ProtocolError, match="beyond the window"):
        server().receive(frame(Type.DATA, Flag.SYN, 1, WINDOW + 1), 0.0)


def test_data_for_a_stream_that_is_gone_passes_by_unkept() -> None:
    session = client()
    stream = session.open()
    session.reset(stream)
    session.take()
    assert session.receive(frame(Type.DATA, Flag.NONE, stream, 1 << 30), 0.0) == []
    for _ in range(1 << 14):
        assert session.receive(bytes(1 << 16), 0.0) == []
    assert session.receive(frame(Type.PING, Flag.SYN, 0, 9), 0.0) == []
    assert session.take() == frame(Type.PING, Flag.ACK, 0, 9)


@pytest.mark.parametrize(
    ("wire", "why"),
    [
        (b"\x01" + bytes(11), "version 1"),
        (frame(Type.PING, Flag.SYN, 0, 0).replace(b"\x02", b"\x07", 1), "unknown type 7"),
        (opened(2), "wrong side"),
        (opened(0), "wrong side"),
        (opened() + opened(), "opened twice"),
        (data(1, b"x", Flag.SYN | Flag.FIN) + data(1, b"y"), "its sender closed"),
        (opened() + frame(Type.WINDOW_UPDATE, Flag.NONE, 1, (1 << 32) - 1), "32 bits"),
        (frame(Type.GO_AWAY, Flag.NONE, 0, 1), "we broke the protocol"),
        (frame(Type.GO_AWAY, Flag.NONE, 0, 2), "it failed"),
        (frame(Type.GO_AWAY, Flag.NONE, 0, 77), "77"),
    ],
)
def test_what_ends_a_session(wire: bytes, why: str) -> None:
    with pytest.raises(ProtocolError, match=why):
        server().receive(wire, 0.0)


def test_a_peer_that_opens_a_thousand_streams_has_most_of_them_refused() -> None:
    session = server()
    events = session.receive(b"".join(opened(1 + 2 * number) for number in range(1000)), 0.0)
    assert len(events) == session.streams == BACKLOG
    answers = session.take()
    assert answers.count(frame(Type.WINDOW_UPDATE, Flag.ACK, 0, 0)[:4]) == BACKLOG
    assert answers.count(frame(Type.WINDOW_UPDATE, Flag.RST, 0, 0)[:4]) == 1000 - BACKLOG
    # room comes back with each that goes
    session.reset(1)
    assert session.receive(opened(5001), 0.0) == [Opened(5001)]


def test_a_peer_that_never_reads_answers_to_its_pings() -> None:
    session = server()
    many = frame(Type.PING, Flag.SYN, 0, 1) * (1 << 17)
    with pytest.raises(ProtocolError, match="more questions"):
        session.receive(many, 0.0)
    assert len(session.take()) < 2 << 20


def test_our_own_calls_wait_for_a_peer_that_accepts() -> None:
    session = client()
    for _ in range(BACKLOG):
        session.open()
    with pytest.raises(ProtocolError, match="256 wait"):
        session.open()
    session.receive(frame(Type.WINDOW_UPDATE, Flag.ACK, 1, 0), 0.0)
    assert session.open() == 2 * BACKLOG + 1


def test_going_away() -> None:
    near, far = client(), server()
    stream = near.open()
    far.receive(near.take(), 0.0)
    far.go_away()
    assert near.receive(far.take(), 0.0) == [GoneAway()]
    with pytest.raises(ProtocolError, match="going away"):
        near.open()
    assert near.send(stream, b"still") == 5
    assert far.receive(near.take() + opened(9), 0.0) == [Data(1, b"still")]
    assert far.take() == frame(Type.WINDOW_UPDATE, Flag.RST, 9, 0)


def test_a_reset_is_the_end_of_a_stream() -> None:
    near, far = client(), server()
    stream = near.open()
    far.receive(near.take(), 0.0)
    far.reset(1)
    assert near.receive(far.take(), 0.0) == [Reset(1)]
    assert near.send(stream, b"x") == 0
    near.finish(stream)
    near.consumed(stream, WINDOW)
    assert near.take() == b""
    assert near.streams == far.streams == 0


def test_pings_are_sent_and_their_replies_awaited() -> None:
    near, far = client(), server()
    assert near.tick(0.0) == PING_EVERY
    assert near.take() == b""
    assert near.tick(30.0) == 30.0 + PATIENCE
    ping = near.take()
    assert ping == frame(Type.PING, Flag.SYN, 0, 1)
    far.receive(ping, 30.0)
    near.receive(frame(Type.PING, Flag.ACK, 0, 7), 30.5)  # not what was asked
    assert near.tick(31.0) == 40.0
    near.receive(far.take(), 31.0)
    assert near.tick(31.0) == 61.0
    near.tick(61.0)
    assert near.tick(70.9) == 71.0
    with pytest.raises(ProtocolError, match="no reply to a ping within 10 seconds"):
        near.tick(71.0)


def test_a_stream_left_half_open_is_dropped() -> None:
    session = server()
    session.receive(opened(), 5.0)
    session.finish(1)
    far, now = client(), 5.0
    far.open()
    far.take()
    while session.streams:
        now = session.tick(now)
        session.tick(now)
        far.receive(sent := session.take(), now)
        session.receive(far.take(), now)
    assert now == 5.0 + HALF_OPEN
    assert sent == frame(Type.WINDOW_UPDATE, Flag.RST, 1, 0)
    assert session.streams == 0


@given(
    st.lists(
        st.tuples(st.sampled_from("odfrpw"), st.integers(0, 4), st.binary(max_size=40)),
        max_size=25,
    ),
    st.data(),
)
@settings(max_examples=60)
def test_any_chunking_gives_the_same_events(steps: list[tuple[str, int, bytes]], drawn: st.DataObject) -> None:
    far = client()
    streams: list[int] = []
    for what, which, body in steps:
        if what == "o":
            streams.append(far.open())
        elif what == "p":
            far._out += frame(Type.PING, Flag.SYN, 0, which)
        elif streams:
            stream = streams[which % len(streams)]
            if what == "d":
                far.send(stream, body)
            elif what == "f":
                far.finish(stream)
            elif what == "r":
                far.reset(stream)
            else:
                far._out += frame(Type.WINDOW_UPDATE, Flag.NONE, stream, which)
    wire = far.take()
    whole = server()
    wanted = whole.receive(wire, 0.0)
    cuts = sorted(drawn.draw(st.lists(st.integers(0, len(wire)), max_size=8)))
    pieces = server()
    found: list[Event] = []
    for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        found += pieces.receive(wire[start:end], 0.0)
    assert found == wanted
    assert pieces.take() == whole.take()

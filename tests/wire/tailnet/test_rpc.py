import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.errors import ProtocolError
from coder_tui.wire.tailnet import messages
from coder_tui.wire.tailnet.callee import LINGER, Callee
from coder_tui.wire.tailnet.caller import Caller
from coder_tui.wire.tailnet.drpc import UNIMPLEMENTED, Kind, Sender
from coder_tui.wire.tailnet.rpc import Called, CallError, Cancelled, Drained, Ended, Reply, Request, RequestsOver
from coder_tui.wire.tailnet.yamux import WINDOW
from coder_tui.wire.tailnet.yamux_frames import Flag, Type, frame

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
SCRIPTS = {script["scenario"]: script["writes"] for script in VECTORS["transcripts"]}


def told(script: list[dict[str, Any]], side: str) -> list[bytes]:
    """What a side wrote, a data header together with its body."""
    parts: list[bytes] = []
    pending: dict[str, bytes] = {"client": b"", "server": b""}
    for write in script:
        raw, sender = bytes.fromhex(write["hex"]), write["from"]
        if write.get("yamux", {}).get("type") == "data":
            pending[sender] = raw
        else:
            if sender == side:
                parts.append(pending[sender] + raw)
            pending[sender] = b""
    return parts


def pair() -> tuple[Caller, Callee]:
    return Caller(0.0), Callee(0.0)


def skip(caller: Caller, stream: int) -> None:
    """Use up the stream ids below `stream`."""
    for _ in range(1, stream, 2):
        caller.cancel(caller.call("/x"))
    caller.take()


@pytest.mark.parametrize(
    ("scenario", "stream", "path", "body", "unary", "replies", "fails"),
    [
        ("WorkspaceUpdates server stream", 1, "WorkspaceUpdates", VECTORS["protobuf_messages"], False, 2, None),
        ("RefreshResumeToken unary", 3, "RefreshResumeToken", b"", True, 1, None),
        ("StreamDERPMaps answered with an error, code 12", 5, "StreamDERPMaps", b"", False, 0, 12),
        ("Unknown method", 9, "Nope", b"", True, 0, 0),
    ],
)
def test_calls_write_what_the_capture_holds(
    scenario: str, stream: int, path: str, body: Any, unary: bool, replies: int, fails: int | None
) -> None:
    script = SCRIPTS[scenario]
    if isinstance(body, dict):
        body = bytes.fromhex(body["workspace_updates_request"]["hex"])
    caller, callee = pair()
    skip(caller, stream)
    call = caller.call(f"/coder.tailnet.v2.Tailnet/{path}", body, unary=unary)
    assert call == stream
    sent = caller.take()
    happened = caller.receive(b"".join(told(script, "server")), 0.0)
    assert sent + caller.take() == b"".join(told(script, "client"))
    assert [isinstance(one, Reply) for one in happened] == [True] * replies + [False]
    end = happened[-1]
    assert isinstance(end, Ended)
    if fails is None:
        assert end.error is None
    else:
        assert isinstance(end.error, CallError)
        assert end.error.code == fails
    assert caller.calls == 0

    asked = callee.receive(b"".join(told(script, "client")), 0.0)
    assert asked[:3] == [Called(call, f"/coder.tailnet.v2.Tailnet/{path}"), Request(call, body), RequestsOver(call)]


@pytest.mark.parametrize(
    "scenario", ["RefreshResumeToken unary", "Coordinate bidirectional echo, then client half-closes"]
)
def test_answers_write_what_the_capture_holds(scenario: str) -> None:
    script = SCRIPTS[scenario]
    client = told(script, "client")
    callee = Callee(0.0)
    wire = bytearray()
    for part in client:
        for event in callee.receive(part, 0.0):
            match event:
                case Request(call, data):
                    callee.message(call, b"\x0a\x04test" if "unary" in scenario else data)
                case RequestsOver(call):
                    callee.end(call)
        wire += callee.take()
    assert wire == b"".join(told(script, "server"))
    assert callee.calls == 0


@pytest.mark.parametrize(
    ("scenario", "code", "text"),
    [
        ("StreamDERPMaps answered with an error, code 12", UNIMPLEMENTED, "Unimplemented"),
        ("Unknown method", 0, 'protocol error: unknown rpc: "/coder.tailnet.v2.Tailnet/Nope"'),
    ],
)
def test_refusals_write_what_the_capture_holds(scenario: str, code: int, text: str) -> None:
    script = SCRIPTS[scenario]
    callee = Callee(0.0)
    wire = bytearray()
    for part in told(script, "client"):
        for event in callee.receive(part, 0.0):
            if isinstance(event, RequestsOver):
                callee.fail(event.call, code, text)
        wire += callee.take()
    assert wire == b"".join(told(script, "server"))


def test_a_call_is_cancelled_by_closing_its_stream() -> None:
    script = SCRIPTS["client cancels a server stream"]
    callee = Callee(0.0)
    events = callee.receive(b"".join(told(script, "client")), 0.0)
    assert events[-1] == Cancelled(11)
    caller = Caller(0.0)
    skip(caller, 11)
    call = caller.call(messages.WORKSPACE_UPDATES, events[1].data if isinstance(events[1], Request) else b"")
    sent = caller.take()
    assert [type(one) for one in caller.receive(b"".join(told(script, "server")[:2]), 0.0)] == [Reply]
    caller.cancel(call)
    assert sent + caller.take() == b"".join(told(script, "client"))
    assert caller.receive(told(script, "server")[-1], 0.0) == []


@given(st.lists(st.binary(max_size=200), max_size=5), st.data())
@settings(max_examples=40)
def test_any_chunking_gives_the_same_events(bodies: list[bytes], drawn: st.DataObject) -> None:
    caller = Caller(0.0)
    call = caller.call("/a", *bodies, more=True)
    caller.call("/b", *bodies, unary=True)
    caller.over(call)
    wire = caller.take()
    whole, pieces = Callee(0.0), Callee(0.0)
    wanted = whole.receive(wire, 0.0)
    cuts = sorted(drawn.draw(st.lists(st.integers(0, len(wire)), max_size=8)))
    found = [
        event
        for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True)
        for event in pieces.receive(wire[start:end], 0.0)
    ]
    assert found == wanted
    assert len(wanted) == 4 + 2 * len(bodies)


def test_a_message_larger_than_the_window_goes_through_in_turns() -> None:
    caller, callee = pair()
    body = bytes(range(256)) * 5000
    call = caller.call("/big", body, more=True)
    assert caller.blocked(call)
    happened: list[object] = []
    near: list[object] = []
    for _ in range(20):
        happened += callee.receive(caller.take(), 0.0)
        near += caller.receive(callee.take(), 0.0)
    assert happened == [Called(1, "/big"), Request(1, body)]
    assert near == [Drained(call)]
    assert not caller.blocked(call)


def test_a_reader_that_takes_nothing_slows_the_writer_down() -> None:
    caller, callee = pair()
    call = caller.call("/watch", b"")
    callee.receive(caller.take(), 0.0)
    callee.take()
    body, sent = bytes(60_000), 0
    replies: list[bytes] = []
    while not callee.blocked(call) and sent < 100:
        callee.message(call, body)
        sent += 1
        replies += [one.data for one in caller.receive(callee.take(), 0.0) if isinstance(one, Reply)]
        callee.receive(caller.take(), 0.0)
    assert len(replies) * len(body) <= 3 * WINDOW
    for reply in replies:
        caller.took(call, reply)
    assert Drained(call) in callee.receive(caller.take(), 0.0)


def test_a_caller_that_does_not_close_is_dropped() -> None:
    caller, callee = pair()
    call = caller.call("/x", b"", unary=True)
    callee.receive(caller.take(), 1.0)
    callee.message(call, b"y")
    callee.end(call)
    assert callee.calls == 1
    callee.take()
    assert callee.tick(2.0) == 30.0
    assert callee.tick(30.0) == 40.0
    callee.receive(frame(Type.PING, Flag.ACK, 0, 1), 30.0)
    callee.take()
    callee.tick(1.0 + LINGER)
    assert frame(Type.WINDOW_UPDATE, Flag.RST, call, 0) in callee.take()
    assert callee.calls == 0


def stream(call: int, wire: bytes, flags: Flag = Flag.NONE) -> bytes:
    return frame(Type.DATA, flags, call, len(wire), wire)


@pytest.mark.parametrize("kind", [Kind.MESSAGE, Kind.CLOSE_SEND, Kind.CANCEL, Kind.ERROR])
def test_a_caller_that_begins_with_anything_else_is_dropped(kind: Kind) -> None:
    callee = Callee(0.0)
    assert callee.receive(stream(1, Sender().packet(kind), Flag.SYN), 0.0) == []
    assert callee.take().endswith(frame(Type.WINDOW_UPDATE, Flag.RST, 1, 0))
    assert callee.calls == 0


def test_broken_packets_end_their_call_only() -> None:
    caller, callee = pair()
    first, second = caller.call("/a", b""), caller.call("/b", b"")
    callee.receive(caller.take(), 0.0)
    assert callee.receive(stream(first, b"\x05\x01\x01\x00"), 0.0) == [Cancelled(first)]
    callee.message(second, b"fine")
    events = caller.receive(callee.take(), 0.0)
    assert Reply(second, b"fine") in events
    (ended,) = [event for event in events if isinstance(event, Ended)]
    assert ended.call == first
    assert isinstance(ended.error, ProtocolError)
    # and the other way round
    (ended,) = [one for one in caller.receive(stream(second, b"\x03\x01\x02\x00"), 0.0) if isinstance(one, Ended)]
    assert "INVOKE" in str(ended.error)
    assert caller.calls == 0


def test_a_call_that_breaks_off_says_so() -> None:
    caller, _ = pair()
    call = caller.call("/a", b"")
    (ended,) = caller.receive(frame(Type.WINDOW_UPDATE, Flag.FIN, call, 0), 0.0)
    assert isinstance(ended, Ended)
    assert "broke off" in str(ended.error)


def test_metadata_is_read_over_and_cancel_heeded() -> None:
    callee, sender = Callee(0.0), Sender()
    wire = sender.packet(Kind.INVOKE_METADATA, b"\x0a\x04\x0a\x00\x12\x00") + sender.invoke("/a") + sender.cancel()
    assert callee.receive(stream(1, wire, Flag.SYN), 0.0) == [Called(1, "/a"), Cancelled(1)]
    callee.message(1, b"nobody wants it")
    callee.take()
    callee.end(1)
    assert callee.take() == b""

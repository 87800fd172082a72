import json
import re
from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.errors import ProtocolError
from coder_tui.wire.tailnet import drpc, tailnet_pb2
from coder_tui.wire.tailnet.drpc import Kind, Packet, Receiver, Sender, encode, fault
from coder_tui.wire.tailnet.messages import read, uuid_bytes, uuid_text

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
WRITES = [write for script in VECTORS["transcripts"] for write in script["writes"] if "drpc_frames" in write]


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write["hex"][:8] + "-" + str(len(write["hex"])))
def test_captured_frames_decode_and_encode_back(write: dict[str, object]) -> None:
    raw = bytes.fromhex(str(write["hex"]))
    receiver = Receiver()
    packets = receiver.feed(raw)
    frames = write["drpc_frames"]
    assert isinstance(frames, list)
    wanted = [
        Packet(Kind[frame["kind"].upper()], bytes.fromhex(frame["data_hex"]), frame["stream"], frame["message"])
        for frame in frames
    ]
    assert packets == wanted
    assert not receiver.pending
    assert b"".join(map(encode, packets)) == raw
    for frame in frames:
        if frame["kind"] == "error":
            assert fault(bytes.fromhex(frame["data_hex"])) == (frame["code"], frame["text"])


@pytest.mark.parametrize("name", VECTORS["protobuf_messages"])
def test_captured_messages_decode_and_encode_back(name: str) -> None:
    vector = VECTORS["protobuf_messages"][name]
    raw = bytes.fromhex(vector["hex"])
    message = read(getattr(tailnet_pb2, vector["message"]), raw)
    assert message.SerializeToString(deterministic=True) == raw
    found = MessageToDict(message, preserving_proto_field_name=True)
    assert _plain(found) == _plain(vector["fields"])


def _plain(value: object) -> object:
    """The library shows bytes as base64; the vectors as a UUID or hex."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, str) and re.fullmatch(r"[0-9a-f-]{32,36}|[0-9a-f]{68}", value):
        return bytes.fromhex(value.replace("-", ""))
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9+/]{22}==|[A-Za-z0-9+/]{44,48}={0,2}", value):
        import base64

        return base64.b64decode(value)
    return value


def test_a_call_is_numbered_from_one() -> None:
    sender = Sender()
    wire = sender.invoke("/a.B/C") + sender.message(b"") + sender.close_send() + sender.close()
    packets = Receiver().feed(wire)
    assert [(packet.kind, packet.stream, packet.message) for packet in packets] == [
        (Kind.INVOKE, 1, 1),
        (Kind.MESSAGE, 1, 2),
        (Kind.CLOSE_SEND, 1, 3),
        (Kind.CLOSE, 1, 4),
    ]


def test_calls_follow_one_another_on_an_agents_socket() -> None:
    caller, server = Sender(), Sender()
    up, down = Receiver(), Receiver()
    for number in range(1, 4):
        if number > 1:
            assert caller.call() == number
        (invoke,) = up.feed(caller.invoke("/coder.agentsocket.v1.AgentSocket/Ping"))
        server.answer(invoke.stream)
        assert down.feed(server.message(b"x") + server.close()) == [
            Packet(Kind.MESSAGE, b"x", number, 1),
            Packet(Kind.CLOSE, b"", number, 2),
        ]


packets = st.lists(
    st.tuples(st.sampled_from(Kind), st.binary(max_size=300), st.integers(1, 3), st.integers(1, 5)), max_size=12
)


@given(packets, st.integers(1, 90), st.data())
@settings(max_examples=60)
def test_any_chunking_and_any_splitting_gives_the_same_packets(
    made: list[tuple[Kind, bytes, int, int]], split: int, data: st.DataObject
) -> None:
    stream = message = 1
    wanted = []
    for kind, body, stream_step, message_step in made:
        if stream_step > 2:
            stream, message = stream + (1 << 40), 0
        message += message_step * 60
        wanted.append(Packet(kind, body, stream, message))
    wire = b"".join(encode(packet, split) for packet in wanted)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=8)))
    receiver = Receiver()
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        found += receiver.feed(wire[start:end])
    assert found == wanted
    assert not receiver.pending


def test_every_byte_alone() -> None:
    packet = Packet(Kind.MESSAGE, b"y" * 200, 1 << 33, 300)
    receiver = Receiver()
    assert [found for byte in encode(packet, 64) for found in receiver.feed(bytes([byte]))] == [packet]


@pytest.mark.parametrize(
    ("wire", "why"),
    [
        ("05000100", "zero"),
        ("05010000", "zero"),
        ("05010100" * 2, "twice"),
        ("0501020005010100", "went back"),
        ("0502010005010200", "went back"),
        ("0401010006010100", "two kinds"),
        ("11010100", "unknown kind 8"),
        ("05ffffffffffffffffff7f0100", "64 bits"),
        ("05ffffffffffffffffffff01", "ten bytes"),
        ("05010181808002", "a frame of"),
    ],
)
def test_what_the_framing_forbids(wire: str, why: str) -> None:
    with pytest.raises(ProtocolError, match=why):
        Receiver().feed(bytes.fromhex(wire))


def test_a_newer_packet_ends_an_unfinished_one() -> None:
    receiver = Receiver()
    assert receiver.feed(bytes.fromhex("04010102abcd")) == []
    assert receiver.pending
    assert receiver.feed(bytes.fromhex("05010201ee")) == [Packet(Kind.MESSAGE, b"\xee", 1, 2)]
    assert not receiver.pending


def test_what_may_be_skipped_is_skipped() -> None:
    assert Receiver().feed(bytes.fromhex("9101010101" + "89010200")) == [Packet(Kind.CANCEL, b"", 1, 2)]


def test_a_joined_packet_has_a_limit() -> None:
    receiver = Receiver(limit=100)
    assert receiver.feed(encode(Packet(Kind.MESSAGE, bytes(100)), 40)) == [Packet(Kind.MESSAGE, bytes(100))]
    with pytest.raises(ProtocolError, match="more than 100 bytes"):
        receiver.feed(encode(Packet(Kind.MESSAGE, bytes(101), 1, 2), 40))
    with pytest.raises(ValueError, match="at most"):
        Sender().message(bytes(drpc.MAX_PACKET + 1))


def test_errors_have_a_code() -> None:
    (packet,) = Receiver().feed(Sender().error(drpc.UNIMPLEMENTED, "not here"))
    assert fault(packet.data) == (12, "not here")
    assert fault(bytes(8) + b"\xff") == (0, "\ufffd")
    with pytest.raises(ProtocolError, match="without a code"):
        fault(bytes(7))


def test_messages_that_are_none() -> None:
    with pytest.raises(ProtocolError, match="unreadable WorkspaceUpdate"):
        read(tailnet_pb2.WorkspaceUpdate, b"\x0a\xff")
    with pytest.raises(ProtocolError, match="16"):
        uuid_text(b"short")
    text = "00112233-4455-6677-8899-aabbccddeeff"
    assert uuid_text(uuid_bytes(text)) == text
